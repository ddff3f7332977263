//! Files in the plugins directory.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use wharf_integration::{Setup, Worker};

use crate::{audit, shared};

/// The bytes of a plugin or fixture.
///
/// # Panics
/// When it was not built.
#[track_caller]
pub fn fixture(name: &str) -> Vec<u8> {
    let worker = Setup::bare().plugin(name).prepare();
    fs::read(worker.plugins_dir().join(format!("{name}.wasm"))).expect("an installed fixture can be read")
}

/// `wasm` with each `from` replaced by `to`, which are of the same length, so that the rest stays as it was.
///
/// # Panics
/// When there is nothing to replace, or it does not fit.
#[track_caller]
pub fn patched(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "what is replaced must keep its length");
    let mut places = Vec::new();
    for (at, window) in wasm.windows(from.len()).enumerate() {
        if window == from.as_bytes() {
            places.push(at);
        }
    }
    assert!(!places.is_empty(), "there is no {from:?} to replace");
    for at in places {
        if let Some(place) = wasm.get_mut(at..at + to.len()) {
            place.copy_from_slice(to.as_bytes());
        }
    }
    wasm
}

/// A file in the plugins directory of the shared worker. It is removed with this value.
#[derive(Debug)]
pub struct Dropped {
    worker: Arc<Worker>,
    path: PathBuf,
    name: String,
}

impl Dropped {
    /// Puts a file there, whole or not at all.
    #[track_caller]
    pub fn bytes(name: &str, wasm: &[u8]) -> Self {
        Self::with(name, |file| file.write_all(wasm))
    }

    /// Puts a file there that holds these bytes and then nothing up to its size; it takes no room on the disk.
    #[track_caller]
    pub fn sparse(name: &str, start: &[u8], size: u64) -> Self {
        Self::with(name, |file| file.write_all(start).and_then(|()| file.set_len(size)))
    }

    #[track_caller]
    fn with(name: &str, fill: impl FnOnce(&mut fs::File) -> std::io::Result<()>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let worker = shared();
        let name = format!("{name}-{}.wasm", NEXT.fetch_add(1, Ordering::Relaxed));
        let path = worker.plugins_dir().join(&name);
        let half = worker.plugins_dir().join(format!(".{name}.tmp"));
        let made = fs::File::create(&half).and_then(|mut file| fill(&mut file)).and_then(|()| fs::rename(&half, &path));
        made.unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        Self { worker, path, name }
    }

    /// The worker.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Waits until it is refused with this code, which `GET /plugins` and the audit say; it is in no list of plugins then.
    /// Gives back the message.
    #[track_caller]
    pub fn refused(&self, code: &str) -> String {
        let mut report = Value::Null;
        self.worker.wait_until(&format!("{} is looked at", self.name), || {
            let plugins = self.worker.rest().get("/plugins").expect(200).json;
            let broken = plugins.get("broken").and_then(Value::as_array).cloned().unwrap_or_default();
            let mine = |one: &Value| one.get("file").and_then(Value::as_str).is_some_and(|it| it.ends_with(&self.name));
            report = broken.into_iter().find(mine).unwrap_or_default();
            !report.is_null()
        });
        assert_eq!(report.get("code").and_then(Value::as_str), Some(code), "{report}");
        audit::wait_for(&self.worker, "", "plugin.refused", &[&self.name, code]);
        self.worker.rest().get("/connectors").expect(200);
        report.get("message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok();
    }
}
