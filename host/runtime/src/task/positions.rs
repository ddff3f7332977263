//! How far a sink task has come in each partition it reads.

use wharf_core::plugin::Flushed;
use wharf_core::{Delivery, TopicPosition};

/// The partitions of a task, few enough to be searched one by one.
#[derive(Debug, Default)]
pub(super) struct Positions {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    topic: String,
    partition: u32,
    /// Behind the last row that the plugin took; `None`: it took none yet.
    put: Option<i64>,
    /// What was committed by this task last.
    committed: Option<i64>,
}

impl Positions {
    fn find(&mut self, topic: &str, partition: u32) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|it| it.partition == partition && it.topic == topic)
    }

    pub(super) fn assign(&mut self, partitions: &[TopicPosition]) {
        self.revoke(partitions);
        self.entries.extend(partitions.iter().map(|at| Entry {
            topic: at.topic.clone(),
            partition: at.partition,
            put: None,
            committed: None,
        }));
    }

    pub(super) fn revoke(&mut self, partitions: &[TopicPosition]) {
        self.entries.retain(|it| !partitions.iter().any(|at| at.partition == it.partition && at.topic == it.topic));
    }

    /// The plugin took the first `rows` rows. Rows of partitions that are not this task's any more are not counted:
    /// what happens to them is another member's business.
    pub(super) fn took(&mut self, delivery: &Delivery, rows: u32) {
        let ends = delivery.origins.iter().skip(1).map(|origin| origin.first_row).chain([rows]);
        for (origin, end) in delivery.origins.iter().zip(ends) {
            let end = end.min(rows);
            if end <= origin.first_row {
                break;
            }
            let last = end.checked_sub(1).and_then(|row| delivery.positions.get(row as usize));
            if let (Some(&last), Some(entry)) = (last, self.find(&origin.topic, origin.partition)) {
                entry.put = Some(last + 1);
            }
        }
    }

    /// What may be committed after a flush, and was not yet.
    pub(super) fn durable(&self, flushed: &Flushed) -> Vec<TopicPosition> {
        let durable = self.entries.iter().filter_map(|entry| {
            let put = entry.put?;
            let position = match flushed {
                Flushed::All => put,
                Flushed::UpTo(positions) => {
                    let named = positions.iter().find(|at| at.partition == entry.partition && at.topic == entry.topic);
                    put.min(named?.position)
                }
            };
            let is_new = entry.committed.is_none_or(|committed| position > committed);
            is_new.then(|| TopicPosition { topic: entry.topic.clone(), partition: entry.partition, position })
        });
        durable.collect()
    }

    /// How many partitions there are.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    /// How many rows were put that are not committed, as far as that can be told from positions.
    pub(super) fn uncommitted(&self) -> u64 {
        let behind = self.entries.iter().filter_map(|entry| Some(entry.put?.saturating_sub(entry.committed?)));
        behind.map(|rows| u64::try_from(rows).unwrap_or_default()).sum()
    }

    pub(super) fn committed(&mut self, positions: &[TopicPosition]) {
        for at in positions {
            if let Some(entry) = self.find(&at.topic, at.partition) {
                entry.committed = Some(at.position);
            }
        }
    }
}

