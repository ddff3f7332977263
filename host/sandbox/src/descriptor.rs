//! Whether what a plugin says of itself can be used: names go into file names, URLs, metrics and tables.

use std::collections::BTreeSet;

use wharf_core::Descriptor;
use wharf_core::plugin::Kind;

const NAME_BYTES: usize = 64;
const VERSION_BYTES: usize = 64;
const KEYS: usize = 500;
const TEXT_BYTES: usize = 64 << 10;

/// The first thing that is wrong, told to the plugin's author.
pub(crate) fn check(descriptor: &Descriptor, exported: Kind) -> Result<(), String> {
    let Descriptor { name, version, kind, summary, documentation, aliases, keys } = descriptor;
    if !is_name(name) {
        return Err(format!(
            "its name is {name:?}: write lower-case letters, digits and single hyphens, at most {NAME_BYTES}, like file-source"
        ));
    }
    if !is_version(version) {
        return Err(format!("its version is {version:?}: write a semantic version, like 1.2.0 or 1.2.0-rc.1"));
    }
    if *kind != exported {
        return Err(format!("it says it is a {} but exports a {}", kind.as_str(), exported.as_str()));
    }
    if keys.len() > KEYS || summary.len().max(documentation.len()) > TEXT_BYTES {
        return Err(format!("it says too much: at most {KEYS} keys and {} KiB of text", TEXT_BYTES >> 10));
    }
    if let Some(alias) = aliases.iter().find(|alias| alias.is_empty() || alias.chars().any(is_unprintable)) {
        return Err(format!("its alias {alias:?} cannot be written: use a name without blanks"));
    }
    let mut seen = BTreeSet::new();
    for key in keys {
        if key.name.is_empty() || key.name.chars().any(is_unprintable) {
            return Err(format!(
                "its key {:?} cannot be written: use a name without blanks, like batch.size",
                key.name
            ));
        }
        if !seen.insert(&key.name) {
            return Err(format!("its key {} is there twice", key.name));
        }
        if key.required && key.default.is_some() {
            return Err(format!("its key {} is required and has a default: choose one", key.name));
        }
    }
    Ok(())
}

fn is_unprintable(char: char) -> bool {
    char.is_whitespace() || char.is_control()
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES
        && name
            .split('-')
            .all(|part| !part.is_empty() && part.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit()))
}

/// SemVer, build metadata included.
fn is_version(version: &str) -> bool {
    let (rest, build) = match version.split_once('+') {
        Some((rest, build)) => (rest, Some(build)),
        None => (version, None),
    };
    let (numbers, pre) = match rest.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (rest, None),
    };
    let is_number = |part: &str| {
        !part.is_empty()
            && part.len() <= 9
            && part.chars().all(|char| char.is_ascii_digit())
            && (part == "0" || !part.starts_with('0'))
    };
    let is_tag = |tag: &str| {
        tag.split('.')
            .all(|part| !part.is_empty() && part.chars().all(|char| char.is_ascii_alphanumeric() || char == '-'))
    };
    version.len() <= VERSION_BYTES
        && numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && pre.is_none_or(is_tag)
        && build.is_none_or(is_tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_files_urls_and_metrics() {
        for good in ["file-source", "s3", "a-1-b"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "-", "a-", "-a", "a--b", "File", "a_b", "a/b", "../a", "ä", "a b", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn versions_are_semantic() {
        for good in ["0.1.0", "1.2.3-rc.1", "1.2.3+abc.5", "10.20.30-alpha-1+b"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.02.3", "1.2.3-", "1.2.3+", "1.2.x", "1.2.3-a..b", "1.2.3 "]
        {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
