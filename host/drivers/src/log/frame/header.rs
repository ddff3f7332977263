//! The head of a frame.

use bytes::{Buf, BufMut};
use wharf_core::Format;

/// `WHF` and the version.
pub(crate) const MAGIC: [u8; 4] = *b"WHF\x01";
/// Bytes of a head.
pub(crate) const HEAD: usize = 128;
/// Where the head's own checksum lies.
const HEAD_CRC: std::ops::Range<usize> = 8..12;

/// How many sections there are. In their order: checkpoints; of the keys: data, ends, absent; of the values: data, ends,
/// absent; of the headers: row ends, names, indexes of names, data, ends, absent; timestamps; operations; schemas; indexes
/// of key schemas, indexes of value schemas.
pub(crate) const SECTIONS: usize = 18;

/// The head of a frame; see the table in [`super`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) length: u32,
    pub(crate) head_crc: u32,
    pub(crate) body_crc: u32,
    pub(crate) base: u64,
    pub(crate) acknowledged: u64,
    pub(crate) timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) rows: u32,
    pub(crate) key_format: Format,
    pub(crate) value_format: Format,
    pub(crate) sections: [u32; SECTIONS],
}

impl Head {
    /// Reads a head; `None` when these bytes are none. The checksum is not looked at.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut from = bytes.get(..HEAD)?;
        if from.get(..MAGIC.len())? != MAGIC {
            return None;
        }
        from.advance(MAGIC.len());
        let (length, head_crc, body_crc) = (from.get_u32_le(), from.get_u32_le(), from.get_u32_le());
        let (base, acknowledged) = (from.get_u64_le(), from.get_u64_le());
        let (timestamp, max_timestamp) = (from.get_i64_le(), from.get_i64_le());
        let rows = from.get_u32_le();
        let (key_format, value_format) = (format_of(from.get_u8())?, format_of(from.get_u8())?);
        from.advance(2);
        let mut sections = [0; SECTIONS];
        sections.iter_mut().for_each(|section| *section = from.get_u32_le());
        let sum = sections.iter().fold(HEAD as u64, |sum, &section| sum + u64::from(section));
        let fits =
            sum == u64::from(length) && base.checked_add(u64::from(rows)).is_some_and(|end| end <= i64::MAX as u64);
        let head = Self {
            length,
            head_crc,
            body_crc,
            base,
            acknowledged,
            timestamp,
            max_timestamp,
            rows,
            key_format,
            value_format,
            sections,
        };
        fits.then_some(head)
    }

    /// The bytes of the head, with its checksum over them and the checkpoint section.
    pub(crate) fn seal(&mut self, checkpoints: &[u8]) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let mut to = bytes.as_mut_slice();
        to.put_slice(&MAGIC);
        to.put_u32_le(self.length);
        to.put_u32_le(0);
        to.put_u32_le(self.body_crc);
        to.put_u64_le(self.base);
        to.put_u64_le(self.acknowledged);
        to.put_i64_le(self.timestamp);
        to.put_i64_le(self.max_timestamp);
        to.put_u32_le(self.rows);
        to.put_u8(number_of(self.key_format));
        to.put_u8(number_of(self.value_format));
        to.put_u16_le(0);
        self.sections.iter().for_each(|&section| to.put_u32_le(section));
        self.head_crc = head_crc(&bytes, checkpoints);
        if let Some(place) = bytes.get_mut(HEAD_CRC) {
            place.copy_from_slice(&self.head_crc.to_le_bytes());
        }
        bytes
    }

    /// Whether head and checkpoints are as they were written. `bytes` begin with the head.
    pub(crate) fn is_sound(&self, bytes: &[u8]) -> bool {
        match (bytes.first_chunk::<HEAD>(), bytes.get(HEAD..self.body())) {
            (Some(head), Some(checkpoints)) => head_crc(head, checkpoints) == self.head_crc,
            _ => false,
        }
    }

    /// Whether the rows are as they were written. `bytes` are the whole frame.
    pub(crate) fn is_body_sound(&self, bytes: &[u8]) -> bool {
        let body = bytes.get(self.body()..self.length as usize);
        body.is_some_and(|body| crc32c::crc32c(body) == self.body_crc)
    }

    /// Where the sections behind the checkpoints begin.
    pub(crate) fn body(&self) -> usize {
        HEAD + self.sections.first().map_or(0, |&len| len as usize)
    }

    /// The offset behind the last row.
    pub(crate) fn end(&self) -> u64 {
        self.base + u64::from(self.rows)
    }
}

fn head_crc(head: &[u8; HEAD], checkpoints: &[u8]) -> u32 {
    let (before, after) = head.split_at(HEAD_CRC.start);
    let crc = crc32c::crc32c_append(crc32c::crc32c(before), after.get(HEAD_CRC.len()..).unwrap_or_default());
    crc32c::crc32c_append(crc, checkpoints)
}

fn number_of(format: Format) -> u8 {
    match format {
        Format::Bytes => 0,
        Format::Text => 1,
        Format::Json => 2,
    }
}

fn format_of(number: u8) -> Option<Format> {
    match number {
        0 => Some(Format::Bytes),
        1 => Some(Format::Text),
        2 => Some(Format::Json),
        _ => None,
    }
}
