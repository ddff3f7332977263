//! Which topics a connector's tasks really use, as `GET /connectors/{name}/topics` shows them.
//!
//! A task looks at the topics of each batch ([`Seen`]): a comparison or two, and no lock while nothing is new. What is
//! new goes to [`ActiveTopics`], which keeps it in memory and writes it to the store in the background, once for each
//! topic. A write that fails is not repeated: the topic is known until the worker starts again, and is found again by
//! the next batch after that.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::warn;
use wharf_core::{Batch, Delivery};
use wharf_store::{StoreError, UsedTopics};

use crate::env::Env;
use crate::status::lock;

/// So many topics are remembered of one connector; a source that makes up topics must not fill the memory.
const MOST: usize = 10_000;

/// The topics of all connectors.
#[derive(Debug)]
pub(crate) struct ActiveTopics {
    enabled: bool,
    stored: UsedTopics,
    topics: Mutex<BTreeMap<String, BTreeSet<String>>>,
    /// Counts resets of any connector: tasks look whether what they have seen still counts.
    resets: AtomicU64,
    /// Held over each write, so that a topic is not written after the reset that followed it.
    writing: tokio::sync::Mutex<()>,
}

impl ActiveTopics {
    pub(crate) fn new(stored: UsedTopics, enabled: bool) -> Self {
        let (topics, resets, writing) = Default::default();
        Self { enabled, stored, topics, resets, writing }
    }

    /// Takes what was stored by an earlier worker.
    pub(crate) async fn load(&self) -> Result<(), StoreError> {
        if self.enabled {
            let stored = self.stored.list().await?;
            *lock(&self.topics) = stored;
        }
        Ok(())
    }

    /// A connector's topics, sorted; none where there is no such connector.
    pub(crate) fn of(&self, connector: &str) -> Vec<String> {
        lock(&self.topics).get(connector).into_iter().flatten().cloned().collect()
    }

    /// Forgets a connector's topics. Those that it uses from now on are noted anew.
    pub(crate) async fn reset(&self, connector: &str) -> Result<(), StoreError> {
        let _writing = self.writing.lock().await;
        let forgotten = lock(&self.topics).remove(connector);
        self.resets.fetch_add(1, Relaxed);
        match self.stored.forget(connector).await {
            Ok(()) => Ok(()),
            Err(error) => {
                // What is stored must be what is shown.
                if let Some(topics) = forgotten {
                    lock(&self.topics).entry(connector.to_owned()).or_default().extend(topics);
                }
                Err(error)
            }
        }
    }

    /// Notes topics in memory; those that were new.
    fn note(&self, connector: &str, topics: Vec<String>) -> Vec<String> {
        let mut all = lock(&self.topics);
        let known = all.entry(connector.to_owned()).or_default();
        let mut new = Vec::new();
        for topic in topics {
            if known.len() < MOST && known.insert(topic.clone()) {
                new.push(topic);
            }
        }
        new
    }

    /// Writes topics that are still noted.
    async fn write(&self, connector: &str, mut topics: Vec<String>) {
        let _writing = self.writing.lock().await;
        topics.retain(|topic| lock(&self.topics).get(connector).is_some_and(|known| known.contains(topic)));
        if let Err(error) = self.stored.add(connector, &topics).await {
            warn!(connector, %error, "the topics of the connector are not remembered over a restart");
        }
    }
}

/// What one task has noted already.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    resets: u64,
    topics: HashSet<String>,
}

impl Seen {
    /// The topics of a batch that this task has not noted yet: an empty list, as a rule, which costs no allocation.
    pub(crate) fn new_in(&mut self, active: &ActiveTopics, batch: &Batch, default: Option<&String>) -> Vec<String> {
        let named = batch.topics.iter();
        let default = default.filter(|_| batch.topics.is_empty());
        self.new_of(active, named.chain(default))
    }

    /// The same for rows that were read from the queue: the first `rows` of a delivery.
    pub(crate) fn new_from(&mut self, active: &ActiveTopics, delivery: &Delivery, rows: u32) -> Vec<String> {
        self.new_of(active, delivery.origins.iter().filter(|it| it.first_row < rows).map(|it| &it.topic))
    }

    fn new_of<'a>(&mut self, active: &ActiveTopics, topics: impl Iterator<Item = &'a String>) -> Vec<String> {
        if !active.enabled {
            return Vec::new();
        }
        let resets = active.resets.load(Relaxed);
        // The second bound keeps a source that makes up topics from making each batch slower.
        if self.resets != resets || self.topics.len() > MOST {
            self.topics.clear();
            self.resets = resets;
        }
        let mut new: Vec<String> = Vec::new();
        for topic in topics {
            if !self.topics.contains(topic) && !new.contains(topic) {
                new.push(topic.clone());
            }
        }
        new
    }

    /// These topics were used.
    pub(crate) fn used(&mut self, env: &std::sync::Arc<Env>, connector: &str, topics: Vec<String>) {
        if topics.is_empty() {
            return;
        }
        self.topics.extend(topics.iter().cloned());
        let new = env.topics.note(connector, topics);
        if !new.is_empty() {
            let (env, connector) = (env.clone(), connector.to_owned());
            let writer = env.clone();
            drop(env.gate.spawn(async move { writer.topics.write(&connector, new).await }));
        }
    }
}
