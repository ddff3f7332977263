//! The worker, its parts and its process.

use wharf_core::figures::{Kind, Value};
use wharf_runtime::{Health, Worker};

use super::text::Families;
use crate::ApiOptions;

/// Adds what is measured of the worker itself.
pub(super) fn add(worker: &Worker, options: &ApiOptions, families: &mut Families) {
    let labels = vec![("version".to_owned(), options.version.clone()), ("commit".to_owned(), options.commit.clone())];
    families.add("wharf_build_info", Kind::Gauge, "Which Wharf this is.", labels, Value::Whole(1));
    let mut add = |name, kind, help, value| families.add(name, kind, help, Vec::new(), value);
    let is = |yes: bool| Value::Whole(u64::from(yes));
    let (store, queue) = worker.troubles();
    add("wharf_worker_ready", Kind::Gauge, "Whether the worker is ready.", is(worker.health() == Health::Healthy));
    add("wharf_store_up", Kind::Gauge, "Whether the store works.", is(store.is_none()));
    add("wharf_queue_up", Kind::Gauge, "Whether the queue takes rows.", is(queue.is_none()));
    if let Some(process) = Process::read() {
        let cpu = Value::Real(process.cpu_seconds);
        add("process_cpu_seconds_total", Kind::Counter, "CPU time that the process took.", cpu);
        let memory = Value::Whole(process.memory_bytes);
        add("process_resident_memory_bytes", Kind::Gauge, "Memory of the process that is in RAM.", memory);
        if let Some(files) = process.open_files {
            add(
                "process_open_fds",
                Kind::Gauge,
                "Files and connections that the process has open.",
                Value::Whole(files),
            );
        }
        if let Some(threads) = process.threads {
            add("process_threads", Kind::Gauge, "Threads of the process.", Value::Whole(threads));
        }
    }
    worker.part_figures().into_iter().for_each(|figure| families.figure(figure));
}

/// What Linux tells of the process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Process {
    cpu_seconds: f64,
    memory_bytes: u64,
    threads: Option<u64>,
    open_files: Option<u64>,
}

/// Linux counts CPU time for programs in hundredths of a second, whatever it counts in itself.
const TICKS_A_SECOND: f64 = 100.0;

impl Process {
    /// `None` where the system does not say.
    fn read() -> Option<Self> {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
        let mut process = Self::parse(&read("stat")?, &read("status")?)?;
        process.open_files = std::fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as u64);
        Some(process)
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name of the program, which may hold anything, ends with the last bracket.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut ticks = rest.split(' ').skip(11).map(|field| field.parse::<u64>().ok());
        let (user, system) = (ticks.next()??, ticks.next()??);
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            cpu_seconds: (user + system) as f64 / TICKS_A_SECOND,
            memory_bytes: field("VmRSS:")? * 1024,
            threads: field("Threads:"),
            open_files: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        let stat = "17 (a) b) S 1 17 17 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 9 0 100 1 2";
        let status = "Name:\ta) b\nVmRSS:\t   2048 kB\nThreads:\t9\n";
        let expected = Process { cpu_seconds: 3.0, memory_bytes: 2 << 20, threads: Some(9), open_files: None };
        assert_eq!(Process::parse(stat, status), Some(expected));
        assert_eq!(Process::parse("17 (a", status), None);
    }
}
