//! Which parts of a record are hidden.
//!
//! A mask names fields of JSON documents, in keys, values and headers, and headers by their name. It is compared from the
//! end of a field's path and without regard to case, so that it hides rather too much than too little:
//!
//! | mask | hides |
//! |---|---|
//! | `password` | every field and header of that name, however deep |
//! | `card.number` | the field `number` of every field `card` |
//! | `*.ssn` | `ssn` in any field, but not at the top |
//! | `*` | everything |
//!
//! The elements of a list have the path of the list. What begins like JSON but cannot be read, or is nested deeper than
//! [`MAX_DEPTH`], is hidden as a whole; all other text and all bytes are shown, unless the mask is `*`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use wharf_core::secret::HIDDEN;

/// Fields deeper than this are not looked at.
const MAX_DEPTH: usize = 64;

/// The parts of names that are hidden, in lower case, the last part first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Masks(Vec<Vec<String>>);

impl Masks {
    /// Each text may name several masks with commas between them.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let masks = texts.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|mask| !mask.is_empty());
        Self(masks.map(|mask| parts(mask).rev().collect()).collect())
    }

    fn hide(&self, path: &[String]) -> bool {
        self.0.iter().any(|mask| {
            mask.len() <= path.len() && mask.iter().zip(path.iter().rev()).all(|(part, of)| part == "*" || part == of)
        })
    }

    fn hide_all(&self) -> bool {
        self.0.iter().any(|mask| matches!(mask.as_slice(), [only] if only == "*"))
    }

    /// Whether the value of a header is hidden.
    pub(super) fn hide_header(&self, name: &str) -> bool {
        self.hide(&parts(name).collect::<Vec<_>>())
    }

    /// What to show in place of a cell; `None`: nothing of it is hidden.
    pub(super) fn masked(&self, cell: &[u8]) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        if self.hide_all() {
            return Some(HIDDEN.to_owned());
        }
        if !matches!(cell.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return None;
        }
        match serde_json::from_slice::<&RawValue>(cell) {
            Ok(document) => self.document(document, &mut Vec::new(), 0),
            Err(_) => Some(HIDDEN.to_owned()),
        }
    }

    /// As [`Masks::masked`], of a part of a document. What is not hidden stays as it was written.
    fn document(&self, document: &RawValue, path: &mut Vec<String>, depth: usize) -> Option<String> {
        let text = document.get();
        let hidden = || Some(format!("\"{HIDDEN}\""));
        let is_object = match text.as_bytes().first() {
            Some(b'{') => true,
            Some(b'[') => false,
            _ => return None,
        };
        if depth == MAX_DEPTH {
            return hidden();
        }
        if !is_object {
            let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(text) else { return hidden() };
            let masked: Vec<_> = elements.iter().map(|element| self.document(element, path, depth + 1)).collect();
            return rebuilt(masked.into_iter().zip(elements).map(|(masked, element)| (String::new(), masked, element)))
                .map(|inner| format!("[{inner}]"));
        }
        let Ok(Entries(entries)) = serde_json::from_str::<Entries<'_>>(text) else { return hidden() };
        let mut fields = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let above = path.len();
            path.extend(parts(&name));
            let masked = if self.hide(path) { hidden() } else { self.document(value, path, depth + 1) };
            path.truncate(above);
            fields.push((format!("{}:", serde_json::Value::String(name)), masked, value));
        }
        rebuilt(fields).map(|inner| format!("{{{inner}}}"))
    }
}

/// The parts with commas between them; `None` where nothing in them is hidden.
fn rebuilt<'a>(parts: impl IntoIterator<Item = (String, Option<String>, &'a RawValue)>) -> Option<String> {
    let (mut text, mut is_masked) = (String::new(), false);
    for (index, (name, masked, value)) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        is_masked |= masked.is_some();
        text.push_str(&name);
        text.push_str(masked.as_deref().unwrap_or_else(|| value.get()));
    }
    is_masked.then_some(text)
}

fn parts(name: &str) -> impl DoubleEndedIterator<Item = String> {
    name.split('.').map(str::to_lowercase)
}

