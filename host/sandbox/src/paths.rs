//! Which paths of the host a plugin may be given.
//!
//! A path in a configuration is resolved on the host, symbolic links and `..` included, before it is judged, and what
//! is granted is what it resolved to: nothing that a link or a later change points elsewhere gets round the policy.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the operator allows.
///
/// | path | granted |
/// |---|---|
/// | in or below one of `denied`, or of `/proc`, `/sys`, `/dev` | never |
/// | a directory, or a file yet to be made, that has one of those below it | never |
/// | in or below one of `allowed` | yes |
/// | any other | only where `allowed` is `None` |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathPolicy {
    /// Files and directories that configurations may name, with all below them. `None`: any. Default `None`.
    pub allowed: Option<Vec<PathBuf>>,
    /// Files and directories that they may not, with all below them: the worker's own. Default none.
    pub denied: Vec<PathBuf>,
}

/// Denied whatever the operator says: through them a guest would reach the kernel, devices and other processes.
const NEVER: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Where a configured path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    /// A directory, which is granted as a whole.
    Directory(PathBuf),
    /// A file, which may not exist yet, in a directory that does; only the file is granted.
    File {
        /// The directory, free of links.
        dir: PathBuf,
        /// The file's name in it.
        name: String,
    },
}

impl Resolved {
    fn full(&self) -> PathBuf {
        match self {
            Self::Directory(dir) => dir.clone(),
            Self::File { dir, name } => dir.join(name),
        }
    }
}

/// Why a path cannot be granted. The messages end a sentence that begins with the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("names nothing: write the path of a file or directory")]
    Empty,
    #[error("has no file name at its end: name a file or an existing directory")]
    NoName,
    #[error("is not valid UTF-8 once its links are resolved: rename the file it leads to")]
    NotUtf8,
    #[error("is neither a file nor a directory (a pipe, socket or device): name a regular file or a directory")]
    Special,
    #[error("is a symbolic link to something that does not exist: repair the link or name the file itself")]
    DanglingLink,
    #[error("is in the directory {}, which does not exist: create it or name another", .0.display())]
    NoParent(PathBuf),
    #[error("is not in a directory: {} is a file", .0.display())]
    ParentIsFile(PathBuf),
    #[error("cannot be looked at: {0}")]
    Io(String),
    #[error("is in {}, which plugins may not touch: name a path outside it", .0.display())]
    Denied(PathBuf),
    #[error("contains {}, which plugins may not touch: name a directory without it", .0.display())]
    Contains(PathBuf),
    #[error("is outside the allowed paths: name a path in one of {}", list(.0))]
    NotAllowed(Vec<PathBuf>),
}

fn list(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "allowed-paths, which is empty".into();
    }
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    /// Whether the file system stands in the way rather than the policy: a look at it later may go well.
    pub(crate) fn is_about_the_file(&self) -> bool {
        !matches!(
            self,
            Self::Empty | Self::NoName | Self::Special | Self::Denied(_) | Self::Contains(_) | Self::NotAllowed(_)
        )
    }

    /// Whether nothing is there: not the directory, or not what a link leads to.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::NoParent(_) | Self::DanglingLink)
    }

    /// Whether it is the policy that forbids it, whatever lies there.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(self, Self::Special | Self::Denied(_) | Self::Contains(_) | Self::NotAllowed(_))
    }
}

impl PathPolicy {
    /// Resolves `path` and judges where it leads.
    pub(crate) fn resolve(&self, path: &str) -> Result<Resolved, Refusal> {
        let resolved = resolve(path)?;
        self.judge(&resolved)?;
        Ok(resolved)
    }

    fn judge(&self, resolved: &Resolved) -> Result<(), Refusal> {
        let full = resolved.full();
        let never = NEVER.iter().map(PathBuf::from);
        for denied in never.chain(self.denied.iter().cloned()) {
            let canonical = canonical_or_future(&denied);
            if full.starts_with(&canonical) {
                return Err(Refusal::Denied(denied));
            }
            // Not for directories alone: a file yet to be made may be made a directory by somebody else.
            if canonical.starts_with(&full) {
                return Err(Refusal::Contains(denied));
            }
        }
        match &self.allowed {
            Some(allowed) if !allowed.iter().any(|root| full.starts_with(canonical_or_future(root))) => {
                Err(Refusal::NotAllowed(allowed.clone()))
            }
            _ => Ok(()),
        }
    }
}

/// `path` without links, also where its last parts do not exist yet.
fn canonical_or_future(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing = Vec::new();
    for ancestor in absolute.ancestors() {
        if let Ok(canonical) = fs::canonicalize(ancestor) {
            return canonical.join(missing.iter().rev().collect::<PathBuf>());
        }
        missing.extend(ancestor.file_name());
    }
    absolute
}

fn resolve(text: &str) -> Result<Resolved, Refusal> {
    if text.trim().is_empty() || text.contains('\0') {
        return Err(Refusal::Empty);
    }
    let path = Path::new(text);
    match fs::canonicalize(path) {
        Ok(canonical) => existing(&canonical),
        Err(error) if error.kind() == io::ErrorKind::NotFound => absent(path),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(Refusal::ParentIsFile(path.parent().unwrap_or(path).to_owned()))
        }
        Err(error) => Err(Refusal::Io(error.to_string())),
    }
}

