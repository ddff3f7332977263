//! How much an instance may use.

use std::time::Duration;

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
    /// Functions in one component, with those of everything in it. Default 200 000: an interpreter in a component has some
    /// ten thousand. More are not compiled.
    pub component_functions: usize,
    /// Modules, components and instances in one component, with those of everything in it. Default 2000.
    pub component_parts: usize,
    /// How long compiling may take before the load is given up. Default 60 s. The compiler cannot be stopped: it works on
    /// in the background, and counts as one of `compilations` until it is done.
    pub compile_deadline: Duration,
    /// Components compiled at the same time; others wait. Default 1, as one compilation uses all cores.
    pub compilations: usize,
    /// Bytes of the compile cache; the least recently used artifacts are removed. Default 512 MiB.
    pub cache_bytes: u64,
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
            start_deadline: Duration::from_secs(30),
            describe_deadline: Duration::from_secs(5),
            host_call_grace: Duration::from_millis(100),
            log_lines_per_second: 100,
            log_line_bytes: 8 << 10,
            random_bytes: 64 << 10,
            metric_series: 500,
            component_bytes: 128 << 20,
            component_functions: 200_000,
            component_parts: 2000,
            compile_deadline: Duration::from_secs(60),
            compilations: 1,
            cache_bytes: 512 << 20,
        }
    }
}
