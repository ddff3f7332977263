//! A serde deserializer over a map of text to text.

use std::fmt;

use serde::de::value::MapDeserializer;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};

use super::ConfigMap;
use crate::failure::Problem;

pub(super) fn from_map<T: DeserializeOwned>(config: &ConfigMap) -> Result<T, Problem> {
    let entries = config.iter().map(|(key, text)| (key.as_str(), Value { key, text }));
    T::deserialize(MapDeserializer::<_, Error>::new(entries))
        .map_err(|error| Problem { key: error.key.unwrap_or_default(), message: error.message })
}

/// What does not fit, and in which key where that is known.
#[derive(Debug)]
struct Error {
    key: Option<String>,
    message: String,
}

impl Error {
    fn in_key(mut self, key: &str) -> Self {
        self.key.get_or_insert_with(|| key.to_owned());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { key: None, message: message.to_string() }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { key: Some(field.to_owned()), message: "this key is required: set it".to_owned() }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("write one of {}, not `{variant}`", expected.join(", ")))
    }
}

/// The text of one key.
#[derive(Clone, Copy)]
struct Value<'a> {
    key: &'a str,
    text: &'a str,
}

impl Value<'_> {
    fn error(self, message: String) -> Error {
        Error { key: Some(self.key.to_owned()), message }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $what:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.text.trim().parse::<$type>() {
                Ok(number) => visitor.$visit(number).map_err(|error: Error| error.in_key(self.key)),
                Err(_) => {
                    let (min, max, text) = (<$type>::MIN, <$type>::MAX, self.text);
                    Err(self.error(format!("write {} from {min} to {max}, not `{text}`", $what)))
                }
            }
        })*
    };
}

macro_rules! as_text {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_str(self.text).map_err(|error: Error| error.in_key(self.key))
        })*
    };
}

impl<'de> Deserializer<'de> for Value<'_> {
    type Error = Error;

    numbers! {
        deserialize_i8 visit_i8 i8, "a whole number";
        deserialize_i16 visit_i16 i16, "a whole number";
        deserialize_i32 visit_i32 i32, "a whole number";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_i128 visit_i128 i128, "a whole number";
        deserialize_u8 visit_u8 u8, "a whole number";
        deserialize_u16 visit_u16 u16, "a whole number";
        deserialize_u32 visit_u32 u32, "a whole number";
        deserialize_u64 visit_u64 u64, "a whole number";
        deserialize_u128 visit_u128 u128, "a whole number";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    as_text! { deserialize_any deserialize_str deserialize_string deserialize_char deserialize_identifier }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let text = self.text.trim();
        if text.eq_ignore_ascii_case("true") {
            visitor.visit_bool(true)
        } else if text.eq_ignore_ascii_case("false") {
            visitor.visit_bool(false)
        } else {
            Err(self.error(format!("write true or false, not `{text}`")))
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bytes(self.text.as_bytes()).map_err(|error: Error| error.in_key(self.key))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.text.trim().is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = self.text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let values = items.map(|text| Value { key: self.key, text });
        visitor.visit_seq(de::value::SeqDeserializer::new(values)).map_err(|error: Error| error.in_key(self.key))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(self.error("a value in a configuration cannot hold further keys: give each a key of its own".to_owned()))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let name: de::value::StrDeserializer<'_, Error> = self.text.trim().into_deserializer();
        visitor.visit_enum(name).map_err(|error: Error| error.in_key(self.key))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }
}

impl<'de> IntoDeserializer<'de, Error> for Value<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "kebab-case")]
    enum Mode {
        Fast,
        VerySafe,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Wrapped(u16);

    #[derive(Debug, Deserialize, PartialEq)]
    struct Everything {
        flag: bool,
        #[serde(rename = "a.number")]
        number: i64,
        ratio: f64,
        small: u8,
        names: Vec<String>,
        ports: Vec<u16>,
        mode: Mode,
        wrapped: Wrapped,
        absent: Option<u32>,
        empty: Option<u32>,
        present: Option<u32>,
        #[serde(default)]
        fallback: u32,
    }

    fn full() -> ConfigMap {
        let pairs = [
            ("flag", "TRUE"),
            ("a.number", " -7 "),
            ("ratio", "0.5"),
            ("small", "255"),
            ("names", "a, b,,c"),
            ("ports", ""),
            ("mode", "very-safe"),
            ("wrapped", "9"),
            ("empty", ""),
            ("present", "3"),
            ("connector.class", "ignored"),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn problem(key: &str, value: Option<&str>) -> Problem {
        let mut map = full();
        match value {
            Some(value) => map.insert(key.to_owned(), value.to_owned()),
            None => map.remove(key),
        };
        from_map::<Everything>(&map).unwrap_err()
    }

    #[test]
    fn every_kind_of_field_is_read_from_text() {
        let expected = Everything {
            flag: true,
            number: -7,
            ratio: 0.5,
            small: 255,
            names: vec!["a".into(), "b".into(), "c".into()],
            ports: vec![],
            mode: Mode::VerySafe,
            wrapped: Wrapped(9),
            absent: None,
            empty: None,
            present: Some(3),
            fallback: 0,
        };
        assert_eq!(from_map::<Everything>(&full()), Ok(expected));
    }

    #[test]
    fn a_missing_key_is_named() {
        assert_eq!(problem("a.number", None).key, "a.number");
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_key_and_says_what_to_write() {
        for (key, value, hint) in [
            ("flag", "yes", "true or false"),
            ("small", "256", "from 0 to 255"),
            ("ratio", "half", "a number"),
            ("ports", "1,x", "from 0 to 65535, not `x`"),
            ("mode", "slow", "fast, very-safe"),
            ("wrapped", "-1", "from 0 to 65535"),
            ("present", "many", "not `many`"),
        ] {
            let problem = problem(key, Some(value));
            assert_eq!(problem.key, key);
            assert!(problem.message.contains(hint), "{key}: {}", problem.message);
        }
    }
}
