//! The id of a stream's entry.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The id of an entry: the milliseconds at which it was added, and a number among those of that millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Id {
    pub(crate) millis: u64,
    number: u64,
}

impl Id {
    /// Before the first entry.
    pub(crate) const ZERO: Self = Self { millis: 0, number: 0 };

    /// Reads `1526919030474-55`, or `1526919030474` for its first.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (millis, number) = text.split_once('-').unwrap_or((text, "0"));
        Some(Self { millis: millis.parse().ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom("write an id like \"1526919030474-0\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_written_and_ordered() {
        let id = Id::parse("1526919030474-55").unwrap();
        assert_eq!((id.to_string().as_str(), id.millis), ("1526919030474-55", 1_526_919_030_474));
        assert_eq!(Id::parse("7"), Id::parse("7-0"));
        assert!(Id::parse("9-2") < Id::parse("9-10") && Id::parse("9-10") < Id::parse("10-0"));
        for wrong in ["", "-", "1-", "a-1", "1-2-3", "$", "-1-0"] {
            assert_eq!(Id::parse(wrong), None, "{wrong}");
        }
    }
}
