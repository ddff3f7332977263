//! What must hold after everything.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use wharf_integration::lines;

/// Behind the last whole line of a file: how far a sink has come. 0 where there is none.
pub fn reached(path: &Path) -> u64 {
    const TAIL: u64 = 256;
    let tail = || {
        let file = File::open(path).ok()?;
        let len = file.metadata().ok()?.len();
        let from = len.saturating_sub(TAIL);
        let mut bytes = vec![0; usize::try_from(len - from).ok()?];
        file.read_exact_at(&mut bytes, from).ok()?;
        let end = bytes.iter().rposition(|&byte| byte == b'\n')?;
        bytes.truncate(end);
        let last = bytes.rsplit(|&byte| byte == b'\n').next()?;
        lines::number(last)
    };
    tail().map_or(0, |last| last + 1)
}

/// The log has each line once and in order; the sink's file has each in order, and again only from a position back that
/// a restart began with. Gives back how many lines came again.
///
/// # Errors
/// What is lost, doubled, torn or out of order.
pub fn of_lines(log: &[u8], file: &[u8], count: u64, deaths: usize) -> Result<u64, String> {
    let log = lines::numbers(log).map_err(|error| format!("in the log: {error}"))?;
    lines::exactly_once(&log, count).map_err(|error| format!("in the log: {error}"))?;
    let file = lines::numbers(file).map_err(|error| format!("in the file: {error}"))?;
    lines::at_least_once(&file, count).map_err(|error| format!("in the file: {error}"))?;
    let back = file.iter().zip(file.iter().skip(1)).filter(|(before, after)| after <= before).count();
    if back > deaths {
        return Err(format!("in the file: lines came again {back} times, though the worker died only {deaths} times"));
    }
    Ok(file.len() as u64 - count)
}

/// Rows of a generator, in any order: each of `count` is there, and, where `once` says so, no more than once. `size`: of
/// each, in bytes. Gives back how many came again.
///
/// # Errors
/// What is lost, doubled or torn.
pub fn of_numbers(content: &[u8], count: u64, size: usize, once: bool) -> Result<u64, String> {
    let Some(content) = content.strip_suffix(b"\n") else { return Err("the last row has no end".to_owned()) };
    let mut seen = vec![false; usize::try_from(count).unwrap_or(usize::MAX)];
    let mut again = 0;
    for row in content.split(|&byte| byte == b'\n') {
        let digits = row.split(|&byte| byte == b' ').next().and_then(|digits| std::str::from_utf8(digits).ok());
        let number: Option<usize> = digits.and_then(|digits| digits.parse().ok()).filter(|_| row.len() == size);
        let torn = || format!("a row is torn or foreign: {}", String::from_utf8_lossy(row));
        let place = number.and_then(|number| seen.get_mut(number)).ok_or_else(torn)?;
        if std::mem::replace(place, true) {
            again += 1;
        }
    }
    if let Some(missing) = seen.iter().position(|seen| !seen) {
        let lost = seen.iter().filter(|seen| !**seen).count();
        return Err(format!("{lost} rows are lost, the first of them row {missing}"));
    }
    if once && again > 0 {
        return Err(format!("{again} rows are there more than once"));
    }
    Ok(again)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|&number| lines::text(number..number + 1).into_bytes()).collect()
    }

    #[test]
    fn lines_may_come_again_as_often_as_the_worker_died() {
        let (log, file) = (text(&[0, 1, 2, 3]), text(&[0, 1, 2, 1, 2, 3]));
        assert_eq!(of_lines(&log, &file, 4, 1), Ok(2));
        of_lines(&log, &file, 4, 0).unwrap_err();
        of_lines(&file, &log, 4, 1).unwrap_err();
        of_lines(&log, &text(&[0, 1, 3]), 4, 1).unwrap_err();
    }

    #[test]
    fn a_file_has_come_as_far_as_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        assert_eq!(reached(&path), 0);
        std::fs::write(&path, "").unwrap();
        assert_eq!(reached(&path), 0);
        let mut content = text(&[0, 1, 2, 3, 4]);
        content.extend_from_slice(b"line 00000");
        std::fs::write(&path, content).unwrap();
        assert_eq!(reached(&path), 5);
    }

    #[test]
    fn generated_rows_are_counted_in_any_order() {
        assert_eq!(of_numbers(b"1 ab\n0 ab\n", 2, 4, true), Ok(0));
        assert_eq!(of_numbers(b"1 ab\n0 ab\n1 ab\n", 2, 4, false), Ok(1));
        of_numbers(b"1 ab\n0 ab\n1 ab\n", 2, 4, true).unwrap_err();
        of_numbers(b"1 ab\n0 a\n", 2, 4, true).unwrap_err();
        of_numbers(b"1 ab\n", 2, 4, false).unwrap_err();
        of_numbers(b"1 ab\n0 ab\n2 ab\n", 2, 4, false).unwrap_err();
    }
}
