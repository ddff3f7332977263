//! On what it was measured. A figure without its machine says nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::process;
use crate::workspace::Workspace;

/// What a reader must know to compare.
#[derive(Debug)]
pub(super) struct Machine {
    /// In UTC.
    pub(super) date: String,
    /// `+` behind it: the working copy differs.
    pub(super) commit: String,
    pub(super) cpu: String,
    pub(super) cores: usize,
    /// In millions of bytes.
    pub(super) memory_mb: u64,
    pub(super) kernel: String,
    /// Of the directory that the bench works in.
    pub(super) file_system: String,
}

impl Machine {
    /// Looks around; what is not to be found out is `unknown`.
    pub(super) fn look(workspace: &Workspace, dir: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.current_dir(&workspace.root).args(args);
            process::output(&mut command).map(|text| text.trim().to_owned())
        };
        let mut commit = run("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| unknown());
        if run("git", &["status", "--porcelain"]).is_ok_and(|changed| !changed.is_empty()) {
            commit.push('+');
        }
        let memory = read("/proc/meminfo");
        let memory = field(&memory, "MemTotal").and_then(|text| text.trim_end_matches("kB").trim().parse::<u64>().ok());
        Self {
            date: run("date", &["-u", "+%Y-%m-%d %H:%M"]).unwrap_or_else(|_| unknown()),
            commit,
            cpu: field(&read("/proc/cpuinfo"), "model name").map_or_else(unknown, str::to_owned),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mb: memory.unwrap_or_default() * 1024 / 1_000_000,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(&read("/proc/mounts"), dir).unwrap_or_else(unknown),
        }
    }

    /// In one sentence.
    pub(super) fn sentence(&self) -> String {
        let Self { date, commit, cpu, cores, memory_mb, kernel, file_system } = self;
        let memory = *memory_mb as f64 / 1000.0;
        format!("{date} UTC, commit {commit}; {cores} cores of {cpu}, {memory:.0} GB, Linux {kernel}, {file_system}")
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "date": self.date, "commit": self.commit, "cpu": self.cpu, "cores": self.cores,
            "memory_mb": self.memory_mb, "kernel": self.kernel, "file_system": self.file_system,
        })
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The value of a line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':')).map(str::trim)
}

/// The type of the file system that holds `dir`: that of the longest mount point above it.
fn file_system(mounts: &str, dir: &Path) -> Option<String> {
    let parsed = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        Some((words.next()?, words.next()?))
    });
    let above = parsed.filter(|(point, _)| dir.starts_with(point));
    above.max_by_key(|(point, _)| point.len()).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_tells_the_file_system() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n";
        let of = |dir: &str| file_system(mounts, Path::new(dir)).unwrap();
        assert_eq!([of("/home"), of("/tmp/y"), of("/tmp/x/z"), of("/tmpfoo")], ["ext4", "tmpfs", "xfs", "ext4"]);
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        assert_eq!(field("model\t: 7\nmodel name\t: Big CPU\n", "model name"), Some("Big CPU"));
        assert_eq!(field("MemTotal:  12 kB\n", "MemTotal"), Some("12 kB"));
    }
}
