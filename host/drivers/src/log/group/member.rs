//! One member of a group, and what it is told.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::{Group, Tp};
use crate::driver::DriverError;
use crate::log::lock;

/// News for a member, in the order they happened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// These are the member's now.
    Assigned(Vec<Tp>),
    /// These shall be given up.
    Revoked(Vec<Tp>),
    /// These are gone.
    Lost(Vec<Tp>),
}

/// A member.
#[derive(Debug)]
pub(crate) struct Member {
    /// No two members of a group ever have the same.
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) topics: BTreeSet<String>,
    /// When it joined, in milliseconds since 1970.
    pub(crate) joined: i64,
    /// Notified of news, and of rows in partitions that it listens to.
    pub(crate) wake: Arc<Notify>,
    fenced: AtomicBool,
    inbox: Mutex<VecDeque<Event>>,
}

impl Member {
    pub(super) fn new(id: u64, name: String, topics: BTreeSet<String>, joined: i64) -> Self {
        let (wake, fenced, inbox) = (Arc::default(), AtomicBool::new(false), Mutex::default());
        Self { id, name, topics, joined, wake, fenced, inbox }
    }

    pub(super) fn tell(&self, event: Event) {
        lock(&self.inbox).push_back(event);
        self.wake.notify_one();
    }

    /// Another member of the same name takes over. What was not heard yet is not worth hearing any more.
    pub(super) fn fence(&self, lost: Vec<Tp>) {
        self.fenced.store(true, Ordering::Release);
        let mut inbox = lock(&self.inbox);
        inbox.clear();
        if !lost.is_empty() {
            inbox.push_back(Event::Lost(lost));
        }
        self.wake.notify_one();
    }

    /// The next news.
    pub(crate) fn heard(&self) -> Option<Event> {
        lock(&self.inbox).pop_front()
    }

    /// Whether the member is still one.
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        if self.fenced.load(Ordering::Acquire) {
            return Err(DriverError::Fenced(format!("another consumer took the place of member `{}`", self.name)));
        }
        Ok(())
    }
}

/// Lets partitions go to the next member when it is dropped.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) group: Arc<Group>,
    pub(crate) member: u64,
    pub(crate) partitions: Vec<Tp>,
}

impl Drop for Release {
    fn drop(&mut self) {
        self.group.release(self.member, &self.partitions);
    }
}
