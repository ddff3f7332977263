//! What a task uses: counted by whoever runs its instances, read by whoever shows it.
//!
//! [`Meter`] is one task's; [`Usage`] is what it stands at. What plugins count of themselves comes from
//! [`PluginMetrics`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The figures of one task. They outlive its instances.
#[derive(Debug, Default)]
pub struct Meter {
    memory: AtomicU64,
    memory_peak: AtomicU64,
    cpu_nanos: AtomicU64,
    calls: AtomicU64,
    denials: Mutex<BTreeMap<String, u64>>,
    kills: Mutex<BTreeMap<String, u64>>,
}

/// The figures as they stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Usage {
    /// Linear memory of the live instance, in bytes; 0 while there is none. While one instance takes another's place it
    /// is that of both.
    pub memory_bytes: u64,
    /// The most it was at any time.
    pub memory_peak_bytes: u64,
    /// CPU time that guest code took, in seconds.
    pub cpu_seconds: f64,
    /// Calls into the guest.
    pub calls: u64,
    /// What was denied, by audit code.
    pub denials: BTreeMap<String, u64>,
    /// Instances that died, by the name of their [`crate::DeathKind`].
    pub kills: BTreeMap<String, u64>,
}

// `cpu_seconds` comes from a `Duration` or was read from JSON: it is always equal to itself.
impl Eq for Usage {}

impl Usage {
    /// Whether something was denied to the task or an instance of it died.
    pub fn has_incidents(&self) -> bool {
        !self.denials.is_empty() || !self.kills.is_empty()
    }
}

fn add_one(map: &Mutex<BTreeMap<String, u64>>, key: &str) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    match map.get_mut(key) {
        Some(count) => *count += 1,
        None => drop(map.insert(key.to_owned(), 1)),
    }
}

impl Meter {
    /// An instance's linear memory grew by so much.
    pub fn memory_grew(&self, bytes: u64) {
        let before = self.memory.fetch_add(bytes, Relaxed);
        self.memory_peak.fetch_max(before.saturating_add(bytes), Relaxed);
    }

    /// So much of it, which grew before, is gone with its instance.
    pub fn memory_freed(&self, bytes: u64) {
        self.memory.fetch_sub(bytes, Relaxed);
    }

    /// Guest code took so much CPU time.
    pub fn computed(&self, time: Duration) {
        self.cpu_nanos.fetch_add(time.as_nanos() as u64, Relaxed);
    }

    /// A call into the guest began.
    pub fn called(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    /// Something was denied; `code` is one of a fixed set.
    pub fn denied(&self, code: &str) {
        add_one(&self.denials, code);
    }

    /// An instance died; `kind` is a [`crate::DeathKind`]'s name.
    pub fn killed(&self, kind: &str) {
        add_one(&self.kills, kind);
    }

    /// The figures as they stand.
    pub fn usage(&self) -> Usage {
        let copy = |map: &Mutex<BTreeMap<String, u64>>| map.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Usage {
            memory_bytes: self.memory.load(Relaxed),
            memory_peak_bytes: self.memory_peak.load(Relaxed),
            cpu_seconds: Duration::from_nanos(self.cpu_nanos.load(Relaxed)).as_secs_f64(),
            calls: self.calls.load(Relaxed),
            denials: copy(&self.denials),
            kills: copy(&self.kills),
        }
    }
}

/// Something that a plugin counts of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSeries {
    /// The connector's name.
    pub connector: String,
    /// The task's number.
    pub task: u32,
    /// The plugin, `name@version`.
    pub plugin: String,
    /// As the plugin calls it: any text.
    pub name: String,
    /// As the plugin gave them: any texts.
    pub labels: Vec<(String, String)>,
    /// What it stands at.
    pub value: SeriesValue,
}

/// What a series stands at.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesValue {
    /// Only grows.
    Counter(u64),
    /// The last value set.
    Gauge(f64),
    /// Values seen.
    Histogram {
        /// Upper bounds, ascending, and how many values there were up to each: cumulative, without the last, which is
        /// `count`.
        buckets: Vec<(f64, u64)>,
        /// How many there were.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

/// Shows what the live instances count of themselves.
pub trait PluginMetrics: Send + Sync + fmt::Debug {
    /// All series, in any order.
    fn plugin_metrics(&self) -> Vec<PluginSeries>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_an_instance_goes() {
        let meter = Meter::default();
        meter.memory_grew(60);
        meter.memory_grew(10);
        meter.memory_freed(70);
        meter.memory_grew(5);
        let usage = meter.usage();
        assert_eq!((usage.memory_bytes, usage.memory_peak_bytes), (5, 70));
    }

    #[test]
    fn only_denials_and_deaths_are_incidents() {
        let meter = Meter::default();
        meter.called();
        meter.computed(Duration::from_millis(1500));
        assert_eq!((meter.usage().calls, meter.usage().cpu_seconds), (1, 1.5));
        assert!(!meter.usage().has_incidents());
        meter.killed("trap");
        assert!(meter.usage().has_incidents());
    }

    #[test]
    fn denials_are_counted_by_code() {
        let meter = Meter::default();
        ["egress.name", "egress.name", "egress.address"].into_iter().for_each(|code| meter.denied(code));
        assert_eq!(meter.usage().denials, BTreeMap::from([("egress.address".into(), 1), ("egress.name".into(), 2)]));
    }
}
