//! What the kernel says of a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// What `/proc/<pid>/stat` counts in: hundredths of a second, whatever the kernel's own clock.
const TICKS: u64 = 100;
/// For a longer stretch of work hundredths of a second are exact enough.
const LONG: Duration = Duration::from_secs(5);

/// What a process has used and uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time of all threads, ended ones included, in hundredths of a second.
    cpu: Duration,
    /// The same to the nanosecond, of the threads there are now.
    threads_cpu: Duration,
    /// Its resident set, in bytes.
    pub(crate) rss: u64,
    /// The largest it was, in bytes, since it started or [`forget_peak`].
    pub(crate) peak: u64,
    pub(crate) threads: u64,
}

impl Usage {
    /// User and system time used since `before`, which was `time` ago: for a short time to the nanosecond, when no
    /// thread has ended yet (an idle one lives for ten seconds), for a long one in hundredths of a second.
    pub(crate) fn cpu_since(&self, before: &Self, time: Duration) -> Duration {
        if time < LONG {
            return self.threads_cpu.saturating_sub(before.threads_cpu);
        }
        self.cpu.saturating_sub(before.cpu)
    }
}

/// Of the process `pid`.
pub(crate) fn usage(pid: u32) -> Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).with_context(|| format!("read {path} (the bench needs Linux)"))
    };
    let usage = parse(&read("stat")?, &read("status")?).context("find times and sizes in /proc")?;
    Ok(Usage { threads_cpu: threads_cpu(pid)?, ..usage })
}

fn threads_cpu(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).context("list a process's threads")? {
        let path = thread.context("list a process's threads")?.path().join("schedstat");
        // A thread may have ended meanwhile.
        let said = fs::read_to_string(path).unwrap_or_default();
        nanos += said.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanos))
}

/// Lets the peak begin anew from what the process holds now.
pub(crate) fn forget_peak(pid: u32) -> Result<()> {
    let path = format!("/proc/{pid}/clear_refs");
    fs::write(&path, "5").with_context(|| format!("write {path}"))
}

fn parse(stat: &str, status: &str) -> Option<Usage> {
    // The second field is the program's name in parentheses, and may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut times = rest.split(' ').skip(11);
    let mut ticks = || times.next()?.parse::<u64>().ok();
    let cpu = Duration::from_millis((ticks()? + ticks()?) * 1000 / TICKS);
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
    };
    let (rss, peak) = (field("VmRSS")? * 1024, field("VmHWM")? * 1024);
    Some(Usage { cpu, threads_cpu: Duration::ZERO, rss, peak, threads: field("Threads")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_found() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 4 0 99";
        let status = "Name:\ta\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\nThreads:\t9\n";
        let cpu = Duration::from_millis(1750);
        let expected = Usage { cpu, threads_cpu: Duration::ZERO, rss: 1 << 20, peak: 2 << 20, threads: 9 };
        assert_eq!(parse(stat, status), Some(expected));
        assert_eq!(parse(stat, "Name:\ta\n"), None);
    }

    #[test]
    fn this_process_is_there() {
        let usage = usage(std::process::id()).unwrap();
        assert!(usage.rss > 0 && usage.peak >= usage.rss && usage.threads > 0 && !usage.threads_cpu.is_zero());
    }

    #[test]
    fn a_short_time_is_exact_and_a_long_one_counts_ended_threads() {
        let usage = |cpu, threads_cpu| Usage {
            cpu: Duration::from_millis(cpu),
            threads_cpu: Duration::from_millis(threads_cpu),
            rss: 0,
            peak: 0,
            threads: 1,
        };
        let (before, after) = (usage(100, 107), usage(900, 303));
        assert_eq!(after.cpu_since(&before, Duration::from_secs(1)), Duration::from_millis(196));
        assert_eq!(after.cpu_since(&before, Duration::from_secs(9)), Duration::from_millis(800));
    }
}
