//! Plugins that check how they are driven: one instance of a task at a time, generations that grow, no call to an
//! instance that is paused or dead, and no offset told that is not stored.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::sleep;
use wharf_core::config::Config;
use wharf_core::plugin::{
    Checked, Descriptor, Flushed, Kind, Next, OffsetReader, Plugin, PollLimits, Polled, SinkTask, SourceTask, TaskSetup,
};
use wharf_core::{
    Batch, Checkpoint, Death, DeathKind, Delivery, Failure, InstanceError, PluginId, Problem, Rejection, SourceOffset,
    TopicPosition,
};

/// A task of a connector.
pub(super) type Who = (String, u32);

/// How the next poll or put of a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Die,
    Fatal,
}

/// A row of a source that has a plan: its partition, and whether a checkpoint is behind it.
pub(super) type Planned = (u8, bool);

/// What the plugins saw, and what they shall do.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
pub(super) struct Seen {
    live: BTreeMap<Who, u64>,
    generations: BTreeMap<Who, u64>,
    pub(super) faults: BTreeMap<Who, Fault>,
    /// Polls and puts of each connector.
    pub(super) calls: BTreeMap<String, u64>,
    /// Values that a sink made durable.
    pub(super) written: BTreeSet<String>,
    /// The batches of a source; without a plan it makes rows without end.
    pub(super) plan: Option<Vec<Vec<Planned>>>,
    /// Everything that must not be.
    pub(super) wrong: Vec<String>,
}

impl Watch {
    pub(super) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap()
    }

    pub(super) fn live(&self) -> Vec<Who> {
        self.lock().live.keys().cloned().collect()
    }

    pub(super) fn calls(&self, connector: &str) -> u64 {
        self.lock().calls.get(connector).copied().unwrap_or(0)
    }
}

#[derive(Debug)]
pub(super) struct Watched {
    id: PluginId,
    descriptor: Descriptor,
    watch: Arc<Watch>,
}

impl Watched {
    fn new(name: &str, kind: Kind, watch: &Arc<Watch>) -> Self {
        let (name, version) = (name.to_owned(), "1.0.0".to_owned());
        let id = PluginId { name: name.clone(), version: version.clone(), sha256: String::new() };
        let (summary, documentation) = Default::default();
        let descriptor =
            Descriptor { name, version, kind, summary, documentation, aliases: Vec::new(), keys: Vec::new() };
        Self { id, descriptor, watch: watch.clone() }
    }

    pub(super) fn source(watch: &Arc<Watch>) -> Self {
        Self::new("source", Kind::Source, watch)
    }

    pub(super) fn sink(watch: &Arc<Watch>) -> Self {
        Self::new("sink", Kind::Sink, watch)
    }
}

#[async_trait]
impl Plugin for Watched {
    fn id(&self) -> &PluginId {
        &self.id
    }

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn validate(&self, _: &Config) -> Result<Vec<Checked>, InstanceError> {
        Ok(Vec::new())
    }

    async fn tasks(&self, config: &Config, _: u32) -> Result<Vec<Config>, InstanceError> {
        let parts = config.get("parts").map_or(1, |text| text.parse().unwrap());
        let with_part = |part: u32| {
            let mut config = config.clone();
            config.insert("part".to_owned(), part.to_string());
            config
        };
        Ok((0..parts).map(with_part).collect())
    }

    fn check_capabilities(&self, _: &Config) -> Vec<Problem> {
        Vec::new()
    }

    async fn start_source(&self, setup: TaskSetup) -> Result<Box<dyn SourceTask>, InstanceError> {
        let instance = Instance::new(&self.watch, &setup);
        let plan = self.watch.lock().plan.clone();
        let mut source = Numbers { batches: None, next: BTreeMap::new(), offsets: setup.offsets.clone(), instance };
        let partitions = match &plan {
            Some(plan) => plan.iter().flatten().map(|(partition, _)| u32::from(*partition)).collect(),
            None => BTreeSet::from([setup.context.task]),
        };
        for partition in partitions {
            let stored = stored(&*source.offsets, partition).await;
            source.next.insert(partition, stored);
        }
        source.batches = plan.map(|plan| left(plan, &source.next));
        Ok(Box::new(source))
    }

