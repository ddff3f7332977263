//! The trees: reading, and one change set as one transaction.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use sled::transaction::{
    ConflictableTransactionError, TransactionError, TransactionalTree, UnabortableTransactionError,
};
use sled::{IVec, Transactional};

use super::value;
use crate::store::{Bucket, Change, StoreError, Versioned};

/// In the tree of our own: the generation of the last change, and how many values there are in all buckets.
const LAST: &[u8] = b"last";

/// What a key held before a change, to the byte; `None`: it was not there.
#[derive(Debug)]
pub(super) struct Before {
    bucket: Bucket,
    key: String,
    raw: Option<IVec>,
}

/// The trees of the buckets, as a transaction sees them.
struct Trees<'a> {
    connectors: &'a TransactionalTree,
    offsets: &'a TransactionalTree,
    meta: &'a TransactionalTree,
}

impl Trees<'_> {
    fn of(&self, bucket: Bucket) -> &TransactionalTree {
        match bucket {
            Bucket::Connectors => self.connectors,
            Bucket::Offsets => self.offsets,
            Bucket::Meta => self.meta,
        }
    }

    /// Puts a value, or its absence, in the place of what was there, which is the answer; `count` counts along.
    fn put(
        &self,
        bucket: Bucket,
        key: &str,
        raw: Option<IVec>,
        count: &mut u64,
    ) -> Result<Option<IVec>, UnabortableTransactionError> {
        let tree = self.of(bucket);
        let (old, after) = match raw {
            Some(raw) => (tree.insert(key, raw)?, 1),
            None => (tree.remove(key)?, 0),
        };
        // Wraps only where a damaged store has more values than it knows of, which opening refuses.
        *count = count.wrapping_add(after).wrapping_sub(u64::from(old.is_some()));
        Ok(old)
    }
}

/// The open database: one tree for each bucket and one of our own.
pub(super) struct Database {
    dir: PathBuf,
    db: sled::Db,
    connectors: sled::Tree,
    offsets: sled::Tree,
    meta: sled::Tree,
    /// What the store must remember of itself: its layout and its last generation.
    own: sled::Tree,
    /// Held for reading by `list`, which sled alone would let see one half of a change set.
    listing: RwLock<()>,
}

