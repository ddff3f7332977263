//! Telling the nearest known key to somebody who wrote an unknown one.

use toml::{Table, Value};

/// What is wrong with the keys of a file; empty where all are known.
pub(super) fn check(table: &Table) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(section) if is_section(key) => {
                wrong.extend(section.keys().filter_map(|inner| check_key(&format!("{key}.{inner}"))));
            }
            _ if is_section(key) => wrong.push(format!("`{key}` is a section: write `[{key}]` and its keys below")),
            _ => wrong.extend(check_key(key)),
        }
    }
    wrong
}

/// Every key of `wharf.toml`, those of a section behind a dot: those of the table, and those that sections list themselves.
pub(crate) fn known() -> impl Iterator<Item = &'static str> {
    let sections: [&[&str]; 10] = [
        super::access::KEYS,
        super::connectors::KEYS,
        super::egress::KEYS,
        super::http::KEYS,
        super::rest::KEYS,
        super::secrets::KEYS,
        super::telemetry::KEYS,
        super::tls::KEYS,
        super::topics::KEYS,
        super::watching::KEYS,
    ];
    super::table::keys().chain(sections.into_iter().flatten().copied())
}

fn is_section(key: &str) -> bool {
    known().any(|known| known.split_once('.').is_some_and(|(section, _)| section == key))
}

fn check_key(key: &str) -> Option<String> {
    if known().any(|known| known == key) {
        return None;
    }
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().replace('_', "-");
    // The same key in another section, or written with underscores, is nearer than any other.
    let distance = |known: &str| if last(known) == last(key) { 0 } else { edits(known, key) };
    Some(match known().min_by_key(|known| distance(known)) {
        Some(nearest) if distance(nearest) <= key.len() / 2 => {
            format!("there is no key `{key}`: did you mean `{nearest}`?")
        }
        _ => format!("there is no key `{key}`: see `wharf config show` for those there are"),
    })
}

/// How many characters must be added, dropped or changed to turn one text into the other.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(line + 1);
        for (column, to) in right.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&row, column) + usize::from(from != *to);
            next.push(changed.min(at(&row, column + 1) + 1).min(at(&next, column) + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        check(&toml::from_str(text).unwrap()).join("\n")
    }

    #[test]
    fn the_nearest_key_is_suggested() {
        assert_eq!(refusal("listn = \"x\""), "there is no key `listn`: did you mean `listen`?");
        assert_eq!(refusal("data_dir = \"x\""), "there is no key `data_dir`: did you mean `data-dir`?");
        assert_eq!(
            refusal("[log]\nsegment-byte = 1"),
            "there is no key `log.segment-byte`: did you mean `log.segment-bytes`?"
        );
        assert_eq!(
            refusal("poll-max-rows = 1"),
            "there is no key `poll-max-rows`: did you mean `tasks.poll-max-rows`?"
        );
        assert!(refusal("colour = 1").contains("see `wharf config show`"));
    }

    #[test]
    fn all_unknown_keys_are_told_at_once() {
        assert_eq!(refusal("lisen = 1\n[log]\nsink = 1\n[tasks]\nmax-in-flight = 1").lines().count(), 2);
    }

    #[test]
    fn a_section_written_as_a_key_is_explained() {
        assert_eq!(refusal("log = 1"), "`log` is a section: write `[log]` and its keys below");
    }

    #[test]
    fn edits_are_counted_as_by_hand() {
        assert_eq!((edits("kitten", "sitting"), edits("", "ab"), edits("same", "same")), (3, 2, 0));
    }
}
