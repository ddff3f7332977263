//! Writes groups of batches, makes them durable, and begins new segments.

use std::collections::VecDeque;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Partition, Pending, Place};
use crate::driver::DriverError;
use crate::log::files::{self, Doing, FileError};
use crate::log::index::{Appender, Entry, from_timestamp};
use crate::log::options::SyncPolicy;
use crate::log::segment::Segment;
use crate::log::{lock, names, sources};

/// Room reserved at once: as much as the file has, within these.
const RESERVE: std::ops::RangeInclusive<u64> = 1 << 20..=32 << 20;

/// The end of a partition.
#[derive(Debug)]
pub(super) struct Writer {
    /// The segment that is written; `None` before the first row.
    segment: Option<Arc<Segment>>,
    /// Its file; `None` when it must be opened, and cut, before it is written again.
    file: Option<File>,
    /// A roll failed half-way: the next segment's file may be there, and so no row may go into this one any more.
    rolling: bool,
    /// Where the next frame goes: everything before is acknowledged.
    position: u64,
    /// The offset of the next row.
    next: u64,
    /// Rows before this one are on the disk.
    durable: u64,
    /// Something is acknowledged but not synced.
    dirty: bool,
    /// Up to where room is reserved.
    reserved: u64,
    synced_at: Instant,
    /// Somebody will ask for a sync.
    alarm: bool,
    hints: Hints,
    /// What the last snapshot of sources covers.
    snapshot: Option<u64>,
}

/// Index entries of the segment that is written.
#[derive(Debug)]
pub(super) struct Hints {
    pub(super) index: Appender,
    pub(super) times: Appender,
    /// Where the last entry points.
    pub(super) last: Option<u64>,
    pub(super) max_timestamp: i64,
    /// Entries whose frames are not durable yet.
    pub(super) waiting: (Vec<Entry>, Vec<Entry>),
}

impl Hints {
    fn new(segment: &Segment) -> Self {
        Self {
            index: Appender::new(segment.beside("index"), 0),
            times: Appender::new(segment.beside("timeindex"), 0),
            last: None,
            max_timestamp: i64::MIN,
            waiting: (Vec::new(), Vec::new()),
        }
    }

    fn write(&mut self) {
        let (index, times) = std::mem::take(&mut self.waiting);
        self.index.append(&index);
        if !index.is_empty() {
            wharf_faults::reach("log.index");
        }
        self.times.append(&times);
    }
}

impl Writer {
    /// Goes on behind what was recovered.
    pub(super) fn new(segment: Option<(Arc<Segment>, Hints)>, next: u64, snapshot: Option<u64>) -> Self {
        let position = segment.as_ref().map_or(0, |(segment, _)| segment.visible());
        let (segment, hints) = segment.unzip();
        let nowhere = || Hints::new(&Segment::active(0, std::path::PathBuf::new(), 0, Vec::new()));
        Self {
            segment,
            file: None,
            rolling: false,
            position,
            next,
            durable: next,
            dirty: false,
            reserved: 0,
            synced_at: Instant::now(),
            alarm: false,
            hints: hints.unwrap_or_else(nowhere),
            snapshot,
        }
    }

    /// Writes a group. Returns after which time a sync shall be asked for.
    pub(super) fn write(&mut self, partition: &Partition, group: VecDeque<Pending>, sync: bool) -> Option<Duration> {
        let (mut run, mut bytes) = (Vec::with_capacity(group.len()), 0);
        for batch in group {
            let full =
                self.rolling || self.position + bytes + batch.frame.len() > partition.place.options.segment_bytes;
            if full && self.position + bytes > 0 {
                self.write_run(partition, std::mem::take(&mut run));
                bytes = 0;
                // A segment without rows must go on: the next would have its name.
                if self.segment.as_ref().is_some_and(|segment| segment.base < self.next)
                    && let Err(error) = self.roll(partition)
                {
                    let error = DriverError::from(error);
                    partition.write_failed(&error);
                    batch.fail(error);
                    continue;
                }
            }
            // Only now: a failed run fails what its producers sent after it.
            match batch.producer.fence().check().and_then(|()| partition.check()) {
                Ok(()) => {
                    bytes += batch.frame.len();
                    run.push(batch);
                }
                Err(error) => batch.fail(error),
            }
        }
        self.write_run(partition, run);
        self.after_group(&partition.place, sync)
    }

    /// For the policies that acknowledge first.
    fn after_group(&mut self, place: &Place, sync: bool) -> Option<Duration> {
        self.alarm &= !sync;
        let SyncPolicy::Interval(interval) = place.options.sync else { return None };
        if !self.dirty {
            return None;
        }
        let since = self.synced_at.elapsed();
        if sync || since >= interval {
            self.sync(place);
            return None;
        }
        let alarm = std::mem::replace(&mut self.alarm, true);
        (!alarm).then(|| interval.saturating_sub(since))
    }

