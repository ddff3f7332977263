//! Installing: every check in its order, each with its own code, and nothing in the plugins directory before the last.
//!
//! | check | refused with |
//! |---|---|
//! | a URL is https and of an allowed host | `BAD_URL`, `HOST_DENIED`, `DOWNLOAD_FAILED` |
//! | not too large | `TOO_LARGE` |
//! | the digest is the one that was given | `CORRUPT` |
//! | these bytes are not revoked, their signature is good | `REVOKED`, `BAD_SIGNATURE`, `UNSIGNED`, `IDENTITY_MISMATCH` |
//! | it is a component that fits, asks for nothing unknown, and compiles within limits | the loader's |
//! | its name and version can be a file's | `BAD_NAME`, `BAD_VERSION` |
//! | this name and version may run, by this publisher | `REVOKED`, `UNSIGNED`, `IDENTITY_MISMATCH` |
//! | no other bytes of that name and version are there | `EXISTS` |
//! | it can be written | `NOT_STORED` |

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::plugin::{InstallRequest, InstallSource, Installed, LoadError, Plugin, PluginRefusal, SignatureState};

use crate::fetch::FetchError;
use crate::records::Record;
use crate::registry::{Registry, now_millis};
use crate::{examine, policy, scan, signature, snapshot, staging, version};

const NAME_BYTES: usize = 64;

/// What passed every check that needs no directory.
struct Checked {
    bytes: Bytes,
    sha256: String,
    signature: Option<String>,
    state: SignatureState,
    plugin: Arc<dyn Plugin>,
    origin: String,
}

impl Registry {
    /// Only one at a time may run.
    pub(crate) async fn install_now(&self, request: InstallRequest) -> Result<Installed, PluginRefusal> {
        let replace = request.replace;
        let checked = self.checked(request).await?;
        let id = checked.plugin.id();
        self.look().await;
        let before = self.snapshot();
        let same: Vec<_> = before.seen().iter().filter(|seen| seen.is_of(&id.name, &id.version)).collect();
        if let Some(there) = same.iter().find(|seen| seen.has(&checked.sha256)) {
            return self.approve_there(&checked, &there.path).await;
        }
        if let (Some(other), false) = (same.first(), replace) {
            let short = other.facts.as_ref().and_then(|facts| facts.sha256.get(..12)).unwrap_or_default();
            return Err(PluginRefusal::new(
                "EXISTS",
                format!(
                    "{id} is installed with other bytes (SHA-256 {short}…, {}): give the new build another version, or replace \
                     it with --replace",
                    snapshot::name_of(&other.path)
                ),
            ));
        }
        let file = format!("{}-{}.wasm", id.name, id.version);
        let target = self.dir().join(&file);
        let holder = before.seen().iter().find(|seen| seen.path == target && !seen.is_of(&id.name, &id.version));
        if let (Some(holder), false) = (holder, replace) {
            let what = if holder.plugin.is_some() { holder.id() } else { "something that is no plugin".to_owned() };
            return Err(PluginRefusal::new(
                "EXISTS",
                format!("the file {file} is there already and holds {what}: remove it, or replace it with --replace"),
            ));
        }
        let outdated: Vec<PathBuf> = same.iter().map(|seen| seen.path.clone()).filter(|path| *path != target).collect();
        self.put(&checked, file, outdated).await?;
        self.shown(&checked.sha256).await
    }

