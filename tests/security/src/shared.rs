//! One worker for all tests that run at the same time.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use wharf_integration::{Setup, Worker};

/// The worker's own settings. Its ceilings are generous: each attack sets its limits itself.
pub const SETTINGS: &str = "allowed-paths = [\"{files}\"]\n\
    [limits]\ncall-deadline-ms = 60000\nmemory-mb = 1024\noutput-mb = 16\n\
    [egress]\ndeny = [\"*.denied.example\", \"127.0.0.66\"]\n";

/// The worker that is running, or a new one. It ends with the last test that holds it.
#[track_caller]
pub fn shared() -> Arc<Worker> {
    static RUNNING: Mutex<Weak<Worker>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(worker) = running.upgrade() {
        return worker;
    }
    let setup = Setup::bare().plugin("hostile-source").plugin("net-probe").plugin("file-source").config(SETTINGS);
    let worker = Arc::new(setup.start());
    *running = Arc::downgrade(&worker);
    worker
}
