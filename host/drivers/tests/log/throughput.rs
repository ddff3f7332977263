//! How fast it is. Run with `cargo test --release -p wharf-drivers --test log -- --ignored --nocapture throughput`.

use std::time::Instant;

use bytes::Bytes;
use wharf_core::{Batch, Column};
use wharf_drivers::{Driver, Polled};

use crate::support::*;

const ROWS: u32 = 10_000;

fn cpu() -> f64 {
    // utime and stime of this process, in ticks of 10 ms.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "writes 1 GB and measures"]
async fn throughput_of_rows_of_100_bytes() {
    const BATCHES: u32 = 1000;
    let dir = match std::env::var_os("WHARF_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let log = open(dir.path());
    let mut producer = producer(&log, "s", 0).await;
    let data = Bytes::from(vec![b'x'; (ROWS * 100) as usize]);
    let ends: Vec<u32> = (1..=ROWS).map(|row| row * 100).collect();
    let (begin, before) = (Instant::now(), cpu());
    for at in 0..BATCHES {
        let values = Column { data: data.clone(), ends: ends.clone(), absent: Vec::new() };
        let rows = Batch {
            rows: ROWS,
            values,
            checkpoints: vec![checkpoint(ROWS - 1, "a", u64::from(at))],
            ..Batch::default()
        };
        let done = producer.send(rows).await.unwrap();
        tokio::spawn(async move { done.await.unwrap() });
    }
    producer.flush().await.unwrap();
    report("append", begin, before, BATCHES);

    let (begin, before) = (Instant::now(), cpu());
    let mut reader = consumer(&log, "g", "0").await;
    let mut rows = 0;
    while rows < BATCHES * ROWS {
        if let Polled::Rows(delivery) = reader.poll(ROWS, 1 << 21, LONG).await.unwrap() {
            rows += delivery.batch.rows;
        }
    }
    report("read", begin, before, BATCHES);
    log.close().await.unwrap();
    let begin = Instant::now();
    drop((producer, reader, log));
    open(dir.path());
    println!("reopen: {:?}", begin.elapsed());
}

fn report(what: &str, begin: Instant, before: f64, batches: u32) {
    let (wall, used) = (begin.elapsed().as_secs_f64(), cpu() - before);
    let rows = f64::from(batches * ROWS);
    println!(
        "{what}: {:.2} M rows/s, {:.0} MB/s, {wall:.2} s wall, {used:.2} s CPU, {:.3} µs CPU a row",
        rows / wall / 1e6,
        rows * 100.0 / wall / 1e6,
        used / rows * 1e6
    );
}
