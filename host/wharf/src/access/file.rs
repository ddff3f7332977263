//! `access.toml`: one entry for each token, user or client certificate.
//!
//! ```toml
//! [[entry]]
//! name = "ci"
//! role = "operate"                # read, operate or admin
//! connectors = ["pg-*"]           # default: ["*"]
//! token-sha256 = "9f86d081…"      # a token's SHA-256
//! password-argon2 = "$argon2id$…" # or a password
//! certificate = true              # or a client certificate with this common name
//! created = "2026-01-31T23:59:59Z"
//! ```
//!
//! It is written as a whole: beside it, to the disk, and then in its place, for its owner alone. Two commands that
//! write at the same time wait for each other.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use wharf_core::access::{Principal, Role};

use super::{TokenDigest, password};

const HEADER: &str = "\
# Who may use this worker's REST API. `wharf token` writes this file, and the worker reads it again when it changes.
";
/// A longer name is a slip of the pen.
const MOST_NAME: usize = 100;

/// The file as it was written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    entry: Vec<RawEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct RawEntry {
    name: String,
    role: String,
    connectors: Option<Vec<String>>,
    token_sha256: Option<String>,
    password_argon2: Option<String>,
    #[serde(default)]
    certificate: bool,
    #[serde(default)]
    created: String,
}

/// One entry, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The principal.
    pub(crate) principal: Principal,
    /// The SHA-256 of its token.
    pub(crate) token: Option<TokenDigest>,
    /// Its password, as argon2 writes it down.
    pub(crate) password: Option<String>,
    /// Whether a client certificate of this common name is its.
    pub(crate) certificate: bool,
    /// When it was made, for people.
    pub(crate) created: String,
}

/// All entries, of different names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AccessFile {
    pub(crate) entries: Vec<Entry>,
}

impl AccessFile {
    /// Reads the file; `None` where there is none.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("read `{}`", path.display())),
        };
        Self::parse(&text).map(Some).with_context(|| format!("read `{}`", path.display()))
    }

    /// Reads its text.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let raw: Raw = toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))?;
        let mut names = BTreeSet::new();
        let mut entries = Vec::with_capacity(raw.entry.len());
        for raw in raw.entry {
            let name = raw.name.clone();
            if !names.insert(name.clone()) {
                bail!("there are two entries `{name}`: give one another name");
            }
            entries.push(entry(raw).with_context(|| format!("take the entry `{name}`"))?);
        }
        Ok(Self { entries })
    }

    /// Its text.
    pub(crate) fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        for Entry { principal, token, password, certificate, created } in &self.entries {
            // Names and patterns hold no control characters, so JSON writes them as TOML does.
            let quoted = |text: &str| serde_json::Value::from(text).to_string();
            let patterns: Vec<String> = principal.connectors().iter().map(|pattern| quoted(pattern)).collect();
            let mut line = |key: &str, value: &str| {
                // Writing to a String cannot fail.
                writeln!(text, "{key} = {value}").ok();
            };
            line("\n[[entry]]\nname", &quoted(principal.name()));
            line("role", &quoted(principal.role().as_str()));
            line("connectors", &format!("[{}]", patterns.join(", ")));
            if let Some(token) = token {
                line("token-sha256", &quoted(&hex(token)));
            }
            if let Some(password) = password {
                line("password-argon2", &quoted(password));
            }
            if *certificate {
                line("certificate", "true");
            }
            if !created.is_empty() {
                line("created", &quoted(created));
            }
        }
        text
    }

    /// Changes the file, or makes it: nobody else changes it meanwhile.
    pub(crate) fn change<T>(path: &Path, change: impl FnOnce(&mut Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| format!("create the directory `{}`", folder.display()))?;
        let lock = File::open(folder).with_context(|| format!("open `{}`", folder.display()))?;
        flock(&lock, FlockOperation::LockExclusive).with_context(|| format!("lock `{}`", folder.display()))?;
        let mut file = Self::read(path)?.unwrap_or_default();
        let changed = change(&mut file)?;
        file.write(path, &lock).with_context(|| format!("write `{}`", path.display()))?;
        Ok(changed)
    }

    fn write(&self, path: &Path, folder: &File) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        // What a command that was killed left behind may have other rights.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        folder.sync_all()
    }

    /// The entry of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.principal.name() == name)
    }
}

fn entry(raw: RawEntry) -> anyhow::Result<Entry> {
    let RawEntry { name, role, connectors, token_sha256, password_argon2, certificate, created } = raw;
    check_name(&name).map_err(anyhow::Error::msg)?;
    let connectors = connectors.unwrap_or_else(|| vec!["*".to_owned()]);
    if connectors.is_empty() {
        bail!("`connectors` is empty: write [\"*\"] for all of them");
    }
    connectors.iter().try_for_each(|pattern| check_pattern(pattern)).map_err(anyhow::Error::msg)?;
    let token = match &token_sha256 {
        Some(text) => Some(unhex(text).context("`token-sha256` is no SHA-256: write its 64 hexadecimal digits")?),
        None => None,
    };
    if let Some(password) = &password_argon2 {
        password::check_hash(password)?;
    }
    if token.is_none() && password_argon2.is_none() && !certificate {
        bail!("there is nothing to know it by: write `token-sha256`, `password-argon2` or `certificate = true`");
    }
    let principal = Principal::new(name, role.parse::<Role>()?, connectors);
    Ok(Entry { principal, token, password: password_argon2, certificate, created })
}

