//! Which row goes where.
//!
//! A batch whose rows all go to one partition, which is the rule, is passed on as it is. Any other is taken apart, and
//! that copies its rows.

mod murmur2;

use std::collections::BTreeMap;

use wharf_core::Batch;

use crate::driver::DriverError;
use murmur2::partition_of;

/// Rows of a batch that go to one partition of the topic with this index.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Index into the topics that were given.
    pub(crate) topic: usize,
    /// The partition.
    pub(crate) partition: u32,
    /// The rows.
    pub(crate) batch: Batch,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    /// In the order of their topics and partitions; of a mixed batch none is empty.
    pub(crate) parts: Vec<Part>,
    /// Rows that go nowhere.
    pub(crate) failed: Vec<(u32, DriverError)>,
}

/// A topic as the router sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// For messages.
    pub(crate) name: String,
    /// How many partitions it has.
    pub(crate) partitions: u32,
    /// Where rows go that have neither key nor partition.
    pub(crate) sticky: u32,
}

/// The topics that rows of the batch go to, in the order of [`Batch::topics`]; the default one where the batch names none.
pub(crate) fn topics<'a>(batch: &'a Batch, default: Option<&'a str>) -> Result<Vec<&'a str>, DriverError> {
    if !batch.topics.is_empty() {
        // Without `topic_of` all rows go to the first.
        let used = if batch.topic_of.is_empty() { 1 } else { batch.topics.len() };
        return Ok(batch.topics.iter().take(used).map(String::as_str).collect());
    }
    let Some(topic) = default else {
        return Err(DriverError::Rejected(
            "the rows name no topic and there is no default: set `topic` in the connector's configuration".to_owned(),
        ));
    };
    Ok(vec![topic])
}

/// Splits a batch by topic and partition. Checkpoints are taken out beforehand. Rows larger than `max_row` fail.
pub(crate) fn route(batch: Batch, targets: &[Target], max_row: u32) -> Routed {
    if let [target] = targets
        && let Some(partition) = only_partition(&batch, target)
        && batch.payload_bytes() <= max_row as usize
    {
        return Routed { parts: vec![Part { topic: 0, partition, batch }], failed: Vec::new() };
    }
    let mut routed = Routed::default();
    let mut rows: BTreeMap<(usize, u32), Vec<u32>> = BTreeMap::new();
    for row in batch.iter() {
        let index = row.index as usize;
        let topic = batch.topic_of.get(index).map_or(0, |&topic| usize::from(topic));
        let size = row.key.map_or(0, <[u8]>::len) + row.value.map_or(0, <[u8]>::len);
        let headers: usize = batch.headers.row_ends.get(index).map_or(0, |_| header_bytes(&batch, index));
        let outcome = match targets.get(topic) {
            None => Err(format!("the row goes to topic {topic} of a list of {}", targets.len())),
            Some(_) if size + headers > max_row as usize => Err(format!(
                "the row has {} bytes and the log takes {max_row}: raise `max_frame_bytes`, or send smaller rows",
                size + headers
            )),
            Some(target) => place(&batch, index, row.key, target).map(|partition| (topic, partition)),
        };
        match outcome {
            Ok(at) => rows.entry(at).or_default().push(row.index),
            Err(reason) => routed.failed.push((row.index, DriverError::Rejected(reason))),
        }
    }
    routed.parts = rows
        .into_iter()
        .map(|((topic, partition), rows)| Part { topic, partition, batch: batch.select(&rows) })
        .collect();
    routed
}

fn header_bytes(batch: &Batch, row: usize) -> usize {
    let ends = &batch.headers.row_ends;
    let end = ends.get(row).map_or(0, |&end| end as usize);
    let begin = row.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |&end| end as usize);
    (begin..end).filter_map(|header| batch.headers.cells.range(header)).map(|range| range.len()).sum()
}

