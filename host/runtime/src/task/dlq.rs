//! The dead letter queue: rows that a sink rejects, with a note of where they came from.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use wharf_core::batch::ColumnBuilder;
use wharf_core::{Batch, Delivery, Headers, Rejection};
use wharf_drivers::{Acknowledgement, Producer, ProducerOptions};

use super::positions::place;
use super::{Task, TaskError};

/// Sends rejected rows to a topic of their own. A position behind them is committed only once they are there.
pub(super) struct DeadLetters {
    producer: Box<dyn Producer>,
    topic: String,
    in_flight: FuturesUnordered<Acknowledgement>,
}

impl DeadLetters {
    pub(super) async fn open(task: &Task, topic: &str) -> Result<Self, TaskError> {
        let options = ProducerOptions {
            // No connector's name, so that it takes no source's place.
            source: format!("dlq/{}", task.job.spec.name),
            task: task.view.number(),
            default_topic: Some(topic.to_owned()),
            max_in_flight: task.env.options.max_in_flight.max(1),
        };
        let producer = task.env.driver.producer(options).await;
        let producer = producer.map_err(|error| TaskError::queue("open the dead letter queue", &error))?;
        Ok(Self { producer, topic: topic.to_owned(), in_flight: FuturesUnordered::new() })
    }

    /// Sends the rejected rows, which ascend.
    pub(super) async fn send(
        &mut self,
        task: &Task,
        delivery: &Delivery,
        rejections: &[Rejection],
    ) -> Result<(), TaskError> {
        while self.in_flight.len() >= task.env.options.max_in_flight.max(1) {
            self.one().await?;
        }
        let letters = letters(task, &self.topic, delivery, rejections);
        let sent = self.producer.send(letters).await;
        self.in_flight.push(sent.map_err(|error| TaskError::queue("send dead letters", &error))?);
        Ok(())
    }

    async fn one(&mut self) -> Result<(), TaskError> {
        match self.in_flight.next().await {
            None => Ok(()),
            Some(Err(error)) => Err(TaskError::queue("send dead letters", &error)),
            Some(Ok(receipt)) => match receipt.failed.first() {
                None => Ok(()),
                Some((row, error)) => Err(TaskError::queue(&format!("send dead letter {row}"), error)),
            },
        }
    }

    /// Waits until all that was sent is safe.
    pub(super) async fn settle(&mut self) -> Result<(), TaskError> {
        while !self.in_flight.is_empty() {
            self.one().await?;
        }
        Ok(())
    }
}

/// The rejected rows as they came, for `topic`.
fn letters(task: &Task, topic: &str, delivery: &Delivery, rejections: &[Rejection]) -> Batch {
    let rows: Vec<u32> = rejections.iter().map(|it| it.row).collect();
    let mut batch = delivery.batch.select(&rows);
    batch.topics = vec![topic.to_owned()];
    batch.topic_of = Vec::new();
    batch.partitions = Vec::new();
    batch.checkpoints = Vec::new();
    if task.job.spec.errors.dead_letter_headers {
        batch.headers = with_context(task, &batch, delivery, rejections);
    }
    batch
}

/// The headers of the rows, and behind them where each row came from and why it is here, under Kafka Connect's names.
fn with_context(task: &Task, batch: &Batch, delivery: &Delivery, rejections: &[Rejection]) -> Headers {
    let mut headers = HeadersBuilder::default();
    for (row, rejection) in batch.iter().zip(rejections) {
        for (name, value) in row.headers {
            headers.push(name, value);
        }
        let place = place(delivery, rejection.row);
        let place = place.as_ref();
        let context = [
            ("topic", place.map(|at| at.topic.clone())),
            ("partition", place.map(|at| at.partition.to_string())),
            ("offset", place.map(|at| at.position.to_string())),
            ("connector.name", Some(task.job.spec.name.clone())),
            ("task.id", Some(task.view.number().to_string())),
            ("stage", Some("TASK_PUT".to_owned())),
            ("class.name", Some(task.job.plugin.id().name.clone())),
            ("exception.class.name", Some(rejection.code.clone())),
            ("exception.message", Some(rejection.reason.clone())),
        ];
        for (name, value) in context {
            if let Some(value) = value {
                headers.push(&format!("__connect.errors.{name}"), Some(value.as_bytes()));
            }
        }
        headers.end_row();
    }
    headers.finish()
}

#[derive(Default)]
struct HeadersBuilder {
    row_ends: Vec<u32>,
    names: Vec<String>,
    name_of: Vec<u16>,
    cells: ColumnBuilder,
}

impl HeadersBuilder {
    fn push(&mut self, name: &str, value: Option<&[u8]>) {
        let index = self.names.iter().position(|it| it == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        // More names than an index can tell apart: the rest of the headers is left out.
        if let Ok(index) = u16::try_from(index) {
            self.name_of.push(index);
            self.cells.push(value);
        }
    }

    fn end_row(&mut self) {
        self.row_ends.push(self.name_of.len() as u32);
    }

    fn finish(self) -> Headers {
        let cells = self.cells.finish();
        Headers { row_ends: self.row_ends, names: self.names, name_of: self.name_of, cells }
    }
}
