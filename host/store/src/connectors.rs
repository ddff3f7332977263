//! What the operator has asked for: connectors, their configurations and their target states.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Map;
use wharf_core::config::Config;
use wharf_core::state::TargetState;

use crate::accepted::{Accepted, ConfigVersion};
use crate::seal::Sealer;
use crate::store::{Bucket, Change, Condition, Store, StoreError};
use crate::stored::{Stored, first_version, opened};

/// How many versions of a configuration are kept where nothing is said.
const DEFAULT_HISTORY: usize = 20;

/// The stored connectors, by name.
///
/// Each is one JSON object with its configuration, its target state and the versions of its configuration before, so that a
/// configuration and its history change together. Fields that a later version adds survive a change made by this one.
#[derive(Debug, Clone)]
pub struct Connectors {
    store: Arc<dyn Store>,
    sealer: Option<Arc<Sealer>>,
    history: usize,
}

/// A connector as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredConnector {
    /// Its name.
    pub name: String,
    /// Its configuration as it was posted. A sealed value that cannot be opened is `[hidden]`.
    pub config: Config,
    /// What the operator wants of it.
    pub target: TargetState,
    /// The change that wrote it: grows whenever the configuration or the target state is written.
    pub generation: u64,
    /// Which version its configuration is, from 1.
    pub version: u64,
    /// The keys whose values are sealed.
    pub sealed: BTreeSet<String>,
    /// The keys whose sealed values cannot be opened: the key is another than the one that sealed them.
    pub lost: BTreeSet<String>,
}

impl std::fmt::Debug for StoredConnector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, target, generation, version, lost, .. } = self;
        // The configuration holds secrets.
        f.debug_struct("StoredConnector")
            .field("name", name)
            .field("target", target)
            .field("generation", generation)
            .field("version", version)
            .field("lost", lost)
            .finish_non_exhaustive()
    }
}

/// A stored connector that cannot be read. It stays stored, and does not stop the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read the stored connector `{name}`: {reason}; put or delete it again, or use the version of wharf that wrote it"
)]
pub struct UnreadableConnector {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Connectors {
    /// Keeps them in `store`, with their last 20 configurations, and seals nothing.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, sealer: None, history: DEFAULT_HISTORY }
    }

    /// Seals the values of secret keys by `sealer`; `None`: they are stored as they are.
    #[must_use]
    pub fn sealed_by(mut self, sealer: Option<Arc<Sealer>>) -> Self {
        self.sealer = sealer;
        self
    }

    /// Keeps so many versions of each configuration, the one that holds among them; at least that one.
    #[must_use]
    pub fn keeping(mut self, versions: usize) -> Self {
        self.history = versions;
        self
    }

