//! How much there is to compile, counted without compiling anything.
//!
//! Compilers are built for what people write. A small file can hold hundreds of thousands of functions or instances, and
//! compiling those takes minutes and gigabytes. Only the outlines of sections are looked at here: their kinds, their
//! lengths, and the counts at their beginning. What is malformed is left to the compiler, which says it better.

use wharf_core::plugin::LoadError;

use crate::limits::Limits;

/// Both kinds of binaries begin with eight bytes: a magic number, a version and a layer.
const HEADER_BYTES: usize = 8;
/// Components in components in components: no compiler of a language makes more than three.
const MAX_DEPTH: u32 = 32;

// Sections of a component.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
const COMPONENT: u8 = 4;
const INSTANCE: u8 = 5;
// A section of a core module: the types of its functions, one for each.
const FUNCTION: u8 = 3;

/// What was counted so far.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    functions: usize,
    parts: usize,
}

/// Refuses a component in which there is too much.
pub(crate) fn check(wasm: &[u8], limits: &Limits) -> Result<(), LoadError> {
    let mut count = Count::default();
    let fits = component(wasm, &mut count, limits, 0);
    if fits.is_err() {
        let Limits { component_functions, component_parts, .. } = limits;
        return Err(LoadError {
            code: "TOO_COMPLEX",
            message: format!(
                "the component has more than {component_functions} functions, or more than {component_parts} modules and \
                 instances, or they lie too deep in each other: leave out what is not used, or make two plugins of it"
            ),
        });
    }
    Ok(())
}

/// There is too much.
struct TooMuch;

fn component(wasm: &[u8], count: &mut Count, limits: &Limits, depth: u32) -> Result<(), TooMuch> {
    if depth > MAX_DEPTH {
        return Err(TooMuch);
    }
    for (id, content) in sections(wasm) {
        match id {
            CORE_MODULE => {
                count.parts += 1;
                module(content, count);
            }
            COMPONENT => {
                count.parts += 1;
                component(content, count, limits, depth + 1)?;
            }
            CORE_INSTANCE | INSTANCE => count.parts = count.parts.saturating_add(leading_count(content)),
            _ => {}
        }
        if count.functions > limits.component_functions || count.parts > limits.component_parts {
            return Err(TooMuch);
        }
    }
    Ok(())
}

fn module(wasm: &[u8], count: &mut Count) {
    let functions = sections(wasm).filter(|(id, _)| *id == FUNCTION).map(|(_, content)| leading_count(content));
    count.functions = functions.fold(count.functions, usize::saturating_add);
}

/// The sections of a component or module, up to the first that is malformed.
fn sections(wasm: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = wasm.get(HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (id, after) = rest.split_first()?;
        let (length, after) = leb128(after)?;
        let (content, after) = after.split_at_checked(length)?;
        rest = after;
        Some((*id, content))
    })
}

/// The number of entries that a section begins with; never more than its bytes, since each entry has at least one.
fn leading_count(content: &[u8]) -> usize {
    leb128(content).map_or(0, |(count, rest)| count.min(rest.len()))
}

/// An unsigned number of 32 bits, seven bits in a byte, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value: u64 = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(u32::try_from(value).ok()?).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMPONENT_HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
    const MODULE_HEADER: &[u8] = b"\0asm\x01\0\0\0";

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![id];
        let mut length = content.len();
        loop {
            let low = (length & 0x7f) as u8;
            length >>= 7;
            bytes.push(if length == 0 { low } else { low | 0x80 });
            if length == 0 {
                break;
            }
        }
        bytes.extend_from_slice(content);
        bytes
    }

    fn with_functions(count: u8) -> Vec<u8> {
        let types: Vec<u8> = std::iter::once(count).chain(std::iter::repeat_n(0, count.into())).collect();
        [MODULE_HEADER, &section(FUNCTION, &types)].concat()
    }

    fn limits(functions: usize, parts: usize) -> Limits {
        Limits { component_functions: functions, component_parts: parts, ..Limits::default() }
    }

    #[test]
    fn functions_are_counted_over_all_modules_at_every_depth() {
        let inner = [COMPONENT_HEADER, &section(CORE_MODULE, &with_functions(60))].concat();
        let module = section(CORE_MODULE, &with_functions(50));
        let wasm = [COMPONENT_HEADER, &module, &section(COMPONENT, &inner)].concat();
        assert_eq!(check(&wasm, &limits(110, 10)), Ok(()));
        assert_eq!(check(&wasm, &limits(109, 10)).unwrap_err().code, "TOO_COMPLEX");
    }

    #[test]
    fn instances_are_counted() {
        let wasm = [COMPONENT_HEADER, &section(CORE_INSTANCE, &[40; 200]), &section(INSTANCE, &[40; 200])].concat();
        assert_eq!(check(&wasm, &limits(1, 80)), Ok(()));
        assert_eq!(check(&wasm, &limits(1, 79)).unwrap_err().code, "TOO_COMPLEX");
    }

    #[test]
    fn components_do_not_lie_in_each_other_without_end() {
        let wasm = (0..100)
            .fold(COMPONENT_HEADER.to_vec(), |inner, _| [COMPONENT_HEADER, &section(COMPONENT, &inner)].concat());
        assert_eq!(check(&wasm, &limits(1, 1000)).unwrap_err().code, "TOO_COMPLEX");
    }

    proptest! {
        #[test]
        fn any_bytes_are_counted_without_a_panic_and_a_count_is_no_larger_than_the_bytes(
            bytes in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            let wasm = [COMPONENT_HEADER, &bytes].concat();
            let mut count = Count::default();
            prop_assert!(component(&wasm, &mut count, &limits(usize::MAX, usize::MAX), 0).is_ok());
            prop_assert!(count.functions <= wasm.len() && count.parts <= wasm.len());
        }
    }
}
