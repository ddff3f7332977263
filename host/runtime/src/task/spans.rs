//! Traces of batches: which batch is traced, and the spans of its stages.
//!
//! A source's batch is traced where the tracer's dice say so; the rows of a traced batch carry the context of its `send`
//! in a header, but for those that came with a context of their own, which the spans link to. A sink's batch is traced
//! where its first rows carry a context that is to be recorded; its `put` is a part of that trace, so that one trace
//! reaches from the source to the sink. Nothing is done for a batch that is not traced.

use std::sync::Arc;
use std::time::SystemTime;

use wharf_core::Batch;
use wharf_core::trace::{BatchSpan, MAX_CONTEXTS, Stage, TraceContext, Tracer, contexts, mark};
use wharf_drivers::HeaderSupport;

use super::Task;

/// What a context in a header takes, with its name.
const HEADER_BYTES: u64 = 128;

/// A span that is not over.
pub(super) struct OpenSpan {
    tracer: Arc<dyn Tracer>,
    span: BatchSpan,
}

impl OpenSpan {
    /// Itself, for its children.
    pub(super) fn context(&self) -> TraceContext {
        self.span.context
    }

    /// It is over; `error`: why it failed.
    pub(super) fn finish(mut self, error: Option<String>) {
        self.span.ended = SystemTime::now();
        self.span.error = error;
        self.tracer.finish(self.span);
    }
}

/// Spans that a later one follows from: the first is its parent, it links to the others.
#[derive(Debug, Default)]
pub(super) struct Traced(Vec<TraceContext>);

impl Traced {
    /// Beyond some they are forgotten.
    pub(super) fn add(&mut self, context: TraceContext) {
        if self.0.len() < MAX_CONTEXTS {
            self.0.push(context);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Task {
    /// The time, where anybody wants to know.
    pub(super) fn clock(&self) -> Option<SystemTime> {
        self.env.options.tracing.0.as_ref().map(|_| SystemTime::now())
    }

    fn open(
        &self,
        stage: Stage,
        parent: Option<&TraceContext>,
        links: Vec<TraceContext>,
        began: SystemTime,
        batch: Option<&Batch>,
    ) -> Option<OpenSpan> {
        let tracer = self.env.options.tracing.0.clone()?;
        let span = BatchSpan {
            context: tracer.span(parent),
            parent: parent.copied(),
            links,
            stage,
            connector: self.job.spec.name.clone(),
            task: self.view.number(),
            began,
            ended: began,
            rows: batch.map_or(0, |batch| batch.rows),
            bytes: batch.map_or(0, |batch| batch.payload_bytes() as u64),
            error: None,
        };
        Some(OpenSpan { tracer, span })
    }

    /// A source handed rows over, and they are about to be sent: `stage` is over, which `began` when the clock said so.
    /// The open span is that of sending. `caller`: the context that a request came with.
    pub(super) fn came(
        &self,
        stage: Stage,
        began: Option<SystemTime>,
        caller: Option<TraceContext>,
        batch: &mut Batch,
    ) -> Option<OpenSpan> {
        let (tracer, began) = (self.env.options.tracing.0.as_ref()?, began?);
        let is_asked_for = caller.is_some_and(|caller| caller.sampled);
        if !is_asked_for && !tracer.sample() {
            return None;
        }
        let parent = caller.filter(|_| is_asked_for);
        let links = contexts(batch);
        let came = self.open(stage, parent.as_ref(), links.clone(), began, Some(batch))?;
        let before = came.context();
        came.finish(None);
        let send = self.open(Stage::Send, Some(&before), links, SystemTime::now(), Some(batch))?;
        let capabilities = self.env.driver.capabilities();
        // A row that just fits must not be refused for its trace.
        let has_room = batch.payload_bytes() as u64 + HEADER_BYTES <= capabilities.max_row_bytes;
        if has_room && capabilities.headers != HeaderSupport::None {
            mark(batch, &send.context());
        }
        Some(send)
    }

    /// A sink is about to be given rows.
    pub(super) fn put_span(&self, batch: &Batch) -> Option<OpenSpan> {
        let tracer = self.env.options.tracing.0.as_ref()?;
        let mut links = contexts(batch);
        let parent = links.iter().position(|it| it.sampled).map(|at| links.remove(at));
        if parent.is_none() && (!links.is_empty() || !tracer.sample()) {
            return None;
        }
        self.open(Stage::Put, parent.as_ref(), links, SystemTime::now(), Some(batch))
    }

    /// A step after traced batches; `None` where there was none of them.
    pub(super) fn after(&self, stage: Stage, traced: &mut Traced) -> Option<OpenSpan> {
        let mut all = std::mem::take(&mut traced.0).into_iter();
        let parent = all.next()?;
        self.open(stage, Some(&parent), all.collect(), SystemTime::now(), None)
    }
}
