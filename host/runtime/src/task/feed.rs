//! What a sink task reads: deliveries and news about partitions, in order, read ahead while the plugin is busy.

use std::collections::VecDeque;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use wharf_core::plugin::PollLimits;
use wharf_core::{Delivery, TopicPosition};
use wharf_drivers::{Consumer, DriverError, Handover, Polled};

use crate::options::{Prefetch, WorkerOptions};

/// What comes next.
#[derive(Debug)]
pub(super) enum Event {
    Rows(Arc<Delivery>),
    Assigned(Vec<TopicPosition>),
    Revoked(Vec<TopicPosition>, Option<Handover>),
    Lost(Vec<TopicPosition>),
    Failed(DriverError),
}

/// See the module's page.
pub(super) struct Feed {
    pub(super) consumer: Box<dyn Consumer>,
    ready: VecDeque<Event>,
    /// Of the deliveries in `ready`.
    bytes: usize,
    deliveries: usize,
    /// Rows of the deliveries in `ready`.
    rows: u64,
    /// Rows that were read since somebody asked last.
    came: u32,
    limits: PollLimits,
    prefetch: Prefetch,
    /// There is news in `ready`: rows behind it may only be read once it is dealt with.
    barrier: bool,
}

impl Feed {
    pub(super) fn new(consumer: Box<dyn Consumer>, options: &WorkerOptions) -> Self {
        Self {
            consumer,
            ready: VecDeque::new(),
            bytes: 0,
            deliveries: 0,
            rows: 0,
            came: 0,
            limits: options.poll,
            prefetch: options.prefetch,
            barrier: false,
        }
    }

    /// For a task that is to read slowly: asks for no more than `limits` at a time, and reads one delivery ahead.
    pub(super) fn slowly(mut self, limits: PollLimits) -> Self {
        self.limits = limits;
        self.prefetch.deliveries = 1;
        self
    }

    /// Whether rows come next, rather than news or nothing.
    pub(super) fn has_rows_next(&self) -> bool {
        matches!(self.ready.front(), Some(Event::Rows(_)))
    }

    /// The next of what was read.
    pub(super) fn next(&mut self) -> Option<Event> {
        let event = self.ready.pop_front()?;
        if let Event::Rows(delivery) = &event {
            self.deliveries -= 1;
            self.rows = self.rows.saturating_sub(delivery.batch.rows.into());
            self.bytes = self.bytes.saturating_sub(delivery.batch.payload_bytes());
        }
        Some(event)
    }

    /// Rows that were read and wait.
    pub(super) fn waiting_rows(&self) -> u64 {
        self.rows
    }

    /// Rows that were read since this was asked last.
    pub(super) fn take_came(&mut self) -> u32 {
        std::mem::take(&mut self.came)
    }

    /// Rows that could not be put yet come first again.
    pub(super) fn put_back(&mut self, delivery: Arc<Delivery>) {
        self.deliveries += 1;
        self.rows += u64::from(delivery.batch.rows);
        self.bytes += delivery.batch.payload_bytes();
        self.ready.push_front(Event::Rows(delivery));
    }

    /// The news was dealt with: rows behind it may be read.
    pub(super) fn dealt(&mut self) {
        self.barrier = false;
    }

    fn is_full(&self) -> bool {
        self.deliveries >= self.prefetch.deliveries.max(1) || self.bytes >= self.prefetch.bytes
    }

    /// Reads one thing, waiting up to `wait`; `false` when nothing came. Waits for ever while there is no room.
    /// Cancel-safe.
    pub(super) async fn fetch(&mut self, wait: Duration) -> bool {
        if self.barrier || self.is_full() {
            return pending().await;
        }
        self.read(self.limits.max_rows, wait).await
    }

    /// As [`Feed::fetch`], but for news alone: the queue is asked for no row.
    pub(super) async fn fetch_news(&mut self, wait: Duration) -> bool {
        // Also while rows fill the room there is. But a queue that brings more all the same is not asked again.
        if self.deliveries > self.prefetch.deliveries.max(1) {
            return pending().await;
        }
        self.read(0, wait).await
    }

    async fn read(&mut self, max_rows: u32, wait: Duration) -> bool {
        let event = match self.consumer.poll(max_rows, self.limits.max_bytes, wait).await {
            Ok(Polled::Idle) => return false,
            Ok(Polled::Rows(delivery)) if delivery.batch.rows == 0 => return false,
            Ok(Polled::Rows(delivery)) => {
                self.bytes += delivery.batch.payload_bytes();
                self.deliveries += 1;
                self.rows += u64::from(delivery.batch.rows);
                self.came = self.came.saturating_add(delivery.batch.rows);
                self.ready.push_back(Event::Rows(Arc::new(delivery)));
                return true;
            }
            Ok(Polled::Assigned(partitions)) => Event::Assigned(partitions),
            Ok(Polled::Revoked(partitions, handover)) => Event::Revoked(partitions, Some(handover)),
            Ok(Polled::Lost(partitions)) => Event::Lost(partitions),
            Err(error) => Event::Failed(error),
        };
        self.barrier = true;
        self.ready.push_back(event);
        true
    }

    /// Runs `call`, and reads ahead until it is done.
    pub(super) async fn beside<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        loop {
            let wait = self.limits.max_wait;
            select! {
                biased;
                out = &mut call => return out,
                _ = self.fetch(wait) => {}
            }
        }
    }

    /// The last thing read, while the task is paused and deals with news out of turn.
    pub(super) fn newest(&mut self) -> Option<&mut Event> {
        self.ready.back_mut()
    }
}
