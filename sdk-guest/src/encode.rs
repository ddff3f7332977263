//! Bytes as text that other systems take.

/// Appends `bytes` in base64, as in RFC 4648, with padding.
///
/// ```
/// let mut out = Vec::new();
/// wharf_sdk::encode::base64(b"me:secret", &mut out);
/// assert_eq!(out, b"bWU6c2VjcmV0");
/// ```
pub fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * at)) as usize & 63).copied().unwrap_or(b'=');
            out.push(if at <= chunk.len() { digit } else { b'=' });
        }
    }
}

/// Appends `bytes` so that they can stand anywhere in a URL: all but letters, digits and `-._~` as `%XX`.
///
/// ```
/// let mut out = Vec::new();
/// wharf_sdk::encode::percent("a/ü".as_bytes(), &mut out);
/// assert_eq!(out, b"a%2F%C3%BC");
/// ```
pub fn percent(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            let mut out = Vec::new();
            base64(bytes.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
