//! Numbered lines, so that what became of each can be told.

use std::fmt::Write;

/// The line with this number, without its end.
pub fn line(number: u64) -> String {
    format!("line {number:010} of a text that is about as long as the lines of a log")
}

/// The lines with these numbers, each with its end.
pub fn text(numbers: std::ops::Range<u64>) -> String {
    let mut text = String::new();
    for number in numbers {
        // Writing to a String cannot fail.
        writeln!(text, "{}", line(number)).ok();
    }
    text
}

/// The number of a line, where it is one of ours and whole.
pub fn number(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"line ")?.get(..10)?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (line(number).as_bytes() == text).then_some(number)
}

/// The numbers of all lines, in order. What is no whole line is an error that shows it.
///
/// # Errors
/// A torn or foreign line, or a last line without its end.
pub fn numbers(content: &[u8]) -> Result<Vec<u64>, String> {
    let Some(lines) = content.strip_suffix(b"\n") else {
        return if content.is_empty() { Ok(Vec::new()) } else { Err("the last line has no end".to_owned()) };
    };
    let parse =
        |(at, text)| number(text).ok_or_else(|| format!("line {at} is torn: {}", String::from_utf8_lossy(text)));
    lines.split(|&byte| byte == b'\n').enumerate().map(parse).collect()
}

/// Exactly once, in order: `0, 1, 2, …`, `count` of them.
///
/// # Errors
/// Says where it is not so.
pub fn exactly_once(numbers: &[u64], count: u64) -> Result<(), String> {
    for (expected, &number) in (0..).zip(numbers) {
        if number != expected {
            return Err(format!("line {number} stands where line {expected} should"));
        }
    }
    let found = numbers.len() as u64;
    if found == count { Ok(()) } else { Err(format!("{found} lines, not {count}")) }
}

/// At least once, in order: the next line is the one after the last, or an earlier one that comes again.
///
/// # Errors
/// Says what is missing.
pub fn at_least_once(numbers: &[u64], count: u64) -> Result<(), String> {
    let mut next = 0;
    for &number in numbers {
        if number > next {
            return Err(format!("line {number} comes where line {next} is due"));
        }
        next = number + 1;
    }
    if next == count { Ok(()) } else { Err(format!("the last line is {next}, not {count}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_again_and_torn_ones_are_not() {
        assert_eq!(numbers(text(3..6).as_bytes()), Ok(vec![3, 4, 5]));
        assert_eq!(numbers(b""), Ok(Vec::new()));
        numbers(b"line 0000000001 of a te\n").unwrap_err();
        numbers(line(1).as_bytes()).unwrap_err();
    }

    #[test]
    fn loss_doubling_and_disorder_are_told_apart() {
        exactly_once(&[0, 1, 2], 3).unwrap();
        exactly_once(&[0, 2], 3).unwrap_err();
        exactly_once(&[0, 1, 1, 2], 3).unwrap_err();
        at_least_once(&[0, 1, 2, 1, 2, 3], 4).unwrap();
        at_least_once(&[0, 2, 1, 2], 3).unwrap_err();
        at_least_once(&[0, 1], 3).unwrap_err();
    }
}
