//! A store that works, or the reason why it does not; and what an operator is told then.
//!
//! sled keeps the first error of its disk and refuses everything from then on, and may panic where it did not expect one.
//! So after any failure the database is dropped. The committer opens it again, from time to time, until that works.

use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use super::database::Database;
use crate::store::StoreError;

/// The database, or why there is none for now.
pub(super) struct Slot(RwLock<Result<Database, StoreError>>);

impl Slot {
    pub(super) fn new(database: Database) -> Self {
        Self(RwLock::new(Ok(database)))
    }

    /// Asks the database, or answers why there is none.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Ok(database) => question(database),
            Err(error) => Err(error.clone()),
        }
    }

    /// Why there is no database.
    pub(super) fn trouble(&self) -> Option<StoreError> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().err().cloned()
    }

    /// Waits for who is asking, then puts something else in its place. What was there before is dropped.
    pub(super) fn set(&self, content: Result<Database, StoreError>) {
        let before = std::mem::replace(&mut *self.0.write().unwrap_or_else(PoisonError::into_inner), content);
        // sled panics where it cannot sync its file at the end.
        if catch_unwind(AssertUnwindSafe(|| drop(before))).is_err() {
            tracing::debug!("sled gave up while its database was closed");
        }
    }
}

/// Runs what sled may panic in.
pub(super) fn guarded<T>(dir: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(failed("using", dir, &io::Error::other("sled gave up, see the log"))))
}

/// The error for a disk that fails.
pub(super) fn failed(doing: &str, dir: &Path, error: &io::Error) -> StoreError {
    let why = match error.kind() {
        ErrorKind::StorageFull => "the disk is full: free space".to_owned(),
        ErrorKind::QuotaExceeded => "the disk quota is used up: free space".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the disk is read-only: mount it for writing again".to_owned(),
        _ => format!("{error}; see to the disk"),
    };
    StoreError::Io(format!("{doing} the store in {} failed: {why}", dir.display()))
}

/// The error for who asks while a store that was open has failed.
pub(super) fn for_now(error: &StoreError) -> StoreError {
    match error {
        StoreError::Io(why) => StoreError::Io(format!("{why}; the store goes on by itself once that is done")),
        other => other.clone(),
    }
}
