//! The bytes of a `.wasm` from anybody.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use wharf_core::plugin::Loader as _;
use wharf_sandbox::{Limits, Sandbox, SandboxOptions};

use crate::must;

/// Nobody should wait so long; a load that takes longer is taken for one that hangs.
const HANGS: Duration = Duration::from_secs(120);

struct Place {
    runtime: tokio::runtime::Runtime,
    sandbox: Arc<Sandbox>,
}

fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let limits = Limits {
            memory_bytes: 16 << 20,
            component_bytes: 4 << 20,
            describe_deadline: Duration::from_millis(200),
            ..Limits::default()
        };
        let sandbox = Sandbox::new(SandboxOptions { limits, ..SandboxOptions::default() });
        match (tokio::runtime::Builder::new_current_thread().enable_all().build(), sandbox) {
            (Ok(runtime), Ok(sandbox)) => Place { runtime, sandbox },
            failed => panic!("start the sandbox: {failed:?}"),
        }
    })
}

/// Loads the bytes. A plugin, or an error with a stable code and an explanation; never a panic, and soon.
pub fn loader(data: &[u8]) {
    let Place { runtime, sandbox } = place();
    let wasm = Bytes::copy_from_slice(data);
    match runtime.block_on(async { tokio::time::timeout(HANGS, sandbox.load(wasm)).await }) {
        Ok(Ok(plugin)) => {
            let id = plugin.id();
            must(!id.name.is_empty() && !id.version.is_empty() && id.sha256.len() == 64, "no identity", id);
        }
        Ok(Err(error)) => {
            let is_code =
                !error.code.is_empty() && error.code.chars().all(|char| char.is_ascii_uppercase() || char == '_');
            must(is_code && !error.message.trim().is_empty(), "no code or explanation", &error);
            // A panic of the compiler is caught and reported as a broken plugin, which hides it from everybody but us.
            must(!error.message.contains("panicked"), "a panic", &error);
        }
        Err(_) => must(false, "loading hangs", &data.len()),
    }
}
