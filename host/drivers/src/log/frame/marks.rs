//! The checkpoint section of a frame.

use bytes::{Buf, BufMut};

/// In the place of a length: there is nothing.
const NOTHING: u32 = u32::MAX;

/// Checkpoints of one task that hold once the rows of their frame, and all earlier ones of the task, are in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The connector.
    pub(crate) source: String,
    /// Which task of it.
    pub(crate) task: u32,
    /// Grows over the whole log: of two checkpoints of one source partition the one with the larger number holds.
    pub(crate) sequence: u64,
    /// The canonical text of the source partition and its offset; `None`: the offset is forgotten.
    pub(crate) at: Vec<(String, Option<String>)>,
}

impl Marks {
    /// As they lie in a frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_text(&mut out, Some(&self.source));
        out.put_u32_le(self.task);
        out.put_u64_le(self.sequence);
        out.put_u32_le(self.at.len() as u32);
        for (partition, offset) in &self.at {
            put_text(&mut out, Some(partition));
            put_text(&mut out, offset.as_deref());
        }
        out
    }

    /// `None` when the bytes are no checkpoints, or there are none.
    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let from = &mut bytes;
        let source = text(from)??;
        let task = from.try_get_u32_le().ok()?;
        let sequence = from.try_get_u64_le().ok()?;
        let count = from.try_get_u32_le().ok()?;
        let mut at = Vec::new();
        for _ in 0..count {
            at.push((text(from)??, text(from)?));
        }
        from.is_empty().then_some(Self { source, task, sequence, at })
    }
}

fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            out.put_u32_le(text.len() as u32);
            out.put_slice(text.as_bytes());
        }
        None => out.put_u32_le(NOTHING),
    }
}

fn text(from: &mut &[u8]) -> Option<Option<String>> {
    let len = from.try_get_u32_le().ok()?;
    if len == NOTHING {
        return Some(None);
    }
    let (text, rest) = from.split_at_checked(len as usize)?;
    *from = rest;
    String::from_utf8(text.to_vec()).ok().map(Some)
}
