//! Takes known secrets out of texts.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::HIDDEN;
use super::forms::forms;

/// At most so many secrets are known of one connector.
const MOST_SECRETS: usize = 256;
/// Their forms have at most so many bytes in all; what is above is not looked for.
const MOST_BYTES: usize = 4 << 20;

/// Knows the secrets of one connector and replaces them in any text by `[hidden]`. Cheap to clone.
///
/// ```
/// use wharf_core::secret::Redactor;
/// let redactor = Redactor::new(["s3cret".to_owned()]);
/// assert_eq!(redactor.redact("login with s3cret failed"), "login with [hidden] failed");
/// assert_eq!(redactor.redact("nothing here"), "nothing here");
/// ```
#[derive(Clone, Default)]
pub struct Redactor {
    known: Option<Arc<Known>>,
}

struct Known {
    /// Also those that are too short to be looked for in texts.
    whole: BTreeSet<String>,
    forms: Vec<Finder<'static>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secrets = self.known.as_ref().map_or(0, |known| known.whole.len());
        f.debug_struct("Redactor").field("secrets", &secrets).finish()
    }
}

impl Redactor {
    /// Knows these. Empty texts are no secrets.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let secrets =
            secrets.into_iter().filter(|secret| !secret.trim().is_empty() && !HIDDEN.contains(secret.as_str()));
        let whole: BTreeSet<String> = secrets.take(MOST_SECRETS).collect();
        if whole.is_empty() {
            return Self::default();
        }
        let mut texts: Vec<String> = whole.iter().flat_map(|secret| forms(secret)).collect();
        texts.sort();
        texts.dedup();
        let mut bytes = 0;
        texts.retain(|text| {
            bytes += text.len();
            bytes <= MOST_BYTES
        });
        let forms = texts.iter().map(|text| Finder::new(text.as_bytes()).into_owned()).collect();
        Self { known: Some(Arc::new(Known { whole, forms })) }
    }

    /// Whether it knows no secret, so that every text stays as it is.
    pub fn is_empty(&self) -> bool {
        self.known.is_none()
    }

    /// The text without secrets. A text that is a secret as a whole is replaced however short it is.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let Some(known) = &self.known else { return Cow::Borrowed(text) };
        if known.whole.contains(text) {
            return Cow::Owned(HIDDEN.to_owned());
        }
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for form in &known.forms {
            let length = form.needle().len();
            spans.extend(form.find_iter(text.as_bytes()).map(|at| (at, at + length)));
        }
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        spans.sort_unstable();
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        let mut hidden_to = None;
        for (start, end) in spans {
            match hidden_to {
                // Forms overlap: together they are one secret.
                Some(to) if start < to => hidden_to = Some(to.max(end)),
                _ => {
                    from = hidden_to.unwrap_or(from);
                    // A form is text, so that it begins and ends between characters.
                    out.push_str(text.get(from..start).unwrap_or_default());
                    out.push_str(HIDDEN);
                    hidden_to = Some(end);
                }
            }
        }
        out.push_str(text.get(hidden_to.unwrap_or(from)..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// As [`Redactor::redact`], of a text that may be kept as it is.
    pub fn redact_owned(&self, text: String) -> String {
        match self.redact(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(redacted) => redacted,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        Redactor::new(secrets.iter().map(|&it| it.to_owned()))
    }

    #[test]
    fn overlapping_secrets_become_one() {
        let both = redactor(&["abcdef", "defghi"]);
        assert_eq!(both.redact("<abcdefghi>"), "<[hidden]>");
        assert_eq!(both.redact("abcdef defghi abcdefdefghi"), "[hidden] [hidden] [hidden][hidden]");
    }

    #[test]
    fn a_short_secret_is_hidden_only_as_a_whole() {
        let short = redactor(&["x1"]);
        assert_eq!(short.redact("x1"), HIDDEN);
        assert_eq!(short.redact("max1mum"), "max1mum");
        assert_eq!(short.redact_owned("x1".to_owned()), HIDDEN);
    }

    #[test]
    fn a_secret_as_long_as_the_mask_is_hidden_where_a_text_is_owned() {
        assert_eq!(redactor(&["12345678"]).redact_owned("12345678".to_owned()), HIDDEN);
    }

    #[test]
    fn it_does_not_show_what_it_knows() {
        let it = redactor(&["s3cret", ""]);
        assert_eq!(format!("{it:?}"), "Redactor { secrets: 1 }");
        assert!(redactor(&["", " ", "[hidden]", "hidden"]).is_empty());
    }

    proptest! {
        #[test]
        fn no_text_shows_a_secret(
            secret in "[a-c\u{e4}/ %]{4,8}",
            before in "[a-c\u{e4}]{0,12}",
            after in "[a-c\u{e4}]{0,12}",
        ) {
            prop_assume!(!secret.trim().is_empty());
            let text = format!("{before}{secret}{after}");
            let shown = Redactor::new([secret.clone()]).redact(&text).into_owned();
            prop_assert!(!shown.contains(&secret), "{shown}");
        }

        #[test]
        fn a_text_without_the_secret_stays(text in "[a-z ]{0,40}") {
            let redactor = redactor(&["S3CRET"]);
            prop_assert_eq!(redactor.redact(&text), text.as_str());
        }
    }
}
