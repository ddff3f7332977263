//! The command line.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::{Binary, artifacts};

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed, as bytes: values of a topic need not be UTF-8.
    pub stdout: Vec<u8>,
    /// What it complained of.
    pub stderr: String,
}

impl Said {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output();
        let Output { status, stdout, stderr } = output.unwrap_or_else(|error| panic!("run {command:?}: {error}"));
        Self { code: status.code(), stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
    }

    /// What it printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it printed, as JSON; fails the test where it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.stdout) {
            Ok(json) => json,
            Err(error) => panic!("not JSON ({error}): {}{}", self.text(), self.stderr),
        }
    }

    /// Fails the test unless the command succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "the command failed: {}", self.stderr);
        self
    }
}

/// A binary with a clean environment: what the machine's says must not reach a test.
pub(crate) fn wharf(which: Binary) -> Command {
    let mut command = Command::new(artifacts::binary(which));
    for (name, _) in std::env::vars_os() {
        let spelled = name.to_string_lossy().to_ascii_lowercase();
        if spelled.starts_with("wharf_") || spelled.ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command.env_remove("FAILPOINTS").env_remove("RUST_LOG");
    command
}
