//! Offsets of sinks: the positions of the connector's consumer group, as Kafka Connect writes and reads them.

use serde_json::{Map, Value, json};
use tracing::warn;
use wharf_core::SourceOffset;
use wharf_drivers::{Admin, DriverError};

use super::{Alteration, OffsetChange};
use crate::env::{Env, Job};
use crate::error::WorkerError;

const TOPIC: &str = "kafka_topic";
const PARTITION: &str = "kafka_partition";
const OFFSET: &str = "kafka_offset";

/// A position that an operator wants, as far as the text alone tells that it makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    topic: String,
    partition: i32,
    /// `None`: forget it.
    position: Option<i64>,
}

/// What the group has committed.
pub(super) async fn read(env: &Env, connector: &str) -> Result<Vec<SourceOffset>, WorkerError> {
    let Some(admin) = env.driver.admin() else { return Ok(Vec::new()) };
    let committed = admin.committed(&format!("connect-{connector}")).await;
    let committed = committed.map_err(|error| failed("list", connector, &error))?;
    let entries = committed.into_iter().map(|at| SourceOffset {
        partition: json!({ PARTITION: at.partition, TOPIC: at.topic }).to_string(),
        offset: json!({ OFFSET: at.position }).to_string(),
    });
    Ok(entries.collect())
}

pub(super) async fn alter(env: &Env, job: &Job, alteration: Alteration) -> Result<(), WorkerError> {
    let (name, group) = (job.spec.name.as_str(), job.spec.group.as_str());
    let Some(admin) = env.driver.admin() else {
        return Err(WorkerError::Internal(format!(
            "the queue `{}` does not let positions be altered from here",
            env.driver.name()
        )));
    };
    let changes = match alteration {
        Alteration::Change(changes) => known(admin, name, parse(&changes)?).await?,
        Alteration::Reset => {
            let committed = admin.committed(group).await.map_err(|error| failed("list", name, &error))?;
            committed.into_iter().map(|at| (at.topic, at.partition, None)).collect()
        }
    };
    if changes.is_empty() {
        return Ok(());
    }
    admin.alter_committed(group, &changes).await.map_err(|error| failed("alter", name, &error))
}

/// Checks positions against what the queue has. Forgetting what is not there is no error.
async fn known(
    admin: &dyn Admin,
    connector: &str,
    wanted: Vec<Wanted>,
) -> Result<Vec<(String, u32, Option<i64>)>, WorkerError> {
    if wanted.iter().any(|it| it.position.is_some_and(|position| position < 0)) {
        return Err(WorkerError::Internal(format!("Failed to modify offsets for sink connector {connector}")));
    }
    let mut changes = Vec::with_capacity(wanted.len());
    for Wanted { topic, partition, position } in wanted {
        let described = admin.describe(&topic).await.map_err(|error| failed("alter", connector, &error))?;
        let count = described.map_or(0, |topic| topic.partitions.len());
        match u32::try_from(partition) {
            Ok(partition) if (partition as usize) < count => changes.push((topic, partition, position)),
            _ if position.is_none() => {}
            _ => {
                warn!(connector, %topic, partition, "an operator names a partition that is not there");
                return Err(unaltered("alter", connector));
            }
        }
    }
    Ok(changes)
}

/// Reads what a request says, with Kafka Connect's words for what is wrong. Numbers may be written as strings.
fn parse(changes: &[OffsetChange]) -> Result<Vec<Wanted>, WorkerError> {
    changes.iter().map(parse_one).collect()
}