/// The partition that all rows go to, where that can be seen without looking at each.
fn only_partition(batch: &Batch, target: &Target) -> Option<u32> {
    if !batch.topic_of.is_empty() && batch.topics.len() > 1 {
        return None;
    }
    match batch.partitions.first() {
        None | Some(-1) if target.partitions == 1 || batch.keys.is_missing() => {
            batch.partitions.iter().all(|&partition| partition == -1).then_some(target.sticky)
        }
        Some(&wanted) => {
            let partition = u32::try_from(wanted).ok().filter(|&partition| partition < target.partitions)?;
            batch.partitions.iter().all(|&partition| partition == wanted).then_some(partition)
        }
        None => None,
    }
}

fn place(batch: &Batch, row: usize, key: Option<&[u8]>, target: &Target) -> Result<u32, String> {
    match (batch.partitions.get(row).copied().unwrap_or(-1), key) {
        (-1, None) => Ok(target.sticky),
        (-1, Some(key)) => Ok(partition_of(key, target.partitions)),
        (wanted, _) => u32::try_from(wanted).ok().filter(|&partition| partition < target.partitions).ok_or_else(|| {
            format!("there is no partition {wanted} of topic `{}`: it has {}", target.name, target.partitions)
        }),
    }
}

#[cfg(test)]
mod tests {
    use wharf_core::Column;

    use super::*;

    fn target(partitions: u32) -> Target {
        Target { name: "t".into(), partitions, sticky: partitions - 1 }
    }

    fn batch(keys: &[Option<&str>]) -> Batch {
        let values: Column = keys.iter().map(|_| Some(b"v".as_slice())).collect();
        let keys: Column = keys.iter().map(|key| key.map(str::as_bytes)).collect();
        Batch { rows: values.len() as u32, keys, values, ..Batch::default() }
    }

    #[test]
    fn keyless_rows_go_as_they_are_to_the_sticky_partition() {
        let batch = batch(&[None, None]);
        let routed = route(batch.clone(), &[target(5)], 100);
        assert_eq!(routed.parts, [Part { topic: 0, partition: 4, batch }]);
    }

    #[test]
    fn keys_decide_and_rows_of_one_key_keep_their_order() {
        let batch = batch(&[Some("21"), Some("abc"), None, Some("21")]);
        let routed = route(batch, &[target(3)], 100);
        let of = |key: &str| partition_of(key.as_bytes(), 3);
        for part in &routed.parts {
            let keys: Vec<_> =
                part.batch.keys.cells().map(|key| key.map(|key| String::from_utf8_lossy(key).into_owned())).collect();
            for key in keys.iter() {
                assert_eq!(key.as_deref().map_or(2, of), part.partition);
            }
        }
        assert_eq!(routed.parts.iter().map(|part| part.batch.rows).sum::<u32>(), 4);
        assert!(routed.failed.is_empty());
    }

    #[test]
    fn a_partition_that_is_not_there_fails_its_row_only() {
        let mut rows = batch(&[None, None, None]);
        rows.partitions = vec![1, 7, -1];
        let routed = route(rows, &[target(3)], 100);
        assert_eq!(
            routed.parts.iter().map(|part| (part.partition, part.batch.rows)).collect::<Vec<_>>(),
            [(1, 1), (2, 1)]
        );
        let [(1, DriverError::Rejected(reason))] = routed.failed.as_slice() else { panic!("{:?}", routed.failed) };
        assert!(reason.contains("no partition 7 of topic `t`"), "{reason}");
    }

    #[test]
    fn a_row_that_is_too_large_fails_alone() {
        let values: Column = [Some(b"small".as_slice()), Some(&[0; 200])].into_iter().collect();
        let routed = route(Batch { rows: 2, values, ..Batch::default() }, &[target(1)], 100);
        assert_eq!(routed.parts.len(), 1);
        assert_eq!(routed.failed.len(), 1);
    }

    #[test]
    fn rows_that_name_no_topic_need_a_default() {
        let batch = batch(&[None]);
        assert_eq!(topics(&batch, Some("x")).unwrap(), ["x"]);
        assert!(topics(&batch, None).unwrap_err().to_string().contains("set `topic`"));
    }
}
