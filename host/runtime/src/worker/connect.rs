//! What Kafka Connect's clients ask beside the life of connectors: validation, the keys of plugins, topics in use, who
//! is alive.

use std::collections::BTreeMap;

use wharf_core::config::{Config, ConfigInfos, ConfigKeyInfo};
use wharf_core::status::ConnectorInfo;

use super::Worker;
use crate::connector::ConfigPatch;
use crate::env::now_millis;
use crate::error::WorkerError;
use crate::validate::{infos, keys_of};

impl Worker {
    /// Says of every key of a configuration what it is, what value it has and what is wrong with it, and changes
    /// nothing.
    /// `plugin` is what the request calls the plugin; `connector.class` must say the same. `None` stands for a `null`.
    ///
    /// # Errors
    /// [`WorkerError::BadRequest`] where there is no `connector.class`, it is another plugin's, or it is not known.
    pub async fn validate(&self, plugin: &str, config: &ConfigPatch) -> Result<ConfigInfos, WorkerError> {
        infos(&self.inner.env, plugin, &self.as_stored(config)).await
    }

    /// A form that was filled from what is shown sends `[hidden]` back for what is stored.
    fn as_stored(&self, posted: &ConfigPatch) -> ConfigPatch {
        let written: Config = posted.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
        let Some(name) = written.get("name").cloned() else { return posted.clone() };
        let mut stored: ConfigPatch =
            self.restored(name.trim(), written).into_iter().map(|(key, value)| (key, Some(value))).collect();
        stored.extend(posted.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| (key.clone(), None)));
        stored
    }

    /// The keys of a plugin, its own first, and those that the worker adds for a connector of it. Without a version
    /// those of the highest.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`] where there is no such plugin, [`WorkerError::BadRequest`] no such version.
    pub async fn plugin_keys(&self, plugin: &str, version: Option<&str>) -> Result<Vec<ConfigKeyInfo>, WorkerError> {
        keys_of(&self.inner.env, plugin, version)
    }

    /// Changes some keys of a connector's configuration, and takes out those with `None`. Changes that are made at the same
    /// time are made one after the other; none is lost. As in Kafka Connect, `name` may be changed, to no effect. `by`: who
    /// asked for it, for the history.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`], [`WorkerError::Invalid`], [`WorkerError::BadRequest`] where no class is left.
    pub async fn patch_config(
        &self,
        name: &str,
        patch: ConfigPatch,
        by: Option<String>,
    ) -> Result<ConnectorInfo, WorkerError> {
        self.get(name)?.patch(patch, by).await
    }

    /// Topics that a connector's tasks have used since it was made or its topics were reset, sorted. Of one that does
    /// not exist there are none, which is no error in Kafka Connect.
    pub async fn active_topics(&self, name: &str) -> Vec<String> {
        self.inner.env.topics.of(name)
    }

    /// Forgets the topics of a connector, whether there is one or not.
    ///
    /// # Errors
    /// [`WorkerError::Internal`] when the store fails.
    pub async fn reset_topics(&self, name: &str) -> Result<(), WorkerError> {
        Ok(self.inner.env.topics.reset(name).await?)
    }

    /// The workers that are alive, by their id, and when each was heard of last, in milliseconds since 1970. A worker
    /// that answers is alive as it answers.
    pub async fn cluster(&self) -> BTreeMap<String, i64> {
        BTreeMap::from([(self.inner.env.options.id.clone(), now_millis())])
    }
}
