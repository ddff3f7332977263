//! Source offsets: what a guest marks, an operator writes, and the store keeps.

use std::sync::Arc;

use wharf_core::offset::canonical;
use wharf_core::{Batch, Checkpoint, SourceOffset};
use wharf_store::{Bucket, Change, Condition, MemoryStore, Offsets, Store, StoreError, fuzzing};

use crate::input::Input;
use crate::must;

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = match tokio::runtime::Builder::new_current_thread().build() {
        Ok(runtime) => runtime,
        Err(error) => panic!("start a runtime: {error}"),
    };
}

/// Takes two texts, split at the first NUL, as partition and offset; and all of the bytes as a stored value.
pub fn checkpoint(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (partition, offset) = text.split_once('\0').unwrap_or((&text, "{}"));
    let is_object = [partition, offset].map(one_text);
    let at = SourceOffset { partition: partition.to_owned(), offset: offset.to_owned() };
    as_mark(&at, is_object);
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            kept(&at, is_object).await;
            stored(data).await;
        });
    });
    value(data);
}

/// The canonical text is an object, says the same, and is the canonical text of itself. Says whether there is one.
fn one_text(text: &str) -> bool {
    let Some(one) = canonical(text) else { return false };
    must(canonical(&one).as_deref() == Some(&one), "not canonical", &one);
    let again: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&one);
    must(again.is_ok(), "no object", &one);
    // White space is no matter.
    must(canonical(&format!(" \n{text}\t ")).as_deref() == Some(&one), "blanks matter", &text);
    true
}

/// A batch takes a checkpoint where both texts are objects, and nowhere else.
fn as_mark(at: &SourceOffset, is_object: [bool; 2]) {
    let checkpoints = vec![Checkpoint { row: 0, at: at.clone() }];
    let batch = Batch { rows: 1, checkpoints, ..Batch::default() };
    must(batch.check().is_ok() == (is_object == [true; 2]), "the check of a batch and the canonical text differ", at);
}

/// The store takes the same, gives the offset back to the letter, and lists it once.
async fn kept(at: &SourceOffset, [partition, offset]: [bool; 2]) {
    let offsets = Offsets::new(Arc::new(MemoryStore::new()));
    let committed = offsets.commit("c", std::slice::from_ref(at)).await;
    must(committed.is_ok() == (partition && offset), "committed", at);
    if !partition {
        return;
    }
    let asked = [at.partition.clone()];
    if offset {
        let found = offsets.get("c", &asked).await;
        must(found.as_ref().is_ok_and(|it| *it == [Some(at.offset.clone())]), "another offset came back", &found);
        // What an operator sees in the list and writes back names the same partition.
        let listed = offsets.all("c").await.unwrap_or_default();
        must(listed.len() == 1, "listed", &listed);
        let again = offsets.commit("c", &listed).await;
        let listed_again = offsets.all("c").await.unwrap_or_default();
        must(again.is_ok() && listed_again == listed, "a listed partition is another when written back", &listed_again);
    }
    let reset = SourceOffset { offset: String::new(), ..at.clone() };
    must(offsets.alter("c", &[reset]).await.is_ok(), "reset", at);
    must(offsets.get("c", &asked).await.is_ok_and(|found| found == [None]), "not forgotten", at);
}

/// What lies in the store is an offset or is said to be unreadable.
async fn stored(data: &[u8]) {
    let store = Arc::new(MemoryStore::new());
    let change = Change {
        bucket: Bucket::Offsets,
        key: "c\0{}".to_owned(),
        condition: Condition::Any,
        value: Some(data.to_vec()),
    };
    must(store.apply(vec![change]).await.is_ok(), "put", &data.len());
    let offsets = Offsets::new(store);
    for found in [offsets.get("c", &["{}".to_owned()]).await.map(drop), offsets.all("c").await.map(drop)] {
        must(matches!(found, Ok(()) | Err(StoreError::Unreadable(_))), "neither read nor unreadable", &found);
    }
}

/// The envelope of all values.
fn value(data: &[u8]) {
    let mut input = Input::new(data);
    let (generation, value) = (input.long().unsigned_abs(), input.take(data.len()));
    let bytes = fuzzing::encode(generation, value);
    must(fuzzing::decode(&bytes) == Ok((generation, value)), "a value came back changed", &generation);
    if let Ok((generation, value)) = fuzzing::decode(data) {
        must(fuzzing::encode(generation, value) == data, "two spellings of one value", &generation);
    }
}
