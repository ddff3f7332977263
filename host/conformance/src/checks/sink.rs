//! Putting, flushing, and partitions that come and go.

use wharf_core::TopicPosition;
use wharf_core::plugin::{Flushed, SinkTask};

use super::shapes::judge;
use crate::bench::{Bench, describe};
use crate::check::{Found, Step};
use crate::rows::ordinary;

async fn put(bench: &Bench, found: &mut Found, task: &mut dyn SinkTask, position: i64, rows: u32) -> Step {
    let answer = bench.put(task, ordinary(&bench.topic(), position, rows)).await?;
    judge(found, "ordinary rows", rows, &answer.map_err(|it| format!("`put` failed: {}", describe(&it)))?);
    Ok(())
}

async fn flush(bench: &Bench, found: &mut Found, task: &mut dyn SinkTask, next: i64) -> Step {
    let flushed = bench.must("flush", bench.options.call_deadline, task.flush()).await?;
    let Flushed::UpTo(positions) = flushed else { return Ok(()) };
    for at in positions {
        if at.topic != bench.topic() || at.partition != 0 || !(0..=next).contains(&at.position) {
            found.fail(format!(
                "`flush` speaks of position {} of partition {} of {:?}, which was not put",
                at.position, at.partition, at.topic
            ));
        }
    }
    Ok(())
}

pub(crate) async fn flushes(bench: &Bench, found: &mut Found) -> Step {
    let mut task = bench.sink().await?;
    flush(bench, found, task.as_mut(), 0).await?;
    put(bench, found, task.as_mut(), 0, 10).await?;
    flush(bench, found, task.as_mut(), 10).await?;
    flush(bench, found, task.as_mut(), 10).await?;
    put(bench, found, task.as_mut(), 10, 1).await?;
    put(bench, found, task.as_mut(), 11, 5).await?;
    flush(bench, found, task.as_mut(), 16).await?;
    bench.must("on-stop", bench.options.call_deadline, task.stop()).await
}

/// As after a crash between put and commit.
pub(crate) async fn same_rows_twice(bench: &Bench, found: &mut Found) -> Step {
    let mut task = bench.sink().await?;
    for _ in 0..2 {
        put(bench, found, task.as_mut(), 0, 10).await?;
    }
    flush(bench, found, task.as_mut(), 10).await?;
    put(bench, found, task.as_mut(), 0, 10).await?;
    flush(bench, found, task.as_mut(), 10).await?;
    drop(task);
    let mut task = bench.sink().await?;
    put(bench, found, task.as_mut(), 0, 10).await?;
    flush(bench, found, task.as_mut(), 10).await
}

pub(crate) async fn partitions(bench: &Bench, found: &mut Found) -> Step {
    let (topic, allowed) = (bench.topic(), bench.options.call_deadline);
    let at = |partition| TopicPosition { topic: topic.clone(), partition, position: 0 };
    let mut task = bench.sink().await?;
    put(bench, found, task.as_mut(), 0, 3).await?;
    flush(bench, found, task.as_mut(), 3).await?;
    for assigned in [vec![], vec![at(1), at(2)]] {
        let asked = assigned.clone();
        let starts = bench.must("assigned", allowed, task.assigned(assigned)).await?;
        for start in starts {
            let is_asked = asked.iter().any(|at| at.topic == start.topic && at.partition == start.partition);
            if !is_asked || start.position < 0 {
                found.fail(format!(
                    "`assigned` wants to start at {} in partition {} of {:?}, which it was not given",
                    start.position, start.partition, start.topic
                ));
            }
        }
    }
    bench.must("revoked", allowed, task.revoked(vec![at(1)])).await?;
    // One that it never had.
    bench.must("revoked", allowed, task.revoked(vec![at(7)])).await?;
    bench.must("revoked", allowed, task.revoked(Vec::new())).await?;
    put(bench, found, task.as_mut(), 3, 3).await?;
    flush(bench, found, task.as_mut(), 6).await?;
    bench.must("on-stop", allowed, task.stop()).await
}
