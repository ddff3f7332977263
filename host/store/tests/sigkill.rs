//! A commit that was answered survives SIGKILL, and a change set is never cut in two.
//!
//! The test runs itself as a child that commits numbers and says so after each answer, kills it at a random point, and
//! looks at what is there; round after round over the same directory, so that recovery is recovered from too.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use wharf_store::{Bucket, Change, Condition, SledStore, Store};

const ROUNDS: u32 = 12;
const WRITERS: u64 = 4;
const CHILD: &str = "WHARF_STORE_SIGKILL_CHILD";

#[test]
fn every_answered_commit_survives_sigkill_and_none_is_torn() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return child(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut answered: BTreeMap<u64, u64> = BTreeMap::new();
    for round in 0..ROUNDS {
        let heard = kill_after(dir.path(), fastrand::usize(1..400));
        assert!(!heard.is_empty(), "round {round}: the child did nothing");
        answered.extend(heard);
        answered = verify(dir.path(), &answered, round);
    }
}

/// Runs a child, kills it after it said `lines` lines, and answers with the last number that each writer was sure of.
fn kill_after(dir: &Path, lines: usize) -> BTreeMap<u64, u64> {
    let name = "every_answered_commit_survives_sigkill_and_none_is_torn";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut sure = BTreeMap::new();
    let mut heard = 0;
    let mut line = String::new();
    // To the end: what the child said before it died counts, also where it was not read yet. A line without its end
    // was not said.
    while output.read_line(&mut line).unwrap() > 0 {
        let said = line.strip_suffix('\n').and_then(|line| line.strip_prefix("committed "));
        if let Some((writer, number)) = said.and_then(|said| said.split_once(' ')) {
            sure.insert(writer.parse().unwrap(), number.parse().unwrap());
            heard += 1;
            if heard == lines {
                child.kill().unwrap();
            }
        }
        line.clear();
    }
    child.wait().unwrap();
    sure
}

/// Checks what is stored against what was answered, and answers with what is stored: it must stay.
#[tokio::main(flavor = "current_thread")]
async fn verify(dir: &Path, answered: &BTreeMap<u64, u64>, round: u32) -> BTreeMap<u64, u64> {
    let store = SledStore::open(dir).await.unwrap();
    let mut found = BTreeMap::new();
    for (writer, sure) in answered {
        let stored = number(&store, Bucket::Offsets, &format!("a{writer}")).await;
        assert!(stored >= *sure, "round {round}: writer {writer} was told {sure}, the store has {stored}");
        assert!(stored <= sure + 1, "round {round}: writer {writer} was told {sure}, the store has {stored}");
        // Written in the same change set, in another bucket.
        let twin = number(&store, Bucket::Connectors, &format!("b{writer}")).await;
        assert_eq!(stored, twin, "round {round}: a change set of writer {writer} was torn");
        found.insert(*writer, stored);
    }
    found
}

async fn number(store: &SledStore, bucket: Bucket, key: &str) -> u64 {
    let value = store.get(bucket, key).await.unwrap().map(|versioned| versioned.value);
    value.map_or(0, |value| u64::from_le_bytes(value.get(..8).unwrap().try_into().unwrap()))
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn child(dir: &Path) {
    let store = SledStore::open(dir).await.unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let keys = [(Bucket::Offsets, format!("a{writer}")), (Bucket::Connectors, format!("b{writer}"))];
                let mut next = number(&store, keys[0].0, &keys[0].1).await + 1;
                loop {
                    // Padded to different sizes, so that some pages spill into blobs and segments fill up.
                    let mut value = next.to_le_bytes().to_vec();
                    value.resize(8 + fastrand::usize(0..6000), 0);
                    let change = |(bucket, key): &(Bucket, String)| Change {
                        bucket: *bucket,
                        key: key.clone(),
                        condition: Condition::Any,
                        value: Some(value.clone()),
                    };
                    store.apply(keys.iter().map(change).collect()).await.unwrap();
                    println!("committed {writer} {next}");
                    next += 1;
                }
            })
        })
        .collect();
    // None of them ends: the parent ends the process, or a failure is shown.
    futures_util::future::select_all(writers).await.0.unwrap();
}
