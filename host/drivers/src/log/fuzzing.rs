//! For the fuzz targets alone: frames without files.

use bytes::Bytes;
use wharf_core::Batch;

use super::frame::{self, Frame, Head};

/// The bytes of a frame with this batch, whose rows are stamped with `now` where they have no timestamp. `None` when it would
/// be too large for a frame.
pub fn encode(batch: Batch, now: i64) -> Option<Bytes> {
    let mut frame = Frame::new(batch, None, now)?;
    frame.seal(0, 0);
    let mut slices = Vec::new();
    frame.slices(&mut slices);
    Some(slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>().into())
}

/// The batch of a frame; `None` where a reader of the log would report damage.
pub fn decode(bytes: &Bytes) -> Option<Batch> {
    let head = Head::parse(bytes)?;
    let is_whole = bytes.len() >= head.length as usize && head.is_sound(bytes) && head.is_body_sound(bytes);
    is_whole.then(|| frame::decode(&head, bytes))?
}
