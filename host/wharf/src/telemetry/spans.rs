//! What the runtime tells of its batches: thrown dice, identifiers, and a queue that never makes anybody wait.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::mpsc;
use wharf_core::trace::{BatchSpan, TraceContext, Tracer};

/// Spans that may wait for the collector; more are left out.
const WAITING: usize = 4096;

/// Takes spans.
#[derive(Debug)]
pub(super) struct Spans {
    ratio: f64,
    queue: mpsc::Sender<BatchSpan>,
    /// Spans that found no room.
    pub(super) lost: AtomicU64,
}

impl Spans {
    /// `ratio`: the part of the batches that is traced.
    pub(super) fn new(ratio: f64) -> (Self, mpsc::Receiver<BatchSpan>) {
        let (queue, waiting) = mpsc::channel(WAITING);
        (Self { ratio, queue, lost: AtomicU64::new(0) }, waiting)
    }
}

impl Tracer for Spans {
    fn sample(&self) -> bool {
        self.ratio > 0.0 && fastrand::f64() < self.ratio
    }

    fn span(&self, parent: Option<&TraceContext>) -> TraceContext {
        // Identifiers must not be zero, and need not be secret.
        let trace = parent.map_or_else(|| fastrand::u128(1..).to_be_bytes(), |parent| parent.trace);
        TraceContext { trace, span: fastrand::u64(1..).to_be_bytes(), sampled: true }
    }

    fn finish(&self, span: BatchSpan) {
        if self.queue.try_send(span).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use wharf_core::trace::Stage;

    use super::*;

    fn span(tracer: &Spans) -> BatchSpan {
        BatchSpan {
            context: tracer.span(None),
            parent: None,
            links: Vec::new(),
            stage: Stage::Poll,
            connector: "c".to_owned(),
            task: 0,
            began: SystemTime::now(),
            ended: SystemTime::now(),
            rows: 1,
            bytes: 1,
            error: None,
        }
    }

    #[test]
    fn a_part_of_the_batches_is_traced() {
        let sampled = |ratio| {
            let (tracer, _queue) = Spans::new(ratio);
            (0..10_000).filter(|_| tracer.sample()).count()
        };
        assert_eq!((sampled(0.0), sampled(1.0)), (0, 10_000));
        assert!((500..1_500).contains(&sampled(0.1)));
    }

    #[test]
    fn a_child_is_of_its_parents_trace() {
        let (tracer, _queue) = Spans::new(1.0);
        let parent = tracer.span(None);
        let child = tracer.span(Some(&parent));
        assert_eq!(child.trace, parent.trace);
        assert_ne!(child.span, parent.span);
        assert_ne!(tracer.span(None).trace, parent.trace);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (tracer, mut queue) = Spans::new(1.0);
        (0..WAITING + 3).for_each(|_| tracer.finish(span(&tracer)));
        assert_eq!(tracer.lost.load(Relaxed), 3);
        assert!(queue.try_recv().is_ok());
    }
}
