//! What a `SledStore` promises beyond every store: that it remembers.

use std::sync::Arc;

use wharf_core::state::TargetState;
use wharf_store::{Accepted, Bucket, Change, Condition, Connectors, Sealer, SledStore, Store, StoreError};

fn set(bucket: Bucket, key: &str, value: &[u8]) -> Change {
    Change { bucket, key: key.to_owned(), condition: Condition::Any, value: Some(value.to_vec()) }
}

#[tokio::test]
async fn everything_is_there_after_opening_again_and_generations_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let large = vec![7; 1 << 20];
    let last = {
        let store = SledStore::open(dir.path().join("a/b")).await.unwrap();
        store.apply(vec![set(Bucket::Connectors, "c", &large), set(Bucket::Offsets, "o", b"1")]).await.unwrap();
        store.apply(vec![set(Bucket::Meta, "gone", b"")]).await.unwrap();
        let gone = Change { value: None, ..set(Bucket::Meta, "gone", b"") };
        store.apply(vec![gone]).await.unwrap()
    };
    let store = SledStore::open(dir.path().join("a/b")).await.unwrap();
    assert_eq!(store.get(Bucket::Connectors, "c").await.unwrap().unwrap().value, large);
    assert_eq!(store.get(Bucket::Offsets, "o").await.unwrap().unwrap().value, b"1");
    assert_eq!(store.list(Bucket::Meta, "").await.unwrap(), []);
    // The change with the highest generation has left no value behind, and yet its number is not used again.
    assert_eq!(store.apply(vec![set(Bucket::Meta, "new", b"")]).await.unwrap(), last + 1);
}

#[tokio::test]
async fn a_second_worker_is_refused_with_the_directory_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let first = SledStore::open(dir.path()).await.unwrap();
    let Err(StoreError::Locked(why)) = SledStore::open(dir.path()).await else { panic!("was not refused as locked") };
    assert!(why.contains(&dir.path().display().to_string()) && why.contains("another wharf process"), "{why}");
    first.apply(vec![set(Bucket::Meta, "k", b"")]).await.expect("the first is not disturbed");
    drop(first);
    SledStore::open(dir.path()).await.expect("the lock is free again");
}

#[tokio::test]
async fn a_place_that_is_no_directory_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let Err(StoreError::Io(why)) = SledStore::open(&file).await else { panic!("was not refused") };
    assert!(why.contains(&file.display().to_string()), "{why}");
}

#[cfg(unix)]
#[tokio::test]
async fn others_cannot_read_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    let _store = SledStore::open(&place).await.unwrap();
    assert_eq!(std::fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_the_same_time_share_flushes() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).await.unwrap();
    let changes = 64 * 8;
    let writers: Vec<_> = (0..64)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..8 {
                    store.apply(vec![set(Bucket::Offsets, &format!("w{writer}"), &[n])]).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // 64 writers of which each waits for its answer: about 8 flushes. Half of the worst case proves sharing on any disk.
    assert!(store.flushes() <= changes / 2, "{} flushes for {changes} changes", store.flushes());
    let shared = store.flushes();
    store.apply(vec![set(Bucket::Offsets, "alone", b"")]).await.unwrap();
    assert_eq!(store.flushes(), shared + 1, "a writer alone pays for its own");
}

#[tokio::test]
async fn a_change_whose_caller_stopped_waiting_is_made_before_the_store_closes() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).await.unwrap();
    {
        let mut call = store.apply(vec![set(Bucket::Meta, "k", b"v")]);
        // Polled once: handed over, not yet answered.
        let waker = std::task::Waker::noop();
        assert!(call.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    }
    drop(store);
    let store = SledStore::open(dir.path()).await.unwrap();
    assert_eq!(store.get(Bucket::Meta, "k").await.unwrap().unwrap().value, b"v");
}

/// All bytes of all files below a directory.
#[expect(clippy::unwrap_used, reason = "this is a test")]
fn bytes_below(dir: &std::path::Path) -> Vec<u8> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { bytes_below(&path) } else { std::fs::read(&path).unwrap() }).collect()
}

#[tokio::test]
async fn no_page_of_the_database_ever_holds_a_sealed_value() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).await.unwrap();
    let sealed = Connectors::new(store.clone()).sealed_by(Some(Arc::new(Sealer::new(&[3; 32])))).keeping(5);
    let accepted = |number: u32| {
        let pair = |key: &str, value: String| (key.to_owned(), value);
        let config = [pair("topic", format!("plain-{number}")), pair("password", format!("s3cret-{number}"))];
        Accepted { config: config.into(), secret: ["password".to_owned()].into(), ..Accepted::default() }
    };
    sealed.create("c", accepted(0), TargetState::Running).await.unwrap();
    for number in 1..30 {
        sealed.put("c", accepted(number)).await.unwrap();
        sealed.set_target("c", TargetState::Paused).await.unwrap();
    }
    assert_eq!(sealed.get("c").await.unwrap().unwrap().config["password"], "s3cret-29");
    sealed.delete("c").await.unwrap();
    let has = |what: &str| bytes_below(dir.path()).windows(what.len()).any(|window| window == what.as_bytes());
    assert!(has("plain-29"), "the files are those of the store, and it does not compress");
    assert!(!has("s3cret"));
}
