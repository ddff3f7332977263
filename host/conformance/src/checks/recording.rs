//! A source's rows as they came, so that two runs can be compared.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use wharf_core::batch::Row;
use wharf_core::plugin::{Next, PollLimits, SourceTask};
use wharf_core::{Batch, SourceOffset};

use crate::bench::Bench;
use crate::check::Step;

/// Polls ask for so many rows in turn, so that checkpoints lie everywhere.
const SIZES: [u32; 5] = [1, 7, 50, 3, 400];
/// So many polls without rows are the end of what a source has for now.
const IDLE: u32 = 3;
/// Characters of a value that are shown.
const SHOWN: usize = 40;

/// A row: enough to tell it from another, and to show it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    hash: u64,
    pub(crate) shown: String,
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Seen {
    /// Time stamps are left out: a source may stamp rows when it reads them.
    fn of(row: &Row<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        (row.key, row.value, row.topic, row.operation as u8).hash(&mut hasher);
        row.headers.clone().for_each(|(name, value)| (name, value).hash(&mut hasher));
        let bytes = row.value.or(row.key).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(4 * SHOWN)).unwrap_or_default());
        let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if text.chars().count() > SHOWN || bytes.len() > 4 * SHOWN {
            shown.push('…');
        }
        Self { hash: hasher.finish(), shown }
    }
}

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The source says there is no more.
    Finished,
    /// It had nothing for a while.
    Idle,
    /// Enough was seen.
    Enough,
}

/// What a source brought from its start on.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) rows: Vec<Seen>,
    /// Checkpoints, each with the number of rows up to and with its own.
    pub(crate) marks: Vec<(usize, SourceOffset)>,
    pub(crate) end: End,
}

impl Recording {
    fn add(&mut self, batch: &Batch) {
        let before = self.rows.len();
        self.rows.extend(batch.iter().map(|row| Seen::of(&row)));
        let marks = batch.checkpoints.iter().map(|mark| (before + mark.row as usize + 1, mark.at.clone()));
        self.marks.extend(marks);
    }

    /// How many different source partitions there are.
    pub(crate) fn partitions(&self) -> usize {
        let mut partitions: Vec<String> = self.marks.iter().map(|(_, at)| crate::offsets::key(&at.partition)).collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions.len()
    }
}

/// Polls until there are `most` rows, nothing comes any more, or the source is finished. Nothing is committed.
pub(crate) async fn record(bench: &Bench, task: &mut dyn SourceTask, most: usize) -> Step<Recording> {
    let mut recording = Recording { rows: Vec::new(), marks: Vec::new(), end: End::Enough };
    let (mut sizes, mut idle) = (SIZES.iter().copied().cycle(), 0);
    while recording.rows.len() < most {
        let max_rows = sizes.next().unwrap_or(1);
        let limits = PollLimits { max_rows, max_bytes: 4 << 20, max_wait: Duration::from_millis(100) };
        let polled = bench.poll(task, limits).await?;
        recording.add(&polled.batch);
        idle = if polled.batch.rows == 0 { idle + 1 } else { 0 };
        recording.end = match polled.next {
            Next::Finished => End::Finished,
            _ if idle >= IDLE => End::Idle,
            _ => continue,
        };
        return Ok(recording);
    }
    Ok(recording)
}