fn parse_one(change: &OffsetChange) -> Result<Wanted, WorkerError> {
    let bad = |message: String| WorkerError::BadRequest(message);
    let Some(partition) = change.partition.as_deref().and_then(object) else {
        return Err(bad("The partition for a sink connector offset cannot be null or missing".to_owned()));
    };
    let (Some(topic), Some(number)) = (partition.get(TOPIC), partition.get(PARTITION)) else {
        return Err(bad(format!(
            "The partition for a sink connector offset must contain the keys '{TOPIC}' and '{PARTITION}'"
        )));
    };
    if topic.is_null() {
        return Err(bad("Kafka topic names must be valid strings and may not be null".to_owned()));
    }
    if number.is_null() {
        return Err(bad("Kafka partitions must be valid numbers and may not be null".to_owned()));
    }
    let (topic, number) = (text(topic), text(number));
    let partition = number.parse().map_err(|_| {
        bad(format!(
            "Failed to parse the following Kafka partition value in the provided offsets: '{number}'. Partition values \
             for sink connectors need to be integers."
        ))
    })?;
    let position = match &change.offset {
        None => None,
        Some(offset) => {
            let offset = object(offset).unwrap_or_default();
            let Some(position) = offset.get(OFFSET) else {
                return Err(bad(format!(
                    "The offset for a sink connector should either be null or contain the key '{OFFSET}'"
                )));
            };
            let position = text(position);
            Some(position.parse().map_err(|_| {
                bad(format!(
                    "Failed to parse the following Kafka offset value in the provided offsets: '{position}'. Offset \
                     values for sink connectors need to be integers."
                ))
            })?)
        }
    };
    Ok(Wanted { topic, partition, position })
}

fn object(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// As Java's `String.valueOf` has it.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The cause goes into the log; the answer is Kafka Connect's.
fn failed(what: &str, connector: &str, error: &DriverError) -> WorkerError {
    warn!(connector, %error, "cannot {what} the positions of a sink");
    unaltered(what, connector)
}

fn unaltered(what: &str, connector: &str) -> WorkerError {
    WorkerError::Internal(format!("Failed to {what} consumer group offsets for connector {connector}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(partition: &str, offset: Option<&str>) -> Result<Wanted, String> {
        let change = OffsetChange { partition: Some(partition.to_owned()), offset: offset.map(str::to_owned) };
        parse_one(&change).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_may_be_written_as_strings_and_null_resets() {
        let at = |position| Ok(Wanted { topic: "t".to_owned(), partition: 3, position });
        assert_eq!(read(r#"{"kafka_topic":"t","kafka_partition":3}"#, Some(r#"{"kafka_offset":7}"#)), at(Some(7)));
        assert_eq!(read(r#"{"kafka_topic":"t","kafka_partition":"3"}"#, Some(r#"{"kafka_offset":"7"}"#)), at(Some(7)));
        assert_eq!(read(r#"{"kafka_topic":"t","kafka_partition":3,"x":1}"#, None), at(None));
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_kafka_connect() {
        let whole = r#"{"kafka_topic":"t","kafka_partition":0}"#;
        for (partition, offset, words) in [
            ("{}", None, "must contain the keys 'kafka_topic' and 'kafka_partition'"),
            (r#"{"kafka_topic":null,"kafka_partition":0}"#, None, "may not be null"),
            (r#"{"kafka_topic":"t","kafka_partition":null}"#, None, "may not be null"),
            (r#"{"kafka_topic":"t","kafka_partition":"x"}"#, None, "in the provided offsets: 'x'. Partition values"),
            (r#"{"kafka_topic":"t","kafka_partition":99999999999}"#, None, "Partition values"),
            (whole, Some("{}"), "either be null or contain the key 'kafka_offset'"),
            (whole, Some(r#"{"kafka_offset":null}"#), "in the provided offsets: 'null'. Offset values"),
            (whole, Some(r#"{"kafka_offset":1.5}"#), "in the provided offsets: '1.5'. Offset values"),
        ] {
            let said = read(partition, offset).unwrap_err();
            assert!(said.contains(words), "{partition} {offset:?}: {said}");
        }
        let nothing = parse_one(&OffsetChange { partition: None, offset: None }).unwrap_err();
        assert!(nothing.to_string().contains("cannot be null or missing"));
    }
}