/// Whether a principal may have this name: it stands in messages, in the audit, and before the colon of basic auth.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |char: char| !char.is_control() && char != ':' && char != '"' && char != '\\';
    if name.is_empty() || name.len() > MOST_NAME || name.trim() != name || !name.chars().all(is_plain) {
        return Err(format!("`{name}` cannot be a name: write up to {MOST_NAME} letters, digits, dots or dashes"));
    }
    Ok(())
}

/// Whether this may be a pattern of connectors' names.
pub(crate) fn check_pattern(pattern: &str) -> Result<(), String> {
    if pattern.is_empty() || pattern.chars().any(char::is_control) {
        return Err(
            "a pattern of connectors is a name, in which `*` stands for anything: write one like pg-*".to_owned()
        );
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<TokenDigest> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::token_digest;
    use super::*;

    fn refusal(text: &str) -> String {
        format!("{:#}", AccessFile::parse(text).unwrap_err())
    }

    fn entry_of(name: &str) -> Entry {
        Entry {
            principal: Principal::new(name, Role::Operate, vec!["pg-*".into(), "a \"b\" \\ ü".into()]),
            token: Some(token_digest(name)),
            password: Some(password::hash("correct horse").unwrap()),
            certificate: true,
            created: "2026-01-31T23:59:59Z".into(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = AccessFile { entries: vec![entry_of("a"), Entry { password: None, ..entry_of("b@c.example") }] };
        assert_eq!(AccessFile::parse(&file.text()).unwrap(), file);
        assert_eq!(AccessFile::parse(&AccessFile::default().text()).unwrap(), AccessFile::default());
    }

    #[test]
    fn a_short_entry_may_touch_all_connectors() {
        let text = "[[entry]]\nname = \"ann\"\nrole = \"read\"\ncertificate = true";
        let file = AccessFile::parse(text).unwrap();
        assert!(!file.find("ann").unwrap().principal.is_limited());
    }

    #[test]
    fn what_is_wrong_is_told_with_the_entry() {
        let with = |rest: &str| refusal(&format!("[[entry]]\nname = \"ann\"\n{rest}"));
        assert!(with("role = \"root\"\ncertificate = true").contains("take the entry `ann`: there is no role `root`"));
        assert!(with("role = \"read\"").contains("nothing to know it by"));
        assert!(with("role = \"read\"\ntoken-sha256 = \"abc\"").contains("64 hexadecimal digits"));
        assert!(with("role = \"read\"\npassword-argon2 = \"secret\"").contains("wharf token password"));
        assert!(with("role = \"read\"\nconnectors = []\ncertificate = true").contains("[\"*\"]"));
        assert!(with("role = \"read\"\npassword = \"x\"").contains("unknown field `password`"));
        let twice = "[[entry]]\nname = \"a\"\nrole = \"read\"\ncertificate = true\n".repeat(2);
        assert!(refusal(&twice).contains("two entries `a`"));
        assert!(refusal("[[entry]]\nname = \"a:b\"\nrole = \"read\"").contains("cannot be a name"));
    }

    #[test]
    fn the_file_is_its_owners_alone_and_a_change_that_fails_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/access.toml");
        assert_eq!(AccessFile::read(&path).unwrap(), None);
        AccessFile::change(&path, |file| {
            file.entries.push(entry_of("a"));
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let refused: anyhow::Result<()> = AccessFile::change(&path, |file| {
            file.entries.clear();
            bail!("no")
        });
        refused.unwrap_err();
        assert_eq!(AccessFile::read(&path).unwrap().unwrap().entries, [entry_with_same_password(&path)]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    }

    /// Each hash has its own salt.
    fn entry_with_same_password(path: &Path) -> Entry {
        let password = AccessFile::read(path).unwrap().unwrap().entries[0].password.clone();
        Entry { password, ..entry_of("a") }
    }

    #[test]
    fn changes_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.toml");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let entry = bare(&format!("n{number}"));
                    AccessFile::change(path, |file| {
                        file.entries.push(entry);
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(AccessFile::read(&path).unwrap().unwrap().entries.len(), 8);
    }

    fn bare(name: &str) -> Entry {
        Entry {
            principal: Principal::new(name, Role::Read, vec!["*".into()]),
            token: Some(token_digest(name)),
            password: None,
            certificate: false,
            created: String::new(),
        }
    }
}
