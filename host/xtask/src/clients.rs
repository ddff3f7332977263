//! `cargo xtask clients`: fetches the third-party clients that the tests put to a worker.
//!
//! Each kit of `tests/clients` is installed from the registry it belongs to (PyPI, Maven Central) into a folder of the
//! user's cache that outlives the clone and is named after what is in it; a link in the target directory leads there, so
//! that tests find it without knowing the cache. Versions are pinned, Python's by hashes. The tests themselves then talk
//! to this machine alone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, io};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// What is installed with pip, and from which file.
const PYTHON: [(&str, &str); 2] = [
    ("python", "tests/clients/python/requirements.txt"),
    ("schemathesis", "tests/clients/schemathesis/requirements.txt"),
];
/// Pinned, because Maven would otherwise take the latest.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const POM: &str = "tests/clients/java/pom.xml";

/// Installs what is not there yet.
pub(crate) fn install(workspace: &Workspace) -> Result<()> {
    const PYTHON_IS_THERE: &str = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))";
    need("python3", &["-c", PYTHON_IS_THERE], "Python 3.11 or later with venv", "python3 python3-venv")?;
    need("javac", &["-version"], "a JDK, 17 or later", "default-jdk-headless")?;
    need("mvn", &["--version"], "Maven", "maven")?;
    let python = process::output(Command::new("python3").args(["-c", "import sys; print(sys.version, sys.prefix)"]))?;
    for (name, file) in PYTHON {
        let file = workspace.root.join(file);
        let wanted = python.clone() + &read(&file)?;
        kit(workspace, name, &wanted, |dir| {
            process::run(quiet("python3").args(["-m", "venv"]).arg(dir))?;
            let mut pip = quiet(dir.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
            // The file names everything: nothing is chosen here, also by the Python that a package was tried with.
            process::run(pip.args(["--no-deps", "--require-hashes", "--ignore-requires-python", "-r"]).arg(&file))
        })?;
    }
    let pom = workspace.root.join(POM);
    kit(workspace, "java", &read(&pom)?, |dir| {
        let mut maven = quiet("mvn");
        maven.args(["--quiet", "--batch-mode", "--strict-checksums", "--file"]).arg(&pom).arg(COPY);
        process::run(maven.arg(format!("-DoutputDirectory={}", dir.display())))
    })
}

/// Makes sure that one kit is installed, and that the link leads to it.
fn kit(workspace: &Workspace, name: &str, wanted: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let cache = cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("create {}", cache.display()))?;
    let dir = cache.join(format!("{name}-{:016x}", digest(wanted)));
    // Several clones may share the cache.
    let lock = cache.join(format!("{name}.lock"));
    let lock = File::create(&lock).with_context(|| format!("create {}", lock.display()))?;
    lock.lock().context("wait for another installation")?;
    let ready = dir.join("ready");
    if !ready.is_file() {
        println!("installing {}", dir.display());
        remove(fs::remove_dir_all(&dir))?;
        make(&dir).with_context(|| format!("install what {name} needs of tests/clients"))?;
        fs::write(&ready, wanted).with_context(|| format!("write {}", ready.display()))?;
    }
    let links = workspace.target.join("clients");
    fs::create_dir_all(&links).with_context(|| format!("create {}", links.display()))?;
    let link = links.join(name);
    remove(fs::remove_file(&link))?;
    std::os::unix::fs::symlink(&dir, &link).with_context(|| format!("make the link {}", link.display()))
}

fn remove(removed: io::Result<()>) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("remove what was there before"),
        _ => Ok(()),
    }
}

fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache"),
    };
    Ok(base.join("wharf/clients"))
}

fn need(program: &str, args: &[&str], what: &str, packages: &str) -> Result<()> {
    if !process::exists(program, args) {
        bail!("the tests put third-party clients to a worker and need {what} (Debian: apt-get install {packages})");
    }
    Ok(())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

fn quiet(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// FNV-1a: the same on every machine and with every compiler; it tells versions apart and guards nothing.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_fnv() {
        assert_eq!(digest(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest("a"), 0xaf63_dc4c_8601_ec8c);
    }
}
