//! Opening a partition: looks at the tail, cuts what a crash left half written, and finds where sources stand.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};

use super::writer::{Hints, Writer};
use super::{Partition, Place, Queue};
use crate::log::files::{self, Doing, FileError};
use crate::log::frame::{HEAD, Head, header};
use crate::log::index::{self, Appender, Entry};
use crate::log::names;
use crate::log::segment::{Segment, SegmentList, trusted};
use crate::log::sources::{self, Sources};
use crate::log::walk::{Step, Walker};

/// Opens a partition; its directory must exist. Damage does not fail it, but makes it unusable.
pub(crate) fn recover(place: Place, runtime: Handle) -> Result<Arc<Partition>, FileError> {
    files::tidy(&place.dir);
    let mut found = Found::default();
    let logs = logs(&place.dir)?;
    for (at, (base, path)) in logs.iter().enumerate() {
        let next = logs.get(at + 1).map(|(base, _)| *base);
        found.segment(&place, *base, path, next)?;
    }
    let (snapshot, sources) = sources::load(&place.dir, found.end)?;
    // A snapshot is only ever written beside a segment. What it covers may be behind the end that was found.
    if logs.is_empty() && sources::is_any(&place.dir)? {
        let dir = place.dir.display();
        found.damage(format!("all segment files in {dir} are missing: put them back, or delete the topic"));
    }
    let sources = collect(&found.segments, snapshot, sources)?;
    let writer = Writer::new(found.active, found.end, (snapshot == found.end).then_some(snapshot));
    let room = Arc::new(Semaphore::new(place.options.in_flight_bytes as usize));
    if let Some(damage) = &found.damage {
        tracing::error!(topic = %place.topic, partition = place.number, %damage, "partition cannot be used");
    }
    Ok(Arc::new(Partition {
        place,
        segments: SegmentList::new(found.segments),
        sources: Mutex::new(sources),
        damage: found.damage,
        trouble: Mutex::default(),
        end: AtomicU64::new(found.end),
        deleted: AtomicBool::new(false),
        closed: AtomicBool::new(false),
        queue: Mutex::new(Queue::default()),
        idle: Notify::new(),
        room,
        writer: Mutex::new(writer),
        listeners: Mutex::default(),
        runtime,
    }))
}

/// The segment files of a directory, by base offset.
pub(crate) fn logs(dir: &Path) -> Result<Vec<(u64, PathBuf)>, FileError> {
    let paths = files::entries(dir)?;
    Ok(paths.into_iter().filter_map(|path| Some((names::base_of(&path, "log")?, path))).collect())
}

#[derive(Default)]
struct Found {
    segments: Vec<Arc<Segment>>,
    active: Option<(Arc<Segment>, Hints)>,
    end: u64,
    damage: Option<String>,
}

impl Found {
    /// The first thing found is the one to tell.
    fn damage(&mut self, damage: String) {
        self.damage.get_or_insert(damage);
    }

    /// Takes a segment in; `next` is where the following one begins.
    fn segment(&mut self, place: &Place, base: u64, path: &Path, next: Option<u64>) -> Result<(), FileError> {
        let file = files::open_rw(path)?;
        let len = file.metadata().doing("look at", path)?.len();
        let scan = Scan::of(&file, path, base, len, place.options.index_interval, next.is_none())?;
        scan.store_index(path);
        let Some(next) = next else {
            return self.last(place, file, path, len, base, scan);
        };
        // A broken frame in a segment that was closed is found, and told, by whoever reads it.
        if scan.position == len && scan.end != next {
            let dir = place.dir.display();
            let (from, upto) = (scan.end, next.saturating_sub(1));
            self.damage(format!(
                "rows {from} to {upto} are missing, no segment file in {dir} holds them: put it back, or delete the topic"
            ));
        }
        self.segments.push(Arc::new(Segment::sealed(base, path.to_owned(), len)));
        Ok(())
    }

    fn last(
        &mut self,
        place: &Place,
        file: File,
        path: &Path,
        len: u64,
        base: u64,
        scan: Scan,
    ) -> Result<(), FileError> {
        if scan.position < len {
            if was_acknowledged(&file, path, scan.position, len, scan.end)? {
                let (path, position, end) = (path.display(), scan.position, scan.end);
                self.damage(format!(
                    "{path} is damaged at byte {position} (row {end}), before rows that were acknowledged: restore the file \
                     from a backup, or delete the topic"
                ));
            } else {
                tracing::warn!(
                    topic = %place.topic, partition = place.number, file = %path.display(),
                    bytes = len - scan.position, row = scan.end, "cut a frame that is not whole from the end"
                );
                file.set_len(scan.position).doing("cut", path)?;
                wharf_faults::hit("log.recover").doing("sync", path)?;
            }
        }
        // Also what looks whole may be in the memory of the operating system only, and is readable from now on.
        file.sync_all().doing("sync", path)?;
        let segment = Arc::new(Segment::active(base, path.to_owned(), scan.position, scan.index.clone()));
        let hints = Hints {
            index: Appender::new(segment.beside("index"), scan.index.len()),
            times: Appender::new(segment.beside("timeindex"), scan.times.len()),
            last: scan.index.last().map(|entry| entry.1),
            max_timestamp: scan.max_timestamp,
            waiting: (Vec::new(), Vec::new()),
        };
        self.end = scan.end;
        self.segments.push(Arc::clone(&segment));
        self.active = Some((segment, hints));
        Ok(())
    }
}

