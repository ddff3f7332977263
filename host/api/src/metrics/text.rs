//! Prometheus' text format: families of series.
//!
//! A scraper throws a whole page away for one line that it cannot read, and plugins may call their series anything. So a
//! family never writes a sample name that another has, and no two samples with the same labels.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use wharf_core::figures::{Figure, Kind, Value};
use wharf_core::histogram::Buckets;

/// What is appended to a family's name in its samples.
fn suffixes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Counter | Kind::Gauge => &[""],
        Kind::Histogram => &["", "_bucket", "_sum", "_count"],
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// Names and values.
pub type Labels = Vec<(String, String)>;

/// Series of one name.
#[derive(Debug)]
pub struct Family {
    /// What they count.
    pub kind: Kind,
    /// What they are, in a sentence.
    pub help: String,
    /// Each by its labels.
    pub series: BTreeMap<Labels, Value>,
}

/// Everything that is measured, at one moment.
#[derive(Debug, Default)]
pub struct Families {
    families: BTreeMap<String, Family>,
    /// Names of samples that are taken.
    taken: BTreeSet<String>,
}

impl Families {
    /// Adds a series; `false` when its place is taken: by a family of another kind, or by a series with these labels.
    /// Names must be well formed ([`name`], [`label`]).
    pub(super) fn add(&mut self, name: &str, kind: Kind, help: &str, labels: Labels, value: Value) -> bool {
        if !self.families.contains_key(name) {
            let names: Vec<_> = suffixes(kind).iter().map(|suffix| format!("{name}{suffix}")).collect();
            if names.iter().any(|name| self.taken.contains(name)) {
                return false;
            }
            self.taken.extend(names);
        }
        let new = || Family { kind, help: help.to_owned(), series: BTreeMap::new() };
        let family = self.families.entry(name.to_owned()).or_insert_with(new);
        if family.kind != kind {
            return false;
        }
        match family.series.entry(labels) {
            Entry::Vacant(entry) => {
                entry.insert(value);
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// Adds one that another part measured.
    pub(super) fn figure(&mut self, figure: Figure) {
        self.add(figure.name, figure.kind, figure.help, figure.labels, figure.value);
    }

    /// All families, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Family)> {
        self.families.iter().map(|(name, family)| (name.as_str(), family))
    }

    /// The page, as Prometheus reads it.
    pub(super) fn render(&self) -> String {
        let mut page = String::new();
        for (name, family) in &self.families {
            let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
            // Writing to a string does not fail.
            write!(page, "# HELP {name} {help}\n# TYPE {name} {}\n", kind_name(family.kind)).ok();
            for (labels, value) in &family.series {
                write_series(&mut page, name, labels, value);
            }
        }
        page
    }
}

fn write_series(page: &mut String, name: &str, labels: &Labels, value: &Value) {
    match value {
        Value::Whole(value) => sample(page, name, "", labels, None, &value.to_string()),
        Value::Real(value) => sample(page, name, "", labels, None, &number(*value)),
        Value::Histogram(Buckets { buckets, count, sum }) => {
            for (bound, below) in buckets {
                sample(page, name, "_bucket", labels, Some(&number(*bound)), &below.to_string());
            }
            let count = count.to_string();
            sample(page, name, "_bucket", labels, Some("+Inf"), &count);
            sample(page, name, "_sum", labels, None, &number(*sum));
            sample(page, name, "_count", labels, None, &count);
        }
    }
}

fn sample(page: &mut String, name: &str, suffix: &str, labels: &Labels, bound: Option<&str>, value: &str) {
    page.push_str(name);
    page.push_str(suffix);
    let all = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(bound.map(|it| ("le", it)));
    let mut before = '{';
    for (name, value) in all {
        page.push(before);
        before = ',';
        page.push_str(name);
        page.push_str("=\"");
        for char in value.chars() {
            match char {
                '\\' => page.push_str("\\\\"),
                '"' => page.push_str("\\\""),
                '\n' => page.push_str("\\n"),
                char => page.push(char),
            }
        }
        page.push('"');
    }
    if before == ',' {
        page.push('}');
    }
    page.push(' ');
    page.push_str(value);
    page.push('\n');
}

fn number(value: f64) -> String {
    match value {
        _ if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        value => value.to_string(),
    }
}

/// Any text as the end of a metric's name.
pub(super) fn name(text: &str) -> String {
    text.chars().map(|char| if char.is_ascii_alphanumeric() || char == ':' { char } else { '_' }).collect()
}

/// Any text as a label's name. Those that the worker sets, and that the format itself uses, are told apart by a prefix.
pub(super) fn label(text: &str, reserved: &[&str]) -> String {
    let mut label: String = text.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect();
    if label.is_empty() || label.starts_with(|char: char| char.is_ascii_digit()) {
        label.insert(0, '_');
    }
    if label.starts_with("__") || ["le", "quantile"].contains(&label.as_str()) || reserved.contains(&label.as_str()) {
        label.insert_str(0, "exported_");
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_page_is_written_as_prometheus_reads_it() {
        let mut families = Families::default();
        families.add("b_total", Kind::Counter, "Back\\slash\nand more.", labels(&[("x", "1")]), Value::Whole(7));
        families.add("a", Kind::Gauge, "Plain.", labels(&[]), Value::Real(0.5));
        let histogram = Value::Histogram(Buckets { buckets: vec![(0.1, 1), (5.0, 3)], count: 4, sum: f64::INFINITY });
        families.add("c", Kind::Histogram, "H.", labels(&[("x", "1")]), histogram);
        let expected = "\
# HELP a Plain.
# TYPE a gauge
a 0.5
# HELP b_total Back\\\\slash\\nand more.
# TYPE b_total counter
b_total{x=\"1\"} 7
# HELP c H.
# TYPE c histogram
c_bucket{x=\"1\",le=\"0.1\"} 1
c_bucket{x=\"1\",le=\"5\"} 3
c_bucket{x=\"1\",le=\"+Inf\"} 4
c_sum{x=\"1\"} +Inf
c_count{x=\"1\"} 4
";
        assert_eq!(families.render(), expected);
    }

    #[test]
    fn values_of_labels_are_escaped() {
        let mut families = Families::default();
        families.add("a", Kind::Gauge, "A.", labels(&[("x", "q\"b\\n\nü")]), Value::Real(f64::NAN));
        assert!(families.render().ends_with("a{x=\"q\\\"b\\\\n\\nü\"} NaN\n"), "{}", families.render());
    }

    #[test]
    fn no_sample_is_written_twice() {
        let mut families = Families::default();
        let mut add = |name: &str, kind, value| families.add(name, kind, "", labels(&[]), value);
        let histogram = || Value::Histogram(Buckets::default());
        assert!(add("a", Kind::Gauge, Value::Whole(1)));
        assert!(!add("a", Kind::Gauge, Value::Whole(2)), "the same series");
        assert!(!add("a", Kind::Counter, Value::Whole(2)), "another kind");
        assert!(!add("a", Kind::Histogram, histogram()));
        assert!(add("h", Kind::Histogram, histogram()));
        assert!(!add("h_sum", Kind::Gauge, Value::Whole(1)), "a sample of the histogram");
        assert!(add("i_count", Kind::Gauge, Value::Whole(1)));
        assert!(!add("i", Kind::Histogram, histogram()), "its sample is a gauge already");
        assert!(families.render().lines().filter(|line| line.starts_with("a ")).eq(["a 1"]));
    }

    #[test]
    fn any_text_becomes_a_name() {
        assert_eq!((name("rows read/s ü"), label("a-b", &[])), ("rows_read_s__".to_owned(), "a_b".to_owned()));
        assert_eq!(
            (label("", &[]), label("9", &[]), label("le", &[])),
            ("_".into(), "_9".into(), "exported_le".into())
        );
        assert_eq!(label("task", &["task"]), "exported_task");
        assert_eq!(label("__name__", &[]), "exported___name__");
    }
}
