//! Replies: found in what has come so far, and read without copies.

/// How deep arrays may lie in each other. Redis nests four; a hostile server must not exhaust the stack.
const DEEPEST: usize = 16;

/// A reply. It borrows from the buffer that it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing: no such key, no such field, nothing within the time.
    Nil,
    /// A number.
    Int(i64),
    /// A short word, such as `OK`.
    Simple(&'a [u8]),
    /// Bytes.
    Bulk(&'a [u8]),
    /// What the server complains of, beginning with its code.
    Error(&'a [u8]),
    /// Several values.
    Array(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The bytes of a string.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Simple(bytes) | Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The number, also where it comes as a string.
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => self.text()?.parse().ok(),
        }
    }

    /// The values of an array; none where it is something else.
    pub fn items(&self) -> &[Value<'a>] {
        match self {
            Self::Array(items) => items,
            _ => &[],
        }
    }
}

/// What came cannot be RESP2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Finds the end of a reply in bytes that come piece by piece. Nothing is looked at twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scan {
    at: usize,
    /// Values that the reply still lacks.
    missing: u64,
}

impl Default for Scan {
    fn default() -> Self {
        Self { at: 0, missing: 1 }
    }
}

impl Scan {
    /// The length of the reply that `bytes` begins with; `None`: not all of it is there. Call it again with the same
    /// bytes and more.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        while self.missing > 0 {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(Line { kind, text, used }) = line(rest)? else { return Ok(None) };
            let mut end = self.at + used;
            match kind {
                b'+' | b'-' => {}
                b':' => drop(number(text)?),
                b'$' => {
                    if let Ok(length) = usize::try_from(number(text)?) {
                        end = end.checked_add(length).and_then(|end| end.checked_add(2)).ok_or(Malformed)?;
                        if end > bytes.len() {
                            return Ok(None);
                        }
                    }
                }
                b'*' => self.missing += u64::try_from(number(text)?).unwrap_or(0),
                _ => return Err(Malformed),
            }
            self.at = end;
            self.missing -= 1;
        }
        Ok(Some(self.at))
    }
}

/// Reads one whole reply; `None` where `bytes` is none.
pub fn parse(bytes: &[u8]) -> Option<Value<'_>> {
    let mut rest = bytes;
    let value = value(&mut rest, 0)?;
    rest.is_empty().then_some(value)
}

fn value<'a>(rest: &mut &'a [u8], depth: usize) -> Option<Value<'a>> {
    let Line { kind, text, used } = line(rest).ok()??;
    *rest = rest.get(used..)?;
    match kind {
        b'+' => Some(Value::Simple(text)),
        b'-' => Some(Value::Error(text)),
        b':' => number(text).ok().map(Value::Int),
        b'$' => {
            let Ok(length) = usize::try_from(number(text).ok()?) else { return Some(Value::Nil) };
            let bytes = rest.get(..length)?;
            *rest = rest.get(length..)?.strip_prefix(b"\r\n")?;
            Some(Value::Bulk(bytes))
        }
        b'*' if depth < DEEPEST => {
            let Ok(length) = usize::try_from(number(text).ok()?) else { return Some(Value::Nil) };
            // A value takes 4 bytes at least: what is claimed beyond that is not believed.
            let mut items = Vec::with_capacity(length.min(rest.len() / 4 + 1));
            for _ in 0..length {
                items.push(value(rest, depth + 1)?);
            }
            Some(Value::Array(items))
        }
        _ => None,
    }
}

/// What a value begins with.
struct Line<'a> {
    kind: u8,
    text: &'a [u8],
    /// The bytes that it takes, its end included.
    used: usize,
}

/// The first line; `None`: its end is not there yet.
fn line(bytes: &[u8]) -> Result<Option<Line<'_>>, Malformed> {
    let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
    let text = bytes.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed)?;
    let (&kind, text) = text.split_first().ok_or(Malformed)?;
    Ok(Some(Line { kind, text, used: end + 1 }))
}

/// A whole number; -1 stands for nothing in front of a string or an array.
fn number(text: &[u8]) -> Result<i64, Malformed> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let bytes = b"*6\r\n$3\r\na\r\n\r\n$-1\r\n:-7\r\n+OK\r\n-ERR no\r\n*-1\r\n";
        let expected = Value::Array(vec![
            Value::Bulk(b"a\r\n"),
            Value::Nil,
            Value::Int(-7),
            Value::Simple(b"OK"),
            Value::Error(b"ERR no"),
            Value::Nil,
        ]);
        assert_eq!(parse(bytes), Some(expected));
        assert_eq!(parse(b"*0\r\n"), Some(Value::Array(Vec::new())));
        assert_eq!(parse(b"$2\r\n42\r\n").unwrap().int(), Some(42));
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"+a\n", b"$x\r\n", b":1.5\r\n", b"\r\n", b"*1\r\n!\r\n"] {
            assert_eq!(Scan::default().advance(bytes), Err(Malformed), "{}", String::from_utf8_lossy(bytes));
        }
        let deep = [b"*1\r\n".repeat(DEEPEST + 1), b":1\r\n".to_vec()].concat();
        assert_eq!(Scan::default().advance(&deep), Ok(Some(deep.len())));
        assert_eq!(parse(&deep), None);
        // Claims a billion values and brings none: nothing is reserved for them.
        assert_eq!(parse(b"*1000000000\r\n"), None);
    }

    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        let bulk = proptest::collection::vec(any::<u8>(), 0..20)
            .prop_map(|text| [format!("${}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat());
        let leaf = prop_oneof![
            bulk,
            any::<i64>().prop_map(|number| format!(":{number}\r\n").into_bytes()),
            Just(b"$-1\r\n".to_vec()),
            Just(b"+PONG\r\n".to_vec()),
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            proptest::collection::vec(inner, 0..5)
                .prop_map(|items| [format!("*{}\r\n", items.len()).into_bytes(), items.concat()].concat())
        })
    }

    proptest! {
        #[test]
        fn a_reply_is_found_however_its_bytes_come(reply in any_value(), more in any::<[u8; 3]>(), step in 1_usize..9) {
            let all = [&reply[..], &more].concat();
            let (mut scan, mut seen) = (Scan::default(), 0);
            let length = loop {
                if let Some(length) = scan.advance(&all[..seen]).unwrap() {
                    break length;
                }
                prop_assert!(seen < reply.len());
                seen = (seen + step).min(reply.len());
            };
            prop_assert_eq!(length, reply.len());
            prop_assert!(parse(&reply).is_some());
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let length = Scan::default().advance(&bytes);
            if let Ok(Some(length)) = length {
                prop_assert!(length <= bytes.len());
            }
            parse(&bytes);
        }
    }
}
