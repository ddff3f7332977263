//! Offsets as an operator sees and alters them, after Kafka Connect's KIP-875.
//!
//! A source's are `{partition, offset}` in the outside system. The queue is asked first, and what it says wins over
//! the store, as at the start of a task. A sink's are the positions of its consumer group in the queue, dressed as JSON
//! objects.
//!
//! Offsets are altered only while the connector is STOPPED. Its supervisor does that, one command after the other, so
//! no task can be started in between. Whatever moment the worker dies at, either the old offsets hold or the new ones:
//!
//! 1. the plugin is asked, in an instance made for that; it may refuse;
//! 2. the queue takes all changes in one write, resets as "forgotten"; from here on the new offsets hold, because what
//!    the queue says of a partition, also that it is forgotten, hides what the store says of it;
//! 3. the store follows.
//!
//! Where the queue keeps no checkpoints, or none of this connector, step 2 does nothing and step 3 is the one write.

mod hook;
mod sink;
mod source;

use wharf_core::SourceOffset;
use wharf_core::plugin::Kind;
use wharf_core::state::TargetState;

use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::status::ConnectorView;

/// One change that an operator asks for, as it stands in the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetChange {
    /// The text of a JSON object; `None` where the request has null or nothing, which is refused in Kafka Connect's
    /// words.
    pub partition: Option<String>,
    /// The text of a JSON object; `None` resets the partition.
    pub offset: Option<String>,
}

/// Who was asked before offsets were altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// The connector agreed; or it is a sink, whose position is the queue's.
    Given,
    /// The contract gives the connector no say (webhook sources): should it keep offsets elsewhere, they are as before.
    NotAsked,
}

/// What shall be done to a connector's offsets.
#[derive(Debug)]
pub(crate) enum Alteration {
    /// These partitions get these offsets.
    Change(Vec<OffsetChange>),
    /// Everything is forgotten.
    Reset,
}

/// What a connector has committed: both texts of each entry are JSON objects.
pub(crate) async fn read(env: &Env, view: &ConnectorView) -> Result<Vec<SourceOffset>, WorkerError> {
    // A connector whose plugin is missing has no kind. Only one of the two can have been committed under its name.
    let kind = view.info().kind;
    let mut all = Vec::new();
    if kind != Kind::Sink.as_str() {
        all = source::read(env, view.name()).await?;
    }
    if all.is_empty() && kind != Kind::Source.as_str() {
        all = sink::read(env, view.name()).await?;
    }
    Ok(all)
}

/// Whether offsets may be altered now.
pub(crate) fn check_stopped(view: &ConnectorView) -> Result<(), WorkerError> {
    if view.target() == TargetState::Stopped {
        return Ok(());
    }
    Err(WorkerError::BadRequest(format!(
        "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the \
         specified connector by issuing a 'PUT' request to the '/connectors/{}/stop' endpoint",
        view.name()
    )))
}

/// Alters the offsets of a connector that is stopped. Durable when this returns.
pub(crate) async fn alter(env: &Env, job: &Job, alteration: Alteration) -> Result<Consent, WorkerError> {
    match job.spec.kind {
        Kind::Sink => sink::alter(env, job, alteration).await.map(|()| Consent::Given),
        _ => source::alter(env, job, alteration).await,
    }
}
