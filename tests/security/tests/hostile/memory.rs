//! Guests that take memory, their own and the host's.

use wharf_security_tests::Attack;

/// Enough to make what is too large for the host.
fn roomy(mode: &str) -> Attack {
    Attack::new(mode).with("limits.memory.mb", "1024").with("limits.call.deadline.ms", "60000")
}

#[test]
fn memory_is_filled_to_the_limit_and_no_further() {
    let message = Attack::new("fill-memory").start().killed("memory-limit");
    assert!(message.contains("67108864 are allowed"), "{message}");
}

#[test]
fn growth_past_the_limit_is_refused_again_and_again_until_the_deadline() {
    let attack = Attack::new("grow-for-ever").hurried().start();
    attack.killed("deadline-exceeded");
}

#[test]
fn tiny_allocations_without_end_come_to_the_limit_too() {
    Attack::new("allocate-tiny-for-ever").start().killed("memory-limit");
}

#[test]
fn ten_million_tiny_strings_are_not_taken_into_the_host() {
    let message = roomy("ten-million-strings").start().killed("output-limit");
    assert!(message.contains("16777216 bytes"), "{message}");
}

#[test]
fn a_row_of_48_megabytes_is_not_taken_into_the_host() {
    roomy("huge-row").start().killed("output-limit");
}

#[test]
fn two_gigabytes_that_are_only_claimed_are_not_read() {
    Attack::new("claim-2-gigabytes").start().killed("contract-violation");
}

#[test]
fn a_list_as_large_as_all_memory_that_is_only_claimed_is_not_read() {
    Attack::new("claim-all-memory").start().killed("contract-violation");
}

#[test]
fn a_list_at_an_odd_address_is_not_read() {
    let message = Attack::new("claim-unaligned").start().killed("contract-violation");
    assert!(message.contains("align"), "{message}");
}

#[test]
fn four_billion_rows_that_take_no_bytes_are_not_taken() {
    let message = Attack::new("four-billion-rows").start().killed("contract-violation");
    assert!(message.contains("4294967295"), "{message}");
}
