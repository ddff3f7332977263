//! A queue in memory: one partition for each topic, acknowledgements at once or by hand.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use wharf_core::trace::{TraceContext, mark};
use wharf_core::{Batch, Column, Delivery, Origin, SourceOffset, TopicPosition};
use wharf_drivers::{
    AckModel, Acknowledgement, Admin, Atomicity, Capabilities, Consumer, ConsumerOptions, Driver, DriverError,
    Durability, Handover, HeaderSupport, Lag, Ordering, Polled, Producer, ProducerOptions, Receipt, Replay,
};

use super::Journal;

type Verdict = oneshot::Sender<Result<Receipt, DriverError>>;

#[derive(Debug)]
pub(in crate::tests) struct FakeDriver {
    journal: Journal,
    capabilities: Capabilities,
    /// Acknowledgements wait for [`FakeDriver::acknowledge`].
    pub(in crate::tests) by_hand: bool,
    /// How many rows a delivery holds.
    pub(in crate::tests) rows_per_delivery: usize,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    topics: Mutex<HashMap<String, Vec<String>>>,
    batches: Mutex<Vec<Batch>>,
    waiting: Mutex<Vec<Option<Verdict>>>,
    committed: Mutex<HashMap<String, i64>>,
    held: Mutex<Vec<SourceOffset>>,
    news: Mutex<VecDeque<Polled>>,
    changed: Notify,
    delivered: AtomicUsize,
    /// What rows carry that are delivered.
    carried: Mutex<Option<TraceContext>>,
}

impl FakeDriver {
    pub(in crate::tests) fn new(journal: Journal) -> Self {
        let capabilities = Capabilities {
            ordering: Ordering::Partition,
            ack: AckModel::Cumulative,
            replay: Replay::Any,
            atomicity: Atomicity::None,
            keys: true,
            headers: HeaderSupport::Bytes,
            max_row_bytes: 1 << 20,
            durability: Durability::Memory,
            rebalance: true,
            admin: false,
        };
        Self { journal, capabilities, by_hand: false, rows_per_delivery: 3, shared: Arc::default() }
    }

    /// The queue keeps checkpoints, and holds these.
    pub(in crate::tests) fn hold_checkpoints(&mut self, held: Vec<SourceOffset>) {
        self.capabilities.atomicity = Atomicity::Checkpoints;
        *self.shared.held.lock().unwrap() = held;
    }

    /// How many batches were sent.
    pub(in crate::tests) fn sent(&self) -> usize {
        self.shared.waiting.lock().unwrap().len()
    }

    pub(in crate::tests) fn batch(&self, number: usize) -> Batch {
        self.shared.batches.lock().unwrap()[number].clone()
    }

    pub(in crate::tests) fn acknowledge(&self, number: usize) {
        self.answer(number, Ok(Receipt::default()));
    }

    pub(in crate::tests) fn answer(&self, number: usize, result: Result<Receipt, DriverError>) {
        let verdict = self.shared.waiting.lock().unwrap()[number].take().unwrap();
        verdict.send(result).ok();
    }

    pub(in crate::tests) fn values(&self, topic: &str) -> Vec<String> {
        self.shared.topics.lock().unwrap().get(topic).cloned().unwrap_or_default()
    }

    pub(in crate::tests) fn fill(&self, topic: &str, rows: std::ops::Range<u32>) {
        let mut topics = self.shared.topics.lock().unwrap();
        topics.entry(topic.to_owned()).or_default().extend(rows.map(|row| row.to_string()));
        self.shared.changed.notify_waiters();
    }

    pub(in crate::tests) fn committed(&self, topic: &str) -> Option<i64> {
        self.shared.committed.lock().unwrap().get(topic).copied()
    }

    /// Rows that are delivered from now on carry this.
    pub(in crate::tests) fn carry(&self, context: &TraceContext) {
        *self.shared.carried.lock().unwrap() = Some(*context);
    }

    /// How many deliveries were handed out.
    pub(in crate::tests) fn delivered(&self) -> usize {
        self.shared.delivered.load(Relaxed)
    }

    /// The next thing a consumer hears.
    pub(in crate::tests) fn tell(&self, news: Polled) {
        self.shared.news.lock().unwrap().push_back(news);
        self.shared.changed.notify_waiters();
    }

    /// Takes a partition away; the journal tells when it is handed over.
    pub(in crate::tests) fn revoke(&self, topic: &str) {
        struct Note(Journal);
        impl Drop for Note {
            fn drop(&mut self) {
                self.0.note("handed over");
            }
        }
        let at = TopicPosition { topic: topic.to_owned(), partition: 0, position: 0 };
        self.tell(Polled::Revoked(vec![at], Handover::new(Note(self.journal.clone()))));
    }
}

#[async_trait]
impl Driver for FakeDriver {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, DriverError> {
        self.journal.note(format!("producer {}", options.source));
        let (shared, journal) = (self.shared.clone(), self.journal.clone());
        let keeps = self.capabilities.atomicity == Atomicity::Checkpoints;
        Ok(Box::new(FakeProducer { shared, journal, options, by_hand: self.by_hand, keeps }))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, DriverError> {
        let committed = self.shared.committed.lock().unwrap().clone();
        let at = |topic: &String| TopicPosition {
            topic: topic.clone(),
            partition: 0,
            position: committed.get(topic).copied().unwrap_or(0),
        };
        let positions: Vec<_> = options.topics.iter().map(at).collect();
        let (shared, journal) = (self.shared.clone(), self.journal.clone());
        let rows = self.rows_per_delivery;
        Ok(Box::new(FakeConsumer { shared, journal, assigned: false, positions, rows }))
    }

