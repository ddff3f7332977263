//! Names of topics, groups and files.

use std::path::Path;

use crate::driver::DriverError;

const LONGEST_TOPIC: usize = 249;
const LONGEST_GROUP_FILE: usize = 240;
const JOURNAL: &str = ".journal";

/// Checks the name of a topic: 1 to 249 letters, digits, `.`, `_` and `-`, but not `.` or `..`. It is also the name of a
/// directory.
///
/// # Errors
/// `Rejected`, saying what a name may be.
pub fn check_topic(name: &str) -> Result<(), DriverError> {
    let fits = (1..=LONGEST_TOPIC).contains(&name.len()) && name != "." && name != "..";
    if fits && name.bytes().all(is_plain) {
        return Ok(());
    }
    Err(DriverError::Rejected(format!(
        "topic `{}` is no topic name: write 1 to {LONGEST_TOPIC} letters, digits, `.`, `_` or `-`, but not `.` or `..`",
        name.escape_debug()
    )))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// The file of a group: its name, with every byte that is not plain written as `%` and two hexadecimal digits.
pub(crate) fn group_file(group: &str) -> Result<String, DriverError> {
    let mut name = String::with_capacity(group.len() + JOURNAL.len());
    for byte in group.bytes() {
        if is_plain(byte) {
            name.push(char::from(byte));
        } else {
            name.push_str(&format!("%{byte:02X}"));
        }
    }
    if name.is_empty() || name.len() > LONGEST_GROUP_FILE {
        return Err(DriverError::Rejected(format!(
            "group `{}` has a name that is empty or too long: write 1 to {LONGEST_GROUP_FILE} bytes, of which all but \
             letters, digits, `.`, `_` and `-` count three times",
            group.escape_debug()
        )));
    }
    name.push_str(JOURNAL);
    Ok(name)
}

/// The group that a file is of; `None` for other files.
pub(crate) fn group_of(file: &str) -> Option<String> {
    let mut bytes = file.strip_suffix(JOURNAL)?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        name.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

/// `00000000000000000042.log` for offset 42: names sort as offsets do.
pub(crate) fn file_at(base: u64, extension: &str) -> String {
    format!("{base:020}.{extension}")
}

/// The offset in a file's name, when it has this extension.
pub(crate) fn base_of(path: &Path, extension: &str) -> Option<u64> {
    if path.extension()?.to_str()? != extension {
        return None;
    }
    let stem = path.file_stem()?.to_str()?;
    if stem.len() == 20 { stem.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_cannot_leave_their_directory() {
        for good in ["a", "orders.v1_x-Y", "...", &"x".repeat(249)] {
            assert!(check_topic(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a\\b", "a b", "ä", "a\0", &"x".repeat(250)] {
            assert!(matches!(check_topic(bad), Err(DriverError::Rejected(_))), "{bad}");
        }
    }

    #[test]
    fn a_group_file_names_its_group() {
        for name in ["connect-a", "../x", "a/b c%41", "ünï", "."] {
            let file = group_file(name).unwrap();
            assert!(!file.contains('/'));
            assert_eq!(group_of(&file).as_deref(), Some(name));
        }
        assert!(group_file("").is_err());
        assert!(group_file(&"/".repeat(90)).is_err());
        assert_eq!(group_of("x.tmp"), None);
        assert_eq!(group_of("%4.journal"), None);
    }

    #[test]
    fn segment_names_sort_as_their_offsets() {
        assert_eq!(file_at(42, "log"), "00000000000000000042.log");
        assert_eq!(base_of(Path::new("/x/00000000000000000042.log"), "log"), Some(42));
        assert_eq!(base_of(Path::new("/x/00000000000000000042.index"), "log"), None);
        assert_eq!(base_of(Path::new("/x/42.log"), "log"), None);
    }
}
