//! Says no to growth past the limits, and remembers that it did.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wharf_core::meter::Meter;

use crate::limits::Limits;

/// A growth that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Bytes of linear memory the guest would have had.
    pub(crate) asked: usize,
    /// Bytes it may have.
    pub(crate) allowed: usize,
}

/// The limits of one store.
///
/// A guest whose growth is refused gets an answer it may live with, but most abort with a plain trap. What was refused
/// is kept, so that such a trap is reported for what it is.
#[derive(Debug)]
pub(crate) struct Limiter {
    allowed: usize,
    table_elements: usize,
    instances: usize,
    memories: usize,
    tables: usize,
    used: usize,
    refused: Option<Refused>,
    meter: Option<Arc<Meter>>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            allowed: limits.memory_bytes,
            table_elements: limits.table_elements,
            instances: limits.core_instances,
            memories: limits.memories,
            tables: limits.tables,
            used: 0,
            refused: None,
            meter: None,
        }
    }

    /// Shows there how much memory there is, until this is dropped.
    pub(crate) fn metered(mut self, meter: Option<Arc<Meter>>) -> Self {
        self.meter = meter;
        self
    }

    /// Forgets what was refused: a new call begins.
    pub(crate) fn begin(&mut self) {
        self.refused = None;
    }

    /// What was refused in this call, if anything.
    pub(crate) fn refused(&self) -> Option<Refused> {
        self.refused
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let asked = self.used.saturating_add(desired.saturating_sub(current));
        if asked > self.allowed {
            self.refused = Some(Refused { asked, allowed: self.allowed });
            return Ok(false);
        }
        if let Some(meter) = &self.meter {
            meter.memory_grew(asked.saturating_sub(self.used) as u64);
        }
        self.used = asked;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= self.table_elements)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        if let Some(meter) = &self.meter {
            meter.memory_freed(self.used as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_instance_has_is_metered_until_it_is_gone() {
        let meter = Arc::new(Meter::default());
        let limits = Limits { memory_bytes: 100, ..Limits::default() };
        let mut limiter = Limiter::new(&limits).metered(Some(meter.clone()));
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(60, 90, None).unwrap());
        assert!(!limiter.memory_growing(90, 101, None).unwrap());
        assert_eq!(meter.usage().memory_bytes, 90);
        drop(limiter);
        assert_eq!((meter.usage().memory_bytes, meter.usage().memory_peak_bytes), (0, 90));
    }

    #[test]
    fn all_memories_count_together() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert_eq!(limiter.refused(), None);
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert_eq!(limiter.refused(), Some(Refused { asked: 101, allowed: 100 }));
    }

    #[test]
    fn a_new_call_forgets_what_was_refused_before() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 1, ..Limits::default() });
        assert!(!limiter.memory_growing(0, 2, None).unwrap());
        limiter.begin();
        assert_eq!(limiter.refused(), None);
    }

    #[test]
    fn a_huge_table_is_refused() {
        let mut limiter = Limiter::new(&Limits { table_elements: 10, ..Limits::default() });
        assert!(limiter.table_growing(0, 10, None).unwrap());
        assert!(!limiter.table_growing(0, 11, None).unwrap());
    }
}
