//! What follows from what files say and what was taken from them before. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::memory::Origin;
use crate::connector_file::Declared;

/// What a followed file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum File {
    /// Nothing that could be read, so far; what was taken from it before holds.
    Unread,
    /// These connectors, also where its last change cannot be read.
    Says(Vec<Declared>),
}

/// What is to be done for a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Job {
    /// It is created, or configured anew.
    Put { connector: Declared, file: PathBuf, digest: String },
    /// It stays as it is; another file describes it now.
    Move { file: PathBuf, digest: String },
    /// Its file says it no more.
    Delete { file: PathBuf },
}

/// A connector that two files describe: its name, the file that loses, and the file that keeps it.
pub(super) type Clash = (String, PathBuf, PathBuf);

/// Compares. `gone`: files that connectors came from and that were removed.
pub(super) fn plan(
    files: &BTreeMap<PathBuf, File>,
    gone: &BTreeSet<PathBuf>,
    taken: &BTreeMap<String, Origin>,
) -> (BTreeMap<String, Job>, Vec<Clash>) {
    let mut said: BTreeMap<&str, Vec<(&PathBuf, &Declared)>> = BTreeMap::new();
    for (path, file) in files {
        if let File::Says(connectors) = file {
            for connector in connectors {
                said.entry(connector.name.as_str()).or_default().push((path, connector));
            }
        }
    }
    let (mut jobs, mut clashes) = (BTreeMap::new(), Vec::new());
    for (name, by) in &said {
        let before = taken.get(*name);
        // A file that could not be read yet keeps its connector against a newcomer.
        let owner = before
            .map(|before| &before.file)
            .filter(|file| by.iter().any(|(path, _)| path == file) || matches!(files.get(*file), Some(File::Unread)));
        let winner = owner.or_else(|| by.first().map(|(path, _)| *path));
        for (path, connector) in by {
            let Some(winner) = winner.filter(|winner| winner != path) else {
                let digest = digest(connector);
                let file = (*path).clone();
                let job = match before {
                    Some(before) if before.digest == digest && before.file == file => continue,
                    Some(before) if before.digest == digest => Job::Move { file, digest },
                    _ => Job::Put { connector: (*connector).clone(), file, digest },
                };
                jobs.insert((*name).to_owned(), job);
                continue;
            };
            clashes.push(((*name).to_owned(), (*path).clone(), winner.clone()));
        }
    }
    for (name, before) in taken {
        let is_dropped = match files.get(&before.file) {
            Some(File::Says(_)) => true,
            Some(File::Unread) => false,
            None => gone.contains(&before.file),
        };
        if is_dropped && !said.contains_key(name.as_str()) {
            jobs.insert(name.clone(), Job::Delete { file: before.file.clone() });
        }
    }
    (jobs, clashes)
}

/// By what a change of a connector's configuration is told.
fn digest(connector: &Declared) -> String {
    let mut hash = Sha256::new();
    for (key, value) in &connector.config {
        for text in [key, value] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(name: &str, topic: &str) -> Declared {
        let config = [("topic".to_owned(), topic.to_owned())].into();
        Declared { name: name.to_owned(), config, initial_state: None }
    }

    fn says(connectors: &[Declared]) -> File {
        File::Says(connectors.to_vec())
    }

    fn files<const N: usize>(files: [(&str, File); N]) -> BTreeMap<PathBuf, File> {
        files.into_iter().map(|(path, file)| (path.into(), file)).collect()
    }

    fn taken<const N: usize>(taken: [(&Declared, &str); N]) -> BTreeMap<String, Origin> {
        let origin = |(connector, file): (&Declared, &str)| {
            (connector.name.clone(), Origin { file: file.into(), digest: digest(connector) })
        };
        taken.into_iter().map(origin).collect()
    }

    fn jobs(
        files: &BTreeMap<PathBuf, File>,
        gone: &[&str],
        taken: &BTreeMap<String, Origin>,
    ) -> Vec<(String, &'static str)> {
        let (jobs, clashes) = plan(files, &gone.iter().map(PathBuf::from).collect(), taken);
        assert!(clashes.is_empty(), "{clashes:?}");
        let what = |job| match job {
            Job::Put { .. } => "put",
            Job::Move { .. } => "move",
            Job::Delete { .. } => "delete",
        };
        jobs.into_iter().map(|(name, job)| (name, what(job))).collect()
    }

    #[test]
    fn what_is_new_or_changed_is_put_and_what_is_not_is_left_alone() {
        let (old, new) = (connector("a", "old"), connector("a", "new"));
        let other = connector("b", "x");
        let now = files([("/f", says(&[new, other.clone()]))]);
        assert_eq!(jobs(&now, &[], &taken([(&old, "/f"), (&other, "/f")])), [("a".to_owned(), "put")]);
        assert_eq!(jobs(&now, &[], &taken([])).len(), 2);
    }

    #[test]
    fn what_a_file_says_no_more_is_deleted() {
        let (a, b) = (connector("a", "x"), connector("b", "x"));
        let now = files([("/f", says(std::slice::from_ref(&a)))]);
        assert_eq!(jobs(&now, &[], &taken([(&a, "/f"), (&b, "/f")])), [("b".to_owned(), "delete")]);
        assert_eq!(jobs(&files([]), &["/f"], &taken([(&a, "/f")])), [("a".to_owned(), "delete")]);
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_followed_no_more_takes_nothing_away() {
        let a = connector("a", "x");
        assert!(jobs(&files([("/f", File::Unread)]), &[], &taken([(&a, "/f")])).is_empty());
        assert!(jobs(&files([]), &[], &taken([(&a, "/f")])).is_empty());
    }

    #[test]
    fn a_connector_that_moves_to_another_file_is_not_touched() {
        let a = connector("a", "x");
        let now = files([("/new", says(std::slice::from_ref(&a))), ("/old", says(&[connector("z", "z")]))]);
        let before = taken([(&a, "/old"), (&connector("z", "z"), "/old")]);
        assert_eq!(jobs(&now, &[], &before), [("a".to_owned(), "move")]);
        let now = files([("/new", says(std::slice::from_ref(&a)))]);
        assert_eq!(jobs(&now, &["/old"], &taken([(&a, "/old")])), [("a".to_owned(), "move")]);
    }

    #[test]
    fn of_two_files_the_one_that_had_the_connector_keeps_it() {
        let (a, other) = (connector("a", "x"), connector("a", "y"));
        let now = files([("/1", says(std::slice::from_ref(&other))), ("/2", says(std::slice::from_ref(&a)))]);
        let (jobs, clashes) = plan(&now, &BTreeSet::new(), &taken([(&a, "/2")]));
        assert!(jobs.is_empty());
        assert_eq!(clashes, [("a".to_owned(), "/1".into(), "/2".into())]);
        // Nobody had it: the first by name.
        let (jobs, clashes) = plan(&now, &BTreeSet::new(), &taken([]));
        assert!(matches!(&jobs["a"], Job::Put { file, .. } if file.as_path() == std::path::Path::new("/1")));
        assert_eq!(clashes, [("a".to_owned(), "/2".into(), "/1".into())]);
    }

    #[test]
    fn key_and_value_cannot_be_shifted_into_each_other() {
        let one = Declared { config: [("ab".to_owned(), "c".to_owned())].into(), ..connector("a", "") };
        let two = Declared { config: [("a".to_owned(), "bc".to_owned())].into(), ..connector("a", "") };
        assert_ne!(digest(&one), digest(&two));
    }
}
