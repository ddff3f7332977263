//! How far sources have come.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wharf_core::offset::{SourceOffset, canonical};

use crate::store::{Bucket, Change, Condition, Store, StoreError};

/// The format of [`Stored`]. A later version that cannot be read by this one counts it up.
const FORMAT: u32 = 1;

/// Up to this many partitions are asked for one by one; for more the connector's offsets are listed once.
const SINGLY: usize = 8;

/// The source offsets of all connectors.
///
/// The key of an offset is `<connector>\0<source partition, canonical JSON>`, so that partitions that are equal as JSON
/// are equal here, however the source wrote them. The offset itself is kept to the letter: a source gets back what it
/// gave.
#[derive(Debug, Clone)]
pub struct Offsets {
    store: Arc<dyn Store>,
}

/// What is stored, as JSON. Fields that a later version adds are ignored.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    offset: String,
}

impl Offsets {
    /// Keeps them in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The stored offset of each of these source partitions, in the same order; none where nothing is stored.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] when a partition is no JSON object, [`StoreError::Unreadable`] when a stored offset
    /// cannot be read, [`StoreError::Io`] when the disk fails.
    pub async fn get(&self, connector: &str, partitions: &[String]) -> Result<Vec<Option<String>>, StoreError> {
        let keys = partitions.iter().map(|partition| key(connector, partition)).collect::<Result<Vec<_>, _>>()?;
        let mut found = Vec::with_capacity(keys.len());
        if keys.len() <= SINGLY {
            for key in &keys {
                let versioned = self.store.get(Bucket::Offsets, key).await?;
                found.push(versioned.map(|versioned| decode(key, &versioned.value)).transpose()?);
            }
        } else {
            let all = self.store.list(Bucket::Offsets, &prefix(connector)?).await?;
            for key in &keys {
                let at = all.binary_search_by(|(stored, _)| stored.cmp(key)).ok();
                let versioned = at.and_then(|at| all.get(at)).map(|(_, versioned)| versioned);
                found.push(versioned.map(|versioned| decode(key, &versioned.value)).transpose()?);
            }
        }
        Ok(found)
    }

    /// All stored offsets of a connector, by partition. Partitions are in canonical JSON.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreadable`] when a stored offset cannot be read, [`StoreError::Io`] when the disk fails.
    pub async fn all(&self, connector: &str) -> Result<Vec<SourceOffset>, StoreError> {
        let prefix = prefix(connector)?;
        let found = self.store.list(Bucket::Offsets, &prefix).await?;
        found
            .into_iter()
            .map(|(key, versioned)| {
                let offset = decode(&key, &versioned.value)?;
                Ok(SourceOffset { partition: key.strip_prefix(&prefix).unwrap_or(&key).to_owned(), offset })
            })
            .collect()
    }

    /// The partitions for which anything is stored, also what cannot be read, in canonical JSON.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn partitions(&self, connector: &str) -> Result<Vec<String>, StoreError> {
        let prefix = prefix(connector)?;
        let found = self.store.list(Bucket::Offsets, &prefix).await?;
        Ok(found.into_iter().map(|(key, _)| key.strip_prefix(&prefix).unwrap_or(&key).to_owned()).collect())
    }

    /// Stores these offsets, all or none; of several for one partition the last counts. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Invalid`] when a partition or an offset is no JSON object, [`StoreError::Io`] when the disk fails.
    pub async fn commit(&self, connector: &str, offsets: &[SourceOffset]) -> Result<(), StoreError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let changes = offsets.iter().map(|at| write(connector, at)).collect::<Result<_, _>>()?;
        self.store.apply(changes).await.map(drop)
    }

    /// Like [`commit`](Self::commit), but an empty offset forgets its partition: an operator alters the offsets.
    ///
    /// # Errors
    ///
    /// As for [`commit`](Self::commit).
    pub async fn alter(&self, connector: &str, offsets: &[SourceOffset]) -> Result<(), StoreError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let change = |at: &SourceOffset| {
            if at.offset.is_empty() { Ok(remove(key(connector, &at.partition)?)) } else { write(connector, at) }
        };
        let changes = offsets.iter().map(change).collect::<Result<_, _>>()?;
        self.store.apply(changes).await.map(drop)
    }

    /// Forgets all offsets of a connector, so that it begins anew. Answers how many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn clear(&self, connector: &str) -> Result<usize, StoreError> {
        let found = self.store.list(Bucket::Offsets, &prefix(connector)?).await?;
        let count = found.len();
        if count > 0 {
            self.store.apply(found.into_iter().map(|(key, _)| remove(key)).collect()).await?;
        }
        Ok(count)
    }
}

fn write(connector: &str, at: &SourceOffset) -> Result<Change, StoreError> {
    if canonical(&at.offset).is_none() {
        return Err(StoreError::Invalid(format!(
            "the offset of source partition {} must be a JSON object such as {{\"position\":1}}, not `{}`",
            at.partition, at.offset
        )));
    }
    let stored = Stored { format: FORMAT, offset: at.offset.clone() };
    let value = serde_json::to_vec(&stored).map_err(|error| StoreError::Invalid(error.to_string()))?;
    let key = key(connector, &at.partition)?;
    Ok(Change { bucket: Bucket::Offsets, key, condition: Condition::Any, value: Some(value) })
}

fn remove(key: String) -> Change {
    Change { bucket: Bucket::Offsets, key, condition: Condition::Any, value: None }
}

fn prefix(connector: &str) -> Result<String, StoreError> {
    if connector.contains('\0') {
        // It would reach into the offsets of another connector.
        return Err(StoreError::Invalid("the name of a connector must not hold a NUL character".to_owned()));
    }
    Ok(format!("{connector}\0"))
}

