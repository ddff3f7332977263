//! A short run of each fuzz target: see `wharf_fuzz_targets::smoke`.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail like a test")]

use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wharf_fuzz_targets::smoke::Smoke;
use wharf_fuzz_targets::{allowlist, batch, checkpoint, loader, mutate};

#[test]
fn batches_of_a_guest() {
    let ran = Smoke { name: "batch", inputs: 20_000, seeds: noise(50), mutate: mutate::bytes }.run(batch);
    assert!(ran > 50);
}

#[test]
fn checkpoints() {
    let ran = Smoke { name: "checkpoint", inputs: 20_000, seeds: vec![], mutate: mutate::bytes }.run(checkpoint);
    assert!(ran > 10);
}

#[test]
fn the_grammar_of_allowlists() {
    let ran = Smoke { name: "allowlist", inputs: 50_000, seeds: vec![], mutate: mutate::bytes }.run(allowlist);
    assert!(ran > 10);
}

#[test]
fn files_that_may_be_plugins() {
    bound_memory();
    let ran = Smoke { name: "loader", inputs: 100, seeds: components(), mutate: mutate::wasm }.run(loader);
    assert!(ran > 100 || std::env::var_os("WHARF_FUZZ_SECONDS").is_some());
}

/// Inputs that are nothing but noise, the same each time.
fn noise(count: u64) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..count).map(|_| (0..rng.usize(..600)).map(|_| rng.u8(..)).collect()).collect()
}

/// Real plugins, the two smallest: the large ones only take longer to compile.
fn components() -> Vec<Vec<u8>> {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dist = root.join("../../../plugins/dist");
    let read = |path: &Path| std::fs::read(path).unwrap();
    let entries = std::fs::read_dir(&dist).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut all: Vec<Vec<u8>> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "wasm")).map(|path| read(&path)).collect();
    assert!(!all.is_empty(), "there is no plugin in {}: run `cargo xtask plugins`", dist.display());
    all.sort_by_key(Vec::len);
    all.truncate(2);
    all
}

/// A component that makes the compiler eat memory ends this test, not the machine.
fn bound_memory() {
    let limit = getrlimit(Resource::Data);
    let most = Some(4 << 30);
    setrlimit(Resource::Data, Rlimit { current: most, maximum: limit.maximum }).unwrap();
}
