//! What every store promises: the same assertions over each of them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use std::sync::Arc;

use tokio::sync::broadcast::error::TryRecvError;
use wharf_store::{Bucket, Change, Condition, MemoryStore, SledStore, Store, StoreError};

/// Runs each named test over a `MemoryStore` and a `SledStore`.
macro_rules! over_each_store {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test] async fn $name() { super::$name(std::sync::Arc::new(super::MemoryStore::new())).await })*
        }
        mod sled {
            $(#[tokio::test] async fn $name() {
                let dir = tempfile::tempdir().unwrap();
                super::$name(super::SledStore::open(dir.path()).await.unwrap()).await
            })*
        }
    };
}

over_each_store! {
    a_value_is_read_back_with_its_generation
    generations_grow_with_every_change_also_after_removals
    keys_are_listed_in_order_and_by_prefix
    buckets_do_not_mix
    all_changes_are_made_or_none
    conditions_look_at_what_was_there_before
    a_later_change_of_the_same_key_wins
    only_one_of_many_creators_wins
    a_listing_never_shows_one_half_of_a_change
    watchers_are_told_of_each_change_to_their_bucket
    a_watcher_that_sleeps_is_told_that_it_missed_something
}

fn put(bucket: Bucket, key: &str, condition: Condition, value: &str) -> Change {
    Change { bucket, key: key.to_owned(), condition, value: Some(value.as_bytes().to_vec()) }
}

fn set(key: &str, value: &str) -> Change {
    put(Bucket::Meta, key, Condition::Any, value)
}

fn remove(key: &str, condition: Condition) -> Change {
    Change { bucket: Bucket::Meta, key: key.to_owned(), condition, value: None }
}

async fn text(store: &dyn Store, bucket: Bucket, key: &str) -> Option<String> {
    store.get(bucket, key).await.unwrap().map(|versioned| String::from_utf8(versioned.value).unwrap())
}

async fn keys(store: &dyn Store, prefix: &str) -> Vec<String> {
    store.list(Bucket::Meta, prefix).await.unwrap().into_iter().map(|(key, _)| key).collect()
}

async fn a_value_is_read_back_with_its_generation(store: Arc<dyn Store>) {
    assert_eq!(store.get(Bucket::Meta, "k").await.unwrap(), None);
    let generation = store.apply(vec![set("k", "v"), set("empty", "")]).await.unwrap();
    let read = store.get(Bucket::Meta, "k").await.unwrap().unwrap();
    assert_eq!((read.generation, read.value), (generation, b"v".to_vec()));
    let listed = store.list(Bucket::Meta, "empty").await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].1.generation, listed[0].1.value.as_slice()), (generation, &b""[..]));
}

async fn generations_grow_with_every_change_also_after_removals(store: Arc<dyn Store>) {
    let first = store.apply(vec![set("k", "1")]).await.unwrap();
    let second = store.apply(vec![remove("k", Condition::Any)]).await.unwrap();
    let third = store.apply(vec![remove("k", Condition::Any)]).await.unwrap();
    let fourth = store.apply(vec![set("other", "1")]).await.unwrap();
    assert!(first < second && second < third && third < fourth);
}

async fn keys_are_listed_in_order_and_by_prefix(store: Arc<dyn Store>) {
    store.apply(["b", "a\0x", "ab", "a", "a\u{ff}", "é"].into_iter().map(|key| set(key, "")).collect()).await.unwrap();
    assert_eq!(keys(&*store, "").await, ["a", "a\0x", "ab", "a\u{ff}", "b", "é"]);
    assert_eq!(keys(&*store, "a").await, ["a", "a\0x", "ab", "a\u{ff}"]);
    assert_eq!(keys(&*store, "a\0").await, ["a\0x"]);
    assert_eq!(keys(&*store, "c").await, [""; 0]);
}

async fn buckets_do_not_mix(store: Arc<dyn Store>) {
    let all = [Bucket::Connectors, Bucket::Offsets, Bucket::Meta];
    let value = |bucket| format!("{bucket:?}");
    store.apply(all.iter().map(|&bucket| put(bucket, "k", Condition::Absent, &value(bucket))).collect()).await.unwrap();
    for bucket in all {
        assert_eq!(text(&*store, bucket, "k").await, Some(value(bucket)));
        assert_eq!(store.list(bucket, "").await.unwrap().len(), 1);
    }
}

