//! Where the things under test are.
//!
//! Beside the test, as cargo built them. A run that takes long uses copies, so that nobody's build changes them meanwhile:
//! `WHARF_TEST_ARTIFACTS` names the folder that holds the binaries and the plugins then.

use std::path::PathBuf;
use std::{env, fs};

use crate::Binary;

/// `<target>/<profile>`: a test runs from its folder `deps`, another program from the folder itself.
fn profile_dir() -> PathBuf {
    let exe = env::current_exe().unwrap_or_else(|error| panic!("find this test's own file: {error}"));
    let mut dirs = exe.ancestors().skip(1);
    let dir = dirs.find(|dir| !dir.ends_with("deps"));
    dir.unwrap_or_else(|| panic!("{} is not in a target directory", exe.display())).to_owned()
}

/// The folder with copies, where one was named.
fn copies() -> Option<PathBuf> {
    env::var_os("WHARF_TEST_ARTIFACTS").map(PathBuf::from)
}

/// A binary of the worker.
pub(crate) fn binary(which: Binary) -> PathBuf {
    let (name, build) = match which {
        Binary::Wharf => ("wharf", "cargo build --release -p wharf"),
        Binary::Chaos => ("wharf-chaos", "cargo build --release -p wharf --features failpoints --bin wharf-chaos"),
    };
    let binary = copies().unwrap_or_else(profile_dir).join(name);
    assert!(binary.is_file(), "{} is missing: run `cargo xtask test`, or build it with `{build}`", binary.display());
    binary
}

/// The component of a first-party plugin or of a fixture. Fails the test where it was not built.
pub fn component(name: &str) -> PathBuf {
    if let Some(copy) = copies().map(|dir| dir.join(format!("{name}.wasm"))) {
        assert!(copy.is_file(), "{} is missing in WHARF_TEST_ARTIFACTS", copy.display());
        return copy;
    }
    let root = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dist = root.join("../../plugins/dist").join(format!("{name}.wasm"));
    if dist.is_file() {
        return dist;
    }
    let fixture = profile_dir().join("../fixtures").join(format!("{name}.wasm"));
    assert!(
        fixture.is_file(),
        "there is no {} and no {}: run `cargo xtask test`, or `cargo xtask plugins` and `cargo xtask fixtures`",
        dist.display(),
        fixture.display()
    );
    fixture
}

/// The folder with third-party clients of this kind. Fails the test where they were not installed.
pub fn clients(kit: &str) -> PathBuf {
    let dir = profile_dir().join("../clients").join(kit);
    assert!(dir.join("ready").is_file(), "there is no {}: run `cargo xtask clients`", dir.display());
    dir
}

/// Copies a component into a plugins directory, whole or not at all, as an installer should.
pub(crate) fn install(name: &str, plugins: &std::path::Path) {
    let to = plugins.join(format!("{name}.wasm"));
    let half = plugins.join(format!(".{name}.wasm.tmp"));
    let done = fs::copy(component(name), &half).and_then(|_| fs::rename(&half, &to));
    done.unwrap_or_else(|error| panic!("install {}: {error}", to.display()));
}