/// Where in the queue a row of a delivery came from, as far as the queue has positions.
pub(super) fn place(delivery: &Delivery, row: u32) -> Option<TopicPosition> {
    let origin = delivery.origins.partition_point(|origin| origin.first_row <= row).checked_sub(1)?;
    let origin = delivery.origins.get(origin)?;
    let position = *delivery.positions.get(row as usize)?;
    Some(TopicPosition { topic: origin.topic.clone(), partition: origin.partition, position })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use wharf_core::{Batch, Origin};

    use super::*;

    fn at(partition: u32, position: i64) -> TopicPosition {
        TopicPosition { topic: "t".to_owned(), partition, position }
    }

    /// Three rows of partition 0 from position 10, then two of partition 1 from 7.
    fn delivery() -> Delivery {
        let origin = |first_row, partition| Origin { first_row, topic: "t".to_owned(), partition };
        Delivery {
            batch: Batch { rows: 5, ..Batch::default() },
            origins: vec![origin(0, 0), origin(3, 1)],
            positions: vec![10, 11, 12, 7, 8],
        }
    }

    fn assigned() -> Positions {
        let mut positions = Positions::default();
        positions.assign(&[at(0, 10), at(1, 7)]);
        positions
    }

    #[test]
    fn all_that_was_put_is_durable_after_a_full_flush_and_only_once() {
        let mut positions = assigned();
        positions.took(&delivery(), 5);
        let durable = positions.durable(&Flushed::All);
        assert_eq!(durable, [at(0, 13), at(1, 9)]);
        positions.committed(&durable);
        assert_eq!(positions.durable(&Flushed::All), []);
    }

    #[test]
    fn rows_that_were_not_taken_are_not_counted() {
        let mut positions = assigned();
        positions.took(&delivery(), 2);
        assert_eq!(positions.durable(&Flushed::All), [at(0, 12)]);
        positions.took(&delivery(), 4);
        assert_eq!(positions.durable(&Flushed::All), [at(0, 13), at(1, 8)]);
    }

    #[test]
    fn a_partial_flush_bounds_what_is_durable_and_what_it_does_not_name_is_not() {
        let mut positions = assigned();
        positions.took(&delivery(), 5);
        assert_eq!(positions.durable(&Flushed::UpTo(vec![at(0, 11)])), [at(0, 11)]);
        assert_eq!(positions.durable(&Flushed::UpTo(vec![at(0, 99)])), [at(0, 13)]);
    }

    #[test]
    fn a_partition_that_was_revoked_is_not_committed() {
        let mut positions = assigned();
        positions.took(&delivery(), 5);
        positions.revoke(&[at(0, 0)]);
        assert_eq!(positions.durable(&Flushed::All), [at(1, 9)]);
    }

    #[test]
    fn the_place_of_a_row_is_found_by_its_origin() {
        assert_eq!(place(&delivery(), 2), Some(at(0, 12)));
        assert_eq!(place(&delivery(), 3), Some(at(1, 7)));
        assert_eq!(place(&delivery(), 5), None);
    }

    #[derive(Debug, Clone)]
    enum Step {
        /// Runs of rows, each of one partition, of which the plugin takes so many.
        Put(Vec<(u32, u32)>, u32),
        FlushAll,
        FlushUpTo(Vec<(u32, i64)>),
        Revoke(u32),
        Assign(u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (vec((0..3_u32, 1..4_u32), 1..4), 0..10_u32).prop_map(|(runs, taken)| Step::Put(runs, taken)),
            3 => Just(Step::FlushAll),
            3 => vec((0..3_u32, 0..60_i64), 0..3).prop_map(Step::FlushUpTo),
            1 => (0..3_u32).prop_map(Step::Revoke),
            1 => (0..3_u32).prop_map(Step::Assign),
        ]
    }

    /// Where the queue and the plugin stand with a partition.
    #[derive(Debug, Default)]
    struct Known {
        /// The next row that the queue delivers.
        next: i64,
        assigned: bool,
        /// Behind the last row that was taken since the partition was assigned.
        taken: Option<i64>,
        committed: Option<i64>,
    }

    /// Delivers `runs`, of which `taken` rows are taken; the rest is delivered again later.
    fn deliver(positions: &mut Positions, known: &mut BTreeMap<u32, Known>, runs: &[(u32, u32)], taken: u32) {
        let (mut delivery, mut row) = (Delivery::default(), 0);
        for (partition, rows) in runs {
            let of = known.entry(*partition).or_default();
            delivery.origins.push(Origin { first_row: row, topic: "t".to_owned(), partition: *partition });
            // A partition may come twice in one delivery: the second run goes on where the first ended.
            let before =
                delivery.origins.iter().zip(runs).filter(|(it, _)| it.partition == *partition && it.first_row < row);
            let begin = of.next + before.map(|(_, (_, rows))| i64::from(*rows)).sum::<i64>();
            delivery.positions.extend(begin..begin + i64::from(*rows));
            row += rows;
        }
        delivery.batch.rows = row;
        let taken = taken.min(row);
        positions.took(&delivery, taken);
        for at in (0..taken).filter_map(|row| place(&delivery, row)) {
            let of = known.entry(at.partition).or_default();
            of.next = at.position + 1;
            if of.assigned {
                of.taken = Some(of.next);
            }
        }
    }

    proptest! {
        #[test]
        fn what_may_be_committed_is_behind_rows_that_were_taken_and_flushed_and_never_goes_back(
            steps in vec(step(), 0..60)
        ) {
            let (mut positions, mut known) = (Positions::default(), BTreeMap::<u32, Known>::new());
            for step in steps {
                let flushed = match step {
                    Step::Put(runs, taken) => {
                        deliver(&mut positions, &mut known, &runs, taken);
                        continue;
                    }
                    Step::Revoke(partition) | Step::Assign(partition) => {
                        let assigned = matches!(step, Step::Assign(_));
                        let of = known.entry(partition).or_default();
                        (of.assigned, of.taken, of.committed) = (assigned, None, None);
                        let at = [at(partition, of.next)];
                        if assigned { positions.assign(&at) } else { positions.revoke(&at) }
                        continue;
                    }
                    Step::FlushAll => Flushed::All,
                    Step::FlushUpTo(upto) => {
                        let mut named = BTreeMap::new();
                        upto.into_iter().for_each(|(partition, position)| {
                            named.entry(partition).or_insert(position);
                        });
                        Flushed::UpTo(named.into_iter().map(|(partition, position)| at(partition, position)).collect())
                    }
                };
                let mut durable = positions.durable(&flushed);
                durable.sort_by_key(|at| at.partition);
                let expected = known.iter().filter_map(|(partition, of)| {
                    let limit = match &flushed {
                        Flushed::All => i64::MAX,
                        Flushed::UpTo(named) => named.iter().find(|at| at.partition == *partition)?.position,
                    };
                    let position = of.taken?.min(limit);
                    (of.committed.is_none_or(|committed| committed < position)).then(|| at(*partition, position))
                });
                prop_assert_eq!(&durable, &expected.collect::<Vec<_>>());
                positions.committed(&durable);
                durable.iter().for_each(|at| known.entry(at.partition).or_default().committed = Some(at.position));
            }
        }
    }
}
