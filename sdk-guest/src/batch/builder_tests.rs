use super::*;
use crate::json;

fn builder() -> BatchBuilder {
    BatchBuilder::new(Limits { max_rows: 100, max_bytes: 10_000, max_wait: Duration::ZERO })
}

#[test]
fn a_batch_of_values_has_no_other_columns() {
    let mut batch = builder();
    batch.push(b"a");
    batch.push(b"");
    let batch = batch.finish().unwrap();
    assert_eq!((batch.rows, batch.values.data.as_slice(), batch.values.ends.as_slice()), (2, &b"a"[..], &[1, 1][..]));
    let values = batch.values.clone();
    assert_eq!(batch, Batch { rows: 2, values, ..Batch::default() });
}

#[test]
fn a_column_begins_with_the_first_row_that_has_something_for_it() {
    let mut batch = builder();
    batch.push(b"0");
    batch.push(b"1").key(b"k").partition(3).operation(Operation::Delete).timestamp(5).header("h", b"x");
    batch.push_absent();
    batch.topic("t");
    let batch = batch.finish().unwrap();
    assert_eq!((batch.keys.ends, batch.keys.absent), (vec![0, 1, 1], vec![0, 2]));
    assert_eq!(batch.values.absent, [2]);
    assert_eq!(batch.partitions, [-1, 3, -1]);
    assert_eq!(batch.operations, [Operation::Unknown, Operation::Delete, Operation::Unknown]);
    assert_eq!(batch.timestamps[1], 5);
    assert!(batch.timestamps[0] > 1_600_000_000_000, "a row that does not say gets the time of now");
    assert_eq!((batch.headers.row_ends, batch.headers.name_of), (vec![0, 1, 1], vec![0]));
    assert_eq!((batch.topics, batch.topic_of), (vec!["t".to_owned()], vec![]));
}

#[test]
fn header_names_are_kept_once() {
    let mut batch = builder();
    batch.push(b"0").header("a", b"1").header("b", b"2");
    batch.push(b"1").header("a", b"3");
    let headers = batch.finish().unwrap().headers;
    assert_eq!(headers.names, ["a", "b"]);
    assert_eq!((headers.row_ends, headers.name_of), (vec![2, 3], vec![0, 1, 0]));
    assert_eq!((headers.cells.data.as_slice(), headers.cells.ends.as_slice()), (&b"123"[..], &[1, 2, 3][..]));
}

#[test]
fn rows_without_a_topic_go_to_the_default_one() {
    let mut batch = builder();
    batch.push(b"0").topic("special");
    batch.push(b"1");
    batch.topic("usual");
    let batch = batch.finish().unwrap();
    assert_eq!((batch.topics, batch.topic_of), (vec!["special".to_owned(), "usual".into()], vec![0, 1]));
}

#[test]
fn without_a_default_topic_a_row_without_one_is_a_fault() {
    let mut batch = builder();
    batch.push(b"0").topic("special");
    batch.push(b"1");
    assert!(matches!(batch.finish(), Err(Failure::Fatal(reason)) if reason.contains("batch.topic")));
}

#[test]
fn rows_that_all_name_the_same_topic_need_no_index() {
    let mut batch = builder();
    batch.push(b"0").topic("t");
    batch.push(b"1").topic("t");
    assert_eq!(batch.finish().unwrap().topic_of, Vec::<u16>::new());
}

#[test]
fn room_ends_at_either_bound_but_the_first_row_always_fits() {
    let mut batch = BatchBuilder::new(Limits { max_rows: 2, max_bytes: 10, max_wait: Duration::ZERO });
    assert!(batch.has_room(1000));
    batch.push(b"12345");
    assert!(batch.has_room(5) && !batch.has_room(6));
    batch.push(b"");
    assert!(!batch.has_room(0));
}

#[test]
fn a_checkpoint_marks_the_last_row() {
    let at = SourceOffset::new(json!({"p": 1}), json!({"o": 1})).unwrap();
    let mut batch = builder();
    batch.checkpoint(at.clone());
    batch.push(b"0");
    batch.push(b"1");
    batch.checkpoint(at.clone());
    assert_eq!(batch.finish().unwrap().checkpoints, [Checkpoint { row: 1, at }]);
}

#[test]
fn a_block_whose_ends_do_not_fit_is_a_fault() {
    let mut batch = builder();
    batch.extend_values(b"abc", &[1, 2]);
    assert!(batch.finish().is_err());
}

#[test]
fn equal_schemas_share_an_index() {
    let schema = Schema { id: "s".into(), version: None, language: "avro".into(), definition: "{}".into() };
    let mut batch = builder();
    let first = batch.schema(schema.clone());
    assert_eq!(batch.schema(schema), first);
    batch.push(b"0");
    batch.push(b"1").value_schema(first);
    let batch = batch.finish().unwrap();
    assert_eq!((batch.schemas.len(), batch.value_schema_of), (1, vec![Batch::NO_SCHEMA, 0]));
}
