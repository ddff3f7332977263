//! Where things are.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::process;

/// The folders that the commands work in.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The top of the repository.
    pub(crate) root: PathBuf,
    /// Cargo's target directory of the host workspace.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo. The place is looked up when the command runs, not when it was built: a target directory may be shared
    /// by several clones.
    pub(crate) fn find() -> Result<Self> {
        let root = find_root()?;
        let metadata = metadata(&root)?;
        let target = metadata.get("target_directory").and_then(Value::as_str);
        let target = PathBuf::from(target.context("cargo metadata names no target directory")?);
        Ok(Self { root, target })
    }

    /// The workspace of everything that runs as WebAssembly.
    pub(crate) fn guests(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// The target directory of the guests: one of their own, so that the two workspaces do not wait for each other.
    pub(crate) fn guests_target(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// Where the first-party plugins go; also the plugins directory of the demo.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("plugins/dist")
    }

    /// Where the test fixtures and the examples go.
    pub(crate) fn fixtures(&self) -> PathBuf {
        self.target.join("fixtures")
    }

    /// The `wharf` binary.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target.join("release").join("wharf")
    }
}

/// What cargo says of the workspace in `dir`, without dependencies.
pub(crate) fn metadata(dir: &Path) -> Result<Value> {
    let mut cargo = process::cargo(dir);
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = process::output(&mut cargo)?;
    serde_json::from_str(&text).context("read the answer of cargo metadata")
}

fn find_root() -> Result<PathBuf> {
    let start = match env::var_os("CARGO_MANIFEST_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => env::current_dir().context("find the current directory")?,
    };
    for dir in start.ancestors() {
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap_or_default();
        if manifest.contains("\"host/xtask\"") {
            return Ok(dir.to_owned());
        }
    }
    bail!("{} is not inside a clone of Wharf: run `cargo xtask` from its folder", start.display())
}
