//! Sends the batches of one source task, so that its checkpoints are never ahead of its rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wharf_core::offset::canonical;
use wharf_core::{Batch, Checkpoint};

use super::core::Core;
use super::fence::{Fence, unfinished};
use super::frame::{Frame, Marks};
use super::options::FRAME_OVERHEAD;
use super::partition::{Partition, Pending};
use super::route::{Part, Routed, Target, route, topics};
use super::topic::{Topic, now};
use crate::driver::{Acknowledgement, DriverError, Producer, ProducerOptions, Receipt};

type Done = oneshot::Receiver<Result<(), DriverError>>;
type Offsets = Vec<(String, Option<String>)>;

/// The producer of one task.
#[derive(Debug)]
pub(crate) struct LogProducer {
    core: Arc<Core>,
    options: ProducerOptions,
    fence: Arc<Fence>,
    window: Arc<Semaphore>,
    /// The one partition that everything under way goes to.
    lane: Option<Arc<Partition>>,
    topics: HashMap<String, Arc<Topic>>,
    /// Checkpoints that must wait: an earlier row was rejected and the sender does not know yet.
    withheld: Offsets,
    /// Receipts with rejected rows; true once the sender has seen it.
    unseen: Vec<Arc<AtomicBool>>,
}

impl LogProducer {
    pub(crate) fn new(core: Arc<Core>, options: ProducerOptions, fence: Arc<Fence>) -> Self {
        let window = Arc::new(Semaphore::new(options.max_in_flight.max(1)));
        let (topics, withheld, unseen) = (HashMap::new(), Vec::new(), Vec::new());
        Self { core, options, fence, window, lane: None, topics, withheld, unseen }
    }

