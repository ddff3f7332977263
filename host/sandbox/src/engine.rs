//! The one engine of a sandbox, and the thread that ticks its epoch.

use std::thread;
use std::time::Duration;

use wasmtime::{Config, Engine, EngineWeak, OptLevel, Strategy};

use crate::error::SandboxError;

/// How often a guest that computes is looked at: it yields to others then, and is ended past its deadline.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The only place where a [`Config`] is made, so that all compiled code fits all engines of this version.
fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // Epochs cost less than fuel, and nothing here needs guests to be deterministic.
        .epoch_interruption(true)
        .consume_fuel(false)
        // The contract uses none of these, so guests get none: what is off cannot be attacked. Threads and garbage
        // collection are not even compiled in.
        .concurrency_support(false)
        .gc_support(false)
        .shared_memory(false)
        .wasm_memory64(false)
        // Function names and offsets, but never source lines: they would show paths of the machine that built it.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20))
        .wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Disable);
    config
}

/// Makes the engine and starts its ticker.
pub(crate) fn start() -> Result<Engine, SandboxError> {
    let engine = Engine::new(&config()).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
    let weak = engine.weak();
    thread::Builder::new()
        .name("wharf-epoch".into())
        .spawn(move || tick(&weak))
        .map_err(|source| SandboxError::Thread { source })?;
    Ok(engine)
}

/// Ticks until the engine is gone.
fn tick(engine: &EngineWeak) {
    while let Some(engine) = engine.upgrade() {
        engine.increment_epoch();
        drop(engine);
        thread::sleep(TICK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_of_one_engine_fits_another() {
        let component = start().unwrap().precompile_component(b"\0asm\x0d\0\x01\0").unwrap();
        assert!(crate::trusted::component(&start().unwrap(), &component).is_ok());
    }

    #[test]
    fn the_ticker_lets_the_engine_go() {
        let engine = Engine::new(&config()).unwrap();
        let weak = engine.weak();
        drop(engine);
        // Returns at once, or the test hangs.
        tick(&weak);
    }
}