    async fn start_sink(&self, setup: TaskSetup) -> Result<Box<dyn SinkTask>, InstanceError> {
        Ok(Box::new(Lines { instance: Instance::new(&self.watch, &setup), put: Vec::new() }))
    }

    async fn destroyed(&self, setup: TaskSetup) -> Result<(), InstanceError> {
        let mut seen = self.watch.lock();
        let live: Vec<_> = seen.live.keys().filter(|who| who.0 == setup.context.connector).cloned().collect();
        if !live.is_empty() {
            seen.wrong.push(format!("deleted while {live:?} run"));
        }
        Ok(())
    }
}

fn name(partition: u32) -> String {
    format!(r#"{{"p":{partition}}}"#)
}

fn number(offset: &str) -> u64 {
    offset.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

/// The next row of a partition, as it is stored.
async fn stored(offsets: &dyn OffsetReader, partition: u32) -> u64 {
    offsets.offsets(&[name(partition)]).await[0].as_deref().map_or(0, number)
}

/// What is left of a plan from these rows on: rows with their numbers, and whether they are marked.
fn left(plan: Vec<Vec<Planned>>, from: &BTreeMap<u32, u64>) -> VecDeque<Vec<(u32, u64, bool)>> {
    let mut count: BTreeMap<u32, u64> = BTreeMap::new();
    let batches = plan.into_iter().map(|batch| {
        let rows = batch.into_iter().map(|(partition, marked)| {
            let partition = u32::from(partition);
            let number = count.entry(partition).or_default();
            *number += 1;
            (partition, *number - 1, marked)
        });
        rows.filter(|(partition, number, _)| *number >= from[partition]).collect::<Vec<_>>()
    });
    batches.filter(|batch| !batch.is_empty()).collect()
}

/// A live instance; it is no longer when this is dropped.
struct Instance {
    watch: Arc<Watch>,
    who: Who,
    paused: bool,
    dead: bool,
}

impl Instance {
    fn new(watch: &Arc<Watch>, setup: &TaskSetup) -> Self {
        let (who, generation) = ((setup.context.connector.clone(), setup.context.task), setup.context.generation);
        let mut seen = watch.lock();
        if let Some(other) = seen.live.insert(who.clone(), generation) {
            seen.wrong.push(format!("{who:?} starts while its generation {other} lives"));
        }
        if let Some(last) = seen.generations.insert(who.clone(), generation).filter(|last| *last >= generation) {
            seen.wrong.push(format!("{who:?} has generation {generation} after {last}"));
        }
        Self { watch: watch.clone(), who, paused: false, dead: false }
    }

    fn check(&self, call: &str) {
        if self.dead || (self.paused && call != "resume" && call != "stop" && call != "failed" && call != "commit") {
            self.watch
                .lock()
                .wrong
                .push(format!("{call} of {:?}, paused {}, dead {}", self.who, self.paused, self.dead));
        }
    }

    /// Counts a poll or put, and gives the fault that was ordered for it.
    fn work(&mut self, call: &str) -> Result<(), InstanceError> {
        self.check(call);
        let mut seen = self.watch.lock();
        *seen.calls.entry(self.who.0.clone()).or_default() += 1;
        match seen.faults.remove(&self.who) {
            None => Ok(()),
            Some(Fault::Fatal) => Err(Failure::Fatal("told to".to_owned()).into()),
            Some(Fault::Die) => {
                self.dead = true;
                Err(Death { kind: DeathKind::Trap, message: "told to".to_owned() }.into())
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.watch.lock().live.remove(&self.who);
    }
}

/// A source: rows `connector/partition/number`.
struct Numbers {
    instance: Instance,
    /// What is left of the plan.
    batches: Option<VecDeque<Vec<(u32, u64, bool)>>>,
    /// The next row of each partition.
    next: BTreeMap<u32, u64>,
    offsets: Arc<dyn OffsetReader>,
}

impl Numbers {
    fn batch(&self, rows: &[(u32, u64, bool)]) -> Batch {
        let texts = rows.iter().map(|(partition, number, _)| format!("{}/{partition}/{number}", self.instance.who.0));
        let texts: Vec<String> = texts.collect();
        let marked = rows.iter().zip(0_u32..).filter(|((_, _, marked), _)| *marked);
        let checkpoints = marked.map(|((partition, number, _), row)| Checkpoint {
            row,
            at: SourceOffset { partition: name(*partition), offset: format!(r#"{{"n":{}}}"#, number + 1) },
        });
        Batch {
            rows: rows.len() as u32,
            values: texts.iter().map(|text| Some(text.as_bytes())).collect(),
            checkpoints: checkpoints.collect(),
            ..Batch::default()
        }
    }
}

#[async_trait]
impl SourceTask for Numbers {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, InstanceError> {
        self.instance.work("poll")?;
        if let Some(batches) = &mut self.batches {
            let Some(rows) = batches.pop_front() else {
                return Ok(Polled { batch: Batch::default(), next: Next::Finished });
            };
            return Ok(Polled { batch: self.batch(&rows), next: Next::More });
        }
        sleep(limits.max_wait.min(Duration::from_millis(300))).await;
        let (partition, number) = self.next.iter_mut().next().unwrap();
        let row = (*partition, *number, true);
        *number += 1;
        Ok(Polled { batch: self.batch(&[row]), next: Next::Idle })
    }

    async fn commit(&mut self, offsets: Vec<SourceOffset>) -> Result<(), InstanceError> {
        self.instance.check("commit");
        for SourceOffset { partition, offset } in offsets {
            let stored = self.offsets.offsets(std::slice::from_ref(&partition)).await.remove(0);
            if stored.as_deref().is_none_or(|stored| number(stored) < number(&offset)) {
                let wrong = format!("{:?} is told of {offset} where {stored:?} is stored", self.instance.who);
                self.instance.watch.lock().wrong.push(wrong);
            }
        }
        Ok(())
    }

    async fn alter(&mut self, _: Vec<SourceOffset>) -> Result<Result<(), String>, InstanceError> {
        Ok(Ok(()))
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.instance.check("pause");
        self.instance.paused = true;
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.instance.check("resume");
        self.instance.paused = false;
        Ok(())
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.instance.check("stop");
        Ok(())
    }

    async fn failed(self: Box<Self>, _: String) -> Result<(), InstanceError> {
        self.instance.check("failed");
        Ok(())
    }
}

/// A sink that keeps what was put until it is flushed, and loses it when it is dropped before.
struct Lines {
    instance: Instance,
    put: Vec<String>,
}

#[async_trait]
impl SinkTask for Lines {
    async fn assigned(&mut self, _: Vec<TopicPosition>) -> Result<Vec<TopicPosition>, InstanceError> {
        self.instance.check("assigned");
        Ok(Vec::new())
    }

    async fn revoked(&mut self, _: Vec<TopicPosition>) -> Result<(), InstanceError> {
        self.instance.check("revoked");
        Ok(())
    }

    async fn put(&mut self, delivery: Arc<Delivery>) -> Result<Vec<Rejection>, InstanceError> {
        self.instance.work("put")?;
        let texts = delivery.batch.iter().map(|row| String::from_utf8(row.value.unwrap().to_vec()).unwrap());
        self.put.extend(texts);
        Ok(Vec::new())
    }

    async fn flush(&mut self) -> Result<Flushed, InstanceError> {
        self.instance.check("flush");
        self.instance.watch.lock().written.extend(self.put.drain(..));
        Ok(Flushed::All)
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.instance.check("pause");
        self.instance.paused = true;
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.instance.check("resume");
        self.instance.paused = false;
        Ok(())
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.instance.check("stop");
        Ok(())
    }

    async fn failed(self: Box<Self>, _: String) -> Result<(), InstanceError> {
        self.instance.check("failed");
        Ok(())
    }
}
