//! Changes to inputs: blind ones, and ones that know how WebAssembly is laid out.

use fastrand::Rng;

/// Texts that are worth putting into others.
const WORDS: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\0",
    "\\",
    "@",
    "://",
    "1e308",
    "-0.0",
    "0.1",
    "18446744073709551616",
    "\\u0000",
    "\\ud800",
    "null",
    "::ffff:127.0.0.1",
    "\u{fffd}",
];
/// Inputs do not grow past this.
const MOST: usize = 1 << 20;

/// Changes the input in one to four places; `other` is an input to take parts from.
pub fn bytes(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..rng.usize(1..5) {
        once(rng, input, other);
    }
    input.truncate(MOST);
}

fn once(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8]) {
    let at = rng.usize(..=input.len());
    let len = rng.usize(..=(input.len() - at).min(64));
    match rng.u8(..9) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = *rng.choice(&[0, 1, 0x7f, 0x80, 0xf0, 0xfe, 0xff]).unwrap_or(&0);
            }
        }
        2 => drop(input.drain(at..at + len)),
        3 => {
            let again: Vec<u8> = input.iter().copied().skip(at).take(len).collect();
            splice(input, at, &again);
        }
        4 => splice(input, at, rng.choice(WORDS).unwrap_or_default().as_bytes()),
        5 => {
            let from = rng.usize(..=other.len());
            let taken: Vec<u8> = other.iter().copied().skip(from).take(rng.usize(..64)).collect();
            splice(input, at, &taken);
        }
        6 => input.truncate(at),
        7 => splice(input, at, &rng.u32(..).to_le_bytes()),
        _ => {
            let new: Vec<u8> = (0..rng.usize(..16)).map(|_| rng.u8(..)).collect();
            splice(input, at, &new);
        }
    }
}

fn splice(input: &mut Vec<u8>, at: usize, new: &[u8]) {
    let at = at.min(input.len());
    drop(input.splice(at..at, new.iter().copied()));
}

/// In a component: this section is a core module of its own.
const NESTED: u8 = 1;
/// Magic and version, of components and of core modules.
const HEADER: usize = 8;

/// Changes a component or core module section by section: swapped, doubled, dropped, cut, flipped, at any depth, with the
/// sizes put right again, so that a reader gets past the first bytes.
pub fn wasm(rng: &mut Rng, input: &mut Vec<u8>, other: &[u8]) {
    let Some((header, mut sections)) = sections(input) else { return bytes(rng, input, other) };
    if sections.is_empty() {
        return bytes(rng, input, other);
    }
    for _ in 0..rng.usize(1..4) {
        section(rng, &mut sections, other);
        if sections.is_empty() {
            break;
        }
    }
    let mut new = header;
    for (id, payload) in sections {
        new.push(id);
        leb(&mut new, payload.len());
        new.extend(payload);
    }
    if rng.u8(..8) == 0 {
        once(rng, &mut new, other);
    }
    *input = new;
}

fn section(rng: &mut Rng, sections: &mut Vec<(u8, Vec<u8>)>, other: &[u8]) {
    let (at, to) = (rng.usize(..sections.len()), rng.usize(..sections.len()));
    match rng.u8(..8) {
        0 => sections.swap(at, to),
        1 => drop(sections.remove(at)),
        2 => {
            let again = sections.get(at).cloned();
            sections.extend(again);
        }
        3 => {
            if let Some((id, _)) = sections.get_mut(at) {
                *id = rng.u8(..14);
            }
        }
        choice => {
            let Some((id, payload)) = sections.get_mut(at) else { return };
            let is_nested = *id == NESTED && payload.len() > HEADER && payload.starts_with(b"\0asm");
            match choice {
                4 | 5 if is_nested => wasm(rng, payload, other),
                6 => payload.truncate(rng.usize(..=payload.len())),
                _ => once(rng, payload, other),
            }
        }
    }
}

/// A section's number and what is in it.
type Section = (u8, Vec<u8>);

/// The header and the sections. `None` where the sizes do not fit.
fn sections(input: &[u8]) -> Option<(Vec<u8>, Vec<Section>)> {
    let (header, mut rest) = input.split_at_checked(HEADER)?;
    let mut all = Vec::new();
    while let Some((&id, after)) = rest.split_first() {
        let (size, payload) = unleb(after)?;
        let (payload, next) = payload.split_at_checked(size)?;
        all.push((id, payload.to_vec()));
        rest = next;
    }
    Some((header.to_vec(), all))
}

fn leb(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn unleb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        number |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_taken_apart_and_put_together() {
        let mut module = b"\0asm\x0d\0\x01\0".to_vec();
        for (id, len) in [(0, 3), (NESTED, 200), (7, 0)] {
            module.push(id);
            leb(&mut module, len);
            module.extend(vec![id; len]);
        }
        let (header, all) = sections(&module).unwrap();
        assert_eq!(header.len(), HEADER);
        let found: Vec<_> = all.iter().map(|(id, payload)| (*id, payload.len())).collect();
        assert_eq!(found, [(0, 3), (NESTED, 200), (7, 0)]);
        assert_eq!(sections(&module[..module.len() - 3]), None);
    }

    #[test]
    fn the_same_seed_makes_the_same_changes() {
        let change = |seed| {
            let (mut rng, mut input) = (Rng::with_seed(seed), b"{\"a\":1}".to_vec());
            bytes(&mut rng, &mut input, b"other");
            input
        };
        assert_eq!(change(7), change(7));
        assert!((0..10).any(|seed| change(seed) != change(7)));
    }
}
