//! Reading files that an operator allows, and no others.
//!
//! A path is made canonical before it is judged, so that neither `..` nor a link leads out of what is allowed; what is
//! opened is that canonical path, without following a link that was put there meanwhile.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::OFlags;

/// A larger file holds no secret.
const MAX_BYTES: u64 = 1 << 20;

/// The text of a file below one of `roots` and below none of `denied`; `setting` is where roots are written.
pub(super) fn read(path: &str, roots: &[PathBuf], denied: &[PathBuf], setting: &str) -> Result<String, String> {
    let file = open(path, roots, denied, setting)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| format!("the file cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("the file is larger than {MAX_BYTES} bytes: name one that holds nothing but secrets"));
    }
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())
}

/// What changes when a file is written or replaced.
pub(super) type Stamp = (u64, u64, u64, i64, i64);

/// The stamp of a file that may be read; `None` where it may not or is not there.
pub(super) fn stamp(path: &str, roots: &[PathBuf], denied: &[PathBuf]) -> Option<Stamp> {
    let path = allowed(path, roots, denied, "").ok()?;
    let of = std::fs::metadata(path).ok()?;
    Some((of.dev(), of.ino(), of.len(), of.mtime(), of.mtime_nsec()))
}

fn open(path: &str, roots: &[PathBuf], denied: &[PathBuf], setting: &str) -> Result<File, String> {
    let canonical = allowed(path, roots, denied, setting)?;
    let failed = |error: std::io::Error| format!("the file cannot be read: {error}");
    // Not blocking: a pipe that nobody writes to would be waited for at this place.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(&canonical).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    if !opened.is_file() {
        return Err("this is no regular file: name a file".to_owned());
    }
    // A directory on the way may have become a link after it was looked at.
    let again =
        allowed(path, roots, denied, setting).and_then(|path| std::fs::symlink_metadata(path).map_err(failed))?;
    if !is_same(&opened, &again) {
        return Err("the file is being replaced: try again".to_owned());
    }
    Ok(file)
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The canonical path, if it may be read.
fn allowed(path: &str, roots: &[PathBuf], denied: &[PathBuf], setting: &str) -> Result<PathBuf, String> {
    let outside =
        || format!("it is not below what `{setting}` of [secrets] in wharf.toml names: add its directory there");
    let written = Path::new(path);
    if !written.is_absolute() {
        return Err("write an absolute path".to_owned());
    }
    let is_below = |path: &Path, roots: &[PathBuf]| {
        let canonical = roots.iter().filter_map(|root| root.canonicalize().ok());
        canonical.chain(roots.iter().cloned()).any(|root| path.starts_with(root))
    };
    match written.canonicalize() {
        Ok(canonical) if is_below(&canonical, denied) => {
            Err("the worker's own files are read by nobody else".to_owned())
        }
        Ok(canonical) if is_below(&canonical, roots) => Ok(canonical),
        // Whether a file is there is told only of places that may be read.
        Err(error) if is_plain(written) && is_below(written, roots) => Err(format!("the file cannot be read: {error}")),
        Ok(_) | Err(_) => Err(outside()),
    }
}

fn is_plain(path: &Path) -> bool {
    !path.components().any(|part| part == Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Scene {
        _dir: tempfile::TempDir,
        top: PathBuf,
        roots: Vec<PathBuf>,
    }

    impl Scene {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let top = dir.path().canonicalize().unwrap();
            std::fs::create_dir_all(top.join("open/sub")).unwrap();
            std::fs::create_dir_all(top.join("open/own")).unwrap();
            std::fs::create_dir(top.join("openish")).unwrap();
            for file in ["open/a", "open/sub/b", "open/own/c", "openish/d", "outside"] {
                std::fs::write(top.join(file), file).unwrap();
            }
            let roots = vec![top.join("open")];
            Self { _dir: dir, top, roots }
        }

        fn read(&self, path: &str) -> Result<String, String> {
            let denied = [self.top.join("open/own")];
            read(self.top.join(path).to_str().unwrap(), &self.roots, &denied, "file-roots")
        }
    }

    #[test]
    fn only_what_lies_below_a_root_is_read_whatever_way_leads_there() {
        let scene = Scene::new();
        symlink(scene.top.join("outside"), scene.top.join("open/link")).unwrap();
        symlink(scene.top.join("openish"), scene.top.join("open/way")).unwrap();
        symlink(scene.top.join("open/sub"), scene.top.join("in")).unwrap();
        symlink("sub/b", scene.top.join("open/inner")).unwrap();
        for (path, text) in
            [("open/a", "open/a"), ("open/sub/../a", "open/a"), ("in/b", "open/sub/b"), ("open/inner", "open/sub/b")]
        {
            assert_eq!(scene.read(path).as_deref(), Ok(text), "{path}");
        }
        for path in ["open/link", "open/way/d", "openish/d", "outside", "open/../outside", "open/../none", "none"] {
            let refusal = scene.read(path).unwrap_err();
            assert!(refusal.contains("not below what `file-roots`"), "{path}: {refusal}");
        }
        assert!(scene.read("open/none").unwrap_err().contains("cannot be read"));
        assert!(scene.read("open/own/c").unwrap_err().contains("the worker's own files"));
        assert!(read("open/a", &scene.roots, &[], "file-roots").unwrap_err().contains("absolute"));
    }

    #[test]
    fn directories_pipes_and_large_files_are_refused() {
        let scene = Scene::new();
        assert!(scene.read("open/sub").unwrap_err().contains("no regular file"));
        std::fs::File::create(scene.top.join("open/large")).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(scene.read("open/large").unwrap_err().contains("larger than"));
        let pipe = scene.top.join("open/pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(scene.read("open/pipe").unwrap_err().contains("no regular file"));
    }

    #[test]
    fn a_root_may_be_a_single_file() {
        let scene = Scene::new();
        let root = scene.top.join("outside");
        assert!(read(root.to_str().unwrap(), std::slice::from_ref(&root), &[], "file-roots").is_ok());
    }
}
