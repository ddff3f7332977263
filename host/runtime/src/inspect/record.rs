//! A record that passed, as it is seen.

use wharf_core::{Batch, Delivery};

/// Larger records are shown by their sizes alone, so that who looks does not keep much in memory.
const MAX_BYTES: usize = 256 * 1024;

/// Which way a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the outside system into the queue.
    Source,
    /// From the queue into the outside system.
    Sink,
}

/// A copy of a record that passed through a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The task's number.
    pub task: u32,
    /// Which way it goes.
    pub direction: Direction,
    /// Its topic; empty where a source's queue would refuse it, because neither it nor the connector names one.
    pub topic: String,
    /// The partition it came from, or that it is meant for where the source says so.
    pub partition: Option<u32>,
    /// Its place in the partition, where it came from one.
    pub position: Option<i64>,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<PassedCell>,
    /// The value.
    pub value: Option<PassedCell>,
    /// Headers in the order they came.
    pub headers: Vec<(String, Option<PassedCell>)>,
}

/// A key or a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassedCell {
    /// A copy of it.
    Bytes(Vec<u8>),
    /// So many bytes, which were not copied.
    Size(usize),
}

impl PassedCell {
    /// How many bytes it holds, copied ones only.
    fn held(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Size(_) => 0,
        }
    }
}

impl Passed {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let cells = self.key.iter().chain(&self.value).chain(self.headers.iter().filter_map(|(_, cell)| cell.as_ref()));
        let names: usize = self.headers.iter().map(|(name, _)| name.len() + 64).sum();
        256 + self.topic.len() + names + cells.map(PassedCell::held).sum::<usize>()
    }
}

/// How a record is made of a row: with copies of its cells, or with their sizes.
pub(super) type Make = fn(&[u8]) -> PassedCell;

pub(super) fn copied(cell: &[u8]) -> PassedCell {
    PassedCell::Bytes(cell.to_vec())
}

pub(super) fn sized(cell: &[u8]) -> PassedCell {
    PassedCell::Size(cell.len())
}

/// A row on its way to be made a record; `None` where there is no such row.
pub(super) type Row<'a> = Box<dyn FnOnce(Make) -> Passed + 'a>;

/// Row `row` that a source handed over.
pub(super) fn of_batch<'a>(task: u32, batch: &'a Batch, row: u32, topic: Option<&'a str>) -> Row<'a> {
    Box::new(move |make| {
        let index = row as usize;
        let named = match batch.topic_of.get(index) {
            Some(&topic) => batch.topics.get(usize::from(topic)),
            None => batch.topics.first(),
        };
        let topic = named.map(String::as_str).or(topic).unwrap_or_default().to_owned();
        let partition = batch.partitions.get(index).and_then(|&partition| u32::try_from(partition).ok());
        cells(Passed { topic, partition, ..empty(task, Direction::Source) }, batch, index, make)
    })
}

/// Row `row` that a sink is handed.
pub(super) fn of_delivery(task: u32, delivery: &Delivery, row: u32) -> Row<'_> {
    Box::new(move |make| {
        let index = row as usize;
        let origin = delivery.origins.iter().rfind(|origin| origin.first_row <= row);
        let topic = origin.map(|origin| origin.topic.clone()).unwrap_or_default();
        let (partition, position) = (origin.map(|origin| origin.partition), delivery.positions.get(index).copied());
        let record = Passed { topic, partition, position, ..empty(task, Direction::Sink) };
        cells(record, &delivery.batch, index, make)
    })
}

fn empty(task: u32, direction: Direction) -> Passed {
    Passed {
        task,
        direction,
        topic: String::new(),
        partition: None,
        position: None,
        timestamp: None,
        key: None,
        value: None,
        headers: Vec::new(),
    }
}