impl Database {
    /// Opens the trees, making those that are not there.
    pub(super) fn new(dir: &Path, db: sled::Db) -> sled::Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            connectors: db.open_tree("connectors")?,
            offsets: db.open_tree("offsets")?,
            meta: db.open_tree("meta")?,
            own: db.open_tree("wharf-store")?,
            db,
            listing: RwLock::new(()),
        })
    }

    /// The tree for what the store must remember of itself.
    pub(super) fn own(&self) -> &sled::Tree {
        &self.own
    }

    /// The last change: its generation, and how many values there were after it.
    pub(super) fn last(&self) -> Result<(u64, u64), StoreError> {
        self.decode_last(self.own.get(LAST).map_err(|error| self.failed("reading", &error))?)
    }

    /// Counts the values. Reads them all.
    pub(super) fn count(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        for tree in [&self.connectors, &self.offsets, &self.meta] {
            for entry in tree {
                entry.map_err(|error| self.failed("reading", &error))?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Hands what was changed to the operating system. Not yet durable: see [`super::durable`].
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(|error| self.failed("flushing", &error))
    }

    pub(super) fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Versioned>, StoreError> {
        let found = self.tree(bucket).get(key).map_err(|error| self.failed("reading", &error))?;
        found.map(|bytes| value::versioned(&bytes).map_err(|why| self.unreadable(key, &why))).transpose()
    }

    pub(super) fn list(&self, bucket: Bucket, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError> {
        let _listing = self.listing.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        for entry in self.tree(bucket).scan_prefix(prefix) {
            let (key, bytes) = entry.map_err(|error| self.failed("reading", &error))?;
            let key = String::from_utf8(key.to_vec())
                .map_err(|error| self.unreadable(&String::from_utf8_lossy(error.as_bytes()), "its key is not UTF-8"))?;
            let versioned = value::versioned(&bytes).map_err(|why| self.unreadable(&key, &why))?;
            found.push((key, versioned));
        }
        Ok(found)
    }

    /// Makes all changes or none, in memory and in sled's log, and answers with their generation. What was there before
    /// is added to `undo`, also when the disk fails in the middle.
    pub(super) fn change(&self, changes: &[Change], undo: &mut Vec<Before>) -> Result<u64, StoreError> {
        let before = RefCell::new(Vec::with_capacity(changes.len()));
        let _changing = self.listing.write().unwrap_or_else(PoisonError::into_inner);
        let trees = (&self.connectors, &self.offsets, &self.meta, &self.own);
        // A transaction over the trees, not a batch each: sled recovers the former as a whole. It runs once, since the
        // committer is the only writer.
        let result = trees.transaction(|(connectors, offsets, meta, own)| {
            let trees = Trees { connectors, offsets, meta };
            before.borrow_mut().clear();
            for change in changes {
                let now = match trees.of(change.bucket).get(&change.key)? {
                    Some(bytes) => {
                        Some(value::decode(&bytes).map_err(|why| abort(self.unreadable(&change.key, &why)))?.0)
                    }
                    None => None,
                };
                if !change.condition.holds(now) {
                    return Err(abort(StoreError::Conflict { key: change.key.clone() }));
                }
            }
            let (generation, mut count) = self.decode_last(own.get(LAST)?).map_err(abort)?;
            let generation = generation + 1;
            for change in changes {
                let raw = change.value.as_ref().map(|value| value::encode(generation, value).into());
                let raw = trees.put(change.bucket, &change.key, raw, &mut count)?;
                before.borrow_mut().push(Before { bucket: change.bucket, key: change.key.clone(), raw });
            }
            own.insert(LAST, value::encode(generation, &count.to_le_bytes()))?;
            Ok(generation)
        });
        match result {
            Ok(generation) => {
                undo.append(&mut before.into_inner());
                Ok(generation)
            }
            Err(TransactionError::Abort(error)) => Err(error),
            Err(TransactionError::Storage(error)) => {
                undo.append(&mut before.into_inner());
                Err(self.failed("changing", &error))
            }
        }
    }

    /// Takes changes back, the newest first, as far as they are there at all. Later changes get generations above `made`.
    pub(super) fn restore(&self, undo: &[Before], made: u64) -> Result<(), StoreError> {
        let trees = (&self.connectors, &self.offsets, &self.meta, &self.own);
        let result = trees.transaction(|(connectors, offsets, meta, own)| {
            let (generation, mut count) = self.decode_last(own.get(LAST)?).map_err(abort)?;
            let trees = Trees { connectors, offsets, meta };
            for Before { bucket, key, raw } in undo.iter().rev() {
                trees.put(*bucket, key, raw.clone(), &mut count)?;
            }
            own.insert(LAST, value::encode(generation.max(made), &count.to_le_bytes()))?;
            Ok(())
        });
        result.map_err(|error| match error {
            TransactionError::Abort(error) => error,
            TransactionError::Storage(error) => self.failed("changing", &error),
        })
    }

    fn tree(&self, bucket: Bucket) -> &sled::Tree {
        match bucket {
            Bucket::Connectors => &self.connectors,
            Bucket::Offsets => &self.offsets,
            Bucket::Meta => &self.meta,
        }
    }

    fn decode_last(&self, bytes: Option<IVec>) -> Result<(u64, u64), StoreError> {
        bytes.map_or(Ok((0, 0)), |bytes| last(&bytes)).map_err(|why| self.unreadable("last", &why))
    }

    fn failed(&self, doing: &str, error: &sled::Error) -> StoreError {
        match error {
            sled::Error::Corruption { .. } => super::open::damaged(&self.dir.display().to_string(), &error.to_string()),
            sled::Error::Io(error) => super::trouble::failed(doing, &self.dir, error),
            _ => super::trouble::failed(doing, &self.dir, &std::io::Error::other(error.to_string())),
        }
    }

    fn unreadable(&self, key: &str, why: &str) -> StoreError {
        StoreError::Unreadable(format!(
            "cannot read the value of `{}` in the store in {}: {why}; use the version of wharf that wrote it, or put \
             back a backup of that directory",
            key.escape_debug(),
            self.dir.display()
        ))
    }
}

fn last(bytes: &[u8]) -> Result<(u64, u64), String> {
    let (generation, count) = value::decode(bytes)?;
    let count = count.try_into().map_err(|_| "it is cut short".to_owned())?;
    Ok((generation, u64::from_le_bytes(count)))
}

fn abort(error: StoreError) -> ConflictableTransactionError<StoreError> {
    ConflictableTransactionError::Abort(error)
}
