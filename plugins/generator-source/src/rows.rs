//! What the rows look like.

use wharf_sdk::BatchBuilder;

/// The largest value: a row must fit the worker's bound on what one call may bring.
pub(crate) const MAX_SIZE: u32 = 16 * 1024 * 1024;

/// The most headers that a row may have.
pub(crate) const MAX_HEADERS: u32 = 100;

/// How much filling there is at least, so that neighbouring rows differ.
const SPAN: usize = 64 * 1024;

/// Makes rows: the number in decimal digits, a space, then filling up to the size.
#[derive(Debug)]
pub(crate) struct Rows {
    size: usize,
    key_space: u64,
    seed: u64,
    filling: Vec<u8>,
    /// Their names.
    headers: Vec<String>,
}

impl Rows {
    pub(crate) fn new(size: usize, key_space: u64, headers: u32, seed: u64) -> Self {
        let mut state = seed;
        let letter = |_| b"abcdefghijklmnopqrstuvwxyz012345".get((next(&mut state) >> 59) as usize).copied();
        // Sized at once: what a growing vector leaves behind would stay in the memory of each idle task.
        let mut filling = Vec::with_capacity(SPAN + size);
        filling.extend((0..SPAN + size).filter_map(letter));
        let headers = (0..headers).map(|number| format!("h{number}")).collect();
        Self { size, key_space, seed, filling, headers }
    }

    /// How large a row may become, its key and headers included.
    pub(crate) fn size(&self) -> usize {
        self.size.max(20) + if self.key_space > 0 { 20 } else { 0 } + 20 * self.headers.len()
    }

    /// Adds the row with this number. Equal numbers make equal rows.
    pub(crate) fn push(&self, number: u64, batch: &mut BatchBuilder) {
        let mut digits = [0; 20];
        let digits = decimal(number, &mut digits);
        let mut state = self.seed ^ number;
        let random = next(&mut state);
        let begin = random as usize % SPAN;
        let room = self.size.saturating_sub(digits.len() + 1);
        let filling = self.filling.get(begin..begin + room).unwrap_or_default();
        let mut row =
            if self.size > digits.len() { batch.push_parts(&[digits, b" ", filling]) } else { batch.push(digits) };
        for name in &self.headers {
            row = row.header(name, digits);
        }
        if let Some(key) = random.checked_rem(self.key_space) {
            let mut digits = [0; 20];
            row.key(decimal(key, &mut digits));
        }
    }
}

/// One step of SplitMix64.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The number in decimal digits, without an allocation.
fn decimal(mut number: u64, space: &mut [u8; 20]) -> &[u8] {
    let mut begin = space.len();
    for (index, digit) in space.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        begin = index;
        if number == 0 {
            break;
        }
    }
    space.get(begin..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_std_writes_them() {
        for number in [0, 7, 10, 99, 100, 12_345_678_901, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
        }
    }
}
