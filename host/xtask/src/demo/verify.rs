//! The proof: what came out, compared with what went in, byte by byte.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::input::Input;
use crate::process;
use crate::worker::Setup;

const CHUNK: usize = 1 << 20;

/// The log holds the input: each line once, in order. It is read by `wharf topic read` while no worker runs.
pub(super) fn log(setup: &Setup, input: &Input) -> Result<()> {
    let mut command = Command::new(&setup.binary);
    command.args(["topic", "read", "demo", "--data-dir"]).arg(setup.data());
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("start `wharf topic read`")?;
    let stdout = child.stdout.take().context("open the output of `wharf topic read`")?;
    let mut read = BufReader::with_capacity(CHUNK, stdout);
    let mut file = BufReader::with_capacity(CHUNK, open(&input.path)?);
    let alike = common_prefix(&mut file, &mut read).context("compare the log with the file")?;
    let more = !read.fill_buf().context("read the log")?.is_empty();
    // Whatever it still wants to say: the answer is known.
    child.kill().ok();
    let status = child.wait().context("wait for `wharf topic read`")?;
    ensure!(more || status.success(), "`{}` failed ({status})", process::show(&command));
    if alike < input.bytes {
        let line = line_at(&input.path, alike)?;
        let how = if more { "holds something else from there on" } else { "ends there" };
        bail!("the log is right up to line {line} of {} (byte {alike}) and {how}", input.lines);
    }
    ensure!(!more, "the log holds more than the {} lines of the file", input.lines);
    Ok(())
}

/// The sink's file holds the input, where the one kill may have made one stretch come twice. Gives back its length in
/// bytes.
///
/// What came out must be the input up to some line's end, then the input again from that or an earlier line's start to
/// its end. That is: a common beginning and a common end with the input which leave no gap between them, and meet at the end of a line.
pub(super) fn sink(input: &Input, output: &Path) -> Result<u64> {
    let (file, out) = (open(&input.path)?, open(output)?);
    let (n, m) = (length(&file)?, length(&out)?);
    ensure!(m >= n, "the sink's file is {} bytes short of the input", n - m);
    let beginning = common_prefix(&mut buffered(&file), &mut buffered(&out)).context("compare the beginnings")?;
    let end = common_suffix(&file, n, &out, m).context("compare the ends")?;
    let again = m - n;
    let meets = beginning + end >= m && meets_at_line_end(&file, &out, (m - end).max(again), beginning, again)?;
    if !meets {
        let line = line_at(&input.path, beginning)?;
        bail!(
            "the sink's file is right up to line {line} of {} (byte {beginning}), and what follows there is no repetition \
             of earlier lines",
            input.lines
        );
    }
    Ok(again)
}

/// Whether some `at` in `from..=to` is the start of a line in the output, and `at - back` one in the input.
fn meets_at_line_end(input: &File, output: &File, from: u64, to: u64, back: u64) -> io::Result<bool> {
    let mut at = from;
    if at == back && (at == 0 || ends_line(output, at)?) {
        return Ok(true);
    }
    let (mut a, mut b) = (vec![0; CHUNK], vec![0; CHUNK]);
    at = at.max(back + 1);
    while at <= to {
        let count = usize::try_from(to - at + 1).unwrap_or(CHUNK).min(CHUNK);
        let (a, b) = (a.get_mut(..count).unwrap_or_default(), b.get_mut(..count).unwrap_or_default());
        input.read_exact_at(a, at - back - 1)?;
        output.read_exact_at(b, at - 1)?;
        if a.iter().zip(b.iter()).any(|(&a, &b)| a == b'\n' && b == b'\n') {
            return Ok(true);
        }
        at += count as u64;
    }
    Ok(false)
}

fn ends_line(file: &File, at: u64) -> io::Result<bool> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, at - 1)?;
    Ok(byte == *b"\n")
}

