//! A sink task: the handle that the worker holds, and the loop that answers it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use wharf_core::plugin::{Flushed, SinkTask, TaskSetup};
use wharf_core::{Delivery, InstanceError, Rejection, TopicPosition};

use crate::actor::{self, Answer, Handle, Life, Reply, reply};
use crate::bindings::base::openmessaging::connect::types;
use crate::bindings::sink::SinkPartIndices;
use crate::bindings::sink::exports::openmessaging::connect::sink::{self, Guest};
use crate::borrowed::DeliveryRef;
use crate::classify;
use crate::convert;
use crate::instance::{Live, watched};
use crate::limits::Limits;
use crate::redact;
use crate::task::{Blueprint, Shared, begin};

#[derive(Debug)]
enum Command {
    Assigned(Vec<TopicPosition>, Reply<Vec<TopicPosition>>),
    Revoked(Vec<TopicPosition>, Reply<()>),
    Put(Arc<Delivery>, Reply<Vec<Rejection>>),
    Flush(Reply<Flushed>),
    Life(Life),
}

#[derive(Debug)]
struct Task(Handle<Command>);

/// Starts a sink.
pub(crate) async fn start(
    blueprint: Blueprint,
    indices: SinkPartIndices,
    setup: TaskSetup,
    shared: Arc<Shared>,
) -> Answer<Box<dyn SinkTask>> {
    let (on, redactor) = (shared.clone(), blueprint.redactor.clone());
    let body = |commands, ready| run(blueprint, indices, setup, on, commands, ready);
    let handle = actor::start(shared, redactor, body).await?;
    Ok(Box::new(Task(handle)))
}

async fn run(
    blueprint: Blueprint,
    indices: SinkPartIndices,
    setup: TaskSetup,
    shared: Arc<Shared>,
    mut commands: mpsc::Receiver<Command>,
    ready: Reply<()>,
) {
    let begun = begin(&blueprint, &setup, shared, ready, |live| live.sink(&indices)).await;
    let Some((part, mut live, base)) = begun else { return };
    let (guest, limits) = (part.openmessaging_connect_sink(), &blueprint.limits);
    while let Some(command) = commands.recv().await {
        let alive = match command {
            Command::Put(delivery, to) => {
                let answer = put(&mut live, guest, limits, &delivery).await;
                drop(delivery);
                reply(to, answer)
            }
            Command::Flush(to) => reply(to, flush(&mut live, guest, limits).await),
            Command::Assigned(partitions, to) => {
                let partitions = convert::positions_in(partitions);
                let answer =
                    watched!(live, "assigned", limits.call_deadline, |store| guest.call_assigned(store, &partitions));
                let answer = answer.map_err(Into::into).and_then(|done| Ok(done.map_err(convert::failure)?));
                reply(to, answer.map(convert::positions_out))
            }
            Command::Revoked(partitions, to) => {
                let partitions = convert::positions_in(partitions);
                let answer =
                    watched!(live, "revoked", limits.call_deadline, |store| guest.call_revoked(store, &partitions));
                reply(to, answer.map_err(Into::into))
            }
            Command::Life(command) => actor::live(command, &mut live, &base, limits).await,
        };
        if !alive {
            break;
        }
    }
}

async fn put(live: &mut Live, guest: &Guest, limits: &Limits, delivery: &Delivery) -> Answer<Vec<Rejection>> {
    let rows = delivery.batch.rows;
    let func = *guest.func_put().func();
    let answer = watched!(live, "put", limits.call_deadline, |store| async {
        // Compares types anew on each call, which takes a microsecond: the argument's type carries its lifetime.
        let func = func.typed::<(DeliveryRef<'_>,), (Result<Vec<types::Rejection>, types::Failure>,)>(&*store)?;
        let (answer,) = func.call_async(store, (DeliveryRef::new(delivery),)).await?;
        Ok(answer)
    })?;
    let rejections: Vec<Rejection> = answer.map_err(convert::failure)?.into_iter().map(convert::rejection).collect();
    match rejections.iter().find(|rejection| rejection.row >= rows) {
        Some(stray) => {
            let what = format!("it rejects row {} of {rows}", stray.row);
            Err(classify::violation("put", &what).into())
        }
        None => Ok(rejections),
    }
}

async fn flush(live: &mut Live, guest: &Guest, limits: &Limits) -> Answer<Flushed> {
    let answer = watched!(live, "flush", limits.call_deadline, |store| guest.call_flush(store))?;
    match answer.map_err(convert::failure)? {
        sink::Flushed::All => Ok(Flushed::All),
        sink::Flushed::UpTo(positions) => Ok(Flushed::UpTo(convert::positions_out(positions))),
    }
}

impl Task {
    async fn life(&mut self, command: impl FnOnce(Reply<()>) -> Life) -> Answer<()> {
        self.0.call(|reply| Command::Life(command(reply))).await
    }
}

#[async_trait]
impl SinkTask for Task {
    async fn assigned(&mut self, partitions: Vec<TopicPosition>) -> Result<Vec<TopicPosition>, InstanceError> {
        self.0.call(|reply| Command::Assigned(partitions, reply)).await
    }

    async fn revoked(&mut self, partitions: Vec<TopicPosition>) -> Result<(), InstanceError> {
        self.0.call(|reply| Command::Revoked(partitions, reply)).await
    }

    async fn put(&mut self, delivery: Arc<Delivery>) -> Result<Vec<Rejection>, InstanceError> {
        let rejections = self.0.call(|reply| Command::Put(delivery, reply)).await?;
        Ok(redact::rejections(self.0.redactor(), rejections))
    }

    async fn flush(&mut self) -> Result<Flushed, InstanceError> {
        self.0.call(Command::Flush).await
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.life(Life::Pause).await
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.life(Life::Resume).await
    }

    async fn stop(mut self: Box<Self>) -> Result<(), InstanceError> {
        self.life(Life::Stop).await
    }

    async fn failed(mut self: Box<Self>, reason: String) -> Result<(), InstanceError> {
        self.life(|reply| Life::Failed(reason, reply)).await
    }
}
