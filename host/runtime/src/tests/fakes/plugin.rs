//! Plugins that do as they are told. A source counts: its rows are 0, 1, 2, …, and it goes on where its offset says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;
use wharf_core::config::Config;
use wharf_core::plugin::{
    Checked, Descriptor, Flushed, Kind, Next, Plugin, PollLimits, Polled, SinkTask, SourceTask, TaskSetup, WebhookTask,
};
use wharf_core::{
    Batch, Checkpoint, Death, DeathKind, Delivery, Failure, InstanceError, PluginId, Problem, Rejection, Retry,
    SourceOffset, TopicPosition,
};

use super::Journal;

/// What a source does when it is polled.
#[derive(Debug, Clone)]
pub(in crate::tests) enum Poll {
    Rows(u32),
    /// As many as are asked for.
    Full,
    Empty(Next),
    Retry(Duration),
    Die,
    Fatal,
    Hang(Duration),
}

/// What a sink does when rows are put.
#[derive(Debug, Clone)]
pub(in crate::tests) enum Put {
    Take,
    Reject(Vec<u32>),
    Retry(Option<u32>),
    Die,
    Hang(Duration),
}

#[derive(Debug)]
pub(in crate::tests) struct FakePlugin {
    id: PluginId,
    descriptor: Descriptor,
    journal: Journal,
    script: Arc<Script>,
}

#[derive(Debug, Default)]
pub(in crate::tests) struct Script {
    /// One for each poll; then it is idle. Shared by all instances.
    pub(in crate::tests) polls: Mutex<VecDeque<Poll>>,
    /// What every poll does once `polls` are used up, in place of idling.
    pub(in crate::tests) then: Mutex<Option<Poll>>,
    pub(in crate::tests) puts: Mutex<VecDeque<Put>>,
    pub(in crate::tests) flushes: Mutex<VecDeque<Flushed>>,
    /// What `assigned` answers.
    pub(in crate::tests) seek: Mutex<Vec<TopicPosition>>,
    /// What `validate` and `check_capabilities` find.
    pub(in crate::tests) own_problem: Mutex<Option<Problem>>,
    pub(in crate::tests) forbidden: Mutex<Option<Problem>>,
    /// The task configurations; none: one task with the connector's.
    pub(in crate::tests) split: Mutex<Option<Vec<Config>>>,
    pub(in crate::tests) setup: Mutex<Option<TaskSetup>>,
    /// Starting fails for good.
    pub(in crate::tests) refuses: Mutex<bool>,
    /// Why `alter` refuses; none: it agrees.
    pub(in crate::tests) vetoes: Mutex<Option<String>>,
    /// Instances for `validate`, `tasks` and `destroyed` die.
    pub(in crate::tests) dies_aside: AtomicBool,
    pub(in crate::tests) starts: AtomicU32,
    /// Values that were put, in order.
    pub(in crate::tests) written: Mutex<Vec<String>>,
}

impl std::ops::Deref for FakePlugin {
    type Target = Script;

    fn deref(&self) -> &Script {
        &self.script
    }
}

impl FakePlugin {
    fn new(name: &str, kind: Kind, journal: Journal) -> Self {
        let (name, version) = (name.to_owned(), "1.2.3".to_owned());
        let descriptor = Descriptor {
            name: name.clone(),
            version: version.clone(),
            kind,
            summary: String::new(),
            documentation: String::new(),
            aliases: Vec::new(),
            keys: Vec::new(),
        };
        let id = PluginId { name, version, sha256: String::new() };
        Self { id, descriptor, journal, script: Arc::default() }
    }

    pub(in crate::tests) fn source(name: &str, journal: Journal) -> Self {
        Self::new(name, Kind::Source, journal)
    }

    pub(in crate::tests) fn sink(name: &str, journal: Journal) -> Self {
        Self::new(name, Kind::Sink, journal)
    }

    pub(in crate::tests) fn webhook(name: &str, journal: Journal) -> Self {
        Self::new(name, Kind::WebhookSource, journal)
    }

    pub(in crate::tests) fn polls(&self, polls: impl IntoIterator<Item = Poll>) {
        self.script.polls.lock().unwrap().extend(polls);
    }

