//! How a value is laid out: `[format: u8 = 1][generation: u64, little endian][what was stored]`.

use crate::store::Versioned;

const FORMAT: u8 = 1;

/// The bytes of a value.
pub(crate) fn encode(generation: u64, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9 + value.len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&generation.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

/// The generation and the value of `bytes`; otherwise what is wrong with them.
pub(crate) fn decode(bytes: &[u8]) -> Result<(u64, &[u8]), String> {
    match bytes.split_first() {
        None => Err("it is empty".to_owned()),
        Some((&FORMAT, rest)) => match rest.split_first_chunk::<8>() {
            Some((generation, value)) => Ok((u64::from_le_bytes(*generation), value)),
            None => Err("it is cut short".to_owned()),
        },
        Some((format, _)) => Err(format!(
            "it has format {format} and this version of wharf knows format {FORMAT} only: it was damaged, or written \
             by a later version"
        )),
    }
}

/// Like [`decode`], copying the value.
pub(super) fn versioned(bytes: &[u8]) -> Result<Versioned, String> {
    decode(bytes).map(|(generation, value)| Versioned { generation, value: value.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was_written() {
        for value in [&b""[..], b"x", &[0xff; 300]] {
            assert_eq!(decode(&encode(u64::MAX - 1, value)), Ok((u64::MAX - 1, value)));
        }
    }

    #[test]
    fn the_layout_is_the_one_on_disk() {
        assert_eq!(encode(0x0102, b"v"), [1, 2, 1, 0, 0, 0, 0, 0, 0, b'v']);
    }

    #[test]
    fn a_later_format_and_a_cut_value_are_refused() {
        assert!(decode(&[2, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap_err().contains("format 2"));
        assert!(decode(&[1, 0, 0]).unwrap_err().contains("cut short"));
        assert!(decode(&[]).unwrap_err().contains("empty"));
    }
}
