//! The one thread that changes the database.
//!
//! Waiting for the disk costs far more than a change does. So all change sets that are waiting are made, one
//! transaction each, and then share one flush; while it runs the next ones gather. No timer is needed: a single caller
//! pays for its own flush only, many callers share.
//!
//! Where the disk fails, what the group had changed is refused, and so is everything that comes, until the store works
//! again: its files are written anew, it is opened, and changes that were refused are taken back should they be there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use wharf_core::histogram::{Histogram, SECONDS};

use super::database::{Before, Database};
use super::durable::Durable;
use super::trouble::{self, Slot, for_now, guarded};
use super::{open, rewrite};
use crate::store::{Bucket, Change, StoreError};
use crate::watchers::Watchers;

/// How many change sets share a flush at most, so that the first need not wait for ever.
const GROUP: usize = 1024;

/// After how many changes the marker is written again.
const MARK_EVERY: u64 = 1024;

/// How long to wait before a store that failed is opened again: at first, and at most.
const MEND_AFTER: Duration = Duration::from_millis(100);
const MEND_EVERY: Duration = Duration::from_secs(2);

/// How often a store that failed looks for calls to refuse.
const TICK: Duration = Duration::from_millis(20);

/// A change set and who waits for it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) changes: Vec<Change>,
    pub(super) answer: oneshot::Sender<Result<u64, StoreError>>,
}

/// See the module.
pub(super) struct Committer {
    dir: PathBuf,
    slot: Arc<Slot>,
    durable: Durable,
    watchers: Arc<Watchers>,
    flushes: Arc<AtomicU64>,
    /// How long they took.
    times: Arc<Histogram>,
    /// The last change that was made, the last that is durable, and the last that the marker tells of.
    made: u64,
    last: u64,
    marked: u64,
    /// Takes back what was made and is not durable.
    undo: Vec<Before>,
    /// The disk has failed.
    outage: Option<Outage>,
}

/// When to open the store again.
struct Outage {
    at: Instant,
    wait: Duration,
}

/// A change set that was made and waits for the flush.
struct Made {
    generation: u64,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

impl Committer {
    pub(super) fn new(
        dir: &Path,
        slot: Arc<Slot>,
        durable: Durable,
        watchers: Arc<Watchers>,
        flushes: Arc<AtomicU64>,
    ) -> Self {
        let (made, last, marked, undo, outage) = (0, 0, 0, Vec::new(), None);
        let times = Arc::new(Histogram::new(&SECONDS));
        Self { dir: dir.to_owned(), slot, durable, watchers, flushes, times, made, last, marked, undo, outage }
    }

    /// How long its flushes take.
    pub(super) fn times(&self) -> Arc<Histogram> {
        self.times.clone()
    }

    /// Runs until nobody can send any more, and all that was sent is answered.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut group = Vec::new();
        loop {
            if self.outage.is_some() {
                match requests.try_recv() {
                    Ok(request) => self.commit(std::iter::once(request)),
                    Err(TryRecvError::Disconnected) => break,
                    Err(TryRecvError::Empty) => self.try_to_mend(),
                }
                continue;
            }
            if requests.blocking_recv_many(&mut group, GROUP) == 0 {
                break;
            }
            self.commit(group.drain(..));
            if self.outage.is_none() && self.last >= self.marked + MARK_EVERY {
                self.mark();
            }
        }
        if self.outage.is_none() && self.last > self.marked {
            self.mark();
        }
        // Here, where it may block and where a panic of sled's is caught.
        self.slot.set(Err(StoreError::Io(format!("the store in {} is closed", self.dir.display()))));
    }

    fn mark(&mut self) {
        match self.durable.mark(self.last) {
            Ok(()) => self.marked = self.last,
            Err(error) => self.fail(&for_now(&error)),
        }
    }