async fn all_changes_are_made_or_none(store: Arc<dyn Store>) {
    let generation = store.apply(vec![set("there", "old")]).await.unwrap();
    for (bad, key) in [
        (put(Bucket::Meta, "there", Condition::Absent, "x"), "there"),
        (put(Bucket::Offsets, "absent", Condition::Generation(generation), "x"), "absent"),
        (put(Bucket::Meta, "there", Condition::Generation(generation + 1), "x"), "there"),
        (remove("absent", Condition::Generation(1)), "absent"),
    ] {
        let changes = vec![put(Bucket::Connectors, "new", Condition::Any, "x"), set("there", "new"), bad];
        assert_eq!(store.apply(changes).await, Err(StoreError::Conflict { key: key.to_owned() }));
        assert_eq!(text(&*store, Bucket::Connectors, "new").await, None);
        assert_eq!(text(&*store, Bucket::Meta, "there").await.as_deref(), Some("old"));
    }
    let good = vec![
        put(Bucket::Connectors, "new", Condition::Absent, "x"),
        put(Bucket::Meta, "there", Condition::Generation(generation), "new"),
    ];
    store.apply(good).await.unwrap();
    assert_eq!(text(&*store, Bucket::Connectors, "new").await.as_deref(), Some("x"));
    assert_eq!(text(&*store, Bucket::Meta, "there").await.as_deref(), Some("new"));
}

async fn conditions_look_at_what_was_there_before(store: Arc<dyn Store>) {
    let both = vec![set("k", "1"), put(Bucket::Meta, "k", Condition::Absent, "2")];
    let generation = store.apply(both).await.unwrap();
    let again = vec![remove("k", Condition::Any), put(Bucket::Meta, "k", Condition::Generation(generation), "3")];
    store.apply(again).await.unwrap();
    assert_eq!(text(&*store, Bucket::Meta, "k").await.as_deref(), Some("3"));
}

async fn a_later_change_of_the_same_key_wins(store: Arc<dyn Store>) {
    store.apply(vec![set("a", "1"), set("a", "2"), set("b", "1"), remove("b", Condition::Any)]).await.unwrap();
    assert_eq!(text(&*store, Bucket::Meta, "a").await.as_deref(), Some("2"));
    assert_eq!(text(&*store, Bucket::Meta, "b").await, None);
}

async fn only_one_of_many_creators_wins(store: Arc<dyn Store>) {
    let creators: Vec<_> = (0..16)
        .map(|n| {
            let store = store.clone();
            let change = put(Bucket::Connectors, "name", Condition::Absent, &n.to_string());
            tokio::spawn(async move { store.apply(vec![change]).await.map(|_| n) })
        })
        .collect();
    let mut winners = Vec::new();
    for creator in creators {
        winners.extend(creator.await.unwrap().ok());
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(text(&*store, Bucket::Connectors, "name").await, Some(winners[0].to_string()));
}

async fn a_listing_never_shows_one_half_of_a_change(store: Arc<dyn Store>) {
    let keys: Vec<_> = (0..40).map(|n| format!("k{n:02}")).collect();
    let all = |value: &str| keys.iter().map(|key| set(key, value)).collect::<Vec<_>>();
    store.apply(all("0")).await.unwrap();
    let writer = {
        let store = store.clone();
        let rounds: Vec<_> = (1..100).map(|n: u32| all(&n.to_string())).collect();
        tokio::spawn(async move {
            for changes in rounds {
                store.apply(changes).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let listed = store.list(Bucket::Meta, "k").await.unwrap();
        assert!(listed.windows(2).all(|pair| pair[0].1 == pair[1].1), "{listed:?}");
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

async fn watchers_are_told_of_each_change_to_their_bucket(store: Arc<dyn Store>) {
    store.apply(vec![set("before", "1")]).await.unwrap();
    let mut watcher = store.watch(Bucket::Meta);
    store.apply(vec![set("a", "1"), put(Bucket::Offsets, "not this", Condition::Any, "1")]).await.unwrap();
    assert!(store.apply(vec![put(Bucket::Meta, "a", Condition::Absent, "2")]).await.is_err());
    store.apply(vec![remove("a", Condition::Any), set("b", "1")]).await.unwrap();
    for expected in ["a", "a", "b"] {
        assert_eq!(watcher.recv().await.as_deref(), Ok(expected));
    }
    assert_eq!(watcher.try_recv(), Err(TryRecvError::Empty));
}

async fn a_watcher_that_sleeps_is_told_that_it_missed_something(store: Arc<dyn Store>) {
    let mut watcher = store.watch(Bucket::Meta);
    store.apply((0..2000).map(|n| set(&format!("k{n}"), "")).collect()).await.unwrap();
    assert!(matches!(watcher.try_recv(), Err(TryRecvError::Lagged(_))));
}