    /// Every poll does this from now on.
    pub(in crate::tests) fn always(&self, poll: Poll) {
        *self.script.then.lock().unwrap() = Some(poll);
    }

    pub(in crate::tests) fn puts(&self, puts: impl IntoIterator<Item = Put>) {
        self.script.puts.lock().unwrap().extend(puts);
    }

    pub(in crate::tests) fn starts(&self) -> u32 {
        self.script.starts.load(Relaxed)
    }

    fn aside(&self) -> Result<(), InstanceError> {
        if self.script.dies_aside.load(Relaxed) { Err(died()) } else { Ok(()) }
    }

    fn begin(&self, setup: &TaskSetup) -> Result<Live, InstanceError> {
        if *self.script.refuses.lock().unwrap() {
            return Err(Failure::InvalidConfig(Vec::new()).into());
        }
        self.script.starts.fetch_add(1, Relaxed);
        *self.script.setup.lock().unwrap() = Some(setup.clone());
        let name = format!("{}-{}", setup.context.connector, setup.context.task);
        self.journal.note(format!("start {name}"));
        Ok(Live { journal: self.journal.clone(), script: self.script.clone(), name })
    }
}

#[async_trait]
impl Plugin for FakePlugin {
    fn id(&self) -> &PluginId {
        &self.id
    }

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn validate(&self, _: &Config) -> Result<Vec<Checked>, InstanceError> {
        self.aside()?;
        let problem = self.script.own_problem.lock().unwrap().clone();
        Ok(problem
            .map(|it| Checked { key: it.key, errors: vec![it.message], ..Checked::default() })
            .into_iter()
            .collect())
    }

    async fn tasks(&self, config: &Config, _: u32) -> Result<Vec<Config>, InstanceError> {
        self.aside()?;
        Ok(self.script.split.lock().unwrap().clone().unwrap_or_else(|| vec![config.clone()]))
    }

    fn check_capabilities(&self, _: &Config) -> Vec<Problem> {
        self.script.forbidden.lock().unwrap().clone().into_iter().collect()
    }