/// How many bytes two streams have in common from their start.
fn common_prefix(a: &mut impl BufRead, b: &mut impl BufRead) -> io::Result<u64> {
    let mut alike = 0;
    loop {
        let (left, right) = (a.fill_buf()?, b.fill_buf()?);
        let count = left.len().min(right.len());
        if count == 0 {
            return Ok(alike);
        }
        if left.get(..count) != right.get(..count) {
            return Ok(alike + left.iter().zip(right).take_while(|(a, b)| a == b).count() as u64);
        }
        alike += count as u64;
        a.consume(count);
        b.consume(count);
    }
}

/// How many bytes two files have in common from their end.
fn common_suffix(a: &File, mut a_end: u64, b: &File, mut b_end: u64) -> io::Result<u64> {
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    let mut alike = 0;
    loop {
        let count = usize::try_from(a_end.min(b_end)).unwrap_or(CHUNK).min(CHUNK);
        if count == 0 {
            return Ok(alike);
        }
        let (left, right) = (left.get_mut(..count).unwrap_or_default(), right.get_mut(..count).unwrap_or_default());
        a_end -= count as u64;
        b_end -= count as u64;
        a.read_exact_at(left, a_end)?;
        b.read_exact_at(right, b_end)?;
        if left != right {
            return Ok(alike + left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count() as u64);
        }
        alike += count as u64;
    }
}

/// The number, from 1, of the line that holds the byte at `position`.
fn line_at(path: &Path, position: u64) -> Result<u64> {
    let mut reader = BufReader::with_capacity(CHUNK, open(path)?.take(position));
    let mut line = 1;
    loop {
        let chunk = reader.fill_buf().with_context(|| format!("read {}", path.display()))?;
        if chunk.is_empty() {
            return Ok(line);
        }
        line += chunk.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let count = chunk.len();
        reader.consume(count);
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("open {}", path.display()))
}

fn buffered(file: &File) -> BufReader<&File> {
    BufReader::with_capacity(CHUNK, file)
}

fn length(file: &File) -> Result<u64> {
    Ok(file.metadata().context("ask for a file's size")?.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn check(input: &str, output: &str) -> Result<u64> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("wharf-xtask-verify-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (from, to) = (dir.join("in"), dir.join("out"));
        std::fs::write(&from, input).unwrap();
        std::fs::write(&to, output).unwrap();
        let lines = input.lines().count() as u64;
        let result = sink(&Input { path: from, lines, bytes: input.len() as u64 }, &to);
        std::fs::remove_dir_all(&dir).unwrap();
        result
    }

    #[test]
    fn the_same_file_is_accepted() {
        assert_eq!(check("a\nb\nc\n", "a\nb\nc\n").unwrap(), 0);
    }

    #[test]
    fn one_stretch_may_come_twice() {
        assert_eq!(check("a\nb\nc\nd\n", "a\nb\nc\nb\nc\nd\n").unwrap(), 4);
        assert_eq!(check("a\nb\nc\n", "a\nb\na\nb\nc\n").unwrap(), 4);
        assert_eq!(check("a\nb\n", "a\nb\na\nb\n").unwrap(), 4);
    }

    #[test]
    fn a_lost_line_is_found() {
        check("a\nb\nc\n", "a\nc\n").unwrap_err();
        check("a\nb\nc\nd\n", "a\nb\nd\nb\nd\n").unwrap_err();
    }

    #[test]
    fn a_changed_order_is_found() {
        check("a\nb\nc\n", "a\nc\nb\n").unwrap_err();
    }

    #[test]
    fn a_torn_line_is_found() {
        check("apple\npear\nplum\n", "apple\npeapear\nplum\n").unwrap_err();
        check("apple\npear\nplum\n", "apple\npe\npear\nplum\n").unwrap_err();
    }

    #[test]
    fn a_stretch_that_comes_twice_later_than_the_kill_is_found() {
        check("a\nb\nc\n", "a\nb\nc\nx\n").unwrap_err();
    }
}
