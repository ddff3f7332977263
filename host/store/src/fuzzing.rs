//! For the fuzz targets alone: values as they lie in sled.

use crate::sled_store::value;

/// The bytes of a value.
pub fn encode(generation: u64, stored: &[u8]) -> Vec<u8> {
    value::encode(generation, stored)
}

/// The generation and the value of `bytes`; otherwise what is wrong with them.
///
/// # Errors
/// With a sentence.
pub fn decode(bytes: &[u8]) -> Result<(u64, &[u8]), String> {
    value::decode(bytes)
}
