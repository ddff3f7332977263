//! Names made of a row: the keys, paths and headers that a sink writes to.
//!
//! ```
//! use wharf_sdk::Template;
//! let template = Template::parse("orders:${topic}:${key}", "${").unwrap();
//! assert!(template.fields().any(|field| field.to_string() == "key"));
//! assert!(Template::parse("${tpoic}", "${").unwrap_err().contains("${topic}"));
//! ```

use std::fmt;

use crate::delivery::Row;

/// Text with places that a row fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// What fills a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// `topic`: the topic that the row was read from.
    Topic,
    /// `partition`: the partition of that topic.
    Partition,
    /// `position`: the row's position in that partition; `offset` is the same.
    Position,
    /// `timestamp`: when it happened, in milliseconds since 1970.
    Timestamp,
    /// `key`: the row's key.
    Key,
    /// `header.NAME`: the last header of that name.
    Header(String),
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Topic => f.write_str("topic"),
            Self::Partition => f.write_str("partition"),
            Self::Position => f.write_str("position"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Key => f.write_str("key"),
            Self::Header(name) => write!(f, "header.{name}"),
        }
    }
}

impl Template {
    /// Reads a template whose places begin with `opening`, such as `${` or `{`, and end with `}`.
    ///
    /// # Errors
    /// What to write instead of a place that is not closed or that nothing fills.
    pub fn parse(text: &str, opening: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(opening) {
            let (name, behind) = after.split_once('}').ok_or_else(|| format!("close `{opening}` with `}}`"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Field(field(name).ok_or_else(|| {
                let known = ["topic", "partition", "position", "timestamp", "key", "header.NAME"];
                let known: Vec<_> = known.iter().map(|name| format!("{opening}{name}}}")).collect();
                format!("nothing is called {opening}{name}}}: write one of {}", known.join(", "))
            })?));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// What a row must have to fill it.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(field) => Some(field),
            Part::Text(_) => None,
        })
    }

    /// Appends the text, filled by `row`, to `out`. What comes from the row goes through `escape`.
    ///
    /// # Errors
    /// The first field that the row does not have; `out` has a part of the text then.
    pub fn fill(&self, row: &Row<'_>, out: &mut Vec<u8>, escape: fn(&[u8], &mut Vec<u8>)) -> Result<(), &Field> {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Field(field) => match field {
                    Field::Topic => escape(row.topic().as_bytes(), out),
                    Field::Partition => escape(row.partition().to_string().as_bytes(), out),
                    Field::Position => escape(row.position().ok_or(field)?.to_string().as_bytes(), out),
                    Field::Timestamp => escape(row.timestamp().ok_or(field)?.to_string().as_bytes(), out),
                    Field::Key => escape(row.key().ok_or(field)?, out),
                    Field::Header(name) => escape(row.header(name).ok_or(field)?, out),
                },
            }
        }
        Ok(())
    }
}

fn field(name: &str) -> Option<Field> {
    Some(match name {
        "topic" => Field::Topic,
        "partition" => Field::Partition,
        "position" | "offset" => Field::Position,
        "timestamp" => Field::Timestamp,
        "key" => Field::Key,
        _ => Field::Header(name.strip_prefix("header.").filter(|name| !name.is_empty())?.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{BatchBuilder, Delivery, Limits, Origin};

    fn delivery() -> Delivery {
        let limits = Limits { max_rows: 10, max_bytes: 1000, max_wait: Duration::ZERO };
        let mut batch = BatchBuilder::new(limits);
        batch.push(b"v").key(b"k/1").header("tenant", b"blue").timestamp(7);
        batch.push(b"v");
        let origins = vec![Origin { first_row: 0, topic: "t".into(), partition: 3 }];
        Delivery { batch: batch.finish().unwrap(), origins, positions: vec![40, 41] }
    }

    #[test]
    fn places_are_filled_and_what_fills_them_is_escaped() {
        let delivery = delivery();
        let template =
            Template::parse("a{topic}-{partition}-{offset}-{timestamp}-{key}-{header.tenant}}", "{").unwrap();
        let mut out = Vec::new();
        let escape = |bytes: &[u8], out: &mut Vec<u8>| {
            out.extend(bytes.iter().map(|&byte| if byte == b'/' { b'_' } else { byte }))
        };
        template.fill(&delivery.rows().next().unwrap(), &mut out, escape).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "at-3-40-7-k_1-blue}");
        let missing = template.fill(&delivery.rows().nth(1).unwrap(), &mut Vec::new(), escape).unwrap_err();
        assert_eq!(missing, &Field::Key);
    }

    #[test]
    fn what_nothing_fills_is_refused() {
        for wrong in ["{", "{topic", "{}", "{header.}", "{Key}"] {
            assert!(Template::parse(wrong, "{").is_err(), "{wrong}");
        }
        assert_eq!(Template::parse("{key}", "${").unwrap().fields().count(), 0);
    }
}
