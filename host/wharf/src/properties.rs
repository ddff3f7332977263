//! Java properties, as Kafka Connect reads them: connectors in standalone mode, and secrets in files.
//!
//! Written here because the crates that read them know Windows-1252 only, while people write UTF-8, and refuse characters
//! that Java writes as two escapes. A test compares it with one of them.

/// A line, or several that are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Property {
    /// Where it begins, counted from 1.
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// What cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoProperty {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What is wrong, with the part of the line that is.
    pub(crate) message: String,
}

impl NoProperty {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// The properties of a text. As in Java, the last one of a key wins; it stands where the last one did.
pub(crate) fn read(text: &str) -> Result<Vec<Property>, NoProperty> {
    let mut found: Vec<Property> = Vec::new();
    let mut lines = (1..).zip(natural(text));
    while let Some((number, first)) = lines.next() {
        let mut line = first.trim_start_matches(BLANK).to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        // An odd number of backslashes at the end: the line goes on.
        while line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
            line.pop();
            match lines.next() {
                Some((_, more)) => line.push_str(more.trim_start_matches(BLANK)),
                None => break,
            }
        }
        let (key, value) = split(&line);
        let key = plain(key, number)?;
        if key.is_empty() {
            return Err(NoProperty::at(number, "the line has no key: write key=value"));
        }
        let value = plain(value, number)?;
        found.retain(|known| known.key != key);
        found.push(Property { line: number, key, value });
    }
    Ok(found)
}

/// What Java takes for a blank.
const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// Lines that end with `\n`, `\r` or both.
fn natural(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Key and value, which the first `=`, `:` or blank without a backslash before it separates.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, char)| {
        let is_end = !escaped && (matches!(char, '=' | ':') || BLANK.contains(char));
        escaped = *char == '\\' && !escaped;
        is_end
    });
    let (key, rest) = line.split_at(end.map_or(line.len(), |(at, _)| at));
    let rest = rest.trim_start_matches(BLANK);
    (key, rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(BLANK))
}

/// Without escapes.
fn plain(text: &str, line: usize) -> Result<String, NoProperty> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let (mut chars, mut buffer) = (text.chars(), [0; 2]);
    while let Some(char) = chars.next() {
        let char = match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let unit = u16::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                    units.push(unit.ok_or_else(|| {
                        let hint = "write four hexadecimal digits, or two backslashes for one";
                        NoProperty::at(line, format!("`\\u{digits}` is no character: {hint}"))
                    })?);
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            char => char,
        };
        units.extend_from_slice(char.encode_utf16(&mut buffer));
    }
    String::from_utf16(&units).map_err(|_| NoProperty::at(line, "`\\u…` names half of a character: write both halves"))
}