fn existing(canonical: &Path) -> Result<Resolved, Refusal> {
    let metadata = fs::metadata(canonical).map_err(|error| Refusal::Io(error.to_string()))?;
    if metadata.is_dir() {
        return Ok(Resolved::Directory(canonical.to_owned()));
    }
    if !metadata.is_file() {
        return Err(Refusal::Special);
    }
    match (canonical.parent(), canonical.file_name()) {
        (Some(dir), Some(name)) => file(dir, name),
        _ => Err(Refusal::NoName),
    }
}

fn absent(path: &Path) -> Result<Resolved, Refusal> {
    if fs::symlink_metadata(path).is_ok() {
        return Err(Refusal::DanglingLink);
    }
    let name = path.file_name().ok_or(Refusal::NoName)?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let dir = match fs::canonicalize(parent) {
        Ok(dir) => dir,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Refusal::NoParent(parent.to_owned())),
        Err(error) => return Err(Refusal::Io(error.to_string())),
    };
    if !dir.is_dir() {
        return Err(Refusal::ParentIsFile(parent.to_owned()));
    }
    file(&dir, name)
}

fn file(dir: &Path, name: &std::ffi::OsStr) -> Result<Resolved, Refusal> {
    let name = name.to_str().ok_or(Refusal::NotUtf8)?;
    Ok(Resolved::File { dir: dir.to_owned(), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Place(tempfile::TempDir, PathBuf);

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for sub in ["in", "secret"] {
            fs::create_dir(root.join(sub)).unwrap();
            fs::write(root.join(sub).join("f.txt"), "x").unwrap();
        }
        Place(dir, root)
    }

    impl Place {
        fn path(&self, path: &str) -> String {
            self.1.join(path).to_str().unwrap().to_owned()
        }

        fn policy(&self) -> PathPolicy {
            PathPolicy { allowed: None, denied: vec![self.0.path().join("secret")] }
        }

        fn refusal(&self, path: &str) -> Refusal {
            self.policy().resolve(&self.path(path)).unwrap_err()
        }
    }

    #[test]
    fn a_file_is_granted_alone_and_a_directory_as_a_whole() {
        let place = place();
        let file = Resolved::File { dir: place.1.join("in"), name: "f.txt".into() };
        assert_eq!(place.policy().resolve(&place.path("in/f.txt")), Ok(file));
        assert_eq!(place.policy().resolve(&place.path("in")), Ok(Resolved::Directory(place.1.join("in"))));
        let future = Resolved::File { dir: place.1.join("in"), name: "new".into() };
        assert_eq!(place.policy().resolve(&place.path("in/new")), Ok(future));
    }

    #[test]
    fn neither_dots_nor_links_lead_into_a_denied_directory() {
        let place = place();
        symlink(place.1.join("secret"), place.1.join("in/dir")).unwrap();
        symlink(place.1.join("secret/f.txt"), place.1.join("in/link")).unwrap();
        for path in
            ["secret", "secret/f.txt", "secret/new", "in/../secret/f.txt", "in/link", "in/dir/f.txt", "in/dir/new"]
        {
            assert!(matches!(place.refusal(path), Refusal::Denied(_)), "{path}");
        }
    }

    #[test]
    fn a_directory_around_a_denied_one_is_refused() {
        let place = place();
        assert!(matches!(place.refusal(""), Refusal::Contains(_)));
        assert!(matches!(PathPolicy::default().resolve("/"), Err(Refusal::Contains(_))));
    }

    #[test]
    fn a_denied_directory_that_does_not_exist_yet_is_denied_all_the_same() {
        let place = place();
        let policy = PathPolicy { allowed: None, denied: vec![place.1.join("in/../later/data")] };
        assert_eq!(canonical_or_future(&place.1.join("later/data")), place.1.join("later/data"));
        assert!(matches!(policy.resolve(&place.path("later")), Err(Refusal::Contains(_))));
    }

    #[test]
    fn the_kernel_s_own_files_are_never_granted() {
        for path in ["/proc/self/environ", "/sys", "/dev/null", "/dev/stdin", "/proc/self/root/etc/passwd/.."] {
            let refused = PathPolicy { allowed: Some(vec!["/".into()]), denied: vec![] }.resolve(path);
            assert!(refused.is_err(), "{path}: {refused:?}");
        }
    }

    #[test]
    fn outside_the_allowed_paths_the_answer_names_them() {
        let place = place();
        let policy = PathPolicy { allowed: Some(vec![place.0.path().join("in")]), denied: vec![] };
        assert!(policy.resolve(&place.path("in/f.txt")).is_ok());
        assert!(policy.resolve(&place.path("in")).is_ok());
        let refused = policy.resolve(&place.path("secret/f.txt")).unwrap_err().to_string();
        assert!(refused.contains(&place.0.path().join("in").display().to_string()), "{refused}");
        // A name that only begins alike is another directory.
        fs::create_dir(place.1.join("inside")).unwrap();
        assert!(policy.resolve(&place.path("inside/x")).is_err());
    }

    #[test]
    fn what_cannot_be_opened_is_told_apart() {
        let place = place();
        symlink("nowhere", place.1.join("in/broken")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, place.1.join("in/pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        assert_eq!(place.refusal("in/broken"), Refusal::DanglingLink);
        assert_eq!(place.refusal("in/pipe"), Refusal::Special);
        assert_eq!(place.refusal("no/such/f.txt"), Refusal::NoParent(place.1.join("no/such")));
        assert!(matches!(place.refusal("in/f.txt/x"), Refusal::ParentIsFile(_)));
        assert_eq!(PathPolicy::default().resolve(" "), Err(Refusal::Empty));
    }
}
