//! Runs connector plugins as WebAssembly components under limits and capabilities; the only crate that knows wasmtime
mod bindings;
