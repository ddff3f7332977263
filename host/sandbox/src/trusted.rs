//! The only unsafe code of this crate.

use wasmtime::Engine;
use wasmtime::component::Component;

/// Makes a component of code that [`Engine::precompile_component`] produced.
///
/// Callers hand over nothing but the artifact that this process has just compiled, or one that [`crate::cache`] wrote
/// into a directory that only this user can write, after checking its digest. What users hand over is never taken for
/// compiled code: see [`crate::load`].
#[expect(unsafe_code, reason = "compiled code cannot be validated; see SAFETY")]
pub(crate) fn component(engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` runs whatever machine code `artifact` holds, so `artifact` must come from the compiler of
    // this very wasmtime. It does: the callers, above, take it from the compiler or from the private cache, whose file
    // names hold wasmtime's own compatibility hash and whose contents are checked against a digest, so that a file that
    // was cut or damaged is not used. Whoever can forge a file there can already run code as this user.
    unsafe { Component::deserialize(engine, artifact) }
}
