//! Rejections that a failure has no place for.

use crate::delivery::Delivery;
use crate::failure::{Failure, Rejection};

/// What became of rows that a sink is given again only because a failure cannot tell of rejections.
///
/// A `put` either rejects rows or fails from a row on. When it has rejected some rows, has taken others, and then must ask
/// for a retry, the retry has to begin at the first rejected row. This remembers what became of the rows in between, so that
/// they are neither sent nor tried again.
///
/// ```
/// use wharf_sdk::{Delivery, Failure, Rejection, Unsaid};
///
/// fn put(unsaid: &mut Unsaid, delivery: &Delivery) -> Result<Vec<Rejection>, Failure> {
///     let (done, mut rejections) = unsaid.recall(delivery);
///     for row in delivery.rows().skip(done as usize) {
///         match send(row.value()) {
///             Ok(true) => {}
///             Ok(false) => rejections.push(row.reject("refused", "the server refuses the row")),
///             Err(failure) => return Err(unsaid.failed(delivery, row.index(), rejections, failure)),
///         }
///     }
///     Ok(rejections)
/// }
/// # fn send(_: Option<&[u8]>) -> Result<bool, Failure> { Ok(true) }
/// ```
#[derive(Debug, Default)]
pub struct Unsaid {
    /// Where in the queue the first of these rows is.
    place: Option<(String, u32, i64)>,
    rows: u32,
    rejections: Vec<Rejection>,
}

impl Unsaid {
    /// How many rows at the beginning of `delivery` are done with, and which of them are rejected. To be called once in
    /// each `put`.
    pub fn recall(&mut self, delivery: &Delivery) -> (u32, Vec<Rejection>) {
        let known = std::mem::take(self);
        if known.place.is_some() && known.place == place(delivery, 0) && known.rows as usize <= delivery.len() {
            (known.rows, known.rejections)
        } else {
            (0, Vec::new())
        }
    }

    /// The failure of a `put` that is done with all rows before `at`, some of them by a rejection.
    pub fn failed(&mut self, delivery: &Delivery, at: u32, rejections: Vec<Rejection>, failure: Failure) -> Failure {
        let first = rejections.iter().map(|rejection| rejection.row).fold(at, u32::min);
        if first < at {
            let shift = |it: Rejection| Rejection { row: it.row - first, ..it };
            self.place = place(delivery, first);
            self.rows = at - first;
            self.rejections = rejections.into_iter().filter(|it| it.row < at).map(shift).collect();
        }
        failure.at_row(first)
    }
}

/// Where in the queue a row is; `None` where the queue has no positions.
fn place(delivery: &Delivery, row: u32) -> Option<(String, u32, i64)> {
    let row = delivery.rows().nth(row as usize)?;
    Some((row.topic().to_owned(), row.partition(), row.position()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{BatchBuilder, Limits, Origin};

    fn delivery(positions: std::ops::Range<i64>) -> Delivery {
        let limits = Limits { max_rows: 100, max_bytes: 1000, max_wait: Duration::ZERO };
        let mut batch = BatchBuilder::new(limits);
        for _ in positions.clone() {
            batch.push(b"v");
        }
        let origins = vec![Origin { first_row: 0, topic: "t".into(), partition: 0 }];
        Delivery { batch: batch.finish().unwrap(), origins, positions: positions.collect() }
    }

    fn rejection(row: u32) -> Rejection {
        Rejection { row, code: "c".into(), reason: "r".into() }
    }

    #[test]
    fn a_retry_begins_at_the_first_rejection_and_what_came_after_is_known() {
        let mut unsaid = Unsaid::default();
        let failed = unsaid.failed(&delivery(10..20), 7, vec![rejection(3), rejection(5)], Failure::retry("busy"));
        assert_eq!(failed, Failure::retry("busy").at_row(3));
        assert_eq!(unsaid.recall(&delivery(13..20)), (4, vec![rejection(0), rejection(2)]));
        assert_eq!(unsaid.recall(&delivery(13..20)), (0, Vec::new()));
    }

    #[test]
    fn other_rows_are_not_taken_for_known_ones() {
        let mut unsaid = Unsaid::default();
        drop(unsaid.failed(&delivery(10..20), 7, vec![rejection(3)], Failure::retry("busy")));
        assert_eq!(unsaid.recall(&delivery(12..20)), (0, Vec::new()));
    }

    #[test]
    fn without_a_rejection_there_is_nothing_to_remember() {
        let mut unsaid = Unsaid::default();
        assert_eq!(unsaid.failed(&delivery(0..5), 2, Vec::new(), Failure::retry("x")), Failure::retry("x").at_row(2));
        assert_eq!(unsaid.recall(&delivery(2..5)), (0, Vec::new()));
    }
}
