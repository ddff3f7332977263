//! Offsets of sources: the queue's checkpoints over the store's offsets.

use std::collections::BTreeMap;

use tracing::warn;
use wharf_core::SourceOffset;
use wharf_core::offset::canonical;
use wharf_core::plugin::Kind;
use wharf_drivers::DriverError;

use super::{Alteration, Consent, OffsetChange, hook};
use crate::env::{Env, Job};
use crate::error::WorkerError;

/// What is committed, by canonical partition.
pub(super) async fn read(env: &Env, connector: &str) -> Result<Vec<SourceOffset>, WorkerError> {
    let stored = env.offsets.all(connector).await?;
    let held = env.driver.checkpoints(connector).await.map_err(|error| queue("read the checkpoints", &error))?;
    let mut all: BTreeMap<String, String> = stored.into_iter().map(|at| (at.partition, at.offset)).collect();
    all.extend(held.into_iter().map(|at| (canonical(&at.partition).unwrap_or(at.partition), at.offset)));
    // An empty offset of the queue says that the partition is forgotten.
    all.retain(|_, offset| !offset.is_empty());
    Ok(all.into_iter().map(|(partition, offset)| SourceOffset { partition, offset }).collect())
}

pub(super) async fn alter(env: &Env, job: &Job, alteration: Alteration) -> Result<Consent, WorkerError> {
    let connector = job.spec.name.as_str();
    let is_reset = matches!(alteration, Alteration::Reset);
    let offsets = match alteration {
        Alteration::Change(changes) => wanted(changes)?,
        Alteration::Reset => all_forgotten(env, connector).await?,
    };
    let consent = if job.spec.kind == Kind::WebhookSource {
        Consent::NotAsked
    } else {
        hook::ask(env, job, &offsets).await?;
        Consent::Given
    };
    let held = env.driver.alter_checkpoints(connector, &offsets).await;
    let is_held = held.map_err(|error| queue("alter the checkpoints", &error))?;
    wharf_faults::reach("offsets.queue");
    let stored = if is_reset {
        // Also what cannot be read any more.
        env.offsets.clear(connector).await.map(drop)
    } else {
        env.offsets.alter(connector, &offsets).await
    };
    match stored {
        Ok(()) => {}
        // They hold: what the queue says hides what the store says.
        Err(error) if is_held => warn!(%error, "offsets are altered in the queue, and not in the store's copy"),
        Err(error) => return Err(error.into()),
    }
    wharf_faults::reach("offsets.stored");
    Ok(consent)
}

/// The changes with canonical partitions, each once: of several for a partition the last counts. An empty offset resets.
fn wanted(changes: Vec<OffsetChange>) -> Result<Vec<SourceOffset>, WorkerError> {
    let mut all: Vec<SourceOffset> = Vec::with_capacity(changes.len());
    let mut places = BTreeMap::new();
    for OffsetChange { partition, offset } in changes {
        let Some(partition) = partition else {
            return Err(WorkerError::Internal("Partition objects cannot be null".to_owned()));
        };
        let object = |text: &str| {
            canonical(text).ok_or_else(|| WorkerError::BadRequest(format!("`{text}` is no JSON object; write one")))
        };
        let partition = object(&partition)?;
        let offset = offset.unwrap_or_default();
        if !offset.is_empty() {
            object(&offset)?;
        }
        let place = *places.entry(partition.clone()).or_insert(all.len());
        match all.get_mut(place) {
            Some(known) => known.offset = offset,
            None => all.push(SourceOffset { partition, offset }),
        }
    }
    Ok(all)
}

/// All partitions that are known anywhere, with an empty offset.
async fn all_forgotten(env: &Env, connector: &str) -> Result<Vec<SourceOffset>, WorkerError> {
    let held = env.driver.checkpoints(connector).await.map_err(|error| queue("read the checkpoints", &error))?;
    let held = held.into_iter().filter(|at| !at.offset.is_empty()).map(|at| at.partition);
    let mut partitions = env.offsets.partitions(connector).await?;
    partitions.extend(held.map(|partition| canonical(&partition).unwrap_or(partition)));
    partitions.sort();
    partitions.dedup();
    Ok(partitions.into_iter().map(|partition| SourceOffset { partition, offset: String::new() }).collect())
}

fn queue(what: &str, error: &DriverError) -> WorkerError {
    WorkerError::Internal(format!("cannot {what} of the connector: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(partition: &str, offset: Option<&str>) -> OffsetChange {
        OffsetChange { partition: Some(partition.to_owned()), offset: offset.map(str::to_owned) }
    }

    #[test]
    fn of_several_changes_of_a_partition_however_it_is_written_the_last_counts() {
        let changes = vec![
            change(r#"{"b":1,"a":2}"#, Some(r#"{"n":1}"#)),
            change(r#"{"c":3}"#, None),
            change(r#"{ "a": 2, "b": 1 }"#, Some(r#"{"n": 1.50}"#)),
        ];
        let wanted = wanted(changes).unwrap();
        let shown: Vec<_> = wanted.iter().map(|at| (at.partition.as_str(), at.offset.as_str())).collect();
        assert_eq!(shown, [(r#"{"a":2,"b":1}"#, r#"{"n": 1.50}"#), (r#"{"c":3}"#, "")]);
    }

    #[test]
    fn a_change_without_a_partition_is_refused() {
        let refusal = wanted(vec![OffsetChange { partition: None, offset: None }]).unwrap_err();
        assert_eq!(refusal, WorkerError::Internal("Partition objects cannot be null".to_owned()));
        assert!(matches!(wanted(vec![change("[1]", None)]), Err(WorkerError::BadRequest(_))));
    }
}
