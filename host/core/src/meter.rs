//! What a task uses: counted by whoever runs its instances, read by whoever shows it.

use std::collections::BTreeMap;
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Linear memory of the live instance, in bytes; 0 while there is none.
    pub memory_bytes: u64,
    /// The most it was, over all instances.
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

fn add_one(map: &Mutex<BTreeMap<String, u64>>, key: &str) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    match map.get_mut(key) {
        Some(count) => *count += 1,
        None => drop(map.insert(key.to_owned(), 1)),
    }
}

impl Meter {
    /// The instance's linear memory is now so large; 0: there is none any more.
    pub fn memory_is(&self, bytes: u64) {
        self.memory.store(bytes, Relaxed);
        self.memory_peak.fetch_max(bytes, Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_stays_when_an_instance_goes() {
        let meter = Meter::default();
        meter.memory_is(70);
        meter.memory_is(0);
        let usage = meter.usage();
        assert_eq!((usage.memory_bytes, usage.memory_peak_bytes), (0, 70));
    }

    #[test]
    fn denials_are_counted_by_code() {
        let meter = Meter::default();
        ["egress.name", "egress.name", "egress.address"].into_iter().for_each(|code| meter.denied(code));
        assert_eq!(meter.usage().denials, BTreeMap::from([("egress.address".into(), 1), ("egress.name".into(), 2)]));
    }
}
