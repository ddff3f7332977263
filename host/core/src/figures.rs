//! Figures as they are shown: what a part of the worker measures of itself, for whoever exports metrics.

use crate::histogram::Buckets;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Values seen, by size.
    Histogram,
}

/// What a figure stands at.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Any number. Not a number: there is none, such as an average of nothing.
    Real(f64),
    /// Values seen, by size.
    Histogram(Buckets),
}

/// A figure of one part of the worker, under its full name.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name in metrics; well formed: `[a-z_]+`, counters ending in `_total`.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// Names and values; the names are well formed.
    pub labels: Vec<(String, String)>,
    /// What it stands at.
    pub value: Value,
}

impl Figure {
    /// One without labels.
    pub fn new(name: &'static str, kind: Kind, help: &'static str, value: Value) -> Self {
        Self { name, kind, help, labels: Vec::new(), value }
    }
}