    /// All connectors, by name; those that cannot be read with the reason.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn list(&self) -> Result<Vec<Result<StoredConnector, UnreadableConnector>>, StoreError> {
        let found = self.store.list(Bucket::Connectors, "").await?;
        Ok(found
            .into_iter()
            .map(|(name, versioned)| {
                let stored = Stored::parse(&versioned.value);
                let read = stored.and_then(|stored| self.read(&name, &stored, versioned.generation));
                read.map_err(|reason| UnreadableConnector { name, reason })
            })
            .collect())
    }

    /// One connector.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] when it cannot be read, [`StoreError::Io`] when the disk fails.
    pub async fn get(&self, name: &str) -> Result<Option<StoredConnector>, StoreError> {
        let Some(versioned) = self.store.get(Bucket::Connectors, name).await? else { return Ok(None) };
        let stored = Stored::parse(&versioned.value).map_err(|reason| unreadable(name, reason))?;
        let read = self.read(name, &stored, versioned.generation);
        read.map(Some).map_err(|reason| unreadable(name, reason))
    }

    /// The configurations that a connector has and had, newest first; `None` when there is no such connector.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] when it cannot be read, [`StoreError::Io`] when the disk fails.
    pub async fn versions(&self, name: &str) -> Result<Option<Vec<ConfigVersion>>, StoreError> {
        let Some(versioned) = self.store.get(Bucket::Connectors, name).await? else { return Ok(None) };
        let stored = Stored::parse(&versioned.value).map_err(|reason| unreadable(name, reason))?;
        let kept = std::iter::once(&stored.now).chain(&stored.history);
        let versions = kept.map(|kept| opened(self.sealer.as_deref(), name, kept));
        versions.collect::<Result<_, _>>().map(Some).map_err(|reason| unreadable(name, reason))
    }

    /// Stores a new connector, whose history begins. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when there is one of that name, [`StoreError::Io`] when the disk fails.
    pub async fn create(
        &self,
        name: &str,
        accepted: impl Into<Accepted>,
        target: TargetState,
    ) -> Result<StoredConnector, StoreError> {
        let now = first_version(self.sealer.as_deref(), name, &accepted.into())?;
        self.write(name, Condition::Absent, Stored { now, target, history: Vec::new(), other: Map::new() }).await
    }

    /// Stores a configuration: of a new connector, with the target state RUNNING, or instead of the one there is,
    /// keeping its target state. It is a version of its own unless it is the same as the one before. One that cannot be read
    /// is replaced. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn put(&self, name: &str, accepted: impl Into<Accepted>) -> Result<StoredConnector, StoreError> {
        let accepted = accepted.into();
        loop {
            let now = self.store.get(Bucket::Connectors, name).await?;
            let condition = now.as_ref().map_or(Condition::Absent, |now| Condition::Generation(now.generation));
            let stored = match now.and_then(|now| Stored::parse(&now.value).ok()) {
                Some(mut stored) => {
                    stored.accept(self.sealer.as_deref(), name, &accepted, self.history)?;
                    stored
                }
                None => {
                    let now = first_version(self.sealer.as_deref(), name, &accepted)?;
                    Stored { now, target: TargetState::default(), history: Vec::new(), other: Map::new() }
                }
            };
            match self.write(name, condition, stored).await {
                // Somebody was faster; look again.
                Err(StoreError::Conflict { .. }) => {}
                done => return done,
            }
        }
    }

    /// Stores what the operator wants of a connector; `None` when there is no such connector. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] when it cannot be read, [`StoreError::Io`] when the disk fails.
    pub async fn set_target(&self, name: &str, target: TargetState) -> Result<Option<StoredConnector>, StoreError> {
        loop {
            let Some(now) = self.store.get(Bucket::Connectors, name).await? else { return Ok(None) };
            let stored = Stored::parse(&now.value).map_err(|reason| unreadable(name, reason))?;
            match self.write(name, Condition::Generation(now.generation), Stored { target, ..stored }).await {
                Err(StoreError::Conflict { .. }) => {}
                done => return done.map(Some),
            }
        }
    }

    /// Forgets a connector and its history, not its offsets; whether there was one. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn delete(&self, name: &str) -> Result<bool, StoreError> {
        loop {
            let Some(now) = self.store.get(Bucket::Connectors, name).await? else { return Ok(false) };
            let condition = Condition::Generation(now.generation);
            let change = Change { bucket: Bucket::Connectors, key: name.to_owned(), condition, value: None };
            match self.store.apply(vec![change]).await {
                Err(StoreError::Conflict { .. }) => {}
                done => return done.map(|_| true),
            }
        }
    }

    async fn write(&self, name: &str, condition: Condition, stored: Stored) -> Result<StoredConnector, StoreError> {
        // Read back before it is written, so that nothing is stored that cannot be.
        let mut written = self.read(name, &stored, 0).map_err(|reason| unreadable(name, reason))?;
        let value = Some(stored.text(name).into_bytes());
        let change = Change { bucket: Bucket::Connectors, key: name.to_owned(), condition, value };
        written.generation = self.store.apply(vec![change]).await?;
        Ok(written)
    }

    fn read(&self, name: &str, stored: &Stored, generation: u64) -> Result<StoredConnector, String> {
        let now = opened(self.sealer.as_deref(), name, &stored.now)?;
        Ok(StoredConnector {
            name: name.to_owned(),
            config: now.config,
            target: stored.target,
            generation,
            version: now.version,
            sealed: now.sealed,
            lost: now.lost,
        })
    }
}