    async fn topic(&mut self, name: &str) -> Result<Arc<Topic>, DriverError> {
        if let Some(topic) = self.topics.get(name)
            && topic.partitions.iter().all(|partition| !partition.is_deleted())
        {
            return Ok(Arc::clone(topic));
        }
        let topic = self.core.topic_or_create(name).await?;
        self.topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// Where rows of this task go that have no key: always the same, so that they stay in order.
    fn sticky(&self, partitions: u32) -> u32 {
        crc32c::crc32c(self.options.source.as_bytes()).wrapping_add(self.options.task) % partitions.max(1)
    }

    /// What the frame behind the batch says of the source: what was withheld, and the last checkpoint of each partition.
    fn offsets(&mut self, checkpoints: Vec<Checkpoint>, failed: &[(u32, DriverError)]) -> Offsets {
        self.unseen.retain(|seen| !seen.load(Ordering::Acquire));
        // A checkpoint is not ahead of a row that was rejected until the sender has dealt with it.
        let bar = if self.unseen.is_empty() { failed.first().map(|(row, _)| *row) } else { Some(0) };
        let mut offsets = if self.unseen.is_empty() { std::mem::take(&mut self.withheld) } else { Vec::new() };
        for Checkpoint { row, at } in checkpoints {
            let to = if bar.is_some_and(|bar| row >= bar) { &mut self.withheld } else { &mut offsets };
            let partition = canonical(&at.partition).unwrap_or(at.partition);
            match to.iter_mut().find(|(known, _)| *known == partition) {
                Some((_, offset)) => *offset = Some(at.offset),
                None => to.push((partition, Some(at.offset))),
            }
        }
        offsets
    }

    fn marks(&self, offsets: Offsets) -> Option<Marks> {
        (!offsets.is_empty()).then(|| Marks {
            source: self.options.source.clone(),
            task: self.options.task,
            sequence: self.core.next_sequence(),
            at: offsets,
        })
    }

    /// Queues one frame; waits only for room.
    async fn enqueue(
        &mut self,
        partition: &Arc<Partition>,
        batch: Batch,
        marks: Option<Marks>,
        window: Option<OwnedSemaphorePermit>,
    ) -> Result<Done, DriverError> {
        partition.check()?;
        let Some(frame) = Frame::new(batch, marks, now()) else {
            return Err(DriverError::Rejected(
                "the batch needs a frame of more than 4 GiB: send fewer rows".to_owned(),
            ));
        };
        let (room, permits) = partition.room(frame.len());
        let room = room.acquire_many_owned(permits).await.map_err(|_| closed())?;
        self.fence.check()?;
        let (done, wait) = oneshot::channel();
        let producer = self.fence.enter();
        partition.append(Pending { frame, done, producer, _permits: [Some(room), window] });
        Ok(wait)
    }

    /// Queues a part as one frame or, where it is larger than a frame may be, as several; the last carries the marks.
    async fn enqueue_part(
        &mut self,
        partition: &Arc<Partition>,
        batch: Batch,
        marks: Option<Marks>,
        window: OwnedSemaphorePermit,
    ) -> Result<Vec<Done>, DriverError> {
        let pieces = pieces(batch, self.core.options.max_frame_bytes);
        let (mut marks, mut window, last) = (marks, Some(window), pieces.len().saturating_sub(1));
        let mut waits = Vec::with_capacity(pieces.len());
        for (at, piece) in pieces.into_iter().enumerate() {
            let (marks, window) = if at == last { (marks.take(), window.take()) } else { (None, None) };
            waits.push(self.enqueue(partition, piece, marks, window).await?);
        }
        Ok(waits)
    }

    /// One partition: nothing need be waited for as long as all that is under way goes there too.
    async fn send_one(
        &mut self,
        partition: Arc<Partition>,
        batch: Batch,
        offsets: Offsets,
        window: OwnedSemaphorePermit,
    ) -> Result<Vec<Done>, DriverError> {
        if !self.lane.as_ref().is_some_and(|lane| Arc::ptr_eq(lane, &partition)) {
            self.fence.wait_idle().await;
            self.lane = Some(Arc::clone(&partition));
        }
        let marks = self.marks(offsets);
        self.enqueue_part(&partition, batch, marks, window).await
    }

    /// Several partitions: the checkpoints are written when all other rows are in the log.
    async fn send_many(
        &mut self,
        mut parts: Vec<(Arc<Partition>, Batch)>,
        offsets: Offsets,
        window: OwnedSemaphorePermit,
    ) -> Result<Vec<Done>, DriverError> {
        self.lane = None;
        self.fence.wait_idle().await;
        let Some((last, batch)) = parts.pop() else { return Ok(Vec::new()) };
        let mut waits = Vec::new();
        for (partition, batch) in parts {
            for piece in pieces(batch, self.core.options.max_frame_bytes) {
                waits.push(self.enqueue(&partition, piece, None, None).await?);
            }
        }
        if !offsets.is_empty() {
            for wait in waits.drain(..) {
                outcome(wait.await)?;
            }
        }
        let marks = self.marks(offsets);
        waits.extend(self.enqueue_part(&last, batch, marks, window).await?);
        Ok(waits)
    }

    async fn dispatch(
        &mut self,
        mut batch: Batch,
        window: OwnedSemaphorePermit,
    ) -> Result<(Vec<Done>, Receipt), DriverError> {
        let checkpoints = std::mem::take(&mut batch.checkpoints);
        if batch.rows == 0 {
            let offsets = self.offsets(checkpoints, &[]);
            return Ok((self.control(&batch, offsets, window).await?, Receipt::default()));
        }
        let names = topics(&batch, self.options.default_topic.as_deref())?;
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let (mut open, mut targets) = (Vec::with_capacity(names.len()), Vec::with_capacity(names.len()));
        for name in names {
            let topic = self.topic(&name).await?;
            let partitions = topic.partitions.len() as u32;
            targets.push(Target { name, partitions, sticky: self.sticky(partitions) });
            open.push(topic);
        }
        let max_row = self.core.options.max_frame_bytes - FRAME_OVERHEAD;
        let Routed { parts, failed } = route(batch, &targets, max_row);
        let offsets = self.offsets(checkpoints, &failed);
        let mut parts: Vec<(Arc<Partition>, Batch)> = parts
            .into_iter()
            .filter_map(|Part { topic, partition, batch }| {
                let partition = open.get(topic)?.partitions.get(partition as usize)?;
                Some((Arc::clone(partition), batch))
            })
            .collect();
        let waits = match (parts.pop(), parts.is_empty()) {
            (None, _) => self.control(&Batch::default(), offsets, window).await?,
            (Some((partition, batch)), true) => self.send_one(partition, batch, offsets, window).await?,
            (Some(last), false) => {
                parts.push(last);
                self.send_many(parts, offsets, window).await?
            }
        };
        Ok((waits, Receipt { failed }))
    }

    /// Writes checkpoints without rows.
    async fn control(
        &mut self,
        batch: &Batch,
        offsets: Offsets,
        window: OwnedSemaphorePermit,
    ) -> Result<Vec<Done>, DriverError> {
        if offsets.is_empty() {
            return Ok(Vec::new());
        }
        let partition = match &self.lane {
            Some(lane) => Arc::clone(lane),
            None => {
                let names = topics(batch, self.options.default_topic.as_deref());
                let known = self.topics.keys().min().cloned();
                let name = match names {
                    Ok(names) => names.first().map(|&name| name.to_owned()),
                    Err(error) => Some(known.ok_or(error)?),
                };
                let topic = self.topic(&name.unwrap_or_default()).await?;
                let sticky = self.sticky(topic.partitions.len() as u32);
                topic.partitions.get(sticky as usize).cloned().ok_or_else(closed)?
            }
        };
        self.send_one(partition, Batch::default(), offsets, window).await
    }
}

#[async_trait]
impl Producer for LogProducer {
    async fn send(&mut self, batch: Batch) -> Result<Acknowledgement, DriverError> {
        self.core.check()?;
        self.fence.check()?;
        let unfinished = Unfinished { fence: Arc::clone(&self.fence), armed: true };
        let window = Arc::clone(&self.window).acquire_owned().await.map_err(|_| closed())?;
        let (waits, receipt) = self.dispatch(batch, window).await?;
        unfinished.disarm();
        let seen = Arc::new(AtomicBool::new(receipt.failed.is_empty()));
        if !receipt.failed.is_empty() {
            self.unseen.push(Arc::clone(&seen));
        }
        Ok(async move {
            for wait in waits {
                outcome(wait.await)?;
            }
            seen.store(true, Ordering::Release);
            Ok(receipt)
        }
        .boxed())
    }