    fn write_run(&mut self, partition: &Partition, mut run: Vec<Pending>) {
        if run.is_empty() {
            return;
        }
        let outcome = match self.ready(&partition.place, partition) {
            // Nothing was tried yet.
            Err(error) => Err(DriverError::from(error)),
            Ok(segment) => self.try_run(&partition.place, &segment, &mut run).map(|end| (segment, end)),
        };
        match outcome {
            Ok((segment, (position, next))) => {
                wharf_faults::reach("log.publish");
                self.publish(partition, &segment, &run, position, next);
                run.into_iter().for_each(Pending::succeed);
            }
            Err(error) => {
                partition.write_failed(&error);
                run.into_iter().for_each(|batch| batch.fail(error.clone()));
            }
        }
    }

    /// Writes the run behind what is there. Where that fails the file is cut back to what was acknowledged.
    fn try_run(&mut self, place: &Place, segment: &Segment, run: &mut [Pending]) -> Result<(u64, u64), DriverError> {
        // Taken out, so that it is opened anew after any failure: a failed fsync must not be retried on the same file.
        let Some(file) = self.file.take() else {
            return Err(DriverError::Fatal("the segment is not open".to_owned()));
        };
        let (mut next, mut bytes) = (self.next, 0);
        for batch in run.iter_mut() {
            next = batch.frame.seal(next, self.durable);
            bytes += batch.frame.len();
        }
        let position = self.position + bytes;
        match self.put(place, segment, &file, run, position) {
            Ok(()) => {
                self.file = Some(file);
                Ok((position, next))
            }
            Err(error) => {
                drop(file);
                Err(match reopen(&segment.path, self.position) {
                    Ok(file) => {
                        self.reserved = self.position;
                        self.file = Some(file);
                        error.into()
                    }
                    Err(cut) => DriverError::MaybeWritten(format!("{error}; and then: {cut}")),
                })
            }
        }
    }

    fn put(
        &mut self,
        place: &Place,
        segment: &Segment,
        file: &File,
        run: &[Pending],
        position: u64,
    ) -> Result<(), FileError> {
        if position > self.reserved {
            let upto = position + self.position.clamp(*RESERVE.start(), *RESERVE.end());
            let upto = upto.min(place.options.segment_bytes.max(position));
            files::preallocate(file, self.position, upto - self.position);
            self.reserved = upto;
        }
        let mut slices: Vec<IoSlice<'_>> = Vec::with_capacity(run.len() * 4);
        run.iter().for_each(|batch| batch.frame.slices(&mut slices));
        let write = wharf_faults::hit("log.write").and_then(|()| files::write_at(file, &mut slices, self.position));
        write.doing("write", &segment.path)?;
        if place.options.durable_first() {
            let began = Instant::now();
            wharf_faults::hit("log.sync").and_then(|()| file.sync_data()).doing("sync", &segment.path)?;
            place.syncs.took(began.elapsed());
        }
        Ok(())
    }

    /// The run is as durable as was asked for: readers may see it.
    fn publish(&mut self, partition: &Partition, segment: &Segment, run: &[Pending], end: u64, next: u64) {
        let interval = u64::from(partition.place.options.index_interval);
        let mut position = self.position;
        let mut entries = Vec::new();
        for batch in run {
            let head = &batch.frame.head;
            self.hints.max_timestamp = self.hints.max_timestamp.max(head.max_timestamp);
            if self.hints.last.is_none_or(|last| position - last >= interval) {
                self.hints.last = Some(position);
                entries.push((head.base, position));
                self.hints.waiting.1.push((from_timestamp(self.hints.max_timestamp), head.base));
            }
            position += batch.frame.len();
        }
        self.hints.waiting.0.extend_from_slice(&entries);
        if run.iter().any(|batch| batch.frame.marks.is_some()) {
            let mut sources = lock(&partition.sources);
            run.iter().filter_map(|batch| batch.frame.marks.as_ref()).for_each(|marks| sources.apply(marks));
        }
        self.position = end;
        self.next = next;
        if partition.place.options.durable_first() {
            self.durable = next;
            self.hints.write();
        } else {
            self.dirty = true;
        }
        segment.publish(end, &entries);
        partition.publish(next);
        partition.write_worked();
    }

    /// The segment to write to, with its file open and nothing behind `position`.
    fn ready(&mut self, place: &Place, partition: &Partition) -> Result<Arc<Segment>, FileError> {
        let segment = match &self.segment {
            Some(segment) => Arc::clone(segment),
            None => return self.begin(place, partition),
        };
        if self.file.is_none() {
            self.file = Some(reopen(&segment.path, self.position)?);
            self.reserved = self.position;
        }
        Ok(segment)
    }

