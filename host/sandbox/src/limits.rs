//! How much an instance may use.

use std::time::Duration;

use wharf_core::limits::{TaskLimits, lower};

/// Bounds on one instance. Every one of them is enforced; passing one ends the instance, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all memories together, in bytes. Default 256 MiB.
    pub memory_bytes: usize,
    /// Bytes that the guest may hand over in one call, whether as the answer to ours or in a call of its own.
    /// Default 64 MiB.
    pub max_output_bytes: usize,
    /// Entries of one table. Default 100 000. A guest that asks for more is refused, not ended.
    pub table_elements: usize,
    /// Core instances in one component. Default 64.
    pub core_instances: usize,
    /// Memories in one component. Default 8.
    pub memories: usize,
    /// Tables in one component. Default 64.
    pub tables: usize,
    /// Open files, streams, timers and other things that live in the host. Default 1024.
    pub resources: usize,
    /// How long a call may take; for a poll, beyond the wait it was granted. Default 30 s.
    pub call_deadline: Duration,
    /// CPU time of the guest in percent of one core; who takes more is made to wait. Default `None`: all there is.
    pub cpu_percent: Option<u32>,
    /// How long `on-start` may take, instantiation included. Default 30 s.
    pub start_deadline: Duration,
    /// How long `describe`, `validate` and `tasks` may take each. Default 5 s.
    pub describe_deadline: Duration,
    /// How much longer than its deadline a call may be blocked in the host, so that a guest that computes is told from
    /// one that waits. Default 100 ms.
    pub host_call_grace: Duration,
    /// Lines that the guest may log in a second, its output to stdout and stderr counted; the rest is dropped and
    /// counted. Default 100.
    pub log_lines_per_second: u32,
    /// Bytes of one logged line; the rest is cut. Default 8 KiB.
    pub log_line_bytes: usize,
    /// Random bytes in one call. Default 64 KiB.
    pub random_bytes: u64,
    /// Different metrics, labels counted. More are dropped. Default 500.
    pub metric_series: usize,
    /// Bytes of a `.wasm`. Default 128 MiB. A larger one is not loaded.
    pub component_bytes: usize,
    /// Components compiled at the same time; others wait. Default 1, as one compilation uses all cores.
    pub compilations: usize,
    /// Bytes of the compile cache; the least recently used artifacts are removed. Default 512 MiB.
    pub cache_bytes: u64,
}

impl Limits {
    /// These limits for one task: what its configuration asks for, where that is less.
    #[must_use]
    pub(crate) fn within(&self, task: &TaskLimits) -> Self {
        fn at_most<T: Ord + Copy>(mine: T, asked: Option<T>) -> T {
            asked.map_or(mine, |asked| asked.min(mine))
        }
        Self {
            memory_bytes: at_most(self.memory_bytes, task.memory_bytes),
            call_deadline: at_most(self.call_deadline, task.call_deadline),
            cpu_percent: lower(self.cpu_percent, task.cpu_percent),
            log_lines_per_second: at_most(self.log_lines_per_second, task.log_lines_per_second),
            ..self.clone()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            max_output_bytes: 64 << 20,
            table_elements: 100_000,
            core_instances: 64,
            memories: 8,
            tables: 64,
            resources: 1024,
            call_deadline: Duration::from_secs(30),
            cpu_percent: None,
            start_deadline: Duration::from_secs(30),
            describe_deadline: Duration::from_secs(5),
            host_call_grace: Duration::from_millis(100),
            log_lines_per_second: 100,
            log_line_bytes: 8 << 10,
            random_bytes: 64 << 10,
            metric_series: 500,
            component_bytes: 128 << 20,
            compilations: 1,
            cache_bytes: 512 << 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_gets_what_it_asks_for_and_never_more_than_the_sandbox_gives() {
        let limits = Limits { cpu_percent: Some(50), ..Limits::default() };
        assert_eq!(limits.within(&TaskLimits::default()), limits);
        let asked = TaskLimits {
            memory_bytes: Some(1 << 20),
            cpu_percent: Some(80),
            call_deadline: Some(Duration::from_secs(1)),
            log_lines_per_second: Some(1_000),
            ..TaskLimits::default()
        };
        let call_deadline = Duration::from_secs(1);
        assert_eq!(limits.within(&asked), Limits { memory_bytes: 1 << 20, call_deadline, ..limits });
    }
}
