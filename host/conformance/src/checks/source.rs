//! Polling, committing and altering.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wharf_core::SourceOffset;
use wharf_core::plugin::{Next, PollLimits};

use super::recording::{End, record};
use super::resume::last_of_each;
use crate::bench::{Bench, describe};
use crate::check::{Found, Step};
use crate::offsets::{Always, Stored};
use crate::running::POLL;

fn nothing_stored() -> Arc<Stored> {
    Arc::default()
}

pub(crate) async fn bounds(bench: &Bench, found: &mut Found) -> Step {
    for (max_rows, max_bytes) in [(1, 1 << 20), (7, 1 << 20), (1000, 1), (1000, 1024), (1000, 64 << 10)] {
        let mut task = bench.source(nothing_stored()).await?;
        for _ in 0..3 {
            let limits = PollLimits { max_rows, max_bytes, ..POLL };
            let polled = bench.poll(task.as_mut(), limits).await?;
            let (rows, bytes) = (polled.batch.rows, polled.batch.payload_bytes());
            if rows > max_rows {
                found.fail(format!("asked for at most {max_rows} rows, `poll` brought {rows}"));
            }
            if bytes > max_bytes as usize && rows > 1 {
                found.fail(format!("asked for at most {max_bytes} bytes, `poll` brought {bytes} in {rows} rows"));
            }
            if polled.next == Next::Finished {
                break;
            }
        }
    }
    Ok(())
}

pub(crate) async fn wait(bench: &Bench, found: &mut Found) -> Step {
    let mut task = bench.source(nothing_stored()).await?;
    for wait in [0, 50, 200] {
        let max_wait = Duration::from_millis(wait);
        let began = Instant::now();
        let polled = bench.poll(task.as_mut(), PollLimits { max_wait, ..POLL }).await?;
        let took = began.elapsed();
        if took > max_wait + bench.options.wait_tolerance {
            found.fail(format!("a poll that may wait {max_wait:?} took {took:?}: return within `max-wait-ms`"));
        }
        if polled.next == Next::Finished {
            break;
        }
    }
    Ok(())
}

pub(crate) async fn checkpoints(bench: &Bench, found: &mut Found) -> Step {
    let mut task = bench.source(nothing_stored()).await?;
    let recording = record(bench, task.as_mut(), bench.options.rows.min(1000)).await?;
    let (rows, marks) = (recording.rows.len(), recording.marks.len());
    if rows == 0 {
        found.skip("the source brought no rows: give a configuration with which it has some");
        return Ok(());
    }
    if marks == 0 {
        found.fail(format!("{rows} rows came without a checkpoint: after a restart they would all come again"));
        return Ok(());
    }
    // That they are JSON objects and ascend is checked with every batch.
    let mut last: Option<&(usize, SourceOffset)> = None;
    for mark in &recording.marks {
        if let Some(before) = last.filter(|before| before.1 == mark.1 && before.0 < mark.0) {
            found.fail(format!(
                "rows {} to {} have the same checkpoint, {}: it cannot be behind both",
                before.0 - 1,
                mark.0 - 1,
                mark.1.offset
            ));
        }
        last = Some(mark);
    }
    if recording.end != End::Enough && last.is_some_and(|mark| mark.0 < rows) {
        found.warn("no checkpoint is behind the last row: it comes again after a restart");
    }
    found.note(format!("{marks} in {rows} rows"));
    Ok(())
}

pub(crate) async fn finished(bench: &Bench, found: &mut Found) -> Step {
    let mut task = bench.source(nothing_stored()).await?;
    let recording = record(bench, task.as_mut(), bench.options.rows).await?;
    if recording.end != End::Finished {
        found.skip("the source is not finished within the rows that are looked at");
        return Ok(());
    }
    let polled = bench.poll(task.as_mut(), POLL).await?;
    if polled.batch.rows > 0 || polled.next != Next::Finished {
        found.fail(format!(
            "after it was finished, a poll brought {} rows and said {:?}: it must stay finished",
            polled.batch.rows, polled.next
        ));
    }
    Ok(())
}

pub(crate) async fn commit(bench: &Bench, found: &mut Found) -> Step {
    let allowed = bench.options.call_deadline;
    let mut task = bench.source(nothing_stored()).await?;
    let mut committed = 0;
    for _ in 0..3 {
        let recording = record(bench, task.as_mut(), 100).await?;
        let offsets = last_of_each(&recording.marks);
        committed += offsets.len();
        // Twice: after a crash of the worker the same may be committed again.
        for _ in 0..2 {
            bench.must("commit", allowed, task.commit(offsets.clone())).await?;
        }
        if recording.end == End::Finished {
            break;
        }
    }
    bench.must("commit", allowed, task.commit(Vec::new())).await?;
    bench.poll(task.as_mut(), POLL).await?;
    if committed == 0 {
        found.skip("the source gave no checkpoint that could be committed");
    }
    bench.must("on-stop", allowed, task.stop()).await
}

/// Offsets that no plugin ever gave.
fn nonsense() -> Vec<Vec<SourceOffset>> {
    let at = |partition: &str, offset: &str| SourceOffset { partition: partition.into(), offset: offset.into() };
    let huge = format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 20));
    vec![
        Vec::new(),
        vec![at("{}", "{}")],
        vec![at("{}", "")],
        vec![at(r#"{"no":"such partition"}"#, r#"{"no":["such",null,-1.5e300]}"#)],
        vec![at("not json", "[]")],
        vec![at("", "null")],
        vec![at("{}", &huge)],
        vec![at("{}", r#"{"position":-1}"#); 1000],
    ]
}

pub(crate) async fn alter(bench: &Bench, found: &mut Found) -> Step {
    let mut task = bench.source(nothing_stored()).await?;
    for offsets in nonsense() {
        let shown = offsets.first().map_or("no offsets".to_owned(), |at| {
            format!("{} times {:?} and {:.20?}", offsets.len(), at.partition, at.offset)
        });
        let call = task.alter(offsets);
        let answer = bench.survives("alter", bench.options.call_deadline, call).await?;
        match answer {
            Ok(Err(reason)) if reason.trim().is_empty() => {
                found.fail(format!("`alter` refuses {shown} without a reason: say what to write instead"));
            }
            Ok(_) => {}
            Err(failure) => found.fail(format!("`alter` of {shown} failed: {}", describe(&failure))),
        }
    }
    bench.poll(task.as_mut(), POLL).await.map(drop)
}

pub(crate) async fn odd_offsets(bench: &Bench) -> Step {
    for stored in ["{}", r#"{"position":"x"}"#, r#"{"position":-1}"#, r#"{"a":{"b":[1,null]},"position":1e300}"#] {
        let offsets = Arc::new(Always(stored.to_owned()));
        let config = bench.task.clone()?;
        let started = bench.start_once(config, offsets, 1).await;
        let running = match started {
            Ok(crate::running::Running::Source(task)) => task,
            // To refuse is right: the operator is told.
            Ok(_) | Err(wharf_core::InstanceError::Failed(_)) => continue,
            Err(error) => return Err(format!("with {stored} stored: {error}")),
        };
        let mut task = running;
        let allowed = POLL.max_wait + bench.options.call_deadline;
        let polled = bench.survives("poll", allowed, task.poll(POLL)).await;
        polled.map_err(|reason| format!("with {stored} stored: {reason}"))?.ok();
    }
    Ok(())
}
