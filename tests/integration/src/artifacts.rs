//! Where the things under test are.

use std::path::PathBuf;
use std::{env, fs};

/// `<target>/<profile>`: the test runs from its folder `deps`.
fn profile_dir() -> PathBuf {
    let exe = env::current_exe().unwrap_or_else(|error| panic!("find this test's own file: {error}"));
    let dir = exe.ancestors().nth(2).unwrap_or_else(|| panic!("{} is not in a target directory", exe.display()));
    dir.to_owned()
}

/// The `wharf` binary.
pub(crate) fn binary() -> PathBuf {
    let binary = profile_dir().join("wharf");
    assert!(
        binary.is_file(),
        "{} is missing: run `cargo xtask test`, or build it with `cargo build --release -p wharf`",
        binary.display()
    );
    binary
}

/// The component of a first-party plugin or of a fixture.
pub(crate) fn component(name: &str) -> PathBuf {
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

/// Copies a component into a plugins directory, whole or not at all, as an installer should.
pub(crate) fn install(name: &str, plugins: &std::path::Path) {
    let to = plugins.join(format!("{name}.wasm"));
    let half = plugins.join(format!(".{name}.wasm.tmp"));
    let done = fs::copy(component(name), &half).and_then(|_| fs::rename(&half, &to));
    done.unwrap_or_else(|error| panic!("install {}: {error}", to.display()));
}
