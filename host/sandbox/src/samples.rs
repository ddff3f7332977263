//! Descriptors and configurations for unit tests.

use wharf_core::plugin::{ConfigKey, Importance, Kind, ValueType, Width};
use wharf_core::{Config, Descriptor};

/// A source with these keys: name, type, default.
pub(crate) fn descriptor(keys: &[(&str, ValueType, Option<&str>)]) -> Descriptor {
    let key = |&(name, value_type, default): &(&str, ValueType, Option<&str>)| ConfigKey {
        name: name.into(),
        value_type,
        required: false,
        default: default.map(Into::into),
        importance: Importance::High,
        documentation: String::new(),
        group: String::new(),
        order: 0,
        width: Width::None,
        display_name: String::new(),
        dependents: vec![],
        allowed: vec![],
    };
    Descriptor {
        name: "x".into(),
        version: "1.0.0".into(),
        kind: Kind::Source,
        summary: String::new(),
        documentation: String::new(),
        aliases: vec![],
        keys: keys.iter().map(key).collect(),
    }
}

pub(crate) fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
