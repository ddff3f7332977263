//! What is stored of one connector, and its form in JSON.
//!
//! ```json
//! {"format":2,"name":"c","target":"RUNNING","version":2,"at":"…","by":"…",
//!  "config":{"topic":"t","password":{"sealed":"…"}},
//!  "history":[{"version":1,"at":"…","by":"…","config":{…}}]}
//! ```
//!
//! Format 1 had neither versions nor sealed values. Values stay sealed but where a configuration is asked for, so that a
//! change of the target state needs no key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wharf_core::config::Config;
use wharf_core::secret::HIDDEN;
use wharf_core::state::TargetState;

use crate::accepted::{Accepted, ConfigVersion};
use crate::seal::{Opened, Sealer, open};
use crate::store::StoreError;

/// The format of a stored connector. A later version that cannot be read by this one counts it up.
const FORMAT: u64 = 2;
/// Without versions and sealed values; still read.
const FIRST_FORMAT: u64 = 1;
/// Older versions are dropped where all of them together take more bytes.
const HISTORY_BYTES: usize = 1 << 20;

/// A configuration whose secrets are sealed.
pub(crate) type SealedConfig = BTreeMap<String, Value>;

/// A version as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default = "first")]
    pub(crate) version: u64,
    #[serde(default)]
    pub(crate) at: String,
    #[serde(default)]
    pub(crate) by: String,
    pub(crate) config: SealedConfig,
}

fn first() -> u64 {
    1
}

/// What is stored of a connector beside its name.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) now: Kept,
    pub(crate) target: TargetState,
    /// The versions before, newest first.
    pub(crate) history: Vec<Kept>,
    /// Fields that this version does not know.
    pub(crate) other: Map<String, Value>,
}

impl Stored {
    pub(crate) fn text(&self, name: &str) -> String {
        let mut object = self.other.clone();
        let Kept { version, at, by, config } = &self.now;
        object.insert("format".to_owned(), json!(FORMAT));
        object.insert("name".to_owned(), json!(name));
        object.insert("version".to_owned(), json!(version));
        object.insert("at".to_owned(), json!(at));
        object.insert("by".to_owned(), json!(by));
        object.insert("config".to_owned(), json!(config));
        object.insert("target".to_owned(), json!(self.target.as_str()));
        object.insert("history".to_owned(), json!(self.history));
        Value::Object(object).to_string()
    }

    /// Reads a stored connector field by field rather than through a struct, so that what is not known is kept.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        let mut other: Map<String, Value> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match other.remove("format") {
            Some(format) if format == json!(FORMAT) || format == json!(FIRST_FORMAT) => {}
            Some(format) => return Err(format!("it has format {format}, this version knows {FORMAT}")),
            None => return Err("it has no `format`".to_owned()),
        }
        other.remove("name");
        let target = other.remove("target").ok_or("it has no `target`")?;
        let target = serde_json::from_value(target).map_err(|error| format!("its `target`: {error}"))?;
        let mut now = Map::new();
        for field in ["version", "at", "by", "config"] {
            now.extend(other.remove(field).map(|value| (field.to_owned(), value)));
        }
        if !now.contains_key("config") {
            return Err("it has no `config`".to_owned());
        }
        let now = serde_json::from_value(Value::Object(now)).map_err(|error| format!("its `config`: {error}"))?;
        let history = other.remove("history").unwrap_or_else(|| json!([]));
        let history = serde_json::from_value(history).map_err(|error| format!("its `history`: {error}"))?;
        Ok(Self { now, target, history, other })
    }

    /// Makes `accepted` the configuration, as a version of its own where it is another one, and drops what is too old.
    pub(crate) fn accept(
        &mut self,
        sealer: Option<&Sealer>,
        name: &str,
        accepted: &Accepted,
        keep: usize,
    ) -> Result<(), StoreError> {
        let config = seal(sealer, name, accepted)?;
        let is_same = opened(sealer, name, &self.now).is_ok_and(|now| now.config == accepted.config);
        if is_same && !accepted.is_rollback {
            // Sealed anew: it may have been stored before values were.
            self.now.config = config;
            return Ok(());
        }
        let next = Kept {
            version: self.now.version.saturating_add(1),
            at: accepted.at.clone(),
            by: accepted.by.clone().unwrap_or_default(),
            config,
        };
        self.history.insert(0, std::mem::replace(&mut self.now, next));
        self.history.truncate(keep.saturating_sub(1));
        let mut bytes = 0;
        let fits = self.history.iter().take_while(|kept| {
            bytes += json!(kept).to_string().len();
            bytes <= HISTORY_BYTES
        });
        let fits = fits.count();
        self.history.truncate(fits);
        Ok(())
    }
}

/// The first version of a connector.
pub(crate) fn first_version(sealer: Option<&Sealer>, name: &str, accepted: &Accepted) -> Result<Kept, StoreError> {
    let config = seal(sealer, name, accepted)?;
    Ok(Kept { version: 1, at: accepted.at.clone(), by: accepted.by.clone().unwrap_or_default(), config })
}

fn seal(sealer: Option<&Sealer>, name: &str, accepted: &Accepted) -> Result<SealedConfig, StoreError> {
    let sealed = accepted.config.iter().map(|(key, text)| match sealer {
        Some(sealer) if accepted.secret.contains(key) => Ok((key.clone(), sealer.seal(name, key, text)?)),
        _ => Ok((key.clone(), json!(text))),
    });
    sealed.collect()
}

/// A version with its sealed values opened, where they can be.
pub(crate) fn opened(sealer: Option<&Sealer>, name: &str, kept: &Kept) -> Result<ConfigVersion, String> {
    let (mut config, mut sealed, mut lost) = (Config::new(), BTreeSet::new(), BTreeSet::new());
    for (key, value) in &kept.config {
        let text = match open(sealer, name, key, value)? {
            Opened::Plain(text) => text,
            Opened::Sealed(text) => {
                sealed.insert(key.clone());
                text
            }
            Opened::Lost => {
                sealed.insert(key.clone());
                lost.insert(key.clone());
                HIDDEN.to_owned()
            }
        };
        config.insert(key.clone(), text);
    }
    Ok(ConfigVersion { version: kept.version, at: kept.at.clone(), by: kept.by.clone(), config, sealed, lost })
}
