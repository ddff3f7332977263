//! What is written down of plugins: one file for each digest, so that what was approved are bytes and never a path.
//!
//! `<dir>/<sha256>.json`, written aside, synced and renamed, the directory synced behind it. A file that cannot be read
//! is never taken for one that is not there: the plugin with that digest is refused until an operator has looked.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};
use wharf_core::plugin::{LoadError, SignatureState};

/// The version of the format that is written.
const FORMAT: u32 = 1;
/// A record has less than a tenth of it.
const MAX_BYTES: u64 = 256 << 10;

/// What is known of the bytes with one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Record {
    pub(crate) format: u32,
    pub(crate) name: String,
    pub(crate) version: String,
    /// Other names for `connector.class`, for messages about bytes that are not loaded any more.
    #[serde(default)]
    pub(crate) aliases: Vec<String>,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    /// `drop-in`, `upload`, or a URL.
    pub(crate) origin: String,
    /// As it was when the record was written.
    pub(crate) signature: SignatureState,
    /// What it imports: what was granted with the approval.
    pub(crate) imports: Vec<String>,
    /// Milliseconds since 1970.
    pub(crate) recorded_at: i64,
    /// Milliseconds since 1970; `None`: no operator installed or approved it.
    pub(crate) approved_at: Option<i64>,
}

impl Record {
    /// Of bytes that are seen for the first time.
    pub(crate) fn new(name: &str, version: &str, sha256: &str, now: i64) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            version: version.to_owned(),
            aliases: Vec::new(),
            sha256: sha256.to_owned(),
            size: 0,
            origin: "drop-in".to_owned(),
            signature: SignatureState::Unsigned,
            imports: Vec::new(),
            recorded_at: now,
            approved_at: None,
        }
    }

    pub(crate) fn is_of(&self, name: &str, version: &str) -> bool {
        self.name == name && self.version == version
    }
}

/// All records.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// `None`: nothing is kept beyond this process.
    dir: Option<PathBuf>,
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// By digest.
    sound: BTreeMap<String, Record>,
    /// By the stem of the file's name, which is a digest unless somebody put it there: what is wrong.
    damaged: BTreeMap<String, String>,
}

