//! What goes into a frame comes out of it.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wharf_core::{Batch, Column, Format, Headers, Operation, Schema};

use super::*;

fn column(rows: usize) -> impl Strategy<Value = Column> {
    option::of(vec(option::of(vec(any::<u8>(), 0..6)), rows)).prop_map(|cells| match cells {
        Some(cells) => cells.iter().map(Option::as_deref).collect(),
        None => Column::missing(),
    })
}

fn optional<T: std::fmt::Debug + Clone + 'static>(
    rows: usize,
    item: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![Just(0), Just(rows)].prop_flat_map({
        let item = item.boxed();
        move |len| vec(item.clone(), len)
    })
}

fn headers(rows: usize) -> impl Strategy<Value = Headers> {
    vec(vec((0..3_u16, option::of(vec(any::<u8>(), 0..4))), 0..3), rows).prop_map(|per_row| {
        let mut headers = Headers::default();
        let mut cells = Vec::new();
        for row in per_row {
            for (name, cell) in row {
                headers.name_of.push(name);
                cells.push(cell);
            }
            headers.row_ends.push(cells.len() as u32);
        }
        if cells.is_empty() {
            return Headers::default();
        }
        headers.names = vec!["a".into(), String::new(), "ü".into()];
        headers.cells = cells.iter().map(Option::as_deref).collect();
        headers
    })
}

fn formats() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Bytes), Just(Format::Text), Just(Format::Json)]
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::{Create, Delete, Snapshot, Unknown, Update};
    prop::sample::select(vec![Unknown, Create, Update, Delete, Snapshot])
}

/// Any batch as a reader gets it: with timestamps, without topics, partitions and checkpoints.
pub(crate) fn batches() -> impl Strategy<Value = Batch> {
    (0..20_usize).prop_flat_map(|rows| {
        let columns = (column(rows), column(rows), headers(rows), formats(), formats());
        let stamps = prop_oneof![any::<i64>().prop_map(move |t| vec![t; rows]), vec(any::<i64>(), rows)];
        let schemas = vec(("[a-z]{0,4}", option::of(any::<u32>()), "avro|json-schema", ".{0,8}"), 0..3);
        let of = prop_oneof![0..3_u16, Just(Batch::NO_SCHEMA)];
        (columns, stamps, optional(rows, operation()), schemas, optional(rows, of)).prop_map(
            move |((keys, values, headers, key_format, value_format), timestamps, operations, schemas, mut of)| {
                let known = schemas.len() as u16;
                of.iter_mut().filter(|of| **of >= known).for_each(|of| *of = Batch::NO_SCHEMA);
                Batch {
                    rows: rows as u32,
                    keys,
                    values,
                    key_format,
                    value_format,
                    headers,
                    timestamps,
                    operations,
                    schemas: schemas
                        .into_iter()
                        .map(|(id, version, language, definition)| Schema { id, version, language, definition })
                        .collect(),
                    key_schema_of: of.clone(),
                    value_schema_of: of,
                    ..Batch::default()
                }
            },
        )
    })
}

/// The bytes of a sealed frame.
pub(crate) fn bytes_of(frame: &Frame) -> Bytes {
    let mut slices = Vec::new();
    frame.slices(&mut slices);
    slices.iter().flat_map(|slice| slice.iter().copied()).collect::<Vec<u8>>().into()
}

fn marks() -> Marks {
    Marks {
        source: "files".into(),
        task: 3,
        sequence: 17,
        at: vec![(r#"{"f":"a"}"#.into(), Some(r#"{"p":1}"#.into())), (r#"{"f":"b"}"#.into(), None)],
    }
}

proptest! {
    #[test]
    fn a_batch_survives_its_frame(batch in batches(), base in 0..1_u64 << 40, with_marks: bool) {
        let marks = with_marks.then(marks);
        let mut frame = Frame::new(batch.clone(), marks.clone(), 5).unwrap();
        prop_assert_eq!(frame.seal(base, base), base + u64::from(batch.rows));
        let bytes = bytes_of(&frame);
        prop_assert_eq!(bytes.len() as u64, frame.len());
        let head = Head::parse(&bytes).unwrap();
        prop_assert_eq!(&head, &frame.head);
        prop_assert!(head.is_sound(&bytes) && head.is_body_sound(&bytes));
        prop_assert_eq!(Marks::decode(&bytes[HEAD..head.body()]), marks);
        prop_assert_eq!(head.max_timestamp, batch.timestamps.iter().copied().max().unwrap_or(5));
        prop_assert_eq!(decode(&head, &bytes).unwrap(), batch);
    }

    #[test]
    fn a_flipped_bit_never_goes_unseen(batch in batches(), at: prop::sample::Index, bit in 0..8_u32) {
        let mut frame = Frame::new(batch, Some(marks()), 5).unwrap();
        frame.seal(9, 9);
        let mut bytes = bytes_of(&frame).to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let sound = Head::parse(&bytes).is_some_and(|head| head.is_sound(&bytes) && head.is_body_sound(&bytes));
        prop_assert!(!sound, "flip of bit {} at {}", bit, at);
    }
}

#[test]
fn rows_without_timestamps_are_stamped() {
    let batch = Batch { rows: 2, values: [Some(b"a".as_slice()), None].into_iter().collect(), ..Batch::default() };
    let mut frame = Frame::new(batch, None, 1234).unwrap();
    frame.seal(0, 0);
    let bytes = bytes_of(&frame);
    let head = Head::parse(&bytes).unwrap();
    assert_eq!(decode(&head, &bytes).unwrap().timestamps, [1234, 1234]);
}
