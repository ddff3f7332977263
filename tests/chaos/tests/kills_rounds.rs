//! A few rounds of what `cargo xtask chaos` does for as long as it is told to.

use wharf_chaos_tests::{Plan, seed};

const ROUNDS: u64 = 4;

#[test]
fn rounds_of_random_kills_under_random_settings_lose_nothing() {
    let first = seed();
    for round in 0..ROUNDS {
        let plan = Plan::new(first.wrapping_add(round));
        println!("{plan:#?}");
        plan.run();
    }
}
