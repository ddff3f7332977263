//! From a configuration to what an instance may touch.
//!
//! The descriptor says which keys are paths; their values, and nothing else, become grants. The guest sees each granted
//! directory under the path that its user wrote, so `file=/var/log/app.log` is opened in the guest as
//! `/var/log/app.log`, and `file=app.log` as `app.log`.

use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmtime_wasi::FsPerms;
use wharf_core::plugin::ValueType;
use wharf_core::{Config, Descriptor, Problem};

use crate::log::clean;
use crate::paths::{PathPolicy, Resolved};

/// A path that a configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) key: &'a str,
    pub(crate) path: &'a str,
    pub(crate) write: bool,
    /// A directory will not do.
    pub(crate) file: bool,
}

/// The paths that `config` asks for. A default is the plugin's own word, not its user's, so that it grants nothing.
pub(crate) fn wanted<'a>(descriptor: &'a Descriptor, config: &'a Config) -> Vec<Wanted<'a>> {
    let paths = descriptor.keys.iter().filter_map(|key| {
        let (write, file) = match key.value_type {
            ValueType::FileRead => (false, true),
            ValueType::FileWrite => (true, true),
            ValueType::PathRead => (false, false),
            ValueType::PathWrite => (true, false),
            _ => return None,
        };
        let path = config.get(&key.name)?;
        (!path.is_empty()).then_some(Wanted { key: &key.name, path, write, file })
    });
    paths.collect()
}

/// What stands against `config` before anything starts. Of a file it is known what is needed: that it is one, and that
/// it can be opened. What is missing is left to the start, where it fails the task: a directory that is made, or a disk
/// that is mounted, later is no reason to refuse the configuration, and Kafka Connect takes it. Of other paths only the
/// operator's policy is asked.
pub(crate) fn check(descriptor: &Descriptor, config: &Config, policy: &PathPolicy) -> Vec<Problem> {
    let refused = wanted(descriptor, config).into_iter().filter_map(|wanted| match policy.resolve(wanted.path) {
        Err(refusal) if !refusal.is_missing() && (wanted.file || !refusal.is_about_the_file()) => {
            Some(problem(&wanted, &refusal))
        }
        Ok(resolved) if wanted.file => check_file(&wanted, &resolved),
        _ => None,
    });
    refused.collect()
}

/// What `config` asks for and the operator's policy forbids, a sentence each, for the audit.
pub(crate) fn denied(descriptor: &Descriptor, config: &Config, policy: &PathPolicy) -> Vec<String> {
    let denied = wanted(descriptor, config).into_iter().filter_map(|wanted| match policy.resolve(wanted.path) {
        Err(refusal) if refusal.is_denial() => Some(format!("{}: {} {refusal}", wanted.key, clean(wanted.path, 300))),
        _ => None,
    });
    denied.collect()
}

fn check_file(wanted: &Wanted<'_>, resolved: &Resolved) -> Option<Problem> {
    let path = match resolved {
        Resolved::Directory(_) => return Some(problem(wanted, &"is a directory: name a file in it")),
        Resolved::File { dir, name } => dir.join(name),
    };
    // Pipes and devices were refused before, so opening does not wait; and nothing is created.
    let opened = std::fs::OpenOptions::new().read(true).append(wanted.write).open(path);
    match opened {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            let what = if wanted.write { "read and written" } else { "read" };
            Some(problem(
                wanted,
                &format!("cannot be {what}: {error}; give the worker's user that right, or name another file"),
            ))
        }
        _ => None,
    }
}

fn problem(wanted: &Wanted<'_>, refusal: &dyn std::fmt::Display) -> Problem {
    Problem { key: wanted.key.into(), message: format!("{} {refusal}", wanted.path) }
}

/// A directory of the host, open, under its path in the guest.
#[derive(Debug)]
pub(crate) struct Grant {
    /// As the guest's user wrote it.
    pub(crate) guest_path: String,
    pub(crate) scope: Scope,
}

/// How much of a directory is granted.
#[derive(Debug)]
pub(crate) enum Scope {
    /// All of it.
    Whole { dir: std::fs::File, perms: FsPerms },
    /// Single entries, which may lie in different directories of the host.
    Entries(Vec<EntryGrant>),
}

/// One file.
#[derive(Debug)]
pub(crate) struct EntryGrant {
    /// Its name in the guest's directory.
    pub(crate) name: String,
    /// The directory of the host that it is in.
    pub(crate) dir: std::fs::File,
    /// Its name there; another than `name` where the configured path is a link.
    pub(crate) host_name: String,
    pub(crate) perms: FsPerms,
}

/// Resolves, judges and opens what `config` asks for. Touches the file system: not for asynchronous code.
///
/// Directories are opened with cap-std, which asks for no more than the right to search them, and are then handed to
/// wasmtime-wasi, whose own path resolution keeps the guest below them.
pub(crate) fn grant(descriptor: &Descriptor, config: &Config, policy: &PathPolicy) -> Result<Vec<Grant>, Vec<Problem>> {
    let (mut grants, mut problems) = (Vec::new(), Vec::new());
    for wanted in wanted(descriptor, config) {
        if let Err(refusal) = grant_one(&wanted, policy, &mut grants) {
            problems.push(refusal);
        }
    }
    if problems.is_empty() { Ok(grants) } else { Err(problems) }
}