/// What the frames of a segment say.
struct Scan {
    /// Where the sound frames end.
    position: u64,
    /// The offset behind them.
    end: u64,
    max_timestamp: i64,
    index: Vec<Entry>,
    times: Vec<Entry>,
    /// Whether the index in the file says something else.
    changed: bool,
}

impl Scan {
    /// Looks at the frames from the last one on whose index entry can be believed. `verify`: their rows too.
    fn of(file: &File, path: &Path, base: u64, len: u64, interval: u32, verify: bool) -> Result<Self, FileError> {
        let mut index = index::load(&path.with_extension("index"));
        let stored = index.len();
        let mut times = index::load(&path.with_extension("timeindex"));
        if times.len() != stored {
            // Both are written together: one of them lost something.
            index.clear();
        }
        let believed = trusted(file, &index);
        let kept = believed.map_or(0, |(at, _)| at + 1);
        index.truncate(kept);
        times.truncate(kept);
        let mut changed = kept != stored;
        let (mut end, position) = believed.map_or((base, 0), |(_, entry)| entry);
        let mut max_timestamp = times.last().map_or(i64::MIN, |entry| index::to_timestamp(entry.0));
        let mut walker = Walker::new(file, path, position, len);
        let mut good = position;
        while let Step::Frame(seen) = walker.step(verify)? {
            if seen.head.base != end {
                break;
            }
            end = seen.head.end();
            good = walker.position;
            max_timestamp = max_timestamp.max(seen.head.max_timestamp);
            if index.last().is_none_or(|last| seen.position.saturating_sub(last.1) >= u64::from(interval)) {
                index.push((seen.head.base, seen.position));
                times.push((index::from_timestamp(max_timestamp), seen.head.base));
                changed = true;
            }
        }
        Ok(Self { position: good, end, max_timestamp, index, times, changed })
    }

    fn store_index(&self, log: &Path) {
        if !self.changed {
            return;
        }
        let stored = index::store(&log.with_extension("index"), &self.index)
            .and_then(|()| index::store(&log.with_extension("timeindex"), &self.times));
        if let Err(error) = stored {
            tracing::warn!(%error, "an index could not be rebuilt: reads of this segment begin more slowly");
        }
    }
}

/// Whether, behind something broken at `position` that should be row `row`, a whole frame says that this row had been
/// acknowledged when it was written. Then it is damage, and no write that a crash interrupted.
fn was_acknowledged(file: &File, path: &Path, position: u64, len: u64, row: u64) -> Result<bool, FileError> {
    const WINDOW: u64 = 1 << 20;
    let (mut from, mut buffer) = (position + 1, Vec::new());
    while from < len {
        let want = (WINDOW + HEAD as u64).min(len - from) as usize;
        let filled = files::read_at(file, &mut buffer, 0, want, from).doing("read", path)?;
        let window = buffer.get(..filled).unwrap_or_default();
        for (at, _) in window.windows(header::MAGIC.len()).enumerate().filter(|(_, bytes)| *bytes == header::MAGIC) {
            let Some(head) = window.get(at..).and_then(Head::parse) else { continue };
            if head.acknowledged > row {
                let mut walker = Walker::new(file, path, from + at as u64, len);
                if matches!(walker.step(true)?, Step::Frame(_)) {
                    return Ok(true);
                }
            }
        }
        from += WINDOW;
    }
    Ok(false)
}

/// Adds to a snapshot what the frames from row `from` on say.
fn collect(segments: &[Arc<Segment>], from: u64, mut sources: Sources) -> Result<Sources, FileError> {
    let first = segments.partition_point(|segment| segment.base <= from).saturating_sub(1);
    for segment in segments.iter().skip(first) {
        let file = segment.open()?;
        // From the row before on, because frames without rows may lie between the two.
        let position = if segment.base < from { segment.locate(&file, from - 1)? } else { 0 };
        let mut walker = Walker::new(&file, &segment.path, position, segment.visible());
        while let Step::Frame(seen) = walker.step(false)? {
            if let Some(marks) = &seen.marks {
                sources.apply(marks);
            }
        }
    }
    Ok(sources)
}