    fn commit(&mut self, group: impl Iterator<Item = Request>) {
        let mut made = Vec::new();
        let mut changed: Vec<(Bucket, String)> = Vec::new();
        for Request { changes, answer } in group {
            match self.change(&changes) {
                Ok(generation) => {
                    self.made = generation;
                    made.push(Made { generation, answer });
                    changed.extend(changes.into_iter().map(|change| (change.bucket, change.key)));
                }
                Err(error) => reply(answer, Err(error)),
            }
        }
        if made.is_empty() {
            return;
        }
        let Self { slot, durable, dir, .. } = self;
        let began = Instant::now();
        match slot.ask(|database| guarded(dir, || durable.make(database)).map_err(|error| for_now(&error))) {
            Ok(()) => {
                self.times.took(began.elapsed());
                self.flushes.fetch_add(1, Ordering::Relaxed);
                self.last = self.made;
                self.undo.clear();
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
        let Self { slot, undo, dir, .. } = self;
        let mut changed = |database: &Database| guarded(dir, || database.change(changes, undo));
        let result = slot.ask(|database| changed(database).map_err(|error| for_now(&error)));
        if let Err(error @ StoreError::Io(_)) = &result {
            self.fail(error);
        }
        result
    }

    /// Gives the database up, unless that was done before.
    fn fail(&mut self, error: &StoreError) {
        if self.outage.is_some() {
            return;
        }
        tracing::error!(%error, "the store has failed");
        self.outage = Some(Outage { at: Instant::now() + MEND_AFTER, wait: MEND_AFTER });
        self.slot.set(Err(error.clone()));
    }

    fn try_to_mend(&mut self) {
        let Some(Outage { at, wait }) = self.outage else { return };
        let left = at.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return std::thread::sleep(left.min(TICK));
        }
        match self.mend() {
            Ok((database, durable)) => {
                tracing::info!(dir = %self.dir.display(), "the store works again");
                (self.durable, self.last) = (durable, self.made);
                self.undo.clear();
                self.outage = None;
                self.slot.set(Ok(database));
            }
            Err(error) => {
                tracing::warn!(%error, "the store does not work yet");
                let wait = (wait * 2).min(MEND_EVERY);
                self.outage = Some(Outage { at: Instant::now() + wait, wait });
                self.slot.set(Err(for_now(&error)));
            }
        }
    }

    /// Opens the store again, as it was after the last change that was answered.
    fn mend(&self) -> Result<(Database, Durable), StoreError> {
        rewrite::files(&self.dir).map_err(|error| trouble::failed("rewriting", &self.dir, &error))?;
        let (database, mut durable) = guarded(&self.dir, || open::open(&self.dir))?;
        guarded(&self.dir, move || {
            let (found, _) = database.last()?;
            if found < self.last {
                let why = format!("of its {} changes only {found} can be found", self.last);
                return Err(open::damaged(&self.dir.display().to_string(), &why));
            }
            database.restore(&self.undo, self.made)?;
            durable.make(&database)?;
            Ok((database, durable))
        })
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
        let slot = Arc::new(Slot::new(database));
        let mut committer = Committer::new(dir.path(), slot, durable, Arc::default(), flushes.clone());

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
        let slot = Arc::new(Slot::new(database));
        let mut committer = Committer::new(dir.path(), slot, durable, Arc::default(), flushes.clone());
        let (request, answer) = request("a", Condition::Generation(7));
        committer.commit(std::iter::once(request));
        assert!(matches!(answer.blocking_recv().unwrap(), Err(StoreError::Conflict { .. })));
        assert_eq!(flushes.load(Ordering::Relaxed), 0);
    }

    /// A committer whose disk fails: listing the blobs is part of a commit, and the directory is away.
    fn failing(dir: &Path) -> Committer {
        let (database, durable) = super::super::open::open(dir).unwrap();
        let slot = Arc::new(Slot::new(database));
        let mut committer = Committer::new(dir, slot, durable, Arc::default(), Arc::default());
        let (before, answer) = request("before", Condition::Any);
        committer.commit(std::iter::once(before));
        answer.blocking_recv().unwrap().unwrap();
        std::fs::rename(dir.join("blobs"), dir.join("away")).unwrap();
        committer
    }

    fn ask(committer: &mut Committer, key: &str, condition: Condition) -> Result<u64, StoreError> {
        let (request, answer) = request(key, condition);
        committer.commit(std::iter::once(request));
        answer.blocking_recv().unwrap()
    }

    fn mended(committer: &mut Committer) -> bool {
        committer.outage = Some(Outage { at: Instant::now(), wait: Duration::ZERO });
        committer.try_to_mend();
        committer.outage.is_none()
    }

    #[test]
    fn while_the_disk_fails_everything_is_refused_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let mut committer = failing(dir.path());
        let mut told = committer.watchers.subscribe(Bucket::Meta);
        let error = ask(&mut committer, "a", Condition::Any).unwrap_err();
        assert!(matches!(&error, StoreError::Io(why) if why.contains("goes on by itself")), "{error}");
        assert_eq!(ask(&mut committer, "b", Condition::Any), Err(error.clone()));
        let read = committer.slot.ask(|database| database.get(Bucket::Meta, "before"));
        assert_eq!(read, Err(error), "what was refused is not read either");
        assert!(!mended(&mut committer));
        assert!(told.try_recv().is_err(), "nobody is told of what is not durable");
    }

    #[test]
    fn a_store_works_again_once_the_disk_does_and_what_was_refused_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let mut committer = failing(dir.path());
        for key in ["a", "before"] {
            ask(&mut committer, key, Condition::Any).unwrap_err();
        }
        std::fs::rename(dir.path().join("away"), dir.path().join("blobs")).unwrap();
        assert!(mended(&mut committer));
        let before = committer.slot.ask(|database| database.get(Bucket::Meta, "before")).unwrap().unwrap();
        assert_eq!(before.generation, 1);
        assert_eq!(committer.slot.ask(|database| database.get(Bucket::Meta, "a")).unwrap(), None);
        let next = ask(&mut committer, "a", Condition::Absent).unwrap();
        assert!(next > 2, "the number of a change that was refused is not given to another");
        let counted = committer.slot.ask(|database| Ok((database.last()?.1, database.count()?))).unwrap();
        assert_eq!(counted, (2, 2));
        drop(committer);
        super::super::open::open(dir.path()).unwrap();
    }
}
