//! Bytes that are appended to in small pieces.

/// Pieces longer than this are copied by `memory.copy`, which costs a call out of the guest's code but moves long runs
/// fastest. Shorter ones are copied by the guest itself.
const LONG: usize = 512;

/// How much space is made at once: a little at first, then as much as stays in the nearest cache until it is written.
const STEPS: (usize, usize) = (64, 16 * 1024);

/// A growing run of bytes that is quick to append short pieces to.
///
/// A `Vec<u8>` would do, but in WebAssembly each `extend_from_slice` of a run-time length becomes a call into the host
/// for `memory.copy`, which for short pieces costs more than the copy: a source of lines of a hundred bytes is a fifth
/// to a third slower with it. Here short pieces are moved in blocks of fixed size, which compile to plain loads and
/// stores. The bytes past `used` are zeroed space to write into, made a little ahead of what is written: a poll that
/// brings one row must not pay for the room of a full batch.
#[derive(Debug, Clone, Default)]
pub struct Buffer {
    space: Vec<u8>,
    used: usize,
    /// How much space was made last.
    step: usize,
}

impl Buffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { space: Vec::with_capacity(bytes), used: 0, step: 0 }
    }

    /// How many bytes were appended.
    #[inline]
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether nothing was appended.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// What was appended.
    pub fn as_slice(&self) -> &[u8] {
        self.space.get(..self.used).unwrap_or_default()
    }

    /// Appends `piece`.
    #[inline]
    pub fn push_slice(&mut self, piece: &[u8]) {
        if piece.len() > LONG {
            self.push_long(piece);
            return;
        }
        let end = self.used + piece.len();
        if end > self.space.len() {
            self.grow(end);
        }
        if let Some(target) = self.space.get_mut(self.used..end) {
            copy(target, piece);
            self.used = end;
        }
    }

    /// Needs no space made before: `memory.copy` writes where nothing was.
    fn push_long(&mut self, piece: &[u8]) {
        self.space.truncate(self.used);
        self.space.extend_from_slice(piece);
        self.used = self.space.len();
        self.step = 0;
    }

    /// Appends one byte.
    #[inline]
    pub fn push(&mut self, byte: u8) {
        if self.used == self.space.len() {
            self.grow(self.used + 1);
        }
        if let Some(target) = self.space.get_mut(self.used) {
            *target = byte;
            self.used += 1;
        }
    }

    /// Forgets what comes after the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.used = self.used.min(len);
    }

    /// Forgets all, and keeps the room.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// What was appended, without a copy.
    pub fn into_vec(mut self) -> Vec<u8> {
        self.space.truncate(self.used);
        self.space
    }

    /// Makes space for `end` bytes in all: a step ahead within the room there is, at least twice of it beyond.
    #[cold]
    fn grow(&mut self, end: usize) {
        if end > self.space.capacity() {
            self.space.reserve_exact(end.max(self.space.capacity().saturating_mul(2)).max(4096) - self.space.len());
        }
        self.step = (self.step * 4).clamp(STEPS.0, STEPS.1);
        let ahead = self.space.len().saturating_add(self.step).min(self.space.capacity());
        self.space.resize(end.max(ahead), 0);
    }
}

/// Copies between slices of the same length, which are not long.
#[inline]
fn copy(target: &mut [u8], piece: &[u8]) {
    if piece.len() >= 16 {
        for (to, from) in target.as_chunks_mut::<16>().0.iter_mut().zip(piece.as_chunks::<16>().0) {
            *to = *from;
        }
        // The rest is shorter than a block: copy the last whole block, over what is there already.
        ends::<16>(target, piece);
    } else if piece.len() >= 8 {
        ends::<8>(target, piece);
    } else if piece.len() >= 4 {
        ends::<4>(target, piece);
    } else {
        for (to, from) in target.iter_mut().zip(piece) {
            *to = *from;
        }
    }
}

/// Copies the first `N` bytes and the last `N`, which may overlap.
#[inline]
fn ends<const N: usize>(target: &mut [u8], piece: &[u8]) {
    if let (Some(to), Some(from)) = (target.first_chunk_mut::<N>(), piece.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (target.last_chunk_mut::<N>(), piece.last_chunk::<N>()) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pieces_of_every_length_arrive_whole() {
        let bytes: Vec<u8> = (0..700u32).map(|n| (n % 251) as u8).collect();
        for len in 0..bytes.len() {
            let mut buffer = Buffer::new();
            buffer.push(7);
            buffer.push_slice(&bytes[..len]);
            buffer.push(9);
            assert_eq!(buffer.len(), len + 2);
            assert_eq!(&buffer.as_slice()[1..=len], &bytes[..len], "length {len}");
            assert_eq!(buffer.into_vec().last(), Some(&9));
        }
    }

    /// Short ones and long ones, which are copied in different ways.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let bytes = |len| prop::collection::vec(any::<u8>(), len);
        prop_oneof![4 => bytes(0..80), 1 => bytes(LONG - 1..LONG + 200)]
    }

    proptest! {
        #[test]
        fn it_is_what_a_vec_would_be(pieces in prop::collection::vec(piece(), 0..60)) {
            let mut buffer = Buffer::with_capacity(3);
            for piece in &pieces {
                buffer.push_slice(piece);
            }
            prop_assert_eq!(buffer.into_vec(), pieces.concat());
        }
    }
}
