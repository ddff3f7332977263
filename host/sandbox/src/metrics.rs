//! Numbers that a plugin reports of itself.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use wharf_core::meter::{PluginSeries, SeriesValue};
use wharf_core::secret::Redactor;

use crate::log::clean;

/// Upper bounds of a histogram's buckets; one more counts all above.
pub const BUCKETS: [f64; 12] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0, 100.0, 1000.0];

const NAME_BYTES: usize = 100;
const MAX_LABELS: usize = 10;

/// A metric's name and labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The name.
    pub name: String,
    /// Names and values, sorted by name.
    pub labels: Vec<(String, String)>,
}

/// What a metric stands at.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Only grows.
    Counter(u64),
    /// The last value set.
    Gauge(f64),
    /// Values seen.
    Histogram {
        /// How many there were.
        count: u64,
        /// Their sum.
        sum: f64,
        /// How many there were up to each of [`BUCKETS`], and above; not cumulative.
        buckets: [u64; BUCKETS.len() + 1],
    },
}

impl From<Value> for SeriesValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Counter(total) => Self::Counter(total),
            Value::Gauge(level) => Self::Gauge(level),
            Value::Histogram { count, sum, buckets } => {
                let mut below = 0;
                let cumulative = BUCKETS.into_iter().zip(buckets).map(|(bound, seen)| {
                    below += seen;
                    (bound, below)
                });
                Self::Histogram { buckets: cumulative.collect(), count, sum }
            }
        }
    }
}

/// The metrics of one live instance.
#[derive(Debug)]
pub struct InstanceMetrics {
    /// The connector's name.
    pub connector: String,
    /// The task's number.
    pub task: u32,
    /// The plugin, `name@version`.
    pub plugin: String,
    max_series: usize,
    series: Mutex<BTreeMap<Series, Value>>,
    /// What is taken out of names and labels.
    redactor: Redactor,
}

impl InstanceMetrics {
    pub(crate) fn new(connector: &str, task: u32, plugin: &str, max_series: usize) -> Self {
        Self {
            connector: connector.into(),
            task,
            plugin: plugin.into(),
            max_series,
            series: Mutex::default(),
            redactor: Redactor::default(),
        }
    }

    /// With secrets that no name or label may show.
    pub(crate) fn hiding(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    /// All metrics, as they stand.
    pub fn snapshot(&self) -> Vec<(Series, Value)> {
        self.lock().iter().map(|(series, value)| (series.clone(), value.clone())).collect()
    }

    /// All metrics, as the rest of the worker knows them.
    pub(crate) fn series(&self) -> Vec<PluginSeries> {
        let named = |(series, value): (Series, Value)| PluginSeries {
            connector: self.connector.clone(),
            task: self.task,
            plugin: self.plugin.clone(),
            name: series.name,
            labels: series.labels,
            value: value.into(),
        };
        self.snapshot().into_iter().map(named).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Series, Value>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self, text: &str) -> String {
        self.redactor.redact_owned(clean(&self.redactor.redact(text), NAME_BYTES))
    }

    /// A name that is used as another kind of metric, or one too many, is ignored.
    fn update(&self, name: &str, labels: Vec<(String, String)>, zero: Value, update: impl FnOnce(&mut Value)) {
        let mut labels: Vec<(String, String)> =
            labels.into_iter().take(MAX_LABELS).map(|(name, value)| (self.shown(&name), self.shown(&value))).collect();
        labels.sort();
        let mut all = self.lock();
        let is_full = all.len() >= self.max_series;
        match all.entry(Series { name: self.shown(name), labels }) {
            Entry::Occupied(mut entry) => update(entry.get_mut()),
            Entry::Vacant(entry) if !is_full => update(entry.insert(zero)),
            Entry::Vacant(_) => {}
        }
    }

    pub(crate) fn count(&self, name: &str, labels: Vec<(String, String)>, by: u64) {
        self.update(name, labels, Value::Counter(0), |value| {
            if let Value::Counter(total) = value {
                *total = total.saturating_add(by);
            }
        });
    }

    pub(crate) fn gauge(&self, name: &str, labels: Vec<(String, String)>, to: f64) {
        self.update(name, labels, Value::Gauge(0.0), |value| {
            if let Value::Gauge(level) = value {
                *level = to;
            }
        });
    }

    pub(crate) fn observe(&self, name: &str, labels: Vec<(String, String)>, seen: f64) {
        let zero = Value::Histogram { count: 0, sum: 0.0, buckets: [0; BUCKETS.len() + 1] };
        self.update(name, labels, zero, |value| {
            if let Value::Histogram { count, sum, buckets } = value {
                *count += 1;
                *sum += seen;
                let bucket = BUCKETS.iter().position(|&bound| seen <= bound).unwrap_or(BUCKETS.len());
                if let Some(bucket) = buckets.get_mut(bucket) {
                    *bucket += 1;
                }
            }
        });
    }
}

/// The metrics of all live instances.
#[derive(Debug, Default)]
pub(crate) struct MetricsRegistry(Mutex<Vec<Weak<InstanceMetrics>>>);

impl MetricsRegistry {
    pub(crate) fn add(&self, metrics: &std::sync::Arc<InstanceMetrics>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|weak| weak.strong_count() > 0);
        all.push(std::sync::Arc::downgrade(metrics));
    }

