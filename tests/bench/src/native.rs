//! The file source without the sandbox: the code of the plugin, compiled natively, behind the traits by which a worker
//! drives plugins.
//!
//! It is what a runtime of native connectors would do: a thread for each task, and batches handed over as they are.
//! Between the SDK's types and the core's nothing is copied but vectors' pointers, as in the sandbox.

use std::thread;

use async_trait::async_trait;
use file_source::FileSource;
use tokio::sync::{mpsc, oneshot};
use wharf_core::failure::{Failure, Problem, Retry};
use wharf_core::plugin::{Checked, Kind, Next, Plugin, PollLimits, Polled, SinkTask, SourceTask, TaskSetup};
use wharf_core::{
    Batch, Checkpoint, Column, Config, Death, DeathKind, Descriptor, Headers, InstanceError, PluginId, SourceOffset,
};
use wharf_sdk::Source as _;
use wharf_sdk::testkit::SourceKit;

type Answer<T> = Result<T, InstanceError>;

/// The plugin.
#[derive(Debug)]
pub(crate) struct NativeFileSource {
    id: PluginId,
    descriptor: Descriptor,
}

impl NativeFileSource {
    pub(crate) fn new() -> Self {
        let (name, version) = ("file-source".to_owned(), "0.1.0".to_owned());
        let descriptor = Descriptor {
            name: name.clone(),
            version: version.clone(),
            kind: Kind::Source,
            summary: "Reads lines, natively.".to_owned(),
            documentation: String::new(),
            aliases: Vec::new(),
            keys: Vec::new(),
        };
        Self { id: PluginId { name, version, sha256: String::new() }, descriptor }
    }
}

#[async_trait]
impl Plugin for NativeFileSource {
    fn id(&self) -> &PluginId {
        &self.id
    }

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn validate(&self, _: &Config) -> Answer<Vec<Checked>> {
        Ok(Vec::new())
    }

    async fn tasks(&self, config: &Config, max: u32) -> Answer<Vec<Config>> {
        FileSource::tasks(config, max).map_err(failed)
    }

    fn check_capabilities(&self, _: &Config) -> Vec<Problem> {
        Vec::new()
    }

    async fn start_source(&self, setup: TaskSetup) -> Answer<Box<dyn SourceTask>> {
        let (commands, waiting) = mpsc::channel(1);
        let (started, starting) = oneshot::channel();
        let spawned =
            thread::Builder::new().name("native-source".to_owned()).spawn(move || run(setup, waiting, started));
        spawned.map_err(|error| gone(&error.to_string()))?;
        starting.await.unwrap_or_else(|_| Err(gone("it ended while it started")))?;
        Ok(Box::new(Task { commands, polling: None }))
    }

    async fn start_sink(&self, _: TaskSetup) -> Answer<Box<dyn SinkTask>> {
        Err(gone("it is a source"))
    }

    async fn destroyed(&self, _: TaskSetup) -> Answer<()> {
        Ok(())
    }
}

enum Command {
    Poll(PollLimits, oneshot::Sender<Answer<Polled>>),
    Commit(Vec<SourceOffset>, oneshot::Sender<Answer<()>>),
    Stop(oneshot::Sender<Answer<()>>),
}

/// The thread of a task. It ends with the task's handle.
fn run(setup: TaskSetup, mut commands: mpsc::Receiver<Command>, started: oneshot::Sender<Answer<()>>) {
    let mut kit = SourceKit::<FileSource>::new(setup.config);
    let start = kit.start().map_err(failed);
    let runs = start.is_ok();
    // Whoever started the task may have gone away; then there are no commands either.
    drop(started.send(start));
    while runs && let Some(command) = commands.blocking_recv() {
        match command {
            Command::Poll(limits, to) => drop(to.send(poll(&mut kit, limits))),
            Command::Commit(offsets, to) => {
                let offset = |SourceOffset { partition, offset }| wharf_sdk::SourceOffset { partition, offset };
                let offsets: Vec<_> = offsets.into_iter().map(offset).collect();
                let done = kit.task().map_or(Ok(()), |task| task.commit(&offsets));
                drop(to.send(done.map_err(failed)));
            }
            Command::Stop(to) => {
                kit.stop();
                drop(to.send(Ok(())));
            }
        }
    }
}

