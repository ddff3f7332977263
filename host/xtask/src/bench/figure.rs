//! One figure of the bench: what was measured, how often, and what it should be.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met_by(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

/// What a figure is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    RecordsPerSecond,
    /// Millions of bytes a second.
    MegabytesPerSecond,
    Microseconds,
    Milliseconds,
    Seconds,
    /// Millions of bytes.
    Megabytes,
    /// Thousands of bytes.
    Kilobytes,
    Percent,
    Count,
}

impl Unit {
    /// As it is written behind a number.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RecordsPerSecond => "records/s",
            Self::MegabytesPerSecond => "MB/s",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Megabytes => "MB",
            Self::Kilobytes => "KB",
            Self::Percent => "%",
            Self::Count => "",
        }
    }
}

/// The median of some runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// The part of the bench it belongs to.
    pub(super) section: &'static str,
    pub(super) name: String,
    pub(super) unit: Unit,
    /// The median.
    pub(super) value: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) runs: usize,
    pub(super) target: Option<Target>,
}

impl Figure {
    /// The figure of these runs; `None` where there was none.
    pub(super) fn of(section: &'static str, name: impl Into<String>, unit: Unit, runs: &[f64]) -> Option<Self> {
        let mut sorted = runs.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let value = median(&sorted)?;
        Some(Self { section, name: name.into(), unit, value, min, max, runs: runs.len(), target: None })
    }

    /// Says what it should be.
    #[must_use]
    pub(super) fn should_be(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    /// `None` where nothing was promised.
    pub(super) fn is_met(&self) -> Option<bool> {
        self.target.map(|target| target.is_met_by(self.value))
    }

    pub(super) fn measured(&self) -> String {
        with_unit(self.value, self.unit)
    }

    /// The least and the most, where they are not the same.
    pub(super) fn spread(&self) -> String {
        if self.runs < 2 {
            return String::new();
        }
        format!("{} – {}", number(self.min, self.unit), number(self.max, self.unit))
    }

    pub(super) fn wanted(&self) -> String {
        match self.target {
            Some(Target::AtLeast(least)) => format!("≥ {}", with_unit(least, self.unit)),
            Some(Target::AtMost(most)) => format!("≤ {}", with_unit(most, self.unit)),
            None => String::new(),
        }
    }

    pub(super) fn verdict(&self) -> &'static str {
        match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        }
    }

    pub(super) fn json(&self) -> Value {
        let target = match self.target {
            Some(Target::AtLeast(least)) => json!({"at_least": least}),
            Some(Target::AtMost(most)) => json!({"at_most": most}),
            None => Value::Null,
        };
        json!({
            "section": self.section, "name": self.name, "unit": self.unit.name(), "value": self.value,
            "min": self.min, "max": self.max, "runs": self.runs, "target": target, "met": self.is_met(),
        })
    }
}

/// The middle of sorted values; of an even number the mean of the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted.get(middle - 1)? + upper) / 2.0)
}

fn with_unit(value: f64, unit: Unit) -> String {
    let mut text = number(value, unit);
    if !unit.name().is_empty() {
        write!(text, " {}", unit.name()).ok();
    }
    text
}

/// As many digits as say something: three or so, and thousands apart.
fn number(value: f64, unit: Unit) -> String {
    let digits = match (unit, value.abs()) {
        (Unit::Count | Unit::RecordsPerSecond, _) => 0,
        (_, size) if size >= 100.0 => 0,
        (_, size) if size >= 10.0 => 1,
        (Unit::Percent, _) => 1,
        (_, size) if size >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, part)| (whole, Some(part)));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
    let mut grouped = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_robust_against_one_slow_run() {
        let figure = Figure::of("s", "n", Unit::Seconds, &[9.0, 1.0, 2.0]).unwrap();
        assert_eq!((figure.value, figure.min, figure.max, figure.runs), (2.0, 1.0, 9.0, 3));
        assert_eq!(Figure::of("s", "n", Unit::Seconds, &[1.0, 4.0]).unwrap().value, 2.5);
        assert_eq!(Figure::of("s", "n", Unit::Seconds, &[]), None);
    }

    #[test]
    fn a_target_is_met_from_the_right_side() {
        let figure = Figure::of("s", "n", Unit::Milliseconds, &[100.0]).unwrap();
        assert_eq!(figure.is_met(), None);
        assert_eq!(figure.clone().should_be(Target::AtMost(100.0)).is_met(), Some(true));
        assert_eq!(figure.clone().should_be(Target::AtMost(99.0)).verdict(), "NOT MET");
        assert_eq!(figure.should_be(Target::AtLeast(101.0)).is_met(), Some(false));
    }

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        assert_eq!(number(1_234_567.8, Unit::RecordsPerSecond), "1 234 568");
        assert_eq!(number(0.0834, Unit::Microseconds), "0.083");
        assert_eq!(number(12.34, Unit::Milliseconds), "12.3");
        assert_eq!(number(-4.04, Unit::Percent), "-4.0");
        assert_eq!(with_unit(999.9, Unit::Megabytes), "1 000 MB");
        assert_eq!(with_unit(7.0, Unit::Count), "7");
    }
}
