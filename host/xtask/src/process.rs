//! Running other programs, with errors that say which one and what it said.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::{env, io};

use anyhow::{Context, Result, bail};

/// The cargo that started us, in `dir`.
pub(crate) fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir).stdin(Stdio::null());
    command
}

/// The command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Runs the command with our own output; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_run(command))?;
    check(command, status)
}

/// Runs the command and gives back what it printed; its errors go where ours go.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_run(command))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("read the output of `{}`", show(command)))
}

/// Runs the command and hands over each line it prints, without its end, as it comes. Says whether it succeeded.
pub(crate) fn lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_run(command))?;
    let stdout = child.stdout.take().context("open the output of a command")?;
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    // Bytes rather than `lines()`: what a test prints need not be UTF-8.
    while reader.read_until(b'\n', &mut line).with_context(|| format!("read from `{}`", show(command)))? > 0 {
        each(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
    Ok(child.wait().with_context(|| format!("wait for `{}`", show(command)))?.success())
}

/// Whether the program is there at all.
pub(crate) fn exists(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn check(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("`{}` failed ({status})", show(command))
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run `{}`: is {} installed?", show(command), command.get_program().to_string_lossy())
}

/// The last `count` lines of a text file, for error messages.
pub(crate) fn tail(path: &Path, count: usize) -> io::Result<String> {
    let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(count);
    Ok(lines.get(from..).unwrap_or_default().join("\n"))
}