fn key(connector: &str, partition: &str) -> Result<String, StoreError> {
    let Some(canonical) = canonical(partition) else {
        return Err(StoreError::Invalid(format!(
            "a source partition must be a JSON object such as {{\"filename\":\"a\"}}, not `{partition}`"
        )));
    };
    Ok(prefix(connector)? + &canonical)
}

fn decode(key: &str, value: &[u8]) -> Result<String, StoreError> {
    let unreadable = |why: String| {
        StoreError::Unreadable(format!(
            "cannot read the stored offset `{}`: {why}; reset the offsets of the connector, or use the version of \
             wharf that wrote it",
            key.replace('\0', " ")
        ))
    };
    let stored: Stored = serde_json::from_slice(value).map_err(|error| unreadable(error.to_string()))?;
    if stored.format != FORMAT {
        return Err(unreadable(format!("it has format {}, this version knows {FORMAT}", stored.format)));
    }
    Ok(stored.offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn at(partition: &str, offset: &str) -> SourceOffset {
        SourceOffset { partition: partition.to_owned(), offset: offset.to_owned() }
    }

    fn offsets() -> (Arc<MemoryStore>, Offsets) {
        let store = Arc::new(MemoryStore::new());
        (store.clone(), Offsets::new(store))
    }

    #[tokio::test]
    async fn partitions_that_are_equal_as_json_are_one_and_offsets_come_back_to_the_letter() {
        let (_, offsets) = offsets();
        let verbatim = r#"{ "position": 1.10, "big": 123456789012345678901234567890 }"#;
        offsets.commit("c", &[at(r#"{"b":1,"a":2}"#, verbatim)]).await.unwrap();
        let asked = [r#"{"a":2, "b":1}"#.to_owned(), r#"{"a":3}"#.to_owned()];
        assert_eq!(offsets.get("c", &asked).await.unwrap(), [Some(verbatim.to_owned()), None]);
        assert_eq!(offsets.all("c").await.unwrap(), [at(r#"{"a":2,"b":1}"#, verbatim)]);
    }

    #[tokio::test]
    async fn a_connector_does_not_see_another_whose_name_begins_alike() {
        let (_, offsets) = offsets();
        offsets.commit("a", &[at("{}", r#"{"n":1}"#)]).await.unwrap();
        offsets.commit("ab", &[at("{}", r#"{"n":2}"#)]).await.unwrap();
        assert_eq!(offsets.clear("a").await.unwrap(), 1);
        assert_eq!(offsets.all("a").await.unwrap(), []);
        assert_eq!(offsets.all("ab").await.unwrap(), [at("{}", r#"{"n":2}"#)]);
        assert!(matches!(offsets.all("a\0{").await, Err(StoreError::Invalid(_))));
    }

    #[tokio::test]
    async fn many_partitions_are_answered_in_the_order_asked() {
        let (_, offsets) = offsets();
        let all: Vec<_> = (0..50).map(|n| at(&format!(r#"{{"p":{n}}}"#), &format!(r#"{{"n":{n}}}"#))).collect();
        offsets.commit("c", &all).await.unwrap();
        let asked: Vec<_> = (0..60).rev().map(|n| format!(r#"{{ "p" : {n} }}"#)).collect();
        let expected: Vec<_> = (0..60).rev().map(|n| (n < 50).then(|| format!(r#"{{"n":{n}}}"#))).collect();
        assert_eq!(offsets.get("c", &asked).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn altering_writes_and_forgets_at_once_and_the_last_of_a_partition_counts() {
        let (_, offsets) = offsets();
        offsets.commit("c", &[at(r#"{"p":1}"#, "{}"), at(r#"{"p":2}"#, "{}")]).await.unwrap();
        let both = [at(r#"{"p":1}"#, ""), at(r#"{"p":2}"#, r#"{"n":1}"#), at(r#"{"p":2}"#, r#"{"n":2}"#)];
        offsets.alter("c", &both).await.unwrap();
        assert_eq!(offsets.all("c").await.unwrap(), [at(r#"{"p":2}"#, r#"{"n":2}"#)]);
    }

    #[tokio::test]
    async fn what_is_no_json_object_is_refused_and_nothing_is_stored() {
        let (_, offsets) = offsets();
        let bad_offset = [at(r#"{"p":1}"#, "{}"), at(r#"{"p":2}"#, "7")];
        assert!(matches!(offsets.commit("c", &bad_offset).await, Err(StoreError::Invalid(_))));
        assert!(matches!(offsets.commit("c", &[at("p", "{}")]).await, Err(StoreError::Invalid(_))));
        assert!(matches!(offsets.commit("c", &[at("{}", "")]).await, Err(StoreError::Invalid(_))));
        assert!(matches!(offsets.get("c", &["[1]".to_owned()]).await, Err(StoreError::Invalid(_))));
        assert_eq!(offsets.all("c").await.unwrap(), []);
    }

    #[tokio::test]
    async fn an_offset_of_a_later_format_is_refused_and_unknown_fields_are_not() {
        let (store, offsets) = offsets();
        for (value, readable) in [
            (r#"{"format":1,"offset":"{}","since":3}"#, true),
            (r#"{"format":2,"offset":"{}"}"#, false),
            ("damaged", false),
        ] {
            let change = Change {
                bucket: Bucket::Offsets,
                key: "c\0{}".to_owned(),
                condition: Condition::Any,
                value: Some(value.into()),
            };
            store.apply(vec![change]).await.unwrap();
            let read = offsets.all("c").await;
            assert_eq!(read.is_ok(), readable, "{value}: {read:?}");
        }
        assert_eq!(offsets.partitions("c").await.unwrap(), ["{}"], "what cannot be read can be reset");
    }
}