    async fn start_source(&self, setup: TaskSetup) -> Result<Box<dyn SourceTask>, InstanceError> {
        let live = self.begin(&setup)?;
        let partition = format!(r#"{{"p":{}}}"#, setup.context.task);
        let stored = setup.offsets.offsets(std::slice::from_ref(&partition)).await.remove(0);
        let next = stored.map_or(0, |text| text.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap());
        live.note(&format!("from {next}"));
        Ok(Box::new(FakeSource { live, partition, next }))
    }

    async fn start_sink(&self, setup: TaskSetup) -> Result<Box<dyn SinkTask>, InstanceError> {
        Ok(Box::new(self.begin(&setup)?))
    }

    async fn start_webhook(&self, setup: TaskSetup) -> Result<Box<dyn WebhookTask>, InstanceError> {
        Ok(Box::new(super::webhook::FakeWebhook(self.begin(&setup)?)))
    }

    async fn destroyed(&self, setup: TaskSetup) -> Result<(), InstanceError> {
        self.aside()?;
        self.journal.note(format!("destroyed {}", setup.context.connector));
        Ok(())
    }
}

/// An instance. Notes when it is dropped.
pub(super) struct Live {
    journal: Journal,
    script: Arc<Script>,
    name: String,
}

impl Live {
    pub(super) fn note(&self, what: &str) {
        self.journal.note(format!("{what} {}", self.name));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.note("dropped");
    }
}

pub(super) fn died() -> InstanceError {
    Death { kind: DeathKind::Trap, message: "a panic".to_owned() }.into()
}

pub(super) fn retry(after: Option<Duration>, at_row: Option<u32>) -> InstanceError {
    Failure::Retriable(Retry { reason: "busy".to_owned(), after, at_row }).into()
}

struct FakeSource {
    live: Live,
    partition: String,
    next: u32,
}

impl FakeSource {
    fn rows(&mut self, count: u32) -> Batch {
        let texts: Vec<_> = (self.next..self.next + count).map(|row| row.to_string()).collect();
        self.next += count;
        let at = SourceOffset { partition: self.partition.clone(), offset: format!(r#"{{"n":{}}}"#, self.next) };
        Batch {
            rows: count,
            values: texts.iter().map(|text| Some(text.as_bytes())).collect(),
            checkpoints: vec![Checkpoint { row: count - 1, at }],
            ..Batch::default()
        }
    }
}

#[async_trait]
impl SourceTask for FakeSource {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, InstanceError> {
        let step = self.live.script.polls.lock().unwrap().pop_front();
        let step = step.or_else(|| self.live.script.then.lock().unwrap().clone());
        self.live.note("poll");
        match step {
            Some(Poll::Rows(count)) => Ok(Polled { batch: self.rows(count), next: Next::More }),
            Some(Poll::Full) => Ok(Polled { batch: self.rows(limits.max_rows), next: Next::More }),
            Some(Poll::Empty(next)) => Ok(Polled { batch: Batch::default(), next }),
            Some(Poll::Retry(after)) => Err(retry(Some(after), None)),
            Some(Poll::Die) => Err(died()),
            Some(Poll::Fatal) => Err(Failure::Fatal("no such table".to_owned()).into()),
            Some(Poll::Hang(wait)) => {
                sleep(wait).await;
                Ok(Polled { batch: Batch::default(), next: Next::Idle })
            }
            None => {
                sleep(limits.max_wait).await;
                Ok(Polled { batch: Batch::default(), next: Next::Idle })
            }
        }
    }

    async fn commit(&mut self, offsets: Vec<SourceOffset>) -> Result<(), InstanceError> {
        for it in offsets {
            self.live.note(&format!("commit {}", it.offset));
        }
        Ok(())
    }

    async fn alter(&mut self, offsets: Vec<SourceOffset>) -> Result<Result<(), String>, InstanceError> {
        let shown: Vec<_> = offsets.iter().map(|at| format!("{}={}", at.partition, at.offset)).collect();
        self.live.note(&format!("alter {}", shown.join(" ")));
        Ok(self.live.script.vetoes.lock().unwrap().clone().map_or(Ok(()), Err))
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.live.note("pause");
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.live.note("resume");
        Ok(())
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.live.note("stop");
        Ok(())
    }

    async fn failed(self: Box<Self>, reason: String) -> Result<(), InstanceError> {
        self.live.note(&format!("failed [{reason}]"));
        Ok(())
    }
}

#[async_trait]
impl SinkTask for Live {
    async fn assigned(&mut self, _: Vec<TopicPosition>) -> Result<Vec<TopicPosition>, InstanceError> {
        self.note("assigned");
        Ok(self.script.seek.lock().unwrap().clone())
    }

    async fn revoked(&mut self, _: Vec<TopicPosition>) -> Result<(), InstanceError> {
        self.note("revoked");
        Ok(())
    }

    async fn put(&mut self, delivery: Arc<Delivery>) -> Result<Vec<Rejection>, InstanceError> {
        let values: Vec<_> =
            delivery.batch.iter().map(|row| String::from_utf8(row.value.unwrap().to_vec()).unwrap()).collect();
        self.note(&format!("put {}", values.join(",")));
        let step = self.script.puts.lock().unwrap().pop_front().unwrap_or(Put::Take);
        let (taken, result) = match step {
            Put::Take => (values.len(), Ok(Vec::new())),
            Put::Reject(rows) => {
                let reject = |row| Rejection { row, code: "bad".to_owned(), reason: "not a number".to_owned() };
                (values.len(), Ok(rows.into_iter().map(reject).collect()))
            }
            Put::Retry(at_row) => (at_row.unwrap_or(0) as usize, Err(retry(None, at_row))),
            Put::Die => return Err(died()),
            Put::Hang(wait) => {
                sleep(wait).await;
                (values.len(), Ok(Vec::new()))
            }
        };
        self.script.written.lock().unwrap().extend(values.into_iter().take(taken));
        result
    }

    async fn flush(&mut self) -> Result<Flushed, InstanceError> {
        self.note("flush");
        Ok(self.script.flushes.lock().unwrap().pop_front().unwrap_or(Flushed::All))
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.note("pause");
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.note("resume");
        Ok(())
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.note("stop");
        Ok(())
    }

    async fn failed(self: Box<Self>, reason: String) -> Result<(), InstanceError> {
        self.note(&format!("failed [{reason}]"));
        Ok(())
    }
}
