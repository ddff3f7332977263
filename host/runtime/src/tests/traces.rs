//! One trace from the source to the sink, through the headers of the rows.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use wharf_core::trace::{BatchSpan, Stage, TraceContext, Tracer, contexts};

use super::fakes::{Poll, World, sink_config, source_config};
use crate::Tracing;

/// Keeps what it is told.
#[derive(Debug, Default)]
struct Spans {
    samples: AtomicBool,
    number: AtomicU8,
    finished: Mutex<Vec<BatchSpan>>,
}

impl Tracer for Spans {
    fn sample(&self) -> bool {
        self.samples.load(Relaxed)
    }

    fn span(&self, parent: Option<&TraceContext>) -> TraceContext {
        let number = self.number.fetch_add(1, Relaxed) + 1;
        let trace = parent.map_or([number; 16], |parent| parent.trace);
        TraceContext { trace, span: [number; 8], sampled: true }
    }

    fn finish(&self, span: BatchSpan) {
        self.finished.lock().unwrap().push(span);
    }
}

impl Spans {
    fn of(&self, stage: Stage) -> Vec<BatchSpan> {
        self.finished.lock().unwrap().iter().filter(|span| span.stage == stage).cloned().collect()
    }
}

async fn world(spans: &Arc<Spans>) -> World {
    World::tuned(|_| {}, |options| options.tracing = Tracing(Some(spans.clone()))).await
}

#[tokio::test(start_paused = true)]
async fn a_traced_batch_carries_its_context_and_has_a_span_for_each_stage() {
    let spans = Arc::new(Spans { samples: true.into(), ..Spans::default() });
    let world = world(&spans).await;
    world.source.polls([Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until("the guest is told", || !spans.of(Stage::Commit).is_empty()).await;
    let [poll, send, commit] = [Stage::Poll, Stage::Send, Stage::Commit].map(|stage| spans.of(stage).remove(0));
    assert_eq!((poll.parent, poll.rows, poll.connector.as_str()), (None, 3, "c"));
    assert_eq!((send.parent, commit.parent), (Some(poll.context), Some(send.context)));
    assert_eq!(contexts(&world.driver.batch(0)), [send.context]);
    assert_eq!(world.driver.batch(0).check(), Ok(()));
    assert!([&poll, &send, &commit].iter().all(|span| span.error.is_none() && span.began <= span.ended));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_sampled_is_not_touched() {
    let spans = Arc::new(Spans::default());
    let world = world(&spans).await;
    world.source.polls([Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until("it is sent", || world.driver.sent() == 1).await;
    assert_eq!(contexts(&world.driver.batch(0)), []);
    assert!(world.driver.batch(0).headers.names.is_empty());
    assert!(spans.finished.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sink_has_a_trace_of_its_own_where_rows_carry_none() {
    let spans = Arc::new(Spans { samples: true.into(), ..Spans::default() });
    let world = world(&spans).await;
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until("it is flushed", || !spans.of(Stage::Flush).is_empty()).await;
    let (put, flush) = (spans.of(Stage::Put).remove(0), spans.of(Stage::Flush).remove(0));
    assert_eq!((put.parent, put.rows, flush.parent), (None, 3, Some(put.context)));
}

#[tokio::test(start_paused = true)]
async fn a_sink_goes_on_with_the_trace_of_its_rows_also_where_it_begins_none() {
    let spans = Arc::new(Spans::default());
    let world = world(&spans).await;
    let context = TraceContext { trace: [77; 16], span: [78; 8], sampled: true };
    world.driver.carry(&context);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until("it is flushed", || !spans.of(Stage::Flush).is_empty()).await;
    let (put, flush) = (spans.of(Stage::Put).remove(0), spans.of(Stage::Flush).remove(0));
    assert_eq!((put.parent, put.context.trace), (Some(context), context.trace));
    assert_eq!((flush.parent, flush.context.trace), (Some(put.context), context.trace));
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_not_to_be_recorded_are_not() {
    let spans = Arc::new(Spans { samples: true.into(), ..Spans::default() });
    let world = world(&spans).await;
    world.driver.carry(&TraceContext { trace: [77; 16], span: [78; 8], sampled: false });
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 3").await;
    assert!(spans.finished.lock().unwrap().is_empty());
}
