//! A connector's configuration: text to text as it arrives, a struct of the author's as it is used.

mod de;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::descriptor::Descriptor;
use crate::failure::Problem;

/// A configuration as it arrives: all keys and values are text.
pub type ConfigMap = BTreeMap<String, String>;

/// Reads a configuration into a struct.
///
/// Numbers and booleans are parsed, a list is split at its commas, an `Option` is `None` where the key is not set or
/// empty, an enum is one of its variants' names. Keys that the struct does not have are ignored: among them are the
/// worker's own (`name`, `connector.class`, `tasks.max`, …).
///
/// ```
/// use serde::Deserialize;
/// use wharf_sdk::config::{ConfigMap, read};
///
/// #[derive(Debug, Deserialize)]
/// struct Config {
///     file: String,
///     #[serde(rename = "batch.size")]
///     batch_size: u32,
///     tags: Vec<String>,
/// }
///
/// let mut map = ConfigMap::from([("file", "a.txt"), ("batch.size", "10"), ("tags", "x, y")]
///     .map(|(key, value)| (key.to_owned(), value.to_owned())));
/// let config: Config = read(&map).unwrap();
/// assert_eq!((config.file.as_str(), config.batch_size, config.tags.len()), ("a.txt", 10, 2));
///
/// map.insert("batch.size".into(), "many".into());
/// assert_eq!(read::<Config>(&map).unwrap_err().key, "batch.size");
/// ```
///
/// # Errors
/// The first key that does not fit, and what to write.
pub fn read<T: DeserializeOwned>(config: &ConfigMap) -> Result<T, Problem> {
    de::from_map(config)
}

/// `config`, and the descriptor's default for each key that is not set.
pub(crate) fn with_defaults(descriptor: &Descriptor, mut config: ConfigMap) -> ConfigMap {
    for key in &descriptor.keys {
        if let Some(default) = &key.default
            && !config.contains_key(&key.name)
        {
            config.insert(key.name.clone(), default.clone());
        }
    }
    config
}
