//! What a plugin makes of a configuration when it splits the work.
//!
//! Capabilities come from a task's configuration, and it is the plugin that writes it. So it is held against the
//! connector's, which people wrote: a task may be given less, never more and nothing else.

use std::path::{Component, Path};

use wharf_core::config::{TLS_CA_FILE, TLS_CERTIFICATE_FILE, TLS_KEY_FILE};
use wharf_core::plugin::{ConfigKey, ValueType};
use wharf_core::{Config, Descriptor};

/// The tasks as they may be: keys that grant something are what `config` says, or a part of it; the worker's own are
/// what it says, whatever the plugin left of them.
///
/// # Errors
/// With the key that names something else.
pub(crate) fn within(descriptor: &Descriptor, config: &Config, mut tasks: Vec<Config>) -> Result<Vec<Config>, String> {
    for task in &mut tasks {
        for key in &descriptor.keys {
            let Some(value) = task.get(&key.name).filter(|value| !value.trim().is_empty()) else { continue };
            if !is_within(key, config, value) {
                return Err(format!(
                    "it gives a task another {} than the connector's configuration names: hand it on as it is",
                    key.name
                ));
            }
        }
        for key in [TLS_CA_FILE, TLS_CERTIFICATE_FILE, TLS_KEY_FILE] {
            match config.get(key) {
                Some(value) => task.insert(key.to_owned(), value.clone()),
                None => task.remove(key),
            };
        }
    }
    Ok(tasks)
}

fn is_within(key: &ConfigKey, config: &Config, value: &str) -> bool {
    let written = config.get(&key.name).map(String::as_str);
    match key.value_type {
        // A default names something too, but it is the plugin's word and grants nothing.
        ValueType::Endpoint => written.is_some_and(|written| written.trim() == value.trim()),
        ValueType::EndpointList => written.is_some_and(|written| {
            value.split(',').all(|item| written.split(',').any(|own| own.trim() == item.trim()))
        }),
        ValueType::FileRead | ValueType::FileWrite => written == Some(value),
        ValueType::PathRead | ValueType::PathWrite => {
            written.is_some_and(|own| own == value || is_below(Path::new(own), Path::new(value)))
        }
        _ => true,
    }
}

fn is_below(own: &Path, path: &Path) -> bool {
    let is_plain = !path.components().any(|part| part == Component::ParentDir);
    is_plain && !own.as_os_str().is_empty() && path.starts_with(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, config};

    fn descriptor() -> Descriptor {
        samples::descriptor(&[
            ("url", ValueType::Endpoint, Some("default.example:1")),
            ("urls", ValueType::EndpointList, None),
            ("file", ValueType::FileRead, Some("/default")),
            ("dir", ValueType::PathRead, None),
            ("free", ValueType::String, None),
        ])
    }

    fn is_ok(task: &[(&str, &str)]) -> bool {
        let written = config(&[("url", "a:1"), ("urls", "a:1, b:2,c:3"), ("dir", "/d"), ("free", "x")]);
        within(&descriptor(), &written, vec![config(task)]).is_ok()
    }

    #[test]
    fn a_task_gets_no_more_than_the_connector() {
        for good in [
            &[("url", "a:1"), ("urls", "b:2"), ("dir", "/d"), ("free", "y")][..],
            &[("urls", "c:3,a:1"), ("dir", "/d/e/f"), ("more", "evil:1")],
            &[("url", ""), ("urls", " ")],
            &[],
        ] {
            assert!(is_ok(good), "{good:?}");
        }
        for bad in [
            ("url", "evil.example:1"),
            ("url", "default.example:1"),
            ("url", "a:1,b:2"),
            ("urls", "a:1,evil.example:1"),
            ("urls", "a:1,"),
            ("dir", "/"),
            ("dir", "/dd"),
            ("dir", "/d/../etc"),
            ("file", "/etc/passwd"),
            ("file", "/default"),
        ] {
            assert!(!is_ok(&[bad]), "{bad:?}");
        }
    }

    #[test]
    fn the_workers_own_files_are_not_the_plugins_to_change() {
        let written = config(&[(TLS_CA_FILE, "/ca.pem")]);
        let task = config(&[(TLS_CA_FILE, "/evil.pem"), (TLS_KEY_FILE, "/etc/key")]);
        assert_eq!(within(&descriptor(), &written, vec![task]), Ok(vec![written]));
    }
}