impl Records {
    /// Reads all records in `dir`, which is made for this user alone where it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made or listed. A record that cannot be read is no error here.
    pub(crate) fn open(dir: PathBuf) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
        let mut held = Held::default();
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                // What a crash left half written was never a record.
                Some("tmp") => fs::remove_file(&path)?,
                Some("json") => match read(&path) {
                    Ok(record) => drop(held.sound.insert(record.sha256.clone(), record)),
                    Err(reason) => {
                        tracing::error!(file = %path.display(), reason, "a plugin's record is damaged; the plugin is refused");
                        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                        held.damaged.insert(stem, reason);
                    }
                },
                _ => {}
            }
        }
        Ok(Self { dir: Some(dir), held: RwLock::new(held) })
    }

    fn held(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_mut(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get(&self, sha256: &str) -> Option<Record> {
        self.held().sound.get(sha256).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Record> {
        self.held().sound.values().cloned().collect()
    }

    /// Files that are no records, by path, and why.
    pub(crate) fn damaged(&self) -> Vec<(PathBuf, String)> {
        let dir = self.dir.clone().unwrap_or_default();
        let held = self.held();
        held.damaged.iter().map(|(stem, reason)| (dir.join(format!("{stem}.json")), reason.clone())).collect()
    }

    /// Whether there is a record, sound or not.
    pub(crate) fn knows(&self, sha256: &str) -> bool {
        let held = self.held();
        held.sound.contains_key(sha256) || held.damaged.contains_key(sha256)
    }

    pub(crate) fn any(&self, is_it: impl Fn(&Record) -> bool) -> bool {
        self.held().sound.values().any(is_it)
    }

    /// Whether the bytes with this digest may run as this plugin, as far as approvals go.
    pub(crate) fn judge(&self, name: &str, version: &str, sha256: &str, required: bool) -> Result<(), LoadError> {
        let held = self.held();
        if let Some(reason) = held.damaged.get(sha256) {
            let file = self.dir.clone().unwrap_or_default().join(format!("{sha256}.json"));
            let message = format!(
                "the record of {name}@{version} is damaged ({reason}): bring {} back from a backup, or look at the plugin and \
                 approve it again with `wharf plugin approve {name}@{version}`",
                file.display()
            );
            return Err(LoadError { code: "RECORD_DAMAGED", message });
        }
        if held.sound.get(sha256).is_some_and(|record| record.approved_at.is_some()) {
            return Ok(());
        }
        let approved = |record: &&Record| record.approved_at.is_some() && record.is_of(name, version);
        let hint = format!("look at it with `wharf plugin inspect`, then run `wharf plugin approve {name}@{version}`");
        if let Some(other) = held.sound.values().find(approved) {
            let short = other.sha256.get(..12).unwrap_or_default();
            let message = format!(
                "{name}@{version} was approved with other bytes (SHA-256 {short}…), and this file was changed since or put \
                 there by somebody else: {hint}, or install the approved bytes again"
            );
            return Err(LoadError { code: "NOT_APPROVED", message });
        }
        if required {
            let message = format!("{name}@{version} waits for an approval (`require-approval` in [plugins]): {hint}");
            return Err(LoadError { code: "NOT_APPROVED", message });
        }
        Ok(())
    }

    /// Keeps a record, durably where there is a directory. What was damaged is replaced by it.
    ///
    /// # Errors
    /// When it cannot be written; then what was there before stands.
    pub(crate) fn put(&self, record: Record) -> io::Result<()> {
        let mut held = self.held_mut();
        if let Some(dir) = &self.dir {
            write(dir, &record)?;
        }
        held.damaged.remove(&record.sha256);
        held.sound.insert(record.sha256.clone(), record);
        Ok(())
    }

    /// Forgets the records of digests that `gone` says are gone.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub(crate) fn remove(&self, gone: impl Fn(&Record) -> bool) -> io::Result<()> {
        let mut held = self.held_mut();
        let digests: Vec<String> =
            held.sound.values().filter(|record| gone(record)).map(|record| record.sha256.clone()).collect();
        for sha256 in digests {
            if let Some(dir) = &self.dir {
                match fs::remove_file(dir.join(format!("{sha256}.json"))) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => File::open(dir)?.sync_all()?,
                }
            }
            held.sound.remove(&sha256);
        }
        Ok(())
    }

    /// Leaves only `keep` approved among the bytes of this plugin.
    ///
    /// # Errors
    /// When a record cannot be written.
    pub(crate) fn withdraw_others(&self, name: &str, version: &str, keep: &str) -> io::Result<()> {
        let others =
            |record: &Record| record.is_of(name, version) && record.sha256 != keep && record.approved_at.is_some();
        for record in self.all().into_iter().filter(others) {
            self.put(Record { approved_at: None, ..record })?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Record, String> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if metadata.len() > MAX_BYTES {
        return Err(format!("it has {} bytes", metadata.len()));
    }
    let text = fs::read(path).map_err(|error| error.to_string())?;
    let versioned: Versioned = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    if versioned.format != FORMAT {
        return Err(format!("it is of format {}, and this version of Wharf knows {FORMAT}", versioned.format));
    }
    let record: Record = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
    match path.file_stem().and_then(|stem| stem.to_str()) {
        Some(stem) if stem == record.sha256 => Ok(record),
        _ => Err(format!("it is the record of {}", record.sha256)),
    }
}

fn write(dir: &Path, record: &Record) -> io::Result<()> {
    let aside = dir.join(format!("{}.tmp", record.sha256));
    let written = (|| {
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
        file.write_all(&serde_json::to_vec_pretty(record)?)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&aside, dir.join(format!("{}.json", record.sha256)))?;
        File::open(dir)?.sync_all()
    })();
    if written.is_err() {
        // Best effort: what failed is reported already.
        drop(fs::remove_file(&aside));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaa";
    const B: &str = "bbbb";

    fn approved(sha256: &str) -> Record {
        Record { approved_at: Some(2), ..Record::new("x", "1.0.0", sha256, 1) }
    }

    fn judge(records: &Records, sha256: &str, required: bool) -> Result<(), &'static str> {
        records.judge("x", "1.0.0", sha256, required).map_err(|error| error.code)
    }

    #[test]
    fn an_approval_is_of_bytes_and_outlives_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().join("records")).unwrap();
        records.put(approved(A)).unwrap();
        let again = Records::open(dir.path().join("records")).unwrap();
        assert_eq!(again.all(), [approved(A)]);
        assert_eq!((judge(&again, A, true), judge(&again, B, false)), (Ok(()), Err("NOT_APPROVED")));
        assert_eq!(again.judge("x", "1.0.1", B, false), Ok(()));
        assert_eq!(again.judge("y", "1.0.0", B, true).unwrap_err().code, "NOT_APPROVED");
    }

    #[test]
    fn approving_other_bytes_withdraws_the_first_approval() {
        let records = Records::default();
        records.put(approved(A)).unwrap();
        records.put(approved(B)).unwrap();
        records.withdraw_others("x", "1.0.0", B).unwrap();
        assert_eq!((judge(&records, A, false), judge(&records, B, false)), (Err("NOT_APPROVED"), Ok(())));
    }

    #[test]
    fn a_damaged_record_is_told_and_never_taken_for_none() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().to_owned()).unwrap();
        records.put(approved(A)).unwrap();
        let path = dir.path().join(format!("{A}.json"));
        let whole = fs::read_to_string(&path).unwrap();
        let later = whole.replace("\"format\": 1", "\"format\": 2");
        let other = whole.replace(A, B);
        for damaged in ["", "{", "null", whole.split_at(whole.len() / 2).0, &later, &other] {
            fs::write(&path, damaged).unwrap();
            let records = Records::open(dir.path().to_owned()).unwrap();
            assert_eq!(judge(&records, A, false), Err("RECORD_DAMAGED"), "{damaged:?}");
            assert_eq!(records.damaged().len(), 1);
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged, "it is left as it was found");
        }
        let records = Records::open(dir.path().to_owned()).unwrap();
        records.put(approved(A)).unwrap();
        assert_eq!((judge(&records, A, true), records.damaged().len()), (Ok(()), 0));
    }

    #[test]
    fn what_a_crash_left_half_written_goes() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("aaaa.tmp"), "{").unwrap();
        assert!(Records::open(dir.path().to_owned()).unwrap().all().is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn records_of_what_is_gone_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().to_owned()).unwrap();
        records.put(approved(A)).unwrap();
        records.put(approved(B)).unwrap();
        records.remove(|record| record.sha256 == A).unwrap();
        assert_eq!(Records::open(dir.path().to_owned()).unwrap().all(), [approved(B)]);
    }
}