    /// Closes the segment and begins the next.
    fn roll(&mut self, partition: &Partition) -> Result<(), FileError> {
        let place = &partition.place;
        wharf_faults::hit("log.roll").doing("close", &place.dir)?;
        self.finish(place)?;
        wharf_faults::reach("log.roll.finished");
        let old = self.segment.take();
        self.rolling = true;
        match self.begin(place, partition) {
            Ok(segment) => {
                if let Some(old) = old {
                    old.seal();
                }
                self.rolling = false;
                wharf_faults::reach("log.roll.begun");
                self.snapshot(partition, segment.base);
                Ok(())
            }
            Err(error) => {
                self.segment = old;
                Err(error)
            }
        }
    }

    /// Makes the segment durable and gives back the room reserved behind its end.
    fn finish(&mut self, place: &Place) -> Result<(), FileError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let path = segment.path.clone();
        let file = match &self.file {
            Some(file) => file,
            None if !self.dirty => return Ok(()),
            None => self.file.insert(reopen(&path, self.position)?),
        };
        file.set_len(self.position).doing("cut", &path)?;
        if let Err(error) = wharf_faults::hit("log.sync").and_then(|()| file.sync_all()).doing("sync", &path) {
            self.file = None;
            self.unsynced(place, &error);
            return Err(error);
        }
        self.reserved = self.position;
        self.durable = self.next;
        self.dirty = false;
        self.synced_at = Instant::now();
        self.hints.write();
        Ok(())
    }

    fn begin(&mut self, place: &Place, partition: &Partition) -> Result<Arc<Segment>, FileError> {
        let path = place.dir.join(names::file_at(self.next, "log"));
        let file = files::open_rw(&path)?;
        wharf_faults::hit("log.roll.created").and_then(|()| file.set_len(0)).doing("cut", &path)?;
        files::sync_dir(&place.dir)?;
        let segment = Arc::new(Segment::active(self.next, path, 0, Vec::new()));
        self.hints = Hints::new(&segment);
        self.file = Some(file);
        self.position = 0;
        self.reserved = 0;
        self.segment = Some(Arc::clone(&segment));
        partition.segments.push(Arc::clone(&segment));
        Ok(segment)
    }

    fn sync(&mut self, place: &Place) {
        let (Some(segment), Some(file)) = (&self.segment, self.file.take()) else { return };
        let began = Instant::now();
        match wharf_faults::hit("log.sync").and_then(|()| file.sync_data()).doing("sync", &segment.path) {
            Ok(()) => {
                place.syncs.took(began.elapsed());
                self.file = Some(file);
                self.durable = self.next;
                self.hints.write();
            }
            Err(error) => self.unsynced(place, &error),
        }
        self.dirty = false;
        self.synced_at = Instant::now();
    }

    /// A sync failed, and is not tried again: the system may have dropped what it could not write, and would say that all
    /// is well. Rows that were acknowledged before they were durable, as was asked for, are at risk: nobody can be told any
    /// more.
    fn unsynced(&mut self, place: &Place, error: &FileError) {
        if std::mem::take(&mut self.dirty) {
            tracing::error!(
                topic = %place.topic, partition = place.number, from = self.durable, upto = self.next, %error,
                "rows that were acknowledged may be lost with a power failure"
            );
        }
    }

    /// See [`Partition::close`].
    pub(super) fn settle(&mut self, partition: &Partition) -> Result<(), FileError> {
        self.finish(&partition.place)?;
        if let Some(segment) = &self.segment
            && self.snapshot != Some(self.next)
        {
            let base = segment.base;
            self.snapshot(partition, base);
        }
        Ok(())
    }

    /// Only spares work at the next start: that it fails is no failure.
    fn snapshot(&mut self, partition: &Partition, base: u64) {
        let place = &partition.place;
        match sources::store(&place.dir, base, self.next, &lock(&partition.sources)) {
            Ok(()) => self.snapshot = Some(self.next),
            Err(error) => {
                tracing::warn!(topic = %place.topic, partition = place.number, %error, "no snapshot of sources")
            }
        }
    }
}

/// Opens a segment to write at `position`; what lies behind was never acknowledged and goes, durably.
fn reopen(path: &std::path::Path, position: u64) -> Result<File, FileError> {
    let file = files::open_rw(path)?;
    if file.metadata().doing("look at", path)?.len() != position {
        file.set_len(position).doing("cut", path)?;
        wharf_faults::hit("log.recover").doing("sync", path)?;
        file.sync_all().doing("sync", path)?;
    }
    Ok(file)
}
