//! Building what runs as WebAssembly.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;
use crate::workspace::{Workspace, metadata};

/// What guests are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Builds the plugins that ship with Wharf into `plugins/dist`.
pub(crate) fn plugins(workspace: &Workspace) -> Result<()> {
    let folder = workspace.guests();
    build(workspace, &workspace.dist(), |manifest| manifest.starts_with(&folder))
}

/// Builds the examples and the test fixtures into `<target>/fixtures`.
pub(crate) fn fixtures(workspace: &Workspace) -> Result<()> {
    let folder = workspace.guests();
    build(workspace, &workspace.fixtures(), |manifest| !manifest.starts_with(&folder))
}

/// Builds the guests whose manifest `wanted` accepts, and copies each to `<to>/<package>.wasm`.
fn build(workspace: &Workspace, to: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    let guests: Vec<Guest> = guests(&metadata(&workspace.guests())?)?;
    let guests: Vec<Guest> = guests.into_iter().filter(|guest| wanted(&guest.manifest)).collect();
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    if guests.is_empty() {
        return Ok(());
    }
    ensure_target(workspace)?;
    let mut cargo = process::cargo(&workspace.guests());
    cargo.env("CARGO_TARGET_DIR", workspace.guests_target());
    cargo.args(["build", "--release", "--target", TARGET]);
    for guest in &guests {
        cargo.args(["-p", &guest.package]);
    }
    process::run(&mut cargo)?;
    for guest in &guests {
        let built = workspace.guests_target().join(TARGET).join("release").join(&guest.artifact);
        let size = install(&built, &to.join(format!("{}.wasm", guest.package)))?;
        println!("  {:<24} {:>5} KiB", guest.package, size.div_ceil(1024));
    }
    println!("{} guests in {}", guests.len(), to.display());
    Ok(())
}

/// A crate that is built to a component.
#[derive(Debug, PartialEq, Eq)]
struct Guest {
    package: String,
    manifest: PathBuf,
    artifact: String,
}

/// Every package of the workspace that has a `cdylib`.
fn guests(metadata: &Value) -> Result<Vec<Guest>> {
    let packages = metadata.get("packages").and_then(Value::as_array).context("cargo metadata lists no packages")?;
    let mut guests = Vec::new();
    for package in packages {
        let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
        let manifest = package.get("manifest_path").and_then(Value::as_str).unwrap_or_default();
        for target in package.get("targets").and_then(Value::as_array).into_iter().flatten() {
            let kinds = target.get("kind").and_then(Value::as_array);
            if kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib")) {
                let target = target.get("name").and_then(Value::as_str).unwrap_or(name);
                guests.push(Guest {
                    package: name.to_owned(),
                    manifest: PathBuf::from(manifest),
                    artifact: format!("{}.wasm", target.replace('-', "_")),
                });
            }
        }
    }
    guests.sort_by(|a, b| a.package.cmp(&b.package));
    Ok(guests)
}

/// Adds the target to the pinned toolchain where it is missing. rustup does that by itself, unless it was told not to.
pub(crate) fn ensure_target(workspace: &Workspace) -> Result<()> {
    let mut rustc = std::process::Command::new("rustc");
    rustc.current_dir(&workspace.root).args(["--print", "target-libdir", "--target", TARGET]);
    if process::output(&mut rustc).is_ok_and(|dir| Path::new(dir.trim()).is_dir()) {
        return Ok(());
    }
    if !process::exists("rustup", &["--version"]) {
        bail!(
            "the Rust target {TARGET} is missing and there is no rustup to add it: install rustup (https://rustup.rs), \
             or add the target to your toolchain"
        );
    }
    println!("adding the Rust target {TARGET}");
    let mut rustup = std::process::Command::new("rustup");
    rustup.current_dir(&workspace.root).args(["target", "add", TARGET]);
    process::run(&mut rustup)
}

/// Copies a file whole or not at all, and only where it changed: a worker may be watching. Gives back its size.
fn install(from: &Path, to: &Path) -> Result<u64> {
    let wasm = fs::read(from).with_context(|| format!("read {}", from.display()))?;
    let size = wasm.len() as u64;
    if fs::read(to).is_ok_and(|old| old == wasm) {
        return Ok(size);
    }
    let half = to.with_extension("wasm.tmp");
    fs::write(&half, wasm).with_context(|| format!("write {}", half.display()))?;
    fs::rename(&half, to).with_context(|| format!("put {} in place", to.display()))?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_packages_with_a_cdylib_are_guests() {
        let metadata = json!({"packages": [
            {"name": "wharf-sdk", "manifest_path": "/r/sdk/Cargo.toml", "targets": [{"kind": ["lib"], "name": "wharf_sdk"}]},
            {"name": "file-source", "manifest_path": "/r/plugins/file-source/Cargo.toml",
             "targets": [{"kind": ["cdylib", "rlib"], "name": "file_source"}, {"kind": ["test"], "name": "t"}]},
        ]});
        let found = guests(&metadata).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].package, "file-source");
        assert_eq!(found[0].artifact, "file_source.wasm");
    }
}