    fn admin(&self) -> Option<&dyn Admin> {
        None
    }

    async fn checkpoints(&self, source: &str) -> Result<Vec<SourceOffset>, DriverError> {
        self.journal.note(format!("checkpoints {source}"));
        Ok(self.shared.held.lock().unwrap().clone())
    }

    async fn alter_checkpoints(&self, _: &str, offsets: &[SourceOffset]) -> Result<bool, DriverError> {
        if self.capabilities.atomicity != Atomicity::Checkpoints {
            return Ok(false);
        }
        self.journal.note(format!("altered {}", offsets.len()));
        self.shared.held.lock().unwrap().extend_from_slice(offsets);
        Ok(true)
    }

    async fn close(&self) -> Result<(), DriverError> {
        Ok(())
    }
}

struct FakeProducer {
    shared: Arc<Shared>,
    journal: Journal,
    options: ProducerOptions,
    by_hand: bool,
    keeps: bool,
}

#[async_trait]
impl Producer for FakeProducer {
    async fn send(&mut self, batch: Batch) -> Result<Acknowledgement, DriverError> {
        let (verdict, answer) = oneshot::channel();
        let number = {
            let mut topics = self.shared.topics.lock().unwrap();
            for row in &batch {
                let topic = row.topic.or(self.options.default_topic.as_deref()).unwrap().to_owned();
                let value = String::from_utf8(row.value.unwrap().to_vec()).unwrap();
                topics.entry(topic).or_default().push(value);
            }
            let mut waiting = self.shared.waiting.lock().unwrap();
            if self.by_hand && !self.options.source.starts_with("dlq/") {
                waiting.push(Some(verdict));
            } else {
                waiting.push(None);
                verdict.send(Ok(Receipt::default())).ok();
            }
            waiting.len() - 1
        };
        if self.keeps {
            self.shared.held.lock().unwrap().extend(batch.checkpoints.iter().map(|it| it.at.clone()));
        }
        self.shared.batches.lock().unwrap().push(batch);
        let (journal, source) = (self.journal.clone(), self.options.source.clone());
        journal.note(format!("send {source} {number}"));
        Ok(Box::pin(async move {
            let result = answer.await.unwrap_or_else(|_| Err(DriverError::Fatal("the queue is gone".to_owned())));
            journal.note(format!("acknowledged {source} {number}"));
            result
        }))
    }

    async fn flush(&mut self) -> Result<(), DriverError> {
        Ok(())
    }
}

struct FakeConsumer {
    shared: Arc<Shared>,
    journal: Journal,
    assigned: bool,
    positions: Vec<TopicPosition>,
    rows: usize,
}

impl FakeConsumer {
    fn now(&mut self, max_rows: u32) -> Option<Polled> {
        if !self.assigned {
            self.assigned = true;
            return Some(Polled::Assigned(self.positions.clone()));
        }
        if let Some(news) = self.shared.news.lock().unwrap().pop_front() {
            if let Polled::Revoked(gone, _) | Polled::Lost(gone) = &news {
                self.positions.retain(|at| gone.iter().all(|it| it.topic != at.topic));
            }
            return Some(news);
        }
        let topics = self.shared.topics.lock().unwrap();
        for at in &mut self.positions {
            let most = self.rows.min(max_rows as usize);
            let rows: Vec<_> = topics.get(&at.topic)?.iter().skip(at.position as usize).take(most).collect();
            let count = rows.len();
            if count > 0 {
                let values: Column = rows.iter().map(|it| Some(it.as_bytes())).collect();
                let positions = (at.position..).take(count).collect();
                at.position += count as i64;
                self.shared.delivered.fetch_add(1, Relaxed);
                let origins = vec![Origin { first_row: 0, topic: at.topic.clone(), partition: 0 }];
                let mut batch = Batch { rows: count as u32, values, ..Batch::default() };
                if let Some(context) = &*self.shared.carried.lock().unwrap() {
                    mark(&mut batch, context);
                }
                return Some(Polled::Rows(Delivery { batch, origins, positions }));
            }
        }
        None
    }
}

#[async_trait]
impl Consumer for FakeConsumer {
    async fn poll(&mut self, max_rows: u32, _: u32, wait: Duration) -> Result<Polled, DriverError> {
        let shared = self.shared.clone();
        let found = timeout(wait, async {
            loop {
                let changed = shared.changed.notified();
                if let Some(polled) = self.now(max_rows) {
                    return polled;
                }
                changed.await;
            }
        });
        Ok(found.await.unwrap_or(Polled::Idle))
    }

    async fn commit(&mut self, positions: &[TopicPosition]) -> Result<(), DriverError> {
        for at in positions {
            self.shared.committed.lock().unwrap().insert(at.topic.clone(), at.position);
            self.journal.note(format!("position {} {}", at.topic, at.position));
        }
        Ok(())
    }

    async fn seek(&mut self, positions: &[TopicPosition]) -> Result<(), DriverError> {
        for to in positions {
            self.positions.iter_mut().filter(|at| at.topic == to.topic).for_each(|at| at.position = to.position);
        }
        Ok(())
    }

    async fn lag(&mut self) -> Result<Vec<Lag>, DriverError> {
        let topics = self.shared.topics.lock().unwrap();
        let end = |topic: &str| topics.get(topic).map_or(0, |rows| rows.len() as i64);
        Ok(self.positions.iter().map(|at| Lag { at: at.clone(), end: end(&at.topic) }).collect())
    }

    async fn close(self: Box<Self>) -> Result<(), DriverError> {
        self.journal.note("left the group");
        Ok(())
    }
}
