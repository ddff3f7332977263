//! The audit trail: what was denied to plugins and done to them, and what was changed by whom, in a file for good and
//! in memory for REST.
//!
//! `<data-dir>/audit.log` holds one JSON object a line: `number`, `time`, `code`, `connector`, `task`, `plugin`, `detail`,
//! and `suppressed` where a line stands for many. It is rotated by size ([`file`]). The latest records are also kept in
//! memory, where `GET /audit` and `wharf audit` look. Each is a line of the worker's log too, at the target `wharf::audit`.
//!
//! A guest decides how often it does what is denied to it, so nothing here waits or grows for it: floods are counted
//! instead of written ([`flood`]); the file is written by a thread of its own behind a bounded channel; and while the
//! file cannot be written, as on a full disk, the worker runs on and the trail says later how much is missing.
//!
//! | codes | somebody | told by |
//! |---|---|---|
//! | `kill.trap`, `kill.deadline-exceeded`, `kill.host-call-timeout`, `kill.memory-limit`, `kill.output-limit`, `kill.contract-violation`, `kill.instantiation`, `kill.gone` | an instance was ended, by the name of its `DeathKind` | the runtime |
//! | `egress.*` | a name lookup, a connection or a request was denied | the sandbox's network |
//! | `path.*` | a file or directory was denied | the sandbox's file system |
//! | `ingest.*` | a request to a webhook was refused | the ingest listener |
//! | `change.*` | something was changed, or was to be, over REST; more fields say by whom and from where | the REST API |
//! | `access.*` | somebody was not let in, or not let do something | the REST API |
//! | `plugin.*` | a plugin was installed, uninstalled or refused | the registry |
//! | `audit.lost` | so many records are missing from the file | the trail itself |

mod clean;
mod file;
mod flood;
mod time;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use wharf_core::audit::{AuditEvent, AuditQuery, AuditRecord, AuditTrail, Auditor, Change};

use clean::{cleaned, cleaned_change};
use file::Rotating;
use flood::{Flood, Summary};
pub(crate) use time::rfc3339;

/// Records kept in memory.
const RECENT: usize = 1_000;
/// Records that may wait for the disk.
const WAITING: usize = 1_024;
/// How long a flood goes on before its size is told.
const TICK: Duration = flood::WINDOW;
/// How long the last records may take to be written when the worker stops.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Takes events down. Cheap to record into from any thread; the file is written by a thread that ends with this value.
#[derive(Debug)]
pub(crate) struct AuditLog {
    shared: Arc<Shared>,
    writer: SyncSender<Message>,
}

#[derive(Debug)]
enum Message {
    Write(Box<AuditRecord>),
    /// Write what is left and answer.
    Close(SyncSender<()>),
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Records that found no room on their way to the file.
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    flood: Flood,
    recent: VecDeque<AuditRecord>,
    /// Of the last record.
    number: u64,
}

impl State {
    /// Takes an event down, to be written and shown.
    fn take(&mut self, event: AuditEvent, change: Option<Change>, suppressed: Option<u64>) -> AuditRecord {
        self.number += 1;
        let time = time::rfc3339(SystemTime::now());
        let (event, change) = (cleaned(event), change.map(cleaned_change));
        let record = AuditRecord { number: self.number, time, event, change, suppressed };
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(record.clone());
        record
    }

    fn take_summary(&mut self, summary: Summary) -> AuditRecord {
        self.take(summary.last, None, Some(summary.suppressed))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records of the floods that are over by `now`.
    fn ended(&self, now: Instant) -> Vec<AuditRecord> {
        let mut state = self.state();
        let over = state.flood.ended(now);
        over.into_iter().map(|summary| state.take_summary(summary)).collect()
    }

    fn is_watching(&self) -> bool {
        !self.state().flood.is_empty()
    }
}

impl AuditLog {
    /// Begins to write into `folder`.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<Arc<Self>> {
        Self::with(Rotating::new(folder.join("audit.log")), WAITING)
    }

    fn with(file: Rotating, waiting: usize) -> anyhow::Result<Arc<Self>> {
        let shared = Arc::new(Shared::default());
        let (writer, records) = sync_channel(waiting);
        let thread = Writer { shared: shared.clone(), file, missing: 0 };
        thread::Builder::new()
            .name("wharf-audit".to_owned())
            .spawn(move || thread.run(&records))
            .context("start the thread of the audit trail")?;
        Ok(Arc::new(Self { shared, writer }))
    }

    /// Waits a moment until what was recorded is written. To be called when nothing more will be.
    pub(crate) fn close(&self) {
        let (done, written) = sync_channel(1);
        let until = Instant::now() + LAST_WORDS;
        let mut message = Message::Close(done);
        while let Err(TrySendError::Full(back)) = self.writer.try_send(message) {
            if Instant::now() >= until {
                return;
            }
            message = back;
            thread::sleep(Duration::from_millis(5));
        }
        // A thread that is gone has written what it could.
        written.recv_timeout(LAST_WORDS).ok();
    }
}

