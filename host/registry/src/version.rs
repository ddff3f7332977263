//! Versions of plugins, and which of them a configuration wants.
//!
//! | written | means |
//! |---|---|
//! | `1.2.0` or `[1.2.0]` | exactly this one |
//! | `[1.0,2.0)` | from 1.0.0 up to, but without, 2.0.0 |
//! | `(1.0,)` | any above 1.0.0 |
//! | `(,2.0]` | any up to and with 2.0.0 |
//! | `(,1.0),[1.5,)` | either of the two |
//! | `latest` | any |
//!
//! The notation is Maven's, as in Kafka Connect since KIP-891; the order is SemVer's. Parts left out are 0.

use std::ops::Bound;
use std::str::FromStr;

use semver::{BuildMetadata, Version};

/// Which versions of a plugin will do. Of those the highest is taken.
///
/// ```
/// use wharf_registry::VersionRange;
/// let range: VersionRange = "[1.0,2.0)".parse()?;
/// assert!(range.contains("1.9.3") && !range.contains("2.0.0"));
/// assert!("newest".parse::<VersionRange>().is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    spans: Vec<Span>,
}

type Span = (Bound<Version>, Bound<Version>);

impl VersionRange {
    /// Whether `version` is in the range; what is no version is not.
    pub fn contains(&self, version: &str) -> bool {
        parse(version).is_some_and(|version| self.has(&version))
    }

    pub(crate) fn has(&self, version: &Version) -> bool {
        self.spans.iter().any(|(lower, upper)| {
            let above = match lower {
                Bound::Included(least) => version >= least,
                Bound::Excluded(least) => version > least,
                Bound::Unbounded => true,
            };
            above
                && match upper {
                    Bound::Included(most) => version <= most,
                    Bound::Excluded(most) => version < most,
                    Bound::Unbounded => true,
                }
        })
    }
}

impl FromStr for VersionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no version: write one, like 1.0.0, or a range, like [1.0,2.0)");
        let trimmed = text.trim();
        if trimmed == "latest" {
            return Ok(Self { spans: vec![(Bound::Unbounded, Bound::Unbounded)] });
        }
        if !trimmed.starts_with(['[', '(']) {
            let version = parse(trimmed).ok_or_else(wrong)?;
            return Ok(Self { spans: vec![(Bound::Included(version.clone()), Bound::Included(version))] });
        }
        let mut spans = Vec::new();
        let mut rest = trimmed;
        loop {
            let (span, after) = span(rest).ok_or_else(wrong)?;
            spans.push(span);
            match after.trim_start().strip_prefix(',') {
                Some(next) => rest = next.trim_start(),
                None if after.trim().is_empty() => return Ok(Self { spans }),
                None => return Err(wrong()),
            }
        }
    }
}

/// One pair of brackets and what stands in it, and the text after it.
fn span(text: &str) -> Option<(Span, &str)> {
    let (inner, after) = text.split_at_checked(text.find([']', ')'])?)?;
    let with_lower = inner.starts_with('[');
    let with_upper = after.starts_with(']');
    let inner = inner.strip_prefix(['[', '('])?;
    let after = after.strip_prefix([']', ')'])?;
    let bound = |text: &str, with: bool| match text.trim() {
        "" => Some(Bound::Unbounded),
        text => parse(text).map(if with { Bound::Included } else { Bound::Excluded }),
    };
    match inner.split_once(',') {
        Some((lower, upper)) => Some(((bound(lower, with_lower)?, bound(upper, with_upper)?), after)),
        // `[1.0]`: round brackets or nothing in them make no sense with one version.
        None if with_lower && with_upper => {
            let version = parse(inner)?;
            Some(((Bound::Included(version.clone()), Bound::Included(version)), after))
        }
        None => None,
    }
}

/// A version by SemVer; `1` and `1.2` stand for `1.0.0` and `1.2.0`. Build metadata is dropped, as it orders nothing.
pub(crate) fn parse(text: &str) -> Option<Version> {
    let text = text.trim();
    let (numbers, suffix) = text.split_at_checked(text.find(['-', '+']).unwrap_or(text.len()))?;
    let padding = match numbers.matches('.').count() {
        0 => ".0.0",
        1 => ".0",
        _ => "",
    };
    let mut version = Version::parse(&format!("{numbers}{padding}{suffix}")).ok()?;
    version.build = BuildMetadata::EMPTY;
    Some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> VersionRange {
        text.parse().expect(text)
    }

    #[test]
    fn a_plain_version_is_exactly_that_one() {
        for text in ["1.2.0", "[1.2.0]", "1.2", " 1.2.0 "] {
            assert!(range(text).contains("1.2.0"), "{text}");
            assert!(!range(text).contains("1.2.1") && !range(text).contains("1.1.9"), "{text}");
        }
    }

    #[test]
    fn brackets_say_whether_the_ends_belong_to_the_range() {
        for (text, inside, outside) in [
            ("[1.0,2.0)", ["1.0.0", "1.9.9"], ["0.9.9", "2.0.0"]),
            ("(1.0,2.0]", ["1.0.1", "2.0.0"], ["1.0.0", "2.0.1"]),
            ("(,1.5]", ["0.0.1", "1.5.0"], ["1.5.1", "9.0.0"]),
            ("[1.5,)", ["1.5.0", "10.0.0"], ["1.4.9", "1.5.0-rc.1"]),
            ("(,1.0),[1.5, 2)", ["0.9.0", "1.5.0"], ["1.0.0", "2.0.0"]),
        ] {
            for version in inside {
                assert!(range(text).contains(version), "{version} in {text}");
            }
            for version in outside {
                assert!(!range(text).contains(version), "{version} not in {text}");
            }
        }
        assert!(range("latest").contains("0.0.1"));
    }

    #[test]
    fn what_is_no_range_is_told_how_to_write_one() {
        for text in ["", "newest", "1.x", "[1.0", "(1.0)", "[]", "[1.0,2.0)x", "[1.0,2.0),", "[a,b]", "1.0]", "[é,1]"]
        {
            let error = text.parse::<VersionRange>().expect_err(text);
            assert!(error.contains("[1.0,2.0)"), "{error}");
        }
    }

    #[test]
    fn build_metadata_makes_no_other_version() {
        assert!(range("1.0.0").contains("1.0.0+abc"));
    }
}
