//! How many durable commits a second this disk gives: `cargo run --release -p wharf-store --example commits [DIR]`.

#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wharf_store::{Bucket, Change, Condition, SledStore, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("commits-store"), PathBuf::from);
    let store = SledStore::open(&dir).await?;
    for writers in [1, 2, 8, 64] {
        let flushes = store.flushes();
        let since = Instant::now();
        let tasks: Vec<_> = (0..writers)
            .map(|writer| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut commits = 0_u32;
                    while since.elapsed() < Duration::from_secs(3) {
                        let value = Some(format!(r#"{{"format":1,"offset":"{{\"position\":{commits}}}"}}"#).into());
                        let key = format!("connector-{writer}\0{{\"filename\":\"/var/log/app\"}}");
                        let change = Change { bucket: Bucket::Offsets, key, condition: Condition::Any, value };
                        store.apply(vec![change]).await?;
                        commits += 1;
                    }
                    Ok::<_, wharf_store::StoreError>(commits)
                })
            })
            .collect();
        let mut commits = 0;
        for task in tasks {
            commits += task.await??;
        }
        let seconds = since.elapsed().as_secs_f64();
        let flushes = store.flushes() - flushes;
        println!(
            "{writers:3} writers: {:8.0} commits/s, {:6.0} flushes/s, {:.2} ms a flush",
            f64::from(commits) / seconds,
            flushes as f64 / seconds,
            seconds * 1000.0 / flushes as f64
        );
    }
    println!("{} bytes in {}", std::fs::metadata(dir.join("db"))?.len(), dir.display());
    Ok(())
}
