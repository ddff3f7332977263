//! `${provider:path:key}`: a value that stands elsewhere.

use std::fmt;
use std::ops::Range;

/// A value that stands elsewhere, as a configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Placeholder {
    /// Who knows the value: `file`, `env`, `dir`.
    pub provider: String,
    /// Where it stands; empty in `${env:NAME}`.
    pub path: String,
    /// Which value there.
    pub key: String,
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, path, key } = self;
        if path.is_empty() { write!(f, "${{{provider}:{key}}}") } else { write!(f, "${{{provider}:{path}:{key}}}") }
    }
}

/// The placeholders in a value and where they stand, in order. As in Kafka Connect there is no way to write one that is
/// not meant; what has no colon, or no plain name before it, is text.
///
/// ```
/// use wharf_core::secret::placeholders;
/// let found = |value| placeholders(value).into_iter().map(|(_, it)| (it.provider, it.path, it.key)).collect::<Vec<_>>();
/// let it = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
/// assert_eq!(found("${file:/etc/db.properties:password}"), [it("file", "/etc/db.properties", "password")]);
/// assert_eq!(found("a${env:USER}:${env:PW}"), [it("env", "", "USER"), it("env", "", "PW")]);
/// assert_eq!(found("${no.colon} $1 {env:X} ${ a b :c}"), []);
/// ```
pub fn placeholders(value: &str) -> Vec<(Range<usize>, Placeholder)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = find(value, from, "${") {
        let inner = start + 2;
        let Some(end) = find(value, inner, "}") else { break };
        match value.get(inner..end).and_then(read) {
            Some(placeholder) => {
                found.push((start..end + 1, placeholder));
                from = end + 1;
            }
            // Another may begin inside of what is none.
            None => from = inner,
        }
    }
    found
}

fn find(value: &str, from: usize, what: &str) -> Option<usize> {
    value.get(from..).and_then(|rest| rest.find(what)).map(|at| from + at)
}

fn read(inner: &str) -> Option<Placeholder> {
    let (provider, rest) = inner.split_once(':')?;
    let is_name = !provider.is_empty() && provider.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let (path, key) = rest.split_once(':').unwrap_or(("", rest));
    is_name.then(|| Placeholder { provider: provider.to_owned(), path: path.to_owned(), key: key.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_may_hold_colons_and_a_path_may_not() {
        let found = placeholders("x${file:/a:b:c}y");
        let [(range, it)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!((range.clone(), it.path.as_str(), it.key.as_str()), (1..15, "/a", "b:c"));
        assert_eq!(it.to_string(), "${file:/a:b:c}");
    }

    #[test]
    fn one_that_begins_inside_of_text_is_found() {
        let found = placeholders("${a b${env:X}");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.to_string(), "${env:X}");
        assert!(placeholders("${env:X").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_ranges_are_whole(text in "[${}:a\u{e4} ]{0,40}") {
            for (range, it) in placeholders(&text) {
                let cut = text.get(range).unwrap();
                let is_whole = cut.starts_with("${") && cut.ends_with('}') && cut.contains(&it.key);
                prop_assert!(is_whole);
            }
        }
    }
}