    async fn checked(&self, request: InstallRequest) -> Result<Checked, PluginRefusal> {
        let InstallRequest { source, sha256: expected, mut signature, .. } = request;
        let expected = match expected.as_deref().map(|text| (text, policy::digest(text))) {
            Some((text, None)) => {
                let message = format!("{text:?} is no SHA-256: write 64 hexadecimal digits");
                return Err(PluginRefusal::new("BAD_DIGEST", message));
            }
            expected => expected.and_then(|(_, digest)| digest),
        };
        let max = self.options.max_file_bytes;
        let (bytes, origin) = match source {
            InstallSource::Bytes(bytes) => (bytes, "upload".to_owned()),
            InstallSource::Url(url) => {
                let bytes = self.fetch(&url, max).await?.ok_or_else(|| download_failed(&url, &FetchError::NotFound))?;
                if signature.is_none() {
                    signature = self.fetch_signature(&url).await?;
                }
                (bytes, url)
            }
        };
        if bytes.len() as u64 > max {
            return Err(scan::too_large(bytes.len() as u64, max).into());
        }
        let sha256 = scan::sha256(&bytes);
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            let message = format!(
                "the bytes that arrived have the SHA-256 {sha256}, and {expected} was asked for: the file was changed or cut on \
                 its way, or it is another one; get it again"
            );
            return Err(PluginRefusal::new("CORRUPT", message));
        }
        let policy = &self.options.policy;
        let state = match &signature {
            Some(text) if text.len() as u64 > signature::MAX_BYTES => {
                SignatureState::Bad { reason: "it is too large for a minisign signature".to_owned() }
            }
            signature => signature::check(&bytes, signature.as_deref(), &policy.publishers),
        };
        policy.before_load(&sha256, &state)?;
        let plugin = examine::load(&self.loader, bytes.clone()).await?;
        check_name(plugin.as_ref())?;
        let id = plugin.id();
        policy.judge(&id.name, &id.version, &sha256, &state)?;
        Ok(Checked { bytes, sha256, signature, state, plugin, origin })
    }

    /// `None`: the server has nothing there.
    async fn fetch(&self, url: &str, max: u64) -> Result<Option<Bytes>, PluginRefusal> {
        self.options.policy.check_url(url)?;
        let Some(fetch) = &self.options.fetch else {
            let message = "this worker downloads nothing: download the file and install it";
            return Err(PluginRefusal::new("DOWNLOAD_FAILED", message));
        };
        match fetch.fetch(url, max).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(FetchError::NotFound) => Ok(None),
            Err(FetchError::TooLarge(max)) => Err(PluginRefusal::new(
                "TOO_LARGE",
                format!("{url} has more than the {max} bytes that it may have (`max-bytes` in [plugins])"),
            )),
            Err(error) => Err(download_failed(url, &error)),
        }
    }

    /// The signature beside a URL. That it cannot be fetched is an error; that there is none is not.
    async fn fetch_signature(&self, url: &str) -> Result<Option<String>, PluginRefusal> {
        let Ok(mut beside) = url::Url::parse(url) else { return Ok(None) };
        let path = format!("{}.{}", beside.path(), signature::SUFFIX);
        beside.set_path(&path);
        let bytes = self.fetch(beside.as_str(), signature::MAX_BYTES).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The bytes are in the directory already, maybe dropped in: they are approved now, and signed where they were not.
    async fn approve_there(&self, checked: &Checked, path: &std::path::Path) -> Result<Installed, PluginRefusal> {
        self.write_record(checked).await?;
        if let Some(text) = checked.signature.clone() {
            let (dir, file) = (self.dir().to_owned(), snapshot::name_of(path));
            self.blocking(move || staging::place_signature(&dir, &file, &text)).await?;
        }
        self.withdraw_others(checked).await?;
        self.shown(&checked.sha256).await
    }

    /// First the record, so that what is in the directory is approved at every moment; then the file; then what it
    /// replaces goes.
    async fn put(&self, checked: &Checked, file: String, outdated: Vec<PathBuf>) -> Result<(), PluginRefusal> {
        self.write_record(checked).await?;
        let (dir, bytes, signature) = (self.dir().to_owned(), checked.bytes.clone(), checked.signature.clone());
        {
            // No look at the directory sees the file without its signature.
            let _files = self.files.lock().await;
            self.blocking(move || {
                staging::place(&dir, &file, &bytes, signature.as_deref())?;
                staging::take_out(&dir, &outdated)
            })
            .await?;
        }
        self.withdraw_others(checked).await
    }

    async fn write_record(&self, checked: &Checked) -> Result<(), PluginRefusal> {
        let (id, now) = (checked.plugin.id(), now_millis());
        let new = || Record::new(&id.name, &id.version, &checked.sha256, now);
        let record = Record {
            aliases: checked.plugin.descriptor().aliases.clone(),
            size: checked.bytes.len() as u64,
            origin: checked.origin.clone(),
            signature: checked.state.clone(),
            imports: checked.plugin.facts().imports,
            approved_at: Some(now),
            ..self.records.get(&checked.sha256).unwrap_or_else(new)
        };
        let records = Arc::clone(&self.records);
        self.blocking(move || records.put(record)).await
    }

    async fn withdraw_others(&self, checked: &Checked) -> Result<(), PluginRefusal> {
        let (records, id, sha256) = (Arc::clone(&self.records), checked.plugin.id().clone(), checked.sha256.clone());
        self.blocking(move || records.withdraw_others(&id.name, &id.version, &sha256)).await
    }

    /// What has become of the bytes, after another look at the directory.
    async fn shown(&self, sha256: &str) -> Result<Installed, PluginRefusal> {
        self.look().await;
        let snapshot = self.snapshot();
        let there = snapshot.seen().iter().find(|seen| seen.has(sha256) && seen.refusal.is_none());
        match there.or_else(|| snapshot.seen().iter().find(|seen| seen.has(sha256))) {
            Some(seen) => match &seen.refusal {
                None => Ok(self.describe(seen)),
                Some(refusal) => Err(refusal.clone().into()),
            },
            None => {
                Err(PluginRefusal::new("NOT_STORED", "the file is gone from the plugins directory: install it again"))
            }
        }
    }
}

fn download_failed(url: &str, error: &FetchError) -> PluginRefusal {
    PluginRefusal::new(
        "DOWNLOAD_FAILED",
        format!("{url} could not be fetched: {error}; check the URL, or install a file"),
    )
}

/// Names go into file names: whatever the loader lets pass, they lead nowhere.
fn check_name(plugin: &dyn Plugin) -> Result<(), LoadError> {
    let id = plugin.id();
    let is_plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    if id.name.is_empty() || id.name.len() > NAME_BYTES || !id.name.chars().all(is_plain) || id.name.starts_with('-') {
        let message = format!(
            "the plugin calls itself {:?}: a name has lower-case letters, digits and hyphens, at most {NAME_BYTES}",
            id.name
        );
        return Err(LoadError { code: "BAD_NAME", message });
    }
    let is_version = |char: char| char.is_ascii_alphanumeric() || ".-+".contains(char);
    if version::parse(&id.version).is_none() || id.version.len() > NAME_BYTES || !id.version.chars().all(is_version) {
        return Err(snapshot::bad_version(plugin));
    }
    Ok(())
}
