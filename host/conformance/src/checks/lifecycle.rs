//! The life of a task, in every order that a worker may choose.

use std::sync::Arc;

use crate::bench::Bench;
use crate::check::Step;
use crate::offsets::Stored;

/// Two instances, one after the other, as after a restart.
pub(crate) async fn starts(bench: &Bench) -> Step {
    for _ in 0..2 {
        let running = bench.start().await?;
        // Dropped without a further call, as one that is given up.
        drop(running);
    }
    Ok(())
}

pub(crate) async fn stops_at_once(bench: &Bench) -> Step {
    let running = bench.start().await?;
    bench.stop(running).await
}

pub(crate) async fn works(bench: &Bench) -> Step {
    let mut running = bench.start().await?;
    for turn in 0..3 {
        bench.work(&mut running, turn * 2).await?;
    }
    Ok(())
}

pub(crate) async fn order(bench: &Bench) -> Step {
    let mut running = bench.start().await?;
    bench.work(&mut running, 0).await?;
    bench.pause(&mut running).await?;
    bench.resume(&mut running).await?;
    bench.work(&mut running, 2).await?;
    bench.stop(running).await
}

pub(crate) async fn pauses_twice(bench: &Bench) -> Step {
    let mut running = bench.start().await?;
    for _ in 0..2 {
        bench.pause(&mut running).await?;
    }
    for _ in 0..2 {
        bench.resume(&mut running).await?;
    }
    bench.work(&mut running, 0).await?;
    bench.stop(running).await
}

pub(crate) async fn stops_paused(bench: &Bench) -> Step {
    let mut running = bench.start().await?;
    bench.work(&mut running, 0).await?;
    bench.pause(&mut running).await?;
    bench.stop(running).await
}

pub(crate) async fn failed(bench: &Bench) -> Step {
    let running = bench.start().await?;
    bench.failed(running, "the conformance kit gives the task up").await?;
    let mut running = bench.start().await?;
    bench.work(&mut running, 0).await?;
    bench.failed(running, "").await
}

/// Last of all: what lives outside is gone after it.
pub(crate) async fn destroyed(bench: &Bench) -> Step {
    for _ in 0..2 {
        let setup = bench.setup(bench.task.clone()?, Arc::new(Stored::default()), 1);
        bench.must("on-destroyed", bench.options.call_deadline, bench.plugin.destroyed(setup)).await?;
    }
    Ok(())
}
