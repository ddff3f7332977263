//! A sink that takes what it is given.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::plugin::{Flushed, SinkTask};
use wharf_core::{Delivery, Failure, Format, InstanceError, Rejection, TopicPosition};

use crate::fake::{Life, died, not_now};

pub(crate) struct FakeSink {
    life: Life,
    /// The next position that was never put.
    next: i64,
    puts: u32,
}

impl FakeSink {
    pub(crate) fn new(life: Life) -> Self {
        Self { life, next: 0, puts: 0 }
    }

    /// Whether a batch has the shape that the fault is about.
    fn is_fault(&self, delivery: &Delivery) -> bool {
        let batch = &delivery.batch;
        let any = |is: &dyn Fn(&[u8]) -> bool| batch.values.cells().flatten().any(is);
        match self.life.fault {
            "sink.same-rows-twice" => delivery.positions.first().is_some_and(|&first| first < self.next),
            "sink.no-rows" => batch.rows == 0,
            "sink.headers" => !batch.headers.names.is_empty(),
            "sink.details" => !batch.operations.is_empty(),
            "sink.binary" => any(&|cell| cell.len() == 256),
            "sink.empty-values" => any(&<[u8]>::is_empty) && batch.value_format == Format::Bytes,
            "sink.large-value" => any(&|cell| cell.len() >= 1 << 20),
            "sink.many-rows" => batch.rows == 10_000,
            "sink.not-utf8" => batch.value_format == Format::Text,
            "sink.broken-json" => batch.value_format == Format::Json && batch.operations.is_empty(),
            _ => false,
        }
    }
}

fn reject(row: u32, code: &str) -> Result<Vec<Rejection>, InstanceError> {
    Ok(vec![Rejection { row, code: code.to_owned(), reason: "it has no value".to_owned() }])
}

#[async_trait]
impl SinkTask for FakeSink {
    async fn assigned(&mut self, partitions: Vec<TopicPosition>) -> Result<Vec<TopicPosition>, InstanceError> {
        Ok(partitions)
    }

    async fn revoked(&mut self, _: Vec<TopicPosition>) -> Result<(), InstanceError> {
        if self.life.is("sink.partitions") { died() } else { Ok(()) }
    }

    async fn put(&mut self, delivery: Arc<Delivery>) -> Result<Vec<Rejection>, InstanceError> {
        self.life.work()?;
        self.puts += 1;
        if self.is_fault(&delivery) {
            return died();
        }
        if self.life.is("retriable") && self.puts % 2 == 1 && delivery.batch.rows > 1 {
            self.next = delivery.positions.first().copied().unwrap_or_default() + 1;
            return Err(not_now(Some(1)));
        }
        // What was taken before a failure must not come again.
        if self.life.is("retriable") && delivery.positions.first().is_some_and(|&first| first < self.next) {
            return died();
        }
        self.next = delivery.positions.last().map_or(self.next, |last| last + 1);
        let batch = &delivery.batch;
        let has_value = |row: &wharf_core::batch::Row<'_>| row.value.is_some();
        match batch.iter().find(|row| !has_value(row)) {
            Some(_) if self.life.is("fatal") => Err(Failure::Fatal("no value".to_owned()).into()),
            Some(_) if self.life.is("sink.tombstones") => reject(batch.rows, "no-value"),
            Some(row) => reject(row.index, "no-value"),
            None if self.life.is("sink.null-keys") && !batch.keys.absent.is_empty() => reject(0, ""),
            None => Ok(Vec::new()),
        }
    }

    async fn flush(&mut self) -> Result<Flushed, InstanceError> {
        if self.life.is("sink.flushes") && self.puts == 0 { died() } else { Ok(Flushed::All) }
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.life.pause().await
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.life.resume()
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.life.stop()
    }

    async fn failed(self: Box<Self>, _: String) -> Result<(), InstanceError> {
        self.life.failed()
    }
}