impl AuditLog {
    fn count(&self, event: AuditEvent, change: Option<Change>) {
        let mut state = self.shared.state();
        let verdict = state.flood.count(&event, Instant::now());
        let summary = verdict.summary.map(|summary| state.take_summary(summary));
        let record = verdict.is_taken.then(|| state.take(event, change, None));
        // Under the lock, so that the file has them in order; sending never waits.
        for record in summary.into_iter().chain(record) {
            self.send(record);
        }
    }

    fn send(&self, record: AuditRecord) {
        if self.writer.try_send(Message::Write(Box::new(record))).is_err() {
            self.shared.lost.fetch_add(1, Relaxed);
        }
    }
}

impl Auditor for AuditLog {
    fn record(&self, event: AuditEvent) {
        self.count(event, None);
    }

    fn record_change(&self, event: AuditEvent, change: Change) {
        if !change.is_done() {
            // Whoever is refused may try as often as he likes.
            return self.count(event, Some(change));
        }
        let mut state = self.shared.state();
        let record = state.take(event, Some(change), None);
        self.send(record);
    }
}

impl AuditTrail for AuditLog {
    fn recent(&self, query: &AuditQuery) -> Vec<AuditRecord> {
        let state = self.shared.state();
        let mut found: Vec<_> =
            state.recent.iter().rev().filter(|record| query.takes(record)).take(query.limit).cloned().collect();
        found.reverse();
        found
    }
}

/// What the thread does.
struct Writer {
    shared: Arc<Shared>,
    file: Rotating,
    /// Records that could not be written since the file could be written last.
    missing: u64,
}

impl Writer {
    fn run(mut self, records: &Receiver<Message>) {
        let mut tick = Instant::now() + TICK;
        loop {
            // Where nothing floods there is nothing to wake up for.
            let next = if self.shared.is_watching() {
                records.recv_timeout(tick.saturating_duration_since(Instant::now()))
            } else {
                records.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match next {
                Ok(Message::Write(record)) => self.write(&record),
                Ok(Message::Close(done)) => self.close(&done, records),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.tell(Instant::now() + TICK, records),
            }
            if Instant::now() >= tick {
                self.tell(Instant::now(), records);
                tick = Instant::now() + TICK;
            }
        }
    }

    fn close(&mut self, done: &SyncSender<()>, records: &Receiver<Message>) {
        self.tell(Instant::now() + TICK, records);
        // Whoever asked may have stopped waiting.
        done.send(()).ok();
    }

    /// Writes of floods that are over, and of records that are missing.
    fn tell(&mut self, now: Instant, records: &Receiver<Message>) {
        let (mut batch, mut closes) = (self.shared.ended(now), Vec::new());
        if !batch.is_empty() {
            // What was taken down before is on its way, and goes before.
            for message in records.try_iter() {
                match message {
                    Message::Write(record) => batch.push(*record),
                    Message::Close(done) => closes.push(done),
                }
            }
            batch.sort_by_key(|record| record.number);
        }
        for record in &batch {
            self.write(record);
        }
        self.missing += self.shared.lost.swap(0, Relaxed);
        if self.missing > 0 {
            let detail =
                format!("{} records could not be written: they came too fast, or the disk failed", self.missing);
            let (code, connector, plugin) = ("audit.lost".to_owned(), String::new(), String::new());
            let event = AuditEvent { code, connector, task: None, plugin, detail };
            // Only tried: while the disk is full this fails too, and is tried again.
            let record = AuditRecord {
                number: 0,
                time: time::rfc3339(SystemTime::now()),
                event,
                change: None,
                suppressed: None,
            };
            if self.put(&record).is_ok() {
                self.missing = 0;
            }
        }
        for done in closes {
            self.close(&done, records);
        }
    }

    fn write(&mut self, record: &AuditRecord) {
        let AuditRecord { number, event, change, suppressed, .. } = record;
        let AuditEvent { code, connector, task, plugin, detail } = event;
        match change.as_ref().filter(|change| change.is_done()) {
            // What somebody was allowed to do is no reason to worry.
            Some(Change { who, from, .. }) => {
                tracing::info!(target: "wharf::audit", number, code, connector, plugin, who, from, "{detail}");
            }
            None => {
                tracing::warn!(target: "wharf::audit", number, code, connector, task, plugin, suppressed, "{detail}")
            }
        }
        if let Err(error) = self.put(record) {
            if self.missing == 0 {
                tracing::error!(%error, file = %self.file.path().display(), "the audit trail cannot be written");
            }
            self.missing += 1;
        }
    }

    fn put(&mut self, record: &AuditRecord) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file.append(&line)
    }
}

#[cfg(test)]
mod tests;
