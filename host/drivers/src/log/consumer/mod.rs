//! Reads for one sink task.

mod share;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wharf_core::TopicPosition;

use super::core::{Core, blocking};
use super::group::{Change, Event, Group, Member, Release, Tp};
use crate::driver::{Consumer, ConsumerOptions, DriverError, Handover, Lag, Polled, Start};
pub(super) use share::delivery;
use share::{Fetched, Share};

/// The consumer of one task. Rows are read ahead on a thread that may block, one read at a time, so that the next rows
/// are there when the task has finished the last.
#[derive(Debug)]
pub(crate) struct LogConsumer {
    core: Arc<Core>,
    group: Arc<Group>,
    member: Arc<Member>,
    start: Start,
    /// The partitions that are assigned.
    shares: Vec<Share>,
    /// Whose turn it is.
    turn: usize,
    fetch: Option<JoinHandle<Fetched>>,
    /// What a read failed with; told with the next poll.
    failure: Option<DriverError>,
}

impl LogConsumer {
    pub(crate) fn new(core: Arc<Core>, options: &ConsumerOptions) -> Result<Self, DriverError> {
        options.topics.iter().try_for_each(|topic| super::names::check_topic(topic))?;
        let group = core.groups.get(&options.group)?;
        let member = group.join(&options.member, &options.topics);
        let (shares, turn, fetch, failure) = (Vec::new(), 0, None, None);
        Ok(Self { core, group, member, start: options.start, shares, turn, fetch, failure })
    }

    /// News first, and only then rows.
    async fn news(&mut self) -> Result<Option<Polled>, DriverError> {
        while let Some(event) = self.member.heard() {
            let polled = match event {
                Event::Assigned(partitions) => self.assigned(&partitions).await?.map(Polled::Assigned),
                Event::Revoked(partitions) => {
                    let positions = self.give_up(&partitions);
                    let (group, member) = (Arc::clone(&self.group), self.member.id);
                    let release = Release { group, member, partitions };
                    // Nothing to finish: the release is dropped here, and they go on.
                    (!positions.is_empty()).then(|| Polled::Revoked(positions, Handover::new(release)))
                }
                Event::Lost(partitions) => {
                    let positions = self.give_up(&partitions);
                    (!positions.is_empty()).then_some(Polled::Lost(positions))
                }
            };
            if polled.is_some() {
                return Ok(polled);
            }
        }
        Ok(None)
    }

    async fn assigned(&mut self, partitions: &[Tp]) -> Result<Option<Vec<TopicPosition>>, DriverError> {
        let (mut positions, mut first) = (Vec::with_capacity(partitions.len()), Vec::new());
        for tp in partitions {
            let Some(topic) = self.core.topics.get(&tp.0) else { continue };
            let Some(partition) = topic.partitions.get(tp.1 as usize) else { continue };
            let offset = match self.group.position(tp) {
                Some(committed) => share::within(partition, committed),
                // What was created after this member joined began with rows that came after now.
                None if self.start == Start::Earliest || topic.created >= self.member.joined => partition.start(),
                None => {
                    let change = Change { topic: tp.0.to_string(), partition: tp.1, position: Some(partition.end()) };
                    first.push(change);
                    partition.end()
                }
            };
            partition.listen(&self.member.wake);
            let share = Share::new(Arc::clone(partition), offset);
            positions.push(share.position());
            self.shares.push(share);
        }
        if !first.is_empty() {
            // "Now" was now: whoever takes over, or starts again, must not skip what has come since.
            let (group, member) = (Arc::clone(&self.group), Arc::clone(&self.member));
            tokio::task::spawn_blocking(move || {
                if let Err(error) = group.commit(&member, &first) {
                    tracing::warn!(member = %member.name, %error, "the first position was not committed");
                }
            });
        }
        Ok((!positions.is_empty()).then_some(positions))
    }

    fn give_up(&mut self, partitions: &[Tp]) -> Vec<TopicPosition> {
        let is_gone = |share: &Share| partitions.iter().any(|tp| share.is(&tp.0, tp.1));
        let gone = self.shares.iter().filter(|share| is_gone(share)).map(Share::position).collect();
        self.shares.retain(|share| !is_gone(share));
        gone
    }

    /// Rows of the partition whose turn it is, if any were read.
    fn rows(&mut self, max_rows: u32, max_bytes: u32) -> Option<Polled> {
        let count = self.shares.len();
        let at = (0..count)
            .map(|step| (self.turn + step) % count)
            .find(|&at| self.shares.get(at).is_some_and(Share::has_rows))?;
        self.turn = at + 1;
        self.shares.get_mut(at)?.take(max_rows, max_bytes).map(Polled::Rows)
    }

