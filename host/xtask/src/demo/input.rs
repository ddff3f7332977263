//! The text that the demo moves.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::progress::mb;
use crate::workspace::Workspace;

/// Bytes on disk for each byte of input: the input, the log and the output, with room to breathe.
const DISK_FACTOR: f64 = 3.5;

/// The last line of the input. It occurs nowhere else, so that the end of the output can be told.
const LAST_LINE: &str = "-- this is the last line of the Wharf demo --\n";

/// What was written.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

/// The size in bytes that the disk has room for, at most `wanted_mb`.
pub(super) fn affordable(dir: &Path, wanted_mb: u64) -> Result<u64> {
    let disk = rustix::fs::statvfs(dir).with_context(|| format!("look how full the disk of {} is", dir.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let affordable = (free as f64 / DISK_FACTOR) as u64;
    let wanted = wanted_mb * 1_000_000;
    if affordable >= wanted {
        return Ok(wanted);
    }
    if affordable < 1_000_000 {
        bail!("the disk of {} is full: free some space, or set CARGO_TARGET_DIR to another disk", dir.display());
    }
    println!("Only {} MB of disk are free, so the text gets shorter than {wanted_mb} MB", mb(free));
    Ok(affordable)
}

/// The biggest plain text that is found on this machine within two seconds.
pub(super) fn find_text(workspace: &Workspace) -> Result<PathBuf> {
    let deadline = Instant::now() + Duration::from_secs(2);
    let mut folders: VecDeque<PathBuf> = ["/usr/share/dict", "/usr/share", "/usr/lib"].map(PathBuf::from).into();
    folders.push_back(workspace.root.clone());
    let mut texts: Vec<(u64, PathBuf)> = Vec::new();
    while let Some(folder) = folders.pop_front()
        && Instant::now() < deadline
    {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push_back(path),
                Ok(kind) if kind.is_file() && named_like_text(&path) => {
                    let size = entry.metadata().map_or(0, |data| data.len());
                    texts.push((size, path));
                }
                _ => {}
            }
        }
    }
    texts.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    let found = texts.into_iter().map(|(_, path)| path).find(|path| reads_like_text(path));
    found.context("no plain text was found on this machine: name one, `cargo xtask demo PATH`")
}

fn named_like_text(path: &Path) -> bool {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => matches!(extension, "txt" | "md" | "rst" | "text" | "lock"),
        None => path.parent().is_some_and(|folder| folder.ends_with("dict") || folder.ends_with("common-licenses")),
    }
}

/// Whether its beginning is text in lines of a sensible length.
fn reads_like_text(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(65_536).read_to_end(&mut head));
    let lines = head.iter().filter(|&&byte| byte == b'\n').count();
    // A character may be cut at the end of the head.
    let text = std::str::from_utf8(&head).map_or_else(|error| head.len() - error.valid_up_to() < 4, |_| true);
    read.is_ok() && text && !head.contains(&0) && lines >= head.len() / 1000 && lines > 0
}

/// Writes `text` to `path`, again and again until it is `size` bytes, and one last line.
///
/// CR LF becomes LF, because the source takes the CR for a part of the line's end: input and output can then be
/// compared byte by byte.
pub(super) fn write(text: &Path, path: &Path, size: u64) -> Result<Input> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).with_context(|| format!("create {path:?}"))?);
    let mut input = Input { path: path.to_owned(), lines: 0, bytes: 0 };
    let mut line = Vec::new();
    while input.bytes < size {
        let before = input.bytes;
        let file = File::open(text).with_context(|| format!("open {}", text.display()))?;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        while input.bytes < size {
            line.clear();
            if reader.read_until(b'\n', &mut line).with_context(|| format!("read {}", text.display()))? == 0 {
                break;
            }
            let end = line.strip_suffix(b"\n").unwrap_or(&line);
            let end = end.strip_suffix(b"\r").unwrap_or(end).len();
            line.truncate(end);
            line.push(b'\n');
            out.write_all(&line).with_context(|| format!("write {}", path.display()))?;
            input.lines += 1;
            input.bytes += line.len() as u64;
        }
        if input.bytes == before {
            bail!("{} is empty: name a text with some lines", text.display());
        }
    }
    out.write_all(LAST_LINE.as_bytes()).with_context(|| format!("write {}", path.display()))?;
    out.flush().with_context(|| format!("write {}", path.display()))?;
    input.lines += 1;
    input.bytes += LAST_LINE.len() as u64;
    Ok(input)
}

/// Whether `output` ends with the input's last line: everything has arrived, because lines keep their order.
pub(super) fn ends_alike(input: &Path, output: &Path) -> Result<bool> {
    let end = |path: &Path| -> Result<Vec<u8>> {
        let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let mut end = Vec::new();
        // A file shorter than the last line does not end with it.
        if file.seek(SeekFrom::End(-(LAST_LINE.len() as i64))).is_ok() {
            file.read_to_end(&mut end).with_context(|| format!("read {}", path.display()))?;
        }
        Ok(end)
    };
    Ok(end(input)? == end(output)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_repeated_and_its_line_ends_are_made_alike() {
        let dir = std::env::temp_dir().join(format!("wharf-xtask-input-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (text, path) = (dir.join("text"), dir.join("in"));
        fs::write(&text, "one\r\ntwo").unwrap();
        let input = write(&text, &path, 10).unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(written, format!("one\ntwo\none\n{LAST_LINE}"));
        assert_eq!((input.lines, input.bytes), (4, written.len() as u64));
        assert!(ends_alike(&path, &path).unwrap());
        assert!(!ends_alike(&path, &text).unwrap());
        fs::remove_dir_all(&dir).unwrap();
    }
}
