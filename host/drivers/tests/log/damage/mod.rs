//! Files that came to harm: every byte of every file of a small log is cut off or flipped, one at a time, and the log
//! is opened over what is left.
//!
//! What must hold whatever is damaged: nothing panics, no row comes back that was not written, rows before the damage
//! come back, and either the log goes on or it says which file is damaged.

mod hints;
mod image;
mod many;
mod segments;