    async fn flush(&mut self) -> Result<(), DriverError> {
        self.fence.wait_idle().await;
        self.fence.check()?;
        let offsets = self.offsets(Vec::new(), &[]);
        if offsets.is_empty() {
            return Ok(());
        }
        let window = Arc::clone(&self.window).acquire_owned().await.map_err(|_| closed())?;
        for wait in self.control(&Batch::default(), offsets, window).await? {
            outcome(wait.await)?;
        }
        Ok(())
    }
}

/// Fails the producer when a batch was not handed over whole, because of an error or because the caller gave up waiting:
/// no later checkpoint may claim its rows.
struct Unfinished {
    fence: Arc<Fence>,
    armed: bool,
}

impl Unfinished {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.armed {
            self.fence.fail(&unfinished());
        }
    }
}

/// What became of a batch that was queued.
pub(crate) fn outcome(done: Result<Result<(), DriverError>, oneshot::error::RecvError>) -> Result<(), DriverError> {
    done.unwrap_or_else(|_| Err(DriverError::MaybeWritten("the log stopped while it was writing the batch".to_owned())))
}

pub(crate) fn closed() -> DriverError {
    DriverError::Fatal("the log is closed".to_owned())
}

/// The batch, cut so that each piece fits into a frame. A row alone always does.
fn pieces(batch: Batch, max_frame: u32) -> Vec<Batch> {
    let (bytes, limit) = (weight(&batch), (max_frame - FRAME_OVERHEAD) as usize);
    if bytes <= limit || batch.rows < 2 {
        return vec![batch];
    }
    let middle = batch.rows / 2;
    let mut all = pieces(batch.slice(0..middle), max_frame);
    all.extend(pieces(batch.slice(middle..batch.rows), max_frame));
    all
}

/// About what the columns of a batch take in a frame.
fn weight(batch: &Batch) -> usize {
    let numbers = batch.keys.ends.len()
        + batch.values.ends.len()
        + batch.headers.row_ends.len()
        + batch.headers.cells.ends.len() * 2
        + batch.timestamps.len() * 2
        + batch.operations.len()
        + batch.key_schema_of.len() * 2
        + batch.keys.absent.len()
        + batch.values.absent.len()
        + batch.headers.cells.absent.len();
    batch.payload_bytes() + numbers * 4
}
