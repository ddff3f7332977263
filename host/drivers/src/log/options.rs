//! What can be set about the log.

use std::time::Duration;

use crate::driver::DriverError;

/// When rows are made durable, and so when they are acknowledged and shown to readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Each group of batches is written, then made durable by one `fdatasync`, then acknowledged. The log clocks itself:
    /// what arrives while one `fdatasync` runs is the next group. A `window` above zero waits that long for more
    /// batches before each group is written, which spares the disk and costs that much latency.
    Group {
        /// How long to gather.
        window: Duration,
    },
    /// Rows are acknowledged when the operating system has them, which survives a killed process, and made durable at
    /// most this long after. A power failure may take the rows acknowledged within the interval.
    Interval(Duration),
    /// As `Interval`, but nobody asks for durability until a segment is full or the log is closed.
    None,
}

impl Default for SyncPolicy {
    /// `Group` with no window: nothing acknowledged is ever lost.
    fn default() -> Self {
        Self::Group { window: Duration::ZERO }
    }
}

/// How a log is opened. [`Default`] suits almost everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// When rows are made durable. Default: [`SyncPolicy::Group`] without a window.
    pub sync: SyncPolicy,
    /// A segment file that has reached this many bytes is closed and the next begun. Default: 256 MiB.
    pub segment_bytes: u64,
    /// How many partitions a topic gets that is created by its first row. Default: 1.
    pub default_partitions: u32,
    /// Whole segments are deleted, oldest first, while a partition is larger than this. Default: `None`, keep all.
    pub retention_bytes: Option<u64>,
    /// Whole segments are deleted when nothing was written to them for this long. The clock that counts is that of the
    /// file, not the timestamps of the rows: old data that was just read in stays. Default: `None`, keep all.
    pub retention_age: Option<Duration>,
    /// How often to look for segments to delete. Default: 30 s.
    pub retention_every: Duration,
    /// The largest frame, in bytes; at most 1 GiB. A batch that needs more is cut into several frames, a row that needs
    /// more is rejected. Default: 64 MiB.
    pub max_frame_bytes: u32,
    /// How many bytes of log lie between two entries of its index. Default: 64 KiB.
    pub index_interval: u32,
    /// How many bytes of rows may wait to be written, for each partition; producers wait beyond that. Default: 64 MiB.
    pub in_flight_bytes: u32,
    /// How much a reader takes from the disk at once. Default: 1 MiB.
    pub read_bytes: u32,
    /// How much a consumer holds that was read but not yet polled. Default: 4 MiB.
    pub read_ahead_bytes: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::default(),
            segment_bytes: 256 << 20,
            default_partitions: 1,
            retention_bytes: None,
            retention_age: None,
            retention_every: Duration::from_secs(30),
            max_frame_bytes: 64 << 20,
            index_interval: 64 << 10,
            in_flight_bytes: 64 << 20,
            read_bytes: 1 << 20,
            read_ahead_bytes: 4 << 20,
        }
    }
}

/// The least `max_frame_bytes`; also what a frame may need beside its rows.
pub(crate) const FRAME_OVERHEAD: u32 = 64 << 10;
const LARGEST_FRAME: u32 = 1 << 30;
/// More would be a mistake: each is a directory and, while it is written, an open file.
pub(crate) const MOST_PARTITIONS: u32 = 10_000;

impl LogOptions {
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        let problem = if self.segment_bytes == 0 {
            "`segment_bytes` is 0: write at least 1"
        } else if !(1..=MOST_PARTITIONS).contains(&self.default_partitions) {
            "`default_partitions` must lie between 1 and 10000"
        } else if !(2 * FRAME_OVERHEAD..=LARGEST_FRAME).contains(&self.max_frame_bytes) {
            "`max_frame_bytes` must lie between 128 KiB and 1 GiB"
        } else if self.in_flight_bytes == 0 || self.read_bytes == 0 || self.read_ahead_bytes == 0 {
            "`in_flight_bytes`, `read_bytes` and `read_ahead_bytes` must be above 0"
        } else if self.retention_every.is_zero() {
            "`retention_every` is 0: write at least a millisecond"
        } else {
            return Ok(());
        };
        Err(DriverError::Fatal(problem.to_owned()))
    }

    /// Whether rows must be on the disk before they are acknowledged.
    pub(crate) fn durable_first(&self) -> bool {
        matches!(self.sync, SyncPolicy::Group { .. })
    }
}
