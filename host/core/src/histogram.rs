//! Histograms with fixed bounds: a value costs two atomic additions, and nothing is allocated.
//!
//! They are recorded into once for a batch or a call, never for a row, and read when somebody asks for metrics.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of buckets, and what a value counts in what is shown.
#[derive(Debug)]
pub struct Scale {
    /// Ascending.
    bounds: &'static [u64],
    /// Values are multiplied by this where they are shown.
    unit: f64,
}

/// Durations from 100 µs to 2 minutes: kept in nanoseconds, shown in seconds.
pub static SECONDS: Scale = Scale {
    bounds: &[
        100_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        2_500_000_000,
        10_000_000_000,
        30_000_000_000,
        120_000_000_000,
    ],
    unit: 1e-9,
};

/// Rows of a batch, from 1 to a million.
pub static ROWS: Scale = Scale { bounds: &[1, 10, 100, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000], unit: 1.0 };

/// Bytes of a batch, from 256 B to 64 MiB.
pub static BYTES: Scale = Scale {
    bounds: &[1 << 8, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26],
    unit: 1.0,
};

/// Values seen, by size.
#[derive(Debug)]
pub struct Histogram {
    scale: &'static Scale,
    /// One for each bound, and one for what is beyond.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// A histogram as it stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    /// Upper bounds, ascending, and how many values there were up to each: cumulative, without the last, which is `count`.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

impl Histogram {
    /// An empty one.
    pub fn new(scale: &'static Scale) -> Self {
        let counts = (0..=scale.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { scale, counts, sum: AtomicU64::new(0) }
    }

    /// A value was seen.
    pub fn record(&self, value: u64) {
        let bucket = self.scale.bounds.partition_point(|&bound| bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.sum.fetch_add(value, Relaxed);
    }

    /// Something took so long; for [`SECONDS`].
    pub fn took(&self, time: Duration) {
        self.record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// As it stands. The buckets and the count are of one moment; the sum may be of a moment later.
    pub fn buckets(&self) -> Buckets {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.scale.bounds.len());
        for (at, bucket) in self.counts.iter().enumerate() {
            count += bucket.load(Relaxed);
            if let Some(&bound) = self.scale.bounds.get(at) {
                buckets.push((bound as f64 * self.scale.unit, count));
            }
        }
        Buckets { buckets, count, sum: self.sum.load(Relaxed) as f64 * self.scale.unit }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_on_a_bound_is_below_it_and_what_is_beyond_counts_too() {
        let histogram = Histogram::new(&ROWS);
        [0, 1, 2, 10, 2_000_000].into_iter().for_each(|rows| histogram.record(rows));
        let Buckets { buckets, count, sum } = histogram.buckets();
        assert_eq!(buckets.first(), Some(&(1.0, 2)));
        assert_eq!(buckets.get(1), Some(&(10.0, 4)));
        assert_eq!(buckets.last(), Some(&(1_000_000.0, 4)));
        assert_eq!((count, sum), (5, 2_000_013.0));
    }

    #[test]
    fn durations_are_shown_in_seconds() {
        let histogram = Histogram::new(&SECONDS);
        histogram.took(Duration::from_millis(1500));
        let Buckets { buckets, sum, .. } = histogram.buckets();
        assert_eq!(sum, 1.5);
        assert!(buckets.contains(&(1.0, 0)) && buckets.contains(&(2.5, 1)), "{buckets:?}");
    }

    proptest! {
        #[test]
        fn counts_never_fall_and_the_last_is_no_more_than_all(values in prop::collection::vec(any::<u32>(), 0..50)) {
            let histogram = Histogram::new(&BYTES);
            values.iter().for_each(|&value| histogram.record(value.into()));
            let Buckets { buckets, count, sum } = histogram.buckets();
            let is_sorted = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
            prop_assert!(is_sorted);
            for (bound, below) in buckets {
                prop_assert_eq!(below, values.iter().filter(|&&value| f64::from(value) <= bound).count() as u64);
            }
            prop_assert_eq!(count, values.len() as u64);
            prop_assert_eq!(sum, values.iter().map(|&value| f64::from(value)).sum::<f64>());
        }
    }
}
