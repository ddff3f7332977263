//! The gatekeeper: knows the file, follows it, and answers the API.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;
use wharf_core::access::{Credential, Gatekeeper, Principal, Role, Verdict};
use wharf_core::audit::{AuditEvent, Auditor, Change};

use super::file::AccessFile;
use super::password::{self, Remembered};
use super::token_digest;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Passwords that are verified at a time, and how long others wait for a place.
const VERIFYING: usize = 2;
const PATIENCE: Duration = Duration::from_secs(2);

/// What a worker was told of who may come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    /// `access.toml`, which need not be there.
    pub(crate) file: PathBuf,
    /// What a client certificate of a name that is not in the file may do, where such are accepted.
    pub(crate) certificates: Option<Role>,
    /// Whether nobody is asked as long as the file has no entry.
    pub(crate) may_be_open: bool,
}

/// See the module's page.
pub(crate) struct Keeper {
    door: Door,
    /// A worker that once asked who calls never stops asking.
    is_open: AtomicBool,
    known: RwLock<Arc<AccessFile>>,
    verifying: Semaphore,
    remembered: Remembered,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("door", &self.door).finish_non_exhaustive()
    }
}

/// What tells that the file was changed.
type Stamp = Option<(SystemTime, u64, u64)>;

fn stamp(path: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len(), about.ino()))
}

impl Keeper {
    /// Reads the file.
    pub(crate) fn new(door: Door) -> anyhow::Result<Self> {
        let known = AccessFile::read(&door.file)?.unwrap_or_default();
        warn_of_readers(&door.file);
        let is_open = door.may_be_open && known.entries.is_empty();
        Ok(Self {
            is_open: AtomicBool::new(is_open),
            known: RwLock::new(Arc::new(known)),
            verifying: Semaphore::new(VERIFYING),
            remembered: Remembered::new()?,
            door,
        })
    }

    fn known(&self) -> Arc<AccessFile> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the file again whenever it changes, for ever.
    pub(crate) async fn follow(self: Arc<Self>, auditor: Arc<dyn Auditor>) {
        let look = |keeper: &Arc<Self>| {
            let path = keeper.door.file.clone();
            tokio::task::spawn_blocking(move || stamp(&path))
        };
        let mut last = look(&self).await.unwrap_or_default();
        // It may have changed between the first reading and now.
        self.reload(&*auditor).await;
        loop {
            tokio::time::sleep(LOOK).await;
            let Ok(now) = look(&self).await else { return };
            if now != last {
                last = now;
                self.reload(&*auditor).await;
            }
        }
    }

    async fn reload(&self, auditor: &dyn Auditor) {
        let path = self.door.file.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || AccessFile::read(&path)).await else { return };
        match read {
            Ok(Some(file)) => self.take(file, auditor),
            Ok(None) if self.known().entries.is_empty() => {}
            Ok(None) => tracing::error!(
                file = %self.door.file.display(),
                "the file of tokens is gone; the last good one stays. To let nobody in, write an empty one"
            ),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the file of tokens is wrong; the last good one stays");
            }
        }
    }

    fn take(&self, file: AccessFile, auditor: &dyn Auditor) {
        let before = self.known();
        if *before == file {
            return;
        }
        if !file.entries.is_empty() {
            self.is_open.store(false, Relaxed);
        }
        let (old, new) = (told(&before), told(&file));
        tracing::info!(entries = file.entries.len(), "the file of tokens was read again");
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(file);
        let event = AuditEvent {
            code: "change.access.reload".to_owned(),
            connector: String::new(),
            task: None,
            plugin: String::new(),
            detail: format!("{} was read again", self.door.file.display()),
        };
        auditor.record_change(event, reload(&self.door.file, old, new));
    }
}

/// Only the worker's own user has business with it.
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let is_shared = std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 != 0);
    if is_shared {
        tracing::warn!(file = %path.display(), "others can read the file of tokens: `chmod 600` it");
    }
}

/// Who is in a file and what he may do; nothing of what he is known by, but whether that is the same.
fn told(file: &AccessFile) -> BTreeMap<String, Value> {
    let entry = |entry: &super::Entry| {
        let fingerprint = |text: String| token_digest(text).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let known_by: String = fingerprint(format!("{:?} {:?} {}", entry.token, entry.password, entry.certificate));
        let role = entry.principal.role().as_str();
        json!({"role": role, "connectors": entry.principal.connectors(), "known-by": known_by})
    };
    file.entries.iter().map(|it| (it.principal.name().to_owned(), entry(it))).collect()
}

fn reload(path: &Path, mut old: BTreeMap<String, Value>, mut new: BTreeMap<String, Value>) -> Change {
    let same: Vec<String> = old.iter().filter(|(name, it)| new.get(*name) == Some(it)).map(|it| it.0.clone()).collect();
    for name in same {
        old.remove(&name);
        new.remove(&name);
    }
    Change {
        who: "whoever wrote the file".to_owned(),
        from: String::new(),
        method: String::new(),
        path: path.display().to_string(),
        status: 0,
        before: Some(json!(old)),
        after: Some(json!(new)),
    }
}

#[async_trait]
impl Gatekeeper for Keeper {
    fn is_open(&self) -> bool {
        self.is_open.load(Relaxed)
    }

    fn recognise(&self, credential: &Credential) -> Option<Principal> {
        let known = self.known();
        match credential {
            Credential::Token(token) => {
                let sent = token_digest(token.as_bytes());
                let mut found = None;
                // All of them, whichever it is.
                for entry in &known.entries {
                    if entry.token.is_some_and(|kept| bool::from(kept.ct_eq(&sent))) {
                        found = Some(entry.principal.clone());
                    }
                }
                found
            }
            Credential::Password { user, password } => {
                let entry = known.find(user)?;
                let hash = entry.password.as_ref()?;
                let is_known = self.remembered.knows(user, password.as_bytes(), hash, Instant::now());
                is_known.then(|| entry.principal.clone())
            }
        }
    }

    async fn verify(&self, credential: &Credential) -> Verdict {
        let Credential::Password { user, password } = credential else {
            return self.recognise(credential).map_or(Verdict::Unknown, Verdict::Known);
        };
        let Ok(Ok(_place)) = tokio::time::timeout(PATIENCE, self.verifying.acquire()).await else {
            return Verdict::Busy;
        };
        // Somebody else may have sent the same while this one waited.
        if let Some(principal) = self.recognise(credential) {
            return Verdict::Known(principal);
        }
        let known = self.known();
        let entry = known.find(user).and_then(|entry| Some((entry.principal.clone(), entry.password.clone()?)));
        let hash = entry.as_ref().map_or_else(|| password::NOBODYS.to_owned(), |(_, hash)| hash.clone());
        let (secret, held) = (password.as_bytes().to_owned(), hash.clone());
        let verified = tokio::task::spawn_blocking(move || password::verify(&secret, &held)).await;
        match entry {
            Some((principal, _)) if verified.unwrap_or(false) => {
                self.remembered.remember(user, password.as_bytes(), &hash, Instant::now());
                Verdict::Known(principal)
            }
            _ => Verdict::Unknown,
        }
    }

    fn certificate(&self, common_name: &str) -> Option<Principal> {
        let known = self.known();
        match known.find(common_name).filter(|entry| entry.certificate) {
            Some(entry) => Some(entry.principal.clone()),
            None => self.door.certificates.map(|role| Principal::new(common_name, role, vec!["*".to_owned()])),
        }
    }
}

#[cfg(test)]
mod tests;