fn grant_one(wanted: &Wanted<'_>, policy: &PathPolicy, grants: &mut Vec<Grant>) -> Result<(), Problem> {
    let perms = if wanted.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
    let open = |dir: &Path| {
        let opened = Dir::open_ambient_dir(dir, ambient_authority());
        opened
            .map(Dir::into_std_file)
            .map_err(|error| problem(wanted, &format!("is in a directory that cannot be opened: {error}")))
    };
    match policy.resolve(wanted.path).map_err(|refusal| problem(wanted, &refusal))? {
        // It was a file, or nothing, when the configuration was checked.
        Resolved::Directory(_) if wanted.file => return Err(problem(wanted, &"is a directory: name a file in it")),
        Resolved::Directory(dir) => {
            let guest_path = match wanted.path.trim_end_matches('/') {
                "" => "/",
                path => path,
            };
            let scope = Scope::Whole { dir: open(&dir)?, perms };
            grants.push(Grant { guest_path: guest_path.into(), scope });
        }
        Resolved::File { dir, name: host_name } => {
            let (guest_path, name) = split(wanted.path);
            let entry = EntryGrant { name: name.into(), dir: open(&dir)?, host_name, perms };
            let same = grants.iter_mut().find_map(|grant| match &mut grant.scope {
                Scope::Entries(entries) if grant.guest_path == guest_path => Some(entries),
                _ => None,
            });
            match same {
                Some(entries) => add(entries, entry),
                None => grants.push(Grant { guest_path: guest_path.into(), scope: Scope::Entries(vec![entry]) }),
            }
        }
    }
    Ok(())
}

/// Two keys may name the same file; the guest may then do what either allows.
fn add(entries: &mut Vec<EntryGrant>, entry: EntryGrant) {
    match entries.iter_mut().find(|other| other.name == entry.name) {
        Some(other) if other.perms == FsPerms::ReadOnly => *other = entry,
        Some(_) => {}
        None => entries.push(entry),
    }
}

/// The directory and the name in a path, as text, as the guest's libc will take it apart.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((dir, name)) => (dir, name),
        None => (".", path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, config};

    fn descriptor() -> Descriptor {
        samples::descriptor(&[
            ("in", ValueType::PathRead, None),
            ("out", ValueType::PathWrite, None),
            ("state", ValueType::PathWrite, Some("/nowhere/at/all")),
            ("topic", ValueType::String, None),
        ])
    }

    #[test]
    fn only_path_keys_ask_for_paths_and_defaults_do_not() {
        let (descriptor, config) = (descriptor(), config(&[("in", "/a"), ("topic", "/etc/passwd"), ("out", "")]));
        let asked: Vec<_> =
            wanted(&descriptor, &config).into_iter().map(|wanted| (wanted.path, wanted.write)).collect();
        assert_eq!(asked, [("/a", false)]);
    }

    #[test]
    fn a_path_is_split_as_the_guest_will_split_it() {
        for (path, parts) in [
            ("/a/b.txt", ("/a", "b.txt")),
            ("b.txt", (".", "b.txt")),
            ("./b.txt", (".", "b.txt")),
            ("../a/b", ("../a", "b")),
            ("/b", ("/", "b")),
            ("out/", (".", "out")),
        ] {
            assert_eq!(split(path), parts, "{path}");
        }
    }

    #[test]
    fn two_files_of_one_directory_share_it_and_the_wider_right_wins() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("a"), "").unwrap();
        let (a, b) = (path("a"), path("b"));
        let grants =
            grant(&descriptor(), &config(&[("in", &a), ("out", &a), ("state", &b)]), &PathPolicy::default()).unwrap();
        let [Grant { guest_path, scope: Scope::Entries(entries) }] = grants.as_slice() else { panic!("{grants:?}") };
        assert_eq!(guest_path, dir.path().to_str().unwrap());
        let rights: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.perms)).collect();
        assert_eq!(rights, [("a", FsPerms::ReadWrite), ("b", FsPerms::ReadWrite)]);
    }

    #[test]
    fn a_missing_directory_is_a_problem_of_the_start_and_not_of_the_policy() {
        let (descriptor, config) = (descriptor(), config(&[("in", "/etc/hosts"), ("state", "/nowhere/at/all")]));
        assert_eq!(check(&descriptor, &config, &PathPolicy::default()), []);
        let problems = grant(&descriptor, &config, &PathPolicy::default()).unwrap_err();
        assert_eq!(problems[0].key, "state");
        assert!(problems[0].message.contains("create it or name another"), "{}", problems[0].message);
    }

    #[test]
    fn a_file_key_takes_no_directory_and_may_wait_for_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap().to_owned();
        let keys = [("in", ValueType::FileRead, None), ("out", ValueType::FileWrite, None)];
        let descriptor = samples::descriptor(&keys);
        let check = |value: &str| {
            let config = config(&[("in", value), ("out", value)]);
            check(&descriptor, &config, &PathPolicy::default()).into_iter().map(|it| it.message).collect::<Vec<_>>()
        };
        assert!(check(&folder).iter().all(|it| it.ends_with("is a directory: name a file in it")));
        assert_eq!(check(&folder).len(), 2);
        assert_eq!(check(&format!("{folder}/no/f")), Vec::<String>::new());
        assert_eq!(check(&format!("{folder}/new")), Vec::<String>::new());
        assert!(!dir.path().join("new").exists(), "a check creates nothing");
    }

    #[test]
    fn a_forbidden_path_is_a_problem_before_the_start() {
        let problems = check(&descriptor(), &config(&[("in", "/proc/self/environ")]), &PathPolicy::default());
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].key, "in");
    }
}