fn cells(record: Passed, batch: &Batch, row: usize, make: Make) -> Passed {
    let headers = &batch.headers;
    let begin = row.checked_sub(1).and_then(|before| headers.row_ends.get(before)).copied().unwrap_or(0);
    let end = headers.row_ends.get(row).copied().unwrap_or(0);
    let header = |index: u32| {
        let index = index as usize;
        let name = headers.name_of.get(index).and_then(|&name| headers.names.get(usize::from(name)))?;
        Some((name, headers.cells.cell(index)))
    };
    let (key, value) = (batch.keys.cell(row), batch.values.cell(row));
    let named: Vec<_> = (begin..end).filter_map(header).collect();
    let all = key.into_iter().chain(value).chain(named.iter().filter_map(|(_, cell)| *cell));
    let make = if all.map(<[u8]>::len).sum::<usize>() > MAX_BYTES { sized } else { make };
    Passed {
        timestamp: batch.timestamps.get(row).copied(),
        key: key.map(make),
        value: value.map(make),
        headers: named.into_iter().map(|(name, cell)| (name.clone(), cell.map(make))).collect(),
        ..record
    }
}

#[cfg(test)]
mod tests {
    use wharf_core::{Column, Headers, Origin};

    use super::*;

    fn batch() -> Batch {
        let column = |cells: &[&str]| cells.iter().map(|cell| Some(cell.as_bytes())).collect::<Column>();
        let headers = Headers {
            row_ends: vec![1, 1, 2],
            names: vec!["h".to_owned()],
            name_of: vec![0, 0],
            cells: column(&["x", "y"]),
        };
        Batch {
            rows: 3,
            keys: column(&["k0", "k1", "k2"]),
            values: column(&["v0", "v1", "v2"]),
            headers,
            topics: vec!["a".to_owned(), "b".to_owned()],
            topic_of: vec![0, 1, 0],
            partitions: vec![-1, 4, -1],
            timestamps: vec![10, 11, 12],
            ..Batch::default()
        }
    }

    fn text(text: &str) -> PassedCell {
        copied(text.as_bytes())
    }

    #[test]
    fn a_row_of_a_source_has_its_own_topic_partition_and_headers() {
        let batch = batch();
        let record = of_batch(3, &batch, 1, Some("default"))(copied);
        assert_eq!((record.task, record.direction, record.topic.as_str()), (3, Direction::Source, "b"));
        assert_eq!((record.partition, record.position, record.timestamp), (Some(4), None, Some(11)));
        assert_eq!((record.key, record.value, record.headers), (Some(text("k1")), Some(text("v1")), Vec::new()));
        let record = of_batch(3, &batch, 2, Some("default"))(copied);
        assert_eq!(record.headers, [("h".to_owned(), Some(text("y")))]);
        assert_eq!((record.topic.as_str(), record.partition), ("a", None));
    }

    #[test]
    fn a_row_that_names_no_topic_goes_to_the_first_or_to_the_connectors() {
        let one = Batch { topic_of: Vec::new(), ..batch() };
        assert_eq!(of_batch(0, &one, 1, Some("default"))(copied).topic, "a");
        let none = Batch { topics: Vec::new(), ..one };
        assert_eq!(of_batch(0, &none, 1, Some("default"))(copied).topic, "default");
    }

    #[test]
    fn a_row_of_a_sink_has_the_place_it_came_from() {
        let origin = |first_row, partition| Origin { first_row, topic: "t".to_owned(), partition };
        let delivery = Delivery { batch: batch(), origins: vec![origin(0, 7), origin(2, 8)], positions: vec![5, 6, 0] };
        let places = [0, 1, 2].map(|row| {
            let record = of_delivery(0, &delivery, row)(copied);
            (record.topic, record.partition, record.position)
        });
        let at = |partition, position| ("t".to_owned(), Some(partition), Some(position));
        assert_eq!(places, [at(7, 5), at(7, 6), at(8, 0)]);
    }

    #[test]
    fn a_large_row_is_shown_by_its_sizes() {
        let values: Column = [Some(&vec![b'x'; MAX_BYTES + 1][..])].into_iter().collect();
        let keys: Column = [Some(&b"key"[..])].into_iter().collect();
        let batch = Batch { rows: 1, keys, values, ..Batch::default() };
        let record = of_batch(0, &batch, 0, None)(copied);
        assert_eq!(record.value, Some(PassedCell::Size(MAX_BYTES + 1)));
        assert_eq!(record.key, Some(PassedCell::Size(3)));
        assert!(record.bytes() < 1024);
    }
}
