use super::*;
use std::collections::BTreeSet;
use wharf_sdk::Limits;
use wharf_sdk::testkit::{Polled, SourceKit};

fn kit(pairs: &[(&str, &str)]) -> SourceKit<Generator> {
    SourceKit::new(pairs.iter().copied().chain([("topic", "t")]))
}

fn numbers(polled: &Polled) -> Vec<u64> {
    polled.texts().iter().map(|text| text.split(' ').next().unwrap().parse().unwrap()).collect()
}

#[test]
fn rows_have_their_number_and_their_size() {
    let mut kit = kit(&[("size", "30"), ("count", "1000")]);
    kit.start().unwrap();
    let polled = kit.poll().unwrap();
    assert_eq!((numbers(&polled), polled.next), ((0..1000).collect(), Next::Finished));
    assert!(polled.values().iter().all(|value| value.as_ref().unwrap().len() == 30));
    assert!(polled.batch.keys.ends.is_empty());
    let distinct: BTreeSet<_> = polled.texts().iter().map(|text| text.chars().skip(10).collect::<String>()).collect();
    assert!(distinct.len() > 900, "rows differ in more than their number");
}

#[test]
fn a_value_too_short_for_its_number_is_the_number() {
    let mut kit = kit(&[("size", "1"), ("count", "12")]);
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().texts()[9..], ["9", "10", "11"]);
}

#[test]
fn it_resumes_exactly_and_makes_the_same_rows_again() {
    let mut kit = kit(&[("count", "9"), ("key.space", "4")]);
    kit.limit(Limits { max_rows: 3, max_bytes: 10_000, max_wait: Duration::ZERO });
    kit.start().unwrap();
    let first = kit.poll().unwrap();
    kit.commit(&first).unwrap();
    assert_eq!(kit.offset(r#"{"task":0}"#).as_deref(), Some(r#"{"sequence":3}"#));
    let lost = kit.poll().unwrap();
    kit.restart().unwrap();
    assert_eq!(kit.poll().unwrap(), lost);
    assert_eq!(numbers(&kit.poll().unwrap()), [6, 7, 8]);
    assert_eq!(kit.poll().unwrap().next, Next::Finished);
}

#[test]
fn keys_come_from_the_key_space() {
    let mut kit = kit(&[("count", "500"), ("key.space", "7")]);
    kit.start().unwrap();
    let keys: BTreeSet<_> = kit.poll().unwrap().keys().into_iter().map(Option::unwrap).collect();
    let expected: BTreeSet<_> = (b'0'..b'7').map(|digit| vec![digit]).collect();
    assert_eq!(keys, expected);
}

#[test]
fn tasks_share_the_numbers_without_a_gap() {
    let mut all: Vec<u64> = Vec::new();
    for task in 0..3 {
        let mut kit = kit(&[("count", "11")]).task_of(task, 3);
        kit.start().unwrap();
        all.extend(numbers(&kit.poll().unwrap()));
    }
    all.sort_unstable();
    assert_eq!(all, (0..11).collect::<Vec<_>>());
}

#[test]
fn without_a_count_there_is_always_more() {
    let mut kit = kit(&[]);
    kit.start().unwrap();
    for _ in 0..3 {
        let polled = kit.poll().unwrap();
        assert_eq!((polled.batch.rows, polled.next), (10_000, Next::More));
    }
}

#[test]
fn with_a_rate_a_poll_that_may_not_wait_finds_nothing_due() {
    let mut kit = kit(&[("rows.per.second", "1")]);
    kit.start().unwrap();
    let polled = kit.poll().unwrap();
    assert_eq!((polled.batch.rows, polled.next), (0, Next::Idle));
}

#[test]
fn headers_hold_the_number_of_their_row() {
    let mut kit = kit(&[("count", "3"), ("headers", "2")]);
    kit.start().unwrap();
    let batch = kit.poll().unwrap().batch;
    assert_eq!((batch.headers.row_ends, batch.headers.names), (vec![2, 4, 6], vec!["h0".to_owned(), "h1".to_owned()]));
    assert_eq!(batch.headers.cells.data, b"001122");
}

#[test]
fn a_size_that_is_too_large_is_named() {
    let problems = kit(&[("size", "99999999")]).validate();
    assert_eq!(problems[0].key, "size");
}
