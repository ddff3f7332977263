//! Waiting for something to become true.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: a slow machine is no fault of the code.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds; `what` completes the sentence "gave up waiting until …".
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "gave up waiting until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
