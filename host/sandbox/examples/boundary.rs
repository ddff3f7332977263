//! What the boundary between host and guest costs: `cargo run --release -p wharf-sandbox --example boundary`.
//!
//! Needs `cargo xtask plugins` and `cargo xtask fixtures`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool to look at figures with"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_core::plugin::{Loader, OffsetReader, PollLimits, TaskContext, TaskSetup};
use wharf_core::{Batch, Column, Delivery, Origin};
use wharf_sandbox::{Sandbox, SandboxOptions};

struct NoOffsets;

#[async_trait]
impl OffsetReader for NoOffsets {
    async fn offsets(&self, _: &[String]) -> Vec<Option<String>> {
        Vec::new()
    }
}

fn wasm(name: &str) -> Bytes {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let fixture = target.join(format!("fixtures/{name}.wasm"));
    std::fs::read(fixture).or_else(|_| std::fs::read(root.join(format!("plugins/dist/{name}.wasm")))).unwrap().into()
}

fn setup(pairs: &[(&str, String)]) -> TaskSetup {
    TaskSetup {
        context: TaskContext {
            connector: "bench".into(),
            task: 0,
            tasks: 1,
            worker: "localhost:8083".into(),
            attempt: 1,
            generation: 1,
        },
        config: pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        offsets: Arc::new(NoOffsets),
        reconfigure: Arc::new(|| {}),
    }
}

/// The shortest and the median of `times` runs.
fn report(what: &str, per: u32, mut times: Vec<Duration>) {
    times.sort();
    let of = |time: Duration| time.as_secs_f64() * 1e6;
    let (least, median) = (of(times[0]), of(times[times.len() / 2]));
    let each = 1000.0 / f64::from(per);
    println!(
        "{what:<40} min {least:9.1} µs  median {median:9.1} µs  per row {:7.1} / {:7.1} ns",
        least * each,
        median * each
    );
}

#[tokio::main]
async fn main() {
    let dir = tempfile::tempdir().unwrap();
    let options = || SandboxOptions { cache_dir: Some(dir.path().to_owned()), ..SandboxOptions::default() };
    for cached in ["cold", "warm"] {
        let begin = Instant::now();
        let sandbox = Sandbox::new(options()).unwrap();
        let made = begin.elapsed();
        let begin = Instant::now();
        sandbox.load(wasm("blackhole-sink")).await.unwrap();
        println!("sandbox {made:?}, load and describe a plugin with a {cached} cache {:?}", begin.elapsed());
    }
    let sandbox = Sandbox::new(options()).unwrap();
    let sink = sandbox.load(wasm("blackhole-sink")).await.unwrap();
    let source = sandbox.load(wasm("misbehaving-source")).await.unwrap();

    let mut times = Vec::new();
    for _ in 0..300 {
        let begin = Instant::now();
        let task = source.start_source(setup(&[])).await.unwrap();
        times.push(begin.elapsed());
        drop(task);
    }
    report("start a task (instantiate, on-start)", 1, times);

    let mut times = Vec::new();
    for _ in 0..300 {
        let begin = Instant::now();
        source.validate(&setup(&[]).config).await.unwrap();
        times.push(begin.elapsed());
    }
    report("validate (instantiate, validate)", 1, times);

    for (rows, size) in [(0, 1), (1, 100), (500, 1024), (10_000, 100), (1000, 16 << 10)] {
        let config = [("rows", rows.to_string()), ("size", size.to_string())];
        let mut task = source.start_source(setup(&config)).await.unwrap();
        let limits = PollLimits { max_rows: u32::MAX, max_bytes: u32::MAX, max_wait: Duration::from_millis(500) };
        let mut times = Vec::new();
        for _ in 0..500 {
            let begin = Instant::now();
            task.poll(limits).await.unwrap();
            times.push(begin.elapsed());
        }
        report(&format!("poll {rows} x {size} B"), rows.max(1), times);

        let mut task = sink.start_sink(setup(&[("topics", "t".into())])).await.unwrap();
        let cell = vec![b'x'; size];
        let values: Column = (0..rows).map(|_| Some(cell.as_slice())).collect();
        let origins = (rows > 0).then(|| Origin { first_row: 0, topic: "t".into(), partition: 0 });
        let delivery = Arc::new(Delivery {
            batch: Batch { rows, values, ..Batch::default() },
            origins: origins.into_iter().collect(),
            positions: (0..i64::from(rows)).collect(),
        });
        let mut times = Vec::new();
        for _ in 0..500 {
            let begin = Instant::now();
            task.put(delivery.clone()).await.unwrap();
            times.push(begin.elapsed());
        }
        report(&format!("put {rows} x {size} B"), rows.max(1), times);
    }
}
