//! The end of a worker.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use wharf_integration::Worker;

const SIGKILL: i32 = 9;

/// SIGKILL. Fails the test where the worker has ended by itself before.
#[track_caller]
pub fn kill(worker: &mut Worker) {
    if let Some(status) = worker.try_ended() {
        panic!("the worker has ended by itself: {status}");
    }
    worker.kill();
}

/// A worker that ended at a point of `FAILPOINTS` was killed, and did not crash or give up.
#[track_caller]
pub fn assert_killed(status: ExitStatus) {
    assert_eq!(status.signal(), Some(SIGKILL), "the worker was to be killed, and ended with {status}");
}
