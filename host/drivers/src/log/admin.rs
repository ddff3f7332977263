//! Managing topics and groups.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::TopicPosition;

use super::LogDriver;
use super::core::blocking;
use super::group::Change;
use crate::driver::{Admin, DriverError, PartitionInfo, TopicInfo};

#[async_trait]
impl Admin for LogDriver {
    async fn create(&self, topic: &str, partitions: u32) -> Result<bool, DriverError> {
        self.core.check()?;
        self.core.create_topic(topic, partitions).await
    }

    async fn list(&self) -> Result<Vec<String>, DriverError> {
        Ok(self.core.topics.all().iter().map(|topic| topic.name.to_string()).collect())
    }

    async fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, DriverError> {
        let Some(topic) = self.core.topics.get(topic) else { return Ok(None) };
        let partitions = topic.partitions.iter().map(|partition| PartitionInfo {
            partition: partition.place.number,
            start: partition.start() as i64,
            end: partition.end() as i64,
            bytes: Some(partition.segments.bytes()),
        });
        Ok(Some(TopicInfo { name: topic.name.to_string(), partitions: partitions.collect() }))
    }

    async fn delete(&self, topic: &str) -> Result<bool, DriverError> {
        self.core.check()?;
        let (core, name) = (Arc::clone(&self.core), topic.to_owned());
        blocking(move || {
            let deleted = core.topics.delete(&name)?;
            if deleted {
                core.groups.topics_changed(&name);
                core.groups.forget(&name)?;
            }
            Ok(deleted)
        })
        .await?
    }

    async fn committed(&self, group: &str) -> Result<Vec<TopicPosition>, DriverError> {
        Ok(self.core.groups.find(group).map(|group| group.committed()).unwrap_or_default())
    }

    async fn alter_committed(&self, group: &str, positions: &[(String, u32, Option<i64>)]) -> Result<(), DriverError> {
        self.core.check()?;
        let changes = positions.iter().map(|(topic, partition, position)| {
            let position = position.map(u64::try_from).transpose();
            let position = position.map_err(|_| DriverError::Rejected("a position cannot be below 0".to_owned()))?;
            Ok(Change { topic: topic.clone(), partition: *partition, position })
        });
        let changes = changes.collect::<Result<Vec<_>, DriverError>>()?;
        let (core, name) = (Arc::clone(&self.core), group.to_owned());
        blocking(move || core.groups.get(&name)?.alter(&changes)).await?
    }
}