fn unreadable(name: &str, reason: String) -> StoreError {
    StoreError::Unreadable(UnreadableConnector { name: name.to_owned(), reason }.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::MemoryStore;

    fn config(value: &str) -> Config {
        Config::from([("connector.class".to_owned(), value.to_owned())])
    }

    fn connectors() -> (Arc<MemoryStore>, Connectors) {
        let store = Arc::new(MemoryStore::new());
        (store.clone(), Connectors::new(store))
    }

    async fn plant(store: &MemoryStore, name: &str, text: &str) {
        let value = Some(text.as_bytes().to_vec());
        let change = Change { bucket: Bucket::Connectors, key: name.to_owned(), condition: Condition::Any, value };
        store.apply(vec![change]).await.unwrap();
    }

    #[tokio::test]
    async fn a_configuration_and_a_target_state_change_without_each_other() {
        let (_, connectors) = connectors();
        let created = connectors.create("c", config("one"), TargetState::Stopped).await.unwrap();
        let put = connectors.put("c", config("two")).await.unwrap();
        assert_eq!((put.target, put.config.clone()), (TargetState::Stopped, config("two")));
        let paused = connectors.set_target("c", TargetState::Paused).await.unwrap().unwrap();
        assert_eq!(paused.config, config("two"));
        assert!(created.generation < put.generation && put.generation < paused.generation);
        assert_eq!(connectors.get("c").await.unwrap(), Some(paused.clone()));
        assert_eq!(connectors.list().await.unwrap(), [Ok(paused)]);
    }

    #[tokio::test]
    async fn a_name_is_created_once_and_is_free_again_after_deletion() {
        let (_, connectors) = connectors();
        connectors.create("c", config("one"), TargetState::Running).await.unwrap();
        let again = connectors.create("c", config("two"), TargetState::Running).await;
        assert_eq!(again, Err(StoreError::Conflict { key: "c".to_owned() }));
        assert_eq!(connectors.get("c").await.unwrap().unwrap().config, config("one"));
        assert!(connectors.delete("c").await.unwrap());
        assert!(!connectors.delete("c").await.unwrap());
        assert_eq!(connectors.set_target("c", TargetState::Paused).await.unwrap(), None);
        assert_eq!(connectors.put("c", config("two")).await.unwrap().target, TargetState::Running);
    }

    #[tokio::test]
    async fn fields_of_a_later_version_survive_a_change() {
        let (store, connectors) = connectors();
        let text = r#"{"format":1,"name":"c","config":{"a":"b"},"target":"PAUSED","owner":{"team":"x"}}"#;
        plant(&store, "c", text).await;
        connectors.put("c", config("two")).await.unwrap();
        connectors.set_target("c", TargetState::Running).await.unwrap();
        let stored = store.get(Bucket::Connectors, "c").await.unwrap().unwrap();
        let stored: Value = serde_json::from_slice(&stored.value).unwrap();
        let expected = json!({"format": 2, "name": "c", "config": {"connector.class": "two"}, "target": "RUNNING",
            "owner": {"team": "x"}, "version": 2, "at": "", "by": "",
            "history": [{"version": 1, "at": "", "by": "", "config": {"a": "b"}}]});
        assert_eq!(stored, expected);
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_is_reported_and_does_not_stop_the_others() {
        let (store, connectors) = connectors();
        connectors.create("good", config("one"), TargetState::Running).await.unwrap();
        plant(&store, "damaged", "{").await;
        plant(&store, "later", r#"{"format":3,"config":{},"target":"RUNNING"}"#).await;
        let listed = connectors.list().await.unwrap();
        let names: Vec<_> = listed
            .iter()
            .map(|entry| match entry {
                Ok(stored) => (stored.name.as_str(), true),
                Err(unreadable) => (unreadable.name.as_str(), false),
            })
            .collect();
        assert_eq!(names, [("damaged", false), ("good", true), ("later", false)]);
        assert!(matches!(connectors.get("later").await, Err(StoreError::Unreadable(why)) if why.contains("format 3")));
        let target = connectors.set_target("later", TargetState::Paused).await;
        assert!(matches!(target, Err(StoreError::Unreadable(_))));
        assert!(connectors.put("later", config("one")).await.is_ok(), "it can be replaced");
        assert!(connectors.delete("damaged").await.unwrap(), "it can be deleted");
        assert!(connectors.list().await.unwrap().iter().all(Result::is_ok));
    }

    fn accepted(password: &str) -> Accepted {
        let config = Config::from([("user".to_owned(), "me".to_owned()), ("pw".to_owned(), password.to_owned())]);
        Accepted {
            config,
            secret: BTreeSet::from(["pw".to_owned()]),
            at: password.to_owned() + "-at",
            ..Accepted::default()
        }
    }

    #[tokio::test]
    async fn sealed_values_are_not_in_the_store_and_come_back_open() {
        let (store, connectors) = connectors();
        let sealed = connectors.clone().sealed_by(Some(Arc::new(Sealer::new(&[1; 32]))));
        sealed.create("c", Accepted { at: "t".into(), ..accepted("s3cret-1") }, TargetState::Running).await.unwrap();
        let put = sealed.put("c", Accepted { at: "t".into(), ..accepted("s3cret-2") }).await.unwrap();
        assert_eq!(put.config, accepted("s3cret-2").config);
        assert_eq!(put.sealed.iter().collect::<Vec<_>>(), ["pw"]);
        let text = String::from_utf8(store.get(Bucket::Connectors, "c").await.unwrap().unwrap().value).unwrap();
        assert!(text.contains("\"sealed\"") && text.contains("\"me\"") && !text.contains("s3cret"), "{text}");
        let versions = sealed.versions("c").await.unwrap().unwrap();
        let configs: Vec<_> = versions.iter().map(|it| it.config.clone()).collect();
        assert_eq!(configs, [accepted("s3cret-2").config, accepted("s3cret-1").config]);
    }

    #[tokio::test]
    async fn with_another_key_a_connector_is_read_and_says_what_is_lost() {
        let (_, connectors) = connectors();
        let with = |byte| connectors.clone().sealed_by(Some(Arc::new(Sealer::new(&[byte; 32]))));
        with(1).create("c", accepted("s3cret"), TargetState::Running).await.unwrap();
        for other in [with(2), connectors.clone()] {
            let stored = other.set_target("c", TargetState::Paused).await.unwrap().unwrap();
            assert_eq!(stored.lost.iter().collect::<Vec<_>>(), ["pw"]);
            assert_eq!((stored.config["pw"].as_str(), stored.config["user"].as_str()), ("[hidden]", "me"));
        }
        let back = with(1).get("c").await.unwrap().unwrap();
        assert_eq!((back.config, back.target), (accepted("s3cret").config, TargetState::Paused));
        let mended = with(2).put("c", accepted("new")).await.unwrap();
        assert!(mended.lost.is_empty() && mended.version == 2);
    }

    #[tokio::test]
    async fn the_last_versions_are_kept_and_the_same_configuration_is_none() {
        let (_, connectors) = connectors();
        let connectors = connectors.keeping(3);
        connectors.create("c", accepted("1"), TargetState::Running).await.unwrap();
        for password in ["2", "2", "3", "4"] {
            connectors.put("c", accepted(password)).await.unwrap();
        }
        let rollback = Accepted { is_rollback: true, by: Some("me".into()), ..accepted("4") };
        assert_eq!(connectors.put("c", rollback).await.unwrap().version, 5);
        let versions = connectors.versions("c").await.unwrap().unwrap();
        let shown: Vec<_> = versions.iter().map(|it| (it.version, it.at.as_str(), it.by.as_str())).collect();
        assert_eq!(shown, [(5, "4-at", "me"), (4, "4-at", ""), (3, "3-at", "")]);
        connectors.delete("c").await.unwrap();
        assert_eq!(connectors.versions("c").await.unwrap(), None);
        assert_eq!(connectors.create("c", accepted("9"), TargetState::Running).await.unwrap().version, 1);
        assert_eq!(connectors.versions("c").await.unwrap().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_history_of_large_configurations_is_shorter() {
        let (store, connectors) = connectors();
        for number in 0..5 {
            connectors.put("c", config(&format!("{number}{}", "x".repeat(400_000)))).await.unwrap();
        }
        assert_eq!(connectors.versions("c").await.unwrap().unwrap().len(), 3);
        assert!(store.get(Bucket::Connectors, "c").await.unwrap().unwrap().value.len() < 2 << 20);
    }
}
