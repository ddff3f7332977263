//! What the operator has asked for: connectors, their configurations and their target states.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use wharf_core::config::Config;
use wharf_core::state::TargetState;

use crate::store::{Bucket, Change, Condition, Store, StoreError};

/// The format of a stored connector. A later version that cannot be read by this one counts it up.
const FORMAT: u64 = 1;

/// The stored connectors, by name.
///
/// Each is a JSON object `{"format":1,"name":…,"config":{…},"target":"RUNNING"}`. Fields that a later version adds
/// survive a change made by this one.
#[derive(Debug, Clone)]
pub struct Connectors {
    store: Arc<dyn Store>,
}

/// A connector as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredConnector {
    /// Its name.
    pub name: String,
    /// Its configuration as it was posted.
    pub config: Config,
    /// What the operator wants of it.
    pub target: TargetState,
    /// The change that wrote it: grows whenever the configuration or the target state is written.
    pub generation: u64,
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
    /// Keeps them in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
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
            .map(|(name, versioned)| match parse(&versioned.value) {
                Ok(fields) => Ok(fields.stored(name, versioned.generation)),
                Err(reason) => Err(UnreadableConnector { name, reason }),
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
        let fields = parse(&versioned.value).map_err(|reason| unreadable(name, reason))?;
        Ok(Some(fields.stored(name.to_owned(), versioned.generation)))
    }

    /// Stores a new connector. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] when there is one of that name, [`StoreError::Io`] when the disk fails.
    pub async fn create(&self, name: &str, config: Config, target: TargetState) -> Result<StoredConnector, StoreError> {
        self.write(name, Condition::Absent, Fields { config, target, other: Map::new() }).await
    }

    /// Stores a configuration: of a new connector, with the target state RUNNING, or instead of the one there is,
    /// keeping its target state. One that cannot be read is replaced. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn put(&self, name: &str, config: Config) -> Result<StoredConnector, StoreError> {
        loop {
            let now = self.store.get(Bucket::Connectors, name).await?;
            let condition = now.as_ref().map_or(Condition::Absent, |now| Condition::Generation(now.generation));
            let old = now.and_then(|now| parse(&now.value).ok());
            let (target, other) = old.map(|old| (old.target, old.other)).unwrap_or_default();
            match self.write(name, condition, Fields { config: config.clone(), target, other }).await {
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
            let fields = parse(&now.value).map_err(|reason| unreadable(name, reason))?;
            match self.write(name, Condition::Generation(now.generation), Fields { target, ..fields }).await {
                Err(StoreError::Conflict { .. }) => {}
                done => return done.map(Some),
            }
        }
    }

    /// Forgets a connector, not its offsets; whether there was one. Durable when this returns.
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

    async fn write(&self, name: &str, condition: Condition, fields: Fields) -> Result<StoredConnector, StoreError> {
        let value = Some(fields.text(name).into_bytes());
        let change = Change { bucket: Bucket::Connectors, key: name.to_owned(), condition, value };
        let generation = self.store.apply(vec![change]).await?;
        Ok(fields.stored(name.to_owned(), generation))
    }
}

/// What a stored connector holds beside its name.
#[derive(Debug)]
struct Fields {
    config: Config,
    target: TargetState,
    /// Fields that this version does not know.
    other: Map<String, Value>,
}

impl Fields {
    fn stored(self, name: String, generation: u64) -> StoredConnector {
        StoredConnector { name, config: self.config, target: self.target, generation }
    }

    fn text(&self, name: &str) -> String {
        let mut object = self.other.clone();
        object.insert("format".to_owned(), json!(FORMAT));
        object.insert("name".to_owned(), json!(name));
        object.insert("config".to_owned(), json!(self.config));
        object.insert("target".to_owned(), json!(self.target.as_str()));
        Value::Object(object).to_string()
    }
}

/// Reads a stored connector field by field rather than through a struct, so that what is not known is kept.
fn parse(text: &[u8]) -> Result<Fields, String> {
    let mut other: Map<String, Value> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    match other.remove("format") {
        Some(format) if format == json!(FORMAT) => {}
        Some(format) => return Err(format!("it has format {format}, this version knows {FORMAT}")),
        None => return Err("it has no `format`".to_owned()),
    }
    other.remove("name");
    let config = other.remove("config").ok_or("it has no `config`")?;
    let target = other.remove("target").ok_or("it has no `target`")?;
    Ok(Fields {
        config: serde_json::from_value(config).map_err(|error| format!("its `config`: {error}"))?,
        target: serde_json::from_value(target).map_err(|error| format!("its `target`: {error}"))?,
        other,
    })
}

fn unreadable(name: &str, reason: String) -> StoreError {
    StoreError::Unreadable(UnreadableConnector { name: name.to_owned(), reason }.to_string())
}

#[cfg(test)]
mod tests {
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
        let expected = json!({"format": 1, "name": "c", "config": {"connector.class": "two"}, "target": "RUNNING",
            "owner": {"team": "x"}});
        assert_eq!(stored, expected);
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_is_reported_and_does_not_stop_the_others() {
        let (store, connectors) = connectors();
        connectors.create("good", config("one"), TargetState::Running).await.unwrap();
        plant(&store, "damaged", "{").await;
        plant(&store, "later", r#"{"format":2,"config":{},"target":"RUNNING"}"#).await;
        let listed = connectors.list().await.unwrap();
        let names: Vec<_> = listed
            .iter()
            .map(|entry| match entry {
                Ok(stored) => (stored.name.as_str(), true),
                Err(unreadable) => (unreadable.name.as_str(), false),
            })
            .collect();
        assert_eq!(names, [("damaged", false), ("good", true), ("later", false)]);
        assert!(matches!(connectors.get("later").await, Err(StoreError::Unreadable(why)) if why.contains("format 2")));
        let target = connectors.set_target("later", TargetState::Paused).await;
        assert!(matches!(target, Err(StoreError::Unreadable(_))));
        assert!(connectors.put("later", config("one")).await.is_ok(), "it can be replaced");
        assert!(connectors.delete("damaged").await.unwrap(), "it can be deleted");
        assert!(connectors.list().await.unwrap().iter().all(Result::is_ok));
    }
}