    /// Reads on, if there is something to read and room for it.
    fn fetch(&mut self) {
        let held: usize = self.shares.iter().map(|share| share.bytes).sum();
        if self.fetch.is_some() || self.failure.is_some() || held > self.core.options.read_ahead_bytes / 2 {
            return;
        }
        let count = self.shares.len();
        let hungry = (0..count)
            .map(|step| (self.turn + step) % count)
            .filter(|&at| self.shares.get(at).is_some_and(Share::is_behind));
        let next = hungry.min_by_key(|&at| self.shares.get(at).map_or(usize::MAX, |share| share.bytes));
        if let Some(share) = next.and_then(|at| self.shares.get_mut(at)) {
            self.fetch = share.fetch(self.core.options.read_bytes as usize);
        }
    }

    fn fetched(&mut self, fetched: Fetched) {
        // The share may be gone, or have been sent elsewhere: then its rows are worth nothing.
        if let Some(share) = self.shares.iter_mut().find(|share| share.id == fetched.share)
            && let Err(error) = share.fetched(fetched)
        {
            self.failure = Some(error);
        }
    }

    /// Returns when something may have changed, or at the deadline.
    async fn wait(&mut self, deadline: Instant) -> bool {
        let fetched = match &mut self.fetch {
            Some(fetch) => tokio::select! {
                biased;
                fetched = fetch => fetched,
                () = self.member.wake.notified() => return true,
                () = tokio::time::sleep_until(deadline) => return false,
            },
            None => tokio::select! {
                biased;
                () = self.member.wake.notified() => return true,
                () = tokio::time::sleep_until(deadline) => return false,
            },
        };
        self.fetch = None;
        match fetched {
            Ok(fetched) => self.fetched(fetched),
            Err(error) => self.failure = Some(DriverError::Fatal(format!("reading stopped: {error}"))),
        }
        true
    }
}

#[async_trait]
impl Consumer for LogConsumer {
    async fn poll(&mut self, max_rows: u32, max_bytes: u32, wait: Duration) -> Result<Polled, DriverError> {
        let deadline = Instant::now() + wait;
        loop {
            self.core.check()?;
            if let Some(news) = self.news().await? {
                return Ok(news);
            }
            self.member.check()?;
            // With 0 a paused task asks for news alone.
            let rows = if max_rows == 0 { None } else { self.rows(max_rows, max_bytes) };
            if rows.is_none()
                && let Some(failure) = self.failure.take()
            {
                return Err(failure);
            }
            self.fetch();
            if let Some(rows) = rows {
                return Ok(rows);
            }
            if !self.wait(deadline).await {
                return Ok(Polled::Idle);
            }
        }
    }

    async fn commit(&mut self, positions: &[TopicPosition]) -> Result<(), DriverError> {
        self.core.check()?;
        self.member.check()?;
        if positions.is_empty() {
            return Ok(());
        }
        let changes = positions.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let (group, member) = (Arc::clone(&self.group), Arc::clone(&self.member));
        blocking(move || group.commit(&member, &changes)).await?
    }

    async fn seek(&mut self, positions: &[TopicPosition]) -> Result<(), DriverError> {
        self.member.check()?;
        for at in positions {
            let share = self.shares.iter_mut().find(|share| share.is(&at.topic, at.partition)).ok_or_else(|| {
                DriverError::Rejected(format!(
                    "partition {} of topic `{}` is not assigned here",
                    at.partition, at.topic
                ))
            })?;
            share.seek(u64::try_from(at.position).unwrap_or(0));
        }
        self.failure = None;
        Ok(())
    }

    async fn lag(&mut self) -> Result<Vec<Lag>, DriverError> {
        Ok(self.shares.iter().map(|share| Lag { at: share.position(), end: share.end() }).collect())
    }

    async fn close(self: Box<Self>) -> Result<(), DriverError> {
        Ok(())
    }
}

impl Drop for LogConsumer {
    fn drop(&mut self) {
        self.group.leave(&self.member);
    }
}

pub(super) fn change(at: &TopicPosition) -> Result<Change, DriverError> {
    let position = u64::try_from(at.position)
        .map_err(|_| DriverError::Rejected(format!("position {} is below 0", at.position)))?;
    Ok(Change { topic: at.topic.clone(), partition: at.partition, position: Some(position) })
}
