//! The time that this process has computed.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// What the threads of this process have used so far, in user and in system mode, to the nanosecond. Threads that have
/// ended are not counted; those of a pool live for ten idle seconds, which is longer than a run of this program.
///
/// # Errors
/// Where there is no `/proc`.
pub(crate) fn used() -> Result<Duration> {
    let mut nanos = 0;
    for thread in std::fs::read_dir("/proc/self/task").context("list the threads in /proc (the bench needs Linux)")? {
        let path = thread.context("list the threads in /proc")?.path().join("schedstat");
        // A thread may have ended meanwhile.
        nanos += on_cpu(&std::fs::read_to_string(path).unwrap_or_default()).unwrap_or_default();
    }
    Ok(Duration::from_nanos(nanos))
}

/// The first field of `schedstat`.
fn on_cpu(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_the_processor_is_the_first_field() {
        assert_eq!(on_cpu("1750 25 3\n"), Some(1750));
        assert_eq!(on_cpu(""), None);
    }

    #[test]
    fn computing_is_counted() {
        let before = used().unwrap();
        let mut sum = 0_u64;
        for number in 0..50_000_000 {
            sum = std::hint::black_box(sum ^ number);
        }
        assert!(used().unwrap() > before);
    }
}