fn poll(kit: &mut SourceKit<FileSource>, limits: PollLimits) -> Answer<Polled> {
    let PollLimits { max_rows, max_bytes, max_wait } = limits;
    kit.limit(wharf_sdk::Limits { max_rows, max_bytes, max_wait });
    let polled = kit.poll().map_err(failed)?;
    let batch = batch(polled.batch);
    // The worker asks for checked batches, whoever makes them.
    batch.check().map_err(|error| gone(&error.to_string()))?;
    let next = match polled.next {
        wharf_sdk::Next::More => Next::More,
        wharf_sdk::Next::Idle => Next::Idle,
        wharf_sdk::Next::Finished => Next::Finished,
    };
    Ok(Polled { batch, next })
}

/// What the file source fills, moved; the rest is empty.
fn batch(batch: wharf_sdk::Batch) -> Batch {
    let headers = batch.headers;
    let checkpoint = |mark: wharf_sdk::Checkpoint| Checkpoint {
        row: mark.row,
        at: SourceOffset { partition: mark.at.partition, offset: mark.at.offset },
    };
    Batch {
        rows: batch.rows,
        keys: column(batch.keys),
        values: column(batch.values),
        headers: Headers {
            row_ends: headers.row_ends,
            names: headers.names,
            name_of: headers.name_of,
            cells: column(headers.cells),
        },
        timestamps: batch.timestamps,
        topics: batch.topics,
        topic_of: batch.topic_of,
        partitions: batch.partitions,
        checkpoints: batch.checkpoints.into_iter().map(checkpoint).collect(),
        ..Batch::default()
    }
}

fn column(column: wharf_sdk::batch::Column) -> Column {
    Column { data: column.data.into(), ends: column.ends, absent: column.absent }
}

fn failed(failure: wharf_sdk::Failure) -> InstanceError {
    let failure = match failure {
        wharf_sdk::Failure::Retriable(retry) => {
            Failure::Retriable(Retry { reason: retry.reason, after: retry.after, at_row: retry.at_row })
        }
        wharf_sdk::Failure::InvalidConfig(problems) => Failure::InvalidConfig(
            problems.into_iter().map(|problem| Problem { key: problem.key, message: problem.message }).collect(),
        ),
        wharf_sdk::Failure::Fatal(reason) => Failure::Fatal(reason),
    };
    failure.into()
}

fn gone(why: &str) -> InstanceError {
    Death { kind: DeathKind::Gone, message: format!("run the native source: {why}") }.into()
}

/// The handle of a task.
struct Task {
    commands: mpsc::Sender<Command>,
    /// A poll whose rows nobody has taken yet, because its future was dropped: the next poll takes them.
    polling: Option<oneshot::Receiver<Answer<Polled>>>,
}

impl Task {
    async fn call<T>(&mut self, command: impl FnOnce(oneshot::Sender<Answer<T>>) -> Command) -> Answer<T> {
        let (to, answer) = oneshot::channel();
        self.commands.send(command(to)).await.map_err(|_| gone("its thread ended"))?;
        answer.await.unwrap_or_else(|_| Err(gone("its thread ended")))
    }
}

#[async_trait]
impl SourceTask for Task {
    async fn poll(&mut self, limits: PollLimits) -> Answer<Polled> {
        let polling = match &mut self.polling {
            Some(polling) => polling,
            none => {
                let (to, answer) = oneshot::channel();
                self.commands.send(Command::Poll(limits, to)).await.map_err(|_| gone("its thread ended"))?;
                none.insert(answer)
            }
        };
        let answer = polling.await.unwrap_or_else(|_| Err(gone("its thread ended")));
        self.polling = None;
        answer
    }

    async fn commit(&mut self, offsets: Vec<SourceOffset>) -> Answer<()> {
        self.call(|to| Command::Commit(offsets, to)).await
    }

    async fn alter(&mut self, _: Vec<SourceOffset>) -> Answer<Result<(), String>> {
        Ok(Err("offsets are not altered in a bench".to_owned()))
    }

    async fn pause(&mut self) -> Answer<()> {
        Ok(())
    }

    async fn resume(&mut self) -> Answer<()> {
        Ok(())
    }

    async fn stop(mut self: Box<Self>) -> Answer<()> {
        self.call(Command::Stop).await
    }

    async fn failed(mut self: Box<Self>, _: String) -> Answer<()> {
        self.call(Command::Stop).await
    }
}
