//! What the boundary between host and guest costs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};
use wharf_core::batch::ColumnBuilder;
use wharf_core::plugin::{Loader as _, Plugin, PollLimits};
use wharf_core::{Batch, Column, Delivery, Headers, Origin};
use wharf_sandbox::{Sandbox, SandboxOptions};

use crate::setup;

/// Rows in a batch; bytes in a value; headers of a row.
const SHAPES: ([u32; 3], [u32; 2], [u32; 2]) = ([1, 500, 5_000], [100, 1024], [0, 2]);
/// Calls that are made before any is counted: the guest's memory grows, caches fill.
const WARM_UP: u32 = 20;

/// Times `calls` polls of `generator-source` and puts into `blackhole-sink` for each shape of batch, and as many starts
/// of an instance. A poll counts with the making of its rows in the guest, which no source can do without.
///
/// # Errors
/// When a plugin is missing or fails.
pub(crate) async fn measure(plugins: &Path, calls: u32) -> Result<Value> {
    let sandbox = Sandbox::new(SandboxOptions::default())?;
    let load = async |name: &str| -> Result<Arc<dyn Plugin>> {
        let loaded = sandbox.load(setup::wasm(plugins, name)?).await;
        loaded.map_err(|error| anyhow!("load {name}: {error}"))
    };
    let (source, sink) = (load("generator-source").await?, load("blackhole-sink").await?);
    let mut found = Vec::new();
    for rows in SHAPES.0 {
        for size in SHAPES.1 {
            for headers in SHAPES.2 {
                for (call, times) in [
                    ("poll", polls(&*source, rows, size, headers, calls).await?),
                    ("put", puts(&*sink, rows, size, headers, calls).await?),
                ] {
                    let [min, median, max] = spread(times).context("no call was timed")?;
                    let each = f64::from(rows);
                    found.push(json!({
                        "call": call, "rows": rows, "size": size, "headers": headers, "us_per_row": median / each,
                        "us_per_row_min": min / each, "us_per_row_max": max / each,
                    }));
                }
            }
        }
    }
    let [min, median, max] = spread(starts(&*source, calls).await?).context("no start was timed")?;
    Ok(json!({"times": calls, "calls": found, "start": {"us": median, "us_min": min, "us_max": max}}))
}

/// An instance from nothing to the end of its `on-start`.
async fn starts(source: &dyn Plugin, times: u32) -> Result<Vec<Duration>> {
    let config = [("topic", "t".to_owned()), ("size", "1".to_owned())];
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let task = source.start_source(setup::task(&config)).await?;
        taken.push(begun.elapsed());
        drop(task);
    }
    Ok(taken)
}

async fn polls(source: &dyn Plugin, rows: u32, size: u32, headers: u32, times: u32) -> Result<Vec<Duration>> {
    let config = [("topic", "t".to_owned()), ("size", size.to_string()), ("headers", headers.to_string())];
    let mut task = source.start_source(setup::task(&config)).await?;
    let limits = PollLimits { max_rows: rows, max_bytes: 32 << 20, max_wait: Duration::from_millis(500) };
    let mut taken = Vec::new();
    for call in 0..WARM_UP + times {
        let begun = Instant::now();
        let polled = task.poll(limits).await?;
        if call >= WARM_UP {
            taken.push(begun.elapsed());
        }
        anyhow::ensure!(polled.batch.rows == rows, "a poll brought {} rows instead of {rows}", polled.batch.rows);
    }
    Ok(taken)
}

async fn puts(sink: &dyn Plugin, rows: u32, size: u32, headers: u32, times: u32) -> Result<Vec<Duration>> {
    let mut task = sink.start_sink(setup::task(&[("topics", "t".to_owned())])).await?;
    let delivery = Arc::new(delivery(rows, size, headers));
    let mut taken = Vec::new();
    for call in 0..WARM_UP + times {
        let begun = Instant::now();
        task.put(delivery.clone()).await?;
        if call >= WARM_UP {
            taken.push(begun.elapsed());
        }
    }
    Ok(taken)
}

/// Rows as they come from the log.
fn delivery(rows: u32, size: u32, headers: u32) -> Delivery {
    let cell = vec![b'x'; size as usize];
    let mut cells = ColumnBuilder::default();
    (0..rows * headers).for_each(|_| cells.push(Some(b"1234567")));
    let names: Vec<String> = (0..headers).map(|number| format!("h{number}")).collect();
    let headers = Headers {
        row_ends: if headers == 0 { Vec::new() } else { (1..=rows).map(|row| row * headers).collect() },
        name_of: (0..rows).flat_map(|_| 0..headers as u16).collect(),
        names,
        cells: cells.finish(),
    };
    let values: Column = (0..rows).map(|_| Some(cell.as_slice())).collect();
    Delivery {
        batch: Batch { rows, values, headers, timestamps: vec![1; rows as usize], ..Batch::default() },
        origins: vec![Origin { first_row: 0, topic: "t".to_owned(), partition: 0 }],
        positions: (0..i64::from(rows)).collect(),
    }
}

/// The least, the median, and what all but one in twenty stay below (a call that met another process says nothing of
/// the boundary), in microseconds; `None` of nothing.
fn spread(mut times: Vec<Duration>) -> Option<[f64; 3]> {
    times.sort_unstable();
    let at = |place: usize| times.get(place).map(|time| time.as_secs_f64() * 1e6);
    Some([at(0)?, at(times.len() / 2)?, at(times.len() * 19 / 20)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_a_batch_that_the_host_would_take() {
        for headers in SHAPES.2 {
            let delivery = delivery(500, 100, headers);
            delivery.batch.check().unwrap();
            assert_eq!(delivery.batch.headers.name_of.len(), 500 * headers as usize);
        }
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let times = [9, 1, 5].map(Duration::from_micros).to_vec();
        assert_eq!(spread(times).map(|found| found.map(f64::round)), Some([1.0, 5.0, 9.0]));
        assert_eq!(spread(Vec::new()), None);
    }
}
