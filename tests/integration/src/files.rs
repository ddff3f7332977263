//! Files of a test.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

/// Makes the file hold exactly `content`.
#[track_caller]
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
}

/// Adds `content` to the end of the file.
#[track_caller]
pub fn append(path: &Path, content: impl AsRef<[u8]>) {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let done = file.and_then(|mut file| file.write_all(content.as_ref()));
    done.unwrap_or_else(|error| panic!("append to {}: {error}", path.display()));
}

/// The file's content; empty where there is no file.
#[track_caller]
pub fn read(path: &Path) -> Vec<u8> {
    match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("read {}: {error}", path.display()),
    }
}
