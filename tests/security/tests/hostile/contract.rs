//! Guests that hand over what breaks the contract.

use wharf_security_tests::Attack;

#[track_caller]
fn violates(mode: &str, words: &str) {
    let message = Attack::new(mode).start().killed("contract-violation");
    assert!(message.contains(words), "{message}");
}

#[test]
fn a_checkpoint_that_is_no_json_is_refused() {
    violates("checkpoint-no-json", "`offset` must be a JSON object");
}

#[test]
fn a_checkpoint_that_is_no_object_is_refused() {
    violates("checkpoint-no-object", "`offset` must be a JSON object");
}

#[test]
fn a_checkpoint_of_a_hundred_thousand_levels_is_refused_and_does_not_fill_the_stack() {
    violates("checkpoint-deep-json", "`offset` must be a JSON object");
}

#[test]
fn a_checkpoint_of_a_row_that_does_not_exist_is_refused() {
    violates("checkpoint-row-out-of-range", "checkpoints");
}

#[test]
fn a_checkpoint_that_is_not_utf8_is_refused() {
    violates("checkpoint-invalid-utf8", "utf-8");
}

#[test]
fn checkpoints_that_go_backwards_are_refused() {
    violates("checkpoints-backwards", "ascending");
}

#[test]
fn ends_that_are_not_sorted_are_refused() {
    violates("ends-unsorted", "`values.ends`");
}

#[test]
fn ends_past_the_data_are_refused() {
    violates("ends-past-the-data", "`values.ends`");
}

#[test]
fn a_missing_cell_of_a_row_that_does_not_exist_is_refused() {
    violates("absent-out-of-range", "values");
}

#[test]
fn a_topic_that_does_not_exist_is_refused() {
    violates("topic-index-out-of-range", "`topic-of`");
}

#[test]
fn a_header_s_name_that_does_not_exist_is_refused() {
    violates("header-name-out-of-range", "headers.name-of");
}

#[test]
fn a_schema_that_does_not_exist_is_refused() {
    violates("schema-out-of-range", "`value-schema-of`");
}

#[test]
fn a_topic_that_is_not_utf8_is_refused() {
    violates("topic-is-not-utf8", "utf-8");
}

#[test]
fn a_value_of_an_enumeration_that_does_not_exist_is_refused() {
    violates("bad-discriminant", "");
}