/// The fields of an object in the order they are written, doubles too.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Fields<'a> {
            type Value = Entries<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(mask: &str, text: &str) -> Option<String> {
        Masks::new([mask]).masked(text.as_bytes())
    }

    #[test]
    fn a_name_hides_fields_of_that_name_however_deep() {
        let text = r#"{"Password":"p","a":[{"password":{"x":1}},2],"b":"password"}"#;
        let hidden = r#"{"Password":"[hidden]","a":[{"password":"[hidden]"},2],"b":"password"}"#;
        assert_eq!(masked("password", text).unwrap(), hidden);
        assert_eq!(masked("pass,word", text), None);
    }

    #[test]
    fn a_path_is_compared_from_its_end() {
        let text = r#"{"card":{"number":1},"x":{"card":[{"number":2,"other":3}]},"number":4}"#;
        let hidden = r#"{"card":{"number":"[hidden]"},"x":{"card":[{"number":"[hidden]","other":3}]},"number":4}"#;
        assert_eq!(masked("card.number", text).unwrap(), hidden);
        assert_eq!(masked("*.number", text).unwrap(), hidden);
        assert_eq!(masked("card.number", r#"{"card.number":1}"#).unwrap(), r#"{"card.number":"[hidden]"}"#);
    }

    #[test]
    fn what_is_not_hidden_stays_as_it_was_written() {
        let text = " {\"z\" : 1.50e3,\n \"a\":12345678901234567890123, \"a\":2, \"k\\u0065y\":[ ], \"s\":\"\\u00fc\"} ";
        let hidden = r#"{"z":1.50e3,"a":12345678901234567890123,"a":2,"key":"[hidden]","s":"\u00fc"}"#;
        assert_eq!(masked("key", text).unwrap(), hidden);
        assert_eq!(masked("a", r#"{"a":1,"a":2}"#).unwrap(), r#"{"a":"[hidden]","a":"[hidden]"}"#);
    }

    #[test]
    fn what_looks_like_json_and_cannot_be_read_is_hidden_as_a_whole() {
        for text in ["{\"a\":1", "{\"a\":1}\n{\"a\":2}", "[1,", "{a:1}"] {
            assert_eq!(masked("a", text).as_deref(), Some(HIDDEN), "{text}");
            assert_eq!(masked("", text), None, "{text}");
        }
        for text in ["a=1", "", "\"{\"", "12"] {
            assert_eq!(masked("a", text), None, "{text}");
        }
    }

    #[test]
    fn a_star_hides_everything() {
        for text in ["a=1", "", "{\"b\":1}", "[1]"] {
            assert_eq!(masked("*", text).as_deref(), Some(HIDDEN), "{text}");
        }
        assert!(Masks::new(["*"]).hide_header("any"));
    }

    #[test]
    fn headers_are_hidden_by_their_name() {
        let masks = Masks::new(["authorization, x.token"]);
        assert!(masks.hide_header("Authorization") && masks.hide_header("x.token"));
        assert!(!masks.hide_header("token"));
    }

    #[test]
    fn what_is_nested_very_deep_is_hidden_without_being_looked_at() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let shown = masked("a", &deep).unwrap();
        assert_eq!(shown, format!("{}\"{HIDDEN}\"{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH)));
    }

    proptest! {
        #[test]
        fn a_hidden_value_is_nowhere_in_what_is_shown_and_the_rest_is_json(
            path in proptest::collection::vec("[a-c.\"\\\\]{1,3}", 1..5),
            in_list in any::<bool>(),
        ) {
            let mut document = serde_json::json!("treasure");
            for name in path.iter().rev() {
                document = serde_json::json!({ "other": 1, name.as_str(): document });
                if in_list {
                    document = serde_json::json!([document]);
                }
            }
            let last = path.last().unwrap();
            let shown = masked(last, &document.to_string());
            // A name of dots alone is no mask.
            if let Some(shown) = shown {
                prop_assert!(!shown.contains("treasure"));
                prop_assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok());
            } else {
                prop_assert!(false, "{last} is not found in {document}");
            }
        }
    }
}
