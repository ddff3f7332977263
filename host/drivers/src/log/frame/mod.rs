//! The frame: one batch of rows of one partition, as it lies in a segment file.
//!
//! A frame is a head of fixed size and then its sections, one after the other, in the order of [`header::SECTIONS`]. The
//! columns of the batch are sections as they lie in memory, so that writing hands the kernel borrowed slices and reading
//! slices what was read. All numbers are little-endian.
//!
//! | at | size | what |
//! |---|---|---|
//! | 0 | 4 | `WHF` and the version of the format, 1 |
//! | 4 | 4 | length of the whole frame |
//! | 8 | 4 | CRC-32C of the head (but for these four bytes) and the checkpoint section |
//! | 12 | 4 | CRC-32C of the other sections |
//! | 16 | 8 | offset of the first row |
//! | 24 | 8 | up to which offset the partition was acknowledged when the frame was written |
//! | 32 | 8 | timestamp of all rows, where the timestamps section is empty |
//! | 40 | 8 | largest timestamp |
//! | 48 | 4 | rows |
//! | 52 | 1 | format of keys |
//! | 53 | 1 | format of values |
//! | 54 | 2 | 0 |
//! | 56 | 72 | lengths of the 18 sections |
//!
//! There are two checksums so that checkpoints can be collected from a log without reading its rows. The acknowledged
//! offset tells a torn write from damage: where a whole frame that follows a broken one says that the broken one had
//! been acknowledged, rows would be lost by cutting, and recovery refuses.

mod decode;
mod encode;
pub(crate) mod header;
mod marks;

pub(crate) use decode::decode;
pub(crate) use encode::Frame;
pub(crate) use header::{HEAD, Head};
pub(crate) use marks::Marks;

#[cfg(target_endian = "big")]
compile_error!("the embedded log writes columns as they lie in memory, and so needs a little-endian machine");

#[cfg(test)]
pub(crate) mod tests;
