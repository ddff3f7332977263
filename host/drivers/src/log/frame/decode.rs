//! A frame back into a batch.

use bytes::{Buf, Bytes};
use wharf_core::{Batch, Column, Headers, Operation, Schema};

use super::header::Head;

/// Takes a batch out of a frame whose checksums were found right. `bytes` are the whole frame; keys, values and the
/// values of headers share them, other columns are copied. `None` when the sections do not fit together, which no frame
/// that this version writes does.
pub(crate) fn decode(head: &Head, bytes: &Bytes) -> Option<Batch> {
    let mut rest = bytes.get(..head.length as usize).map(|_| bytes.slice(head.body()..head.length as usize))?;
    // The first section, the checkpoints, is in front of the body.
    let mut lengths = head.sections.iter().skip(1);
    let mut next = || {
        let len = *lengths.next()? as usize;
        (len <= rest.len()).then(|| rest.split_to(len))
    };
    let keys = Column { data: next()?, ends: numbers(&next()?), absent: numbers(&next()?) };
    let values = Column { data: next()?, ends: numbers(&next()?), absent: numbers(&next()?) };
    let headers = Headers {
        row_ends: numbers(&next()?),
        names: names(&next()?)?,
        name_of: shorts(&next()?),
        cells: Column { data: next()?, ends: numbers(&next()?), absent: numbers(&next()?) },
    };
    let timestamps = next()?;
    let timestamps = if timestamps.is_empty() {
        vec![head.timestamp; head.rows as usize]
    } else {
        bytemuck::pod_collect_to_vec(&timestamps)
    };
    let operations = next()?.iter().map(|&number| operation_of(number)).collect::<Option<Vec<_>>>()?;
    let batch = Batch {
        rows: head.rows,
        keys,
        values,
        key_format: head.key_format,
        value_format: head.value_format,
        headers,
        timestamps,
        operations,
        schemas: schemas(&next()?)?,
        key_schema_of: shorts(&next()?),
        value_schema_of: shorts(&next()?),
        ..Batch::default()
    };
    let rows = head.rows as usize;
    let fits = |len: usize| len == 0 || len == rows;
    (fits(batch.keys.len()) && fits(batch.values.len()) && batch.timestamps.len() == rows).then_some(batch)
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytemuck::pod_collect_to_vec(bytes)
}

fn shorts(bytes: &[u8]) -> Vec<u16> {
    bytemuck::pod_collect_to_vec(bytes)
}

fn names(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    while !bytes.is_empty() {
        let len = bytes.try_get_u32_le().ok()?;
        let (name, rest) = bytes.split_at_checked(len as usize)?;
        names.push(String::from_utf8(name.to_vec()).ok()?);
        bytes = rest;
    }
    Some(names)
}

fn schemas(bytes: &[u8]) -> Option<Vec<Schema>> {
    if bytes.is_empty() { Some(Vec::new()) } else { serde_json::from_slice(bytes).ok() }
}

fn operation_of(number: u8) -> Option<Operation> {
    match number {
        0 => Some(Operation::Unknown),
        1 => Some(Operation::Create),
        2 => Some(Operation::Update),
        3 => Some(Operation::Delete),
        4 => Some(Operation::Snapshot),
        _ => None,
    }
}
