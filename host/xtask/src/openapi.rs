//! `cargo xtask openapi`: writes `docs/openapi.json` from the code.
//!
//! The test that compares the two writes it when it is asked to; so xtask need not be built with the whole worker in it.

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// Writes it.
pub(crate) fn write(workspace: &Workspace) -> Result<()> {
    const TEST: &str = "openapi::tests::the_checked_in_copy_is_what_the_code_says";
    let mut cargo = process::cargo(&workspace.root);
    cargo.env("WHARF_WRITE_OPENAPI", "1");
    process::run(cargo.args(["test", "--release", "--quiet", "-p", "wharf-api", "--lib", "--", "--exact", TEST]))?;
    println!("docs/openapi.json is what the code says");
    Ok(())
}
