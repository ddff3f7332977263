//! Which rows of which batches somebody sees.
//!
//! Of a batch that fits into what is still to be seen, every row; of a larger one, half of what is still to be seen,
//! spread evenly over its rows. A batch that had more rows than
//! were taken is followed by a pause of [`REST`], so that what passes fast is seen at several moments, while of a
//! connector that moves little nothing is missed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::InspectQuery;
use super::record::{Make, Passed, Row, copied, sized};
use crate::status::lock;

/// How long batches pass unseen after one that was seen in part.
const REST: Duration = Duration::from_millis(100);
/// So many records may wait to be read.
const WAITING: usize = 128;
/// So many bytes may wait to be read, and one record more.
const WAITING_BYTES: usize = 4 << 20;

/// Somebody who looks at a connector.
#[derive(Debug)]
pub(super) struct Tap {
    connector: String,
    task: Option<u32>,
    make: Make,
    state: Mutex<State>,
    /// Of the records that wait to be read.
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct State {
    /// How many records are still to be seen.
    left: u32,
    rests_until: Option<Instant>,
    /// Gone when nothing more is to be seen.
    records: Option<mpsc::Sender<Passed>>,
}

impl Tap {
    pub(super) fn new(connector: &str, query: InspectQuery) -> (Self, mpsc::Receiver<Passed>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let records = (query.limit > 0).then_some(sender);
        let tap = Self {
            connector: connector.to_owned(),
            task: query.task,
            make: if query.values { copied } else { sized },
            state: Mutex::new(State { left: query.limit, rests_until: None, records }),
            waiting: AtomicUsize::new(0),
        };
        (tap, receiver)
    }

    pub(super) fn is_for(&self, connector: &str, task: u32) -> bool {
        self.connector == connector && self.task.is_none_or(|wanted| wanted == task)
    }

    /// Takes a sample of a batch of so many rows.
    pub(super) fn look<'a>(&self, rows: u32, row: impl Fn(u32) -> Row<'a>) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        if rows == 0 || state.rests_until.is_some_and(|until| now < until) {
            return;
        }
        let State { left, records: Some(records), .. } = &mut *state else { return };
        let wanted = if rows <= *left { rows } else { left.div_ceil(2) };
        let mut seen = 0;
        for index in 0..wanted {
            if self.waiting.load(Relaxed) > WAITING_BYTES {
                break;
            }
            // Asked before the row is copied.
            let Ok(room) = records.try_reserve() else { break };
            let record = row(spread(rows, wanted, index))(self.make);
            self.waiting.fetch_add(record.bytes(), Relaxed);
            room.send(record);
            seen += 1;
        }
        *left -= seen;
        let is_done = *left == 0;
        if seen < rows {
            state.rests_until = Some(now + REST);
        }
        if is_done {
            state.records = None;
        }
    }

    /// A record was read.
    pub(super) fn taken(&self, record: &Passed) {
        self.waiting.fetch_sub(record.bytes(), Relaxed);
    }
}

/// The row of the `index`-th of `wanted` that are spread over `rows`.
fn spread(rows: u32, wanted: u32, index: u32) -> u32 {
    let row = u64::from(index) * u64::from(rows) / u64::from(wanted.max(1));
    u32::try_from(row).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wharf_core::{Batch, Column};

    use super::super::record::of_batch;
    use super::*;

    fn batch(rows: u32) -> Batch {
        let values: Vec<String> = (0..rows).map(|row| row.to_string()).collect();
        let values: Column = values.iter().map(|value| Some(value.as_bytes())).collect();
        Batch { rows, values, ..Batch::default() }
    }

    fn seen(records: &mut mpsc::Receiver<Passed>, tap: &Tap) -> Vec<u32> {
        let read = |record: Passed| match record.value {
            Some(super::super::PassedCell::Bytes(bytes)) => std::str::from_utf8(&bytes).unwrap().parse().unwrap(),
            other => panic!("{other:?}"),
        };
        let mut all = Vec::new();
        while let Ok(record) = records.try_recv() {
            tap.taken(&record);
            all.push(read(record));
        }
        all
    }

    fn query(limit: u32) -> InspectQuery {
        InspectQuery { task: None, limit, values: true }
    }

    fn look(tap: &Tap, rows: u32) {
        let batch = batch(rows);
        tap.look(rows, |row| of_batch(0, &batch, row, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_fast_is_seen_at_several_moments_until_the_limit() {
        let (tap, mut records) = Tap::new("c", query(10));
        look(&tap, 1000);
        assert_eq!(seen(&mut records, &tap), [0, 200, 400, 600, 800]);
        look(&tap, 1000);
        assert!(seen(&mut records, &tap).is_empty(), "it rests");
        let mut counts = Vec::new();
        for _ in 0..5 {
            tokio::time::sleep(REST).await;
            look(&tap, 1000);
            counts.push(seen(&mut records, &tap).len());
        }
        assert_eq!(counts, [3, 1, 1, 0, 0]);
        assert!(records.recv().await.is_none(), "it is over");
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_connector_that_moves_little_nothing_is_missed() {
        let (tap, mut records) = Tap::new("c", query(10));
        for rows in [3, 2, 1] {
            look(&tap, rows);
        }
        assert_eq!(seen(&mut records, &tap), [0, 1, 2, 0, 1, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_is_left_out_and_does_not_count() {
        let (tap, mut records) = Tap::new("c", query(1000));
        look(&tap, 1000);
        assert_eq!(seen(&mut records, &tap).len(), WAITING);
        tokio::time::sleep(REST).await;
        look(&tap, 1000);
        assert_eq!(seen(&mut records, &tap).len(), WAITING, "of the 872 that are left");
        assert_eq!(tap.waiting.load(Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_wait_are_bounded() {
        let (tap, mut records) = Tap::new("c", query(1000));
        let value = vec![b'x'; 200 * 1024];
        let values: Column = (0..100).map(|_| Some(&value[..])).collect();
        let batch = Batch { rows: 100, values, ..Batch::default() };
        tap.look(100, |row| of_batch(0, &batch, row, None));
        let mut count = 0;
        while records.try_recv().is_ok() {
            count += 1;
        }
        assert_eq!(count, WAITING_BYTES / (200 * 1024) + 1);
    }

    #[test]
    fn nothing_is_seen_where_nothing_is_asked_for() {
        let (tap, mut records) = Tap::new("c", query(0));
        look(&tap, 5);
        assert!(matches!(records.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }

    #[test]
    fn a_tap_is_for_its_connector_and_task_alone() {
        let (tap, _records) = Tap::new("c", InspectQuery { task: Some(1), ..query(1) });
        assert!(tap.is_for("c", 1));
        assert!(!tap.is_for("c", 0) && !tap.is_for("d", 1));
    }

    proptest! {
        #[test]
        fn rows_are_spread_in_order_without_doubles(rows in 1..100_000_u32, share in 1..100_000_u32) {
            let wanted = share.min(rows).min(500);
            let picked: Vec<u32> = (0..wanted).map(|index| spread(rows, wanted, index)).collect();
            prop_assert!(picked.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(picked.iter().all(|&row| row < rows));
        }
    }
}