    pub(crate) fn live(&self) -> Vec<std::sync::Arc<InstanceMetrics>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<(String, String)> {
        vec![("b".into(), "2".into()), ("a".into(), "1".into())]
    }

    #[test]
    fn labels_in_any_order_are_the_same_series() {
        let metrics = InstanceMetrics::new("c", 0, "p@1", 10);
        metrics.count("rows", labels(), 2);
        metrics.count("rows", labels().into_iter().rev().collect(), 3);
        assert_eq!(metrics.snapshot().len(), 1);
        assert_eq!(metrics.snapshot()[0].1, Value::Counter(5));
    }

    #[test]
    fn one_series_too_many_is_dropped_and_others_go_on() {
        let metrics = InstanceMetrics::new("c", 0, "p@1", 1);
        metrics.gauge("lag", vec![], 1.0);
        metrics.gauge("other", vec![], 1.0);
        metrics.gauge("lag", vec![], 2.0);
        assert_eq!(metrics.snapshot(), [(Series { name: "lag".into(), labels: vec![] }, Value::Gauge(2.0))]);
    }

    #[test]
    fn a_histogram_counts_into_buckets() {
        let metrics = InstanceMetrics::new("c", 0, "p@1", 1);
        [0.0001, 1.0, 1e9].into_iter().for_each(|seen| metrics.observe("wait", vec![], seen));
        let Value::Histogram { count, buckets, .. } = metrics.snapshot().remove(0).1 else { panic!("not a histogram") };
        assert_eq!((count, buckets[0], buckets[6], buckets[12]), (3, 1, 1, 1));
        let SeriesValue::Histogram { buckets, count, .. } = metrics.series().remove(0).value else { panic!("no") };
        assert_eq!((buckets[5], buckets[6], buckets[11], count), ((0.5, 1), (1.0, 2), (1000.0, 2), 3));
    }

    #[test]
    fn a_name_used_as_another_kind_changes_nothing() {
        let metrics = InstanceMetrics::new("c", 0, "p@1", 1);
        metrics.count("rows", vec![], 1);
        metrics.gauge("rows", vec![], 9.0);
        assert_eq!(metrics.snapshot()[0].1, Value::Counter(1));
    }

    #[test]
    fn labels_show_no_secret() {
        let metrics = InstanceMetrics::new("c", 0, "p@1", 10).hiding(&Redactor::new(["hunter22".to_owned()]));
        metrics.count("rows", vec![("login".into(), "me:hunter22".into())], 1);
        assert_eq!(metrics.snapshot()[0].0.labels, [("login".to_owned(), "me:[hidden]".to_owned())]);
    }
}
