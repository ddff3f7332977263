//! Where chance begins.

use std::hash::{BuildHasher, RandomState};

/// The variable that makes a run use the same plan again.
const VARIABLE: &str = "WHARF_CHAOS_SEED";

/// What `WHARF_CHAOS_SEED` says, or something new each time. Says on stdout which, so that a failure can be repeated.
pub fn seed() -> u64 {
    let given = std::env::var(VARIABLE).ok().map(|text| match text.parse() {
        Ok(seed) => seed,
        Err(_) => panic!("{VARIABLE} is `{text}`: write a whole number"),
    });
    // A hasher is seeded by the system. Short enough to be typed.
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0) % 1_000_000_000);
    #[expect(clippy::print_stdout, reason = "cargo test shows what a failed test printed")]
    {
        println!("{VARIABLE}={seed}");
    }
    seed
}
