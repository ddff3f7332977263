//! The one thread that changes the database.
//!
//! Waiting for the disk costs far more than a change does. So all change sets that are waiting are made, one
//! transaction each, and then share one flush; while it runs the next ones gather. No timer is needed: a single caller
//! pays for its own flush only, many callers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::database::Database;
use super::durable::Durable;
use crate::store::{Bucket, Change, StoreError};
use crate::watchers::Watchers;

/// How many change sets share a flush at most, so that the first need not wait for ever.
const GROUP: usize = 1024;

/// After how many changes the marker is written again.
const MARK_EVERY: u64 = 1024;

/// A change set and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) changes: Vec<Change>,
    pub(super) answer: oneshot::Sender<Result<u64, StoreError>>,
}

/// See the module.
pub(super) struct Committer {
    database: Arc<Database>,
    durable: Durable,
    watchers: Arc<Watchers>,
    flushes: Arc<AtomicU64>,
    /// The last change that is durable, and the last that the marker tells of.
    last: u64,
    marked: u64,
    /// Set once the disk failed; everything is refused with it from then on.
    failed: Option<StoreError>,
}

/// A change set that was made and waits for the flush.
struct Made {
    generation: u64,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

impl Committer {
    pub(super) fn new(
        database: Arc<Database>,
        durable: Durable,
        watchers: Arc<Watchers>,
        flushes: Arc<AtomicU64>,
    ) -> Self {
        Self { database, durable, watchers, flushes, last: 0, marked: 0, failed: None }
    }

    /// Runs until nobody can send any more, and all that was sent is answered.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut group = Vec::new();
        while requests.blocking_recv_many(&mut group, GROUP) > 0 {
            self.commit(group.drain(..));
            if self.last >= self.marked + MARK_EVERY {
                self.mark();
            }
        }
        if self.last > self.marked {
            self.mark();
        }
    }

    fn mark(&mut self) {
        match self.durable.mark(self.last) {
            Ok(()) => self.marked = self.last,
            Err(error) => self.fail(&error),
        }
    }

    fn commit(&mut self, group: impl Iterator<Item = Request>) {
        let mut made = Vec::new();
        let mut changed: Vec<(Bucket, String)> = Vec::new();
        for Request { changes, answer } in group {
            match self.change(&changes) {
                Ok(generation) => {
                    made.push(Made { generation, answer });
                    changed.extend(changes.into_iter().map(|change| (change.bucket, change.key)));
                }
                Err(error) => reply(answer, Err(error)),
            }
        }
        if made.is_empty() {
            return;
        }
        let durable = match self.failed.clone() {
            None => self.durable.make(&self.database),
            Some(error) => Err(error),
        };
        match durable {
            Ok(()) => {
                self.flushes.fetch_add(1, Ordering::Relaxed);
                self.last = made.last().map_or(self.last, |made| made.generation);
                self.watchers.tell(changed);
                for Made { generation, answer } in made {
                    reply(answer, Ok(generation));
                }
            }
            Err(error) => {
                self.fail(&error);
                for Made { answer, .. } in made {
                    reply(answer, Err(error.clone()));
                }
            }
        }
    }

    fn change(&mut self, changes: &[Change]) -> Result<u64, StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let result = self.database.change(changes);
        if let Err(error @ StoreError::Io(_)) = &result {
            self.fail(error);
        }
        result
    }

    fn fail(&mut self, error: &StoreError) {
        if self.failed.is_none() {
            tracing::error!(%error, "the store has stopped");
            self.failed = Some(error.clone());
        }
    }
}

fn reply(answer: oneshot::Sender<Result<u64, StoreError>>, result: Result<u64, StoreError>) {
    // Nobody waits any more where the caller was cancelled; the change stands all the same.
    drop(answer.send(result));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Condition;

    fn request(key: &str, condition: Condition) -> (Request, oneshot::Receiver<Result<u64, StoreError>>) {
        let (answer, answered) = oneshot::channel();
        let value = Some(b"value".to_vec());
        let change = Change { bucket: Bucket::Meta, key: key.to_owned(), condition, value };
        (Request { changes: vec![change], answer }, answered)
    }

    #[test]
    fn change_sets_that_wait_together_share_one_flush_and_a_conflict_is_answered_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (database, durable) = super::super::open::open(dir.path()).unwrap();
        let flushes = Arc::new(AtomicU64::new(0));
        let mut committer = Committer::new(Arc::new(database), durable, Arc::default(), flushes.clone());

        let (requests, answers): (Vec<_>, Vec<_>) =
            ["a", "b", "a", "c"].into_iter().map(|key| request(key, Condition::Absent)).unzip();
        committer.commit(requests.into_iter());

        let answers: Vec<_> = answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect();
        assert_eq!(answers, [Ok(1), Ok(2), Err(StoreError::Conflict { key: "a".to_owned() }), Ok(3)]);
        assert_eq!(flushes.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_group_of_nothing_but_conflicts_needs_no_flush() {
        let dir = tempfile::tempdir().unwrap();
        let (database, durable) = super::super::open::open(dir.path()).unwrap();
        let flushes = Arc::new(AtomicU64::new(0));
        let mut committer = Committer::new(Arc::new(database), durable, Arc::default(), flushes.clone());
        let (request, answer) = request("a", Condition::Generation(7));
        committer.commit(std::iter::once(request));
        assert!(matches!(answer.blocking_recv().unwrap(), Err(StoreError::Conflict { .. })));
        assert_eq!(flushes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn after_a_failure_of_the_disk_everything_is_refused_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (database, durable) = super::super::open::open(dir.path()).unwrap();
        let mut committer = Committer::new(Arc::new(database), durable, Arc::default(), Arc::default());
        let mut told = committer.watchers.subscribe(Bucket::Meta);
        // Listing the blobs is part of a commit, and fails when somebody took the directory away.
        std::fs::remove_dir(dir.path().join("blobs")).unwrap();
        let (first, first_answer) = request("a", Condition::Any);
        committer.commit(std::iter::once(first));
        let error = first_answer.blocking_recv().unwrap().unwrap_err();
        assert!(matches!(&error, StoreError::Io(why) if why.contains("start the worker again")), "{error}");

        std::fs::create_dir(dir.path().join("blobs")).unwrap();
        let (second, second_answer) = request("b", Condition::Any);
        committer.commit(std::iter::once(second));
        assert_eq!(second_answer.blocking_recv().unwrap(), Err(error));
        assert!(told.try_recv().is_err(), "nobody is told of what is not durable");
    }
}
