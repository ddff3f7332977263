//! One live instance, and how a call into it is watched.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};
use wharf_core::Death;

use crate::bindings::base::{Base, BaseIndices};
use crate::bindings::sink::{SinkPart, SinkPartIndices};
use crate::bindings::source::{SourcePart, SourcePartIndices};
use crate::classify::{self, Seen};
use crate::limits::Limits;
use crate::pace::{Pace, TooLong, watch};
use crate::state::State;

/// A component that is compiled, linked and looked through: making an instance of it takes microseconds.
#[derive(Clone)]
pub(crate) struct Ready {
    pub(crate) pre: InstancePre<State>,
    pub(crate) base: BaseIndices,
    pub(crate) part: Part,
}

/// The part of the contract that tells plugins apart.
#[derive(Clone)]
pub(crate) enum Part {
    Source(SourcePartIndices),
    Sink(SinkPartIndices),
}

/// An instance and its store. Dropping it ends it, in the middle of a call too.
pub(crate) struct Live {
    store: Store<State>,
    instance: Instance,
    base: Arc<Base>,
    call: &'static str,
    allowed: Duration,
    grace: Duration,
    max_output_bytes: usize,
    pace: Arc<Pace>,
}

/// The end of a call that is under way: its store, and when to give up waiting.
///
/// A call has two bounds. When the guest computes, the epoch callback interrupts it at the deadline. While it waits in a
/// host function no guest code runs that could be interrupted, so the caller stops waiting, a little later. Both move by
/// what the guest was made to wait because it took more CPU time than its share.
pub(crate) struct Call<'a> {
    pub(crate) store: &'a mut Store<State>,
    pub(crate) until: tokio::time::Instant,
    pub(crate) pace: Arc<Pace>,
}

impl Live {
    /// Makes an instance; it has `allowed` for what runs on the way.
    pub(crate) async fn start(
        ready: &Ready,
        state: State,
        limits: &Limits,
        allowed: Duration,
    ) -> Result<(Self, Duration), Death> {
        let began = Instant::now();
        let pace = state.pace.clone();
        let mut store = state.into_store(ready.pre.engine(), limits);
        let until = begin(&mut store, allowed, limits.host_call_grace);
        let made = async {
            let instance = ready.pre.instantiate_async(&mut store).await?;
            let base = ready.base.load(&mut store, &instance)?;
            Ok((instance, Arc::new(base)))
        };
        let made: Result<wasmtime::Result<_>, TooLong> = watch(&pace, until, made).await;
        let seen = |store: &Store<State>| seen(store, "instantiation", allowed, limits.max_output_bytes);
        match made {
            Ok(Ok((instance, base))) => {
                let live = Self {
                    store,
                    instance,
                    base,
                    call: "",
                    allowed: Duration::ZERO,
                    grace: limits.host_call_grace,
                    max_output_bytes: limits.max_output_bytes,
                    pace,
                };
                Ok((live, allowed.saturating_sub(began.elapsed())))
            }
            Ok(Err(error)) => Err(classify::not_instantiated(&error, &seen(&store))),
            Err(_) => Err(classify::blocked(&seen(&store))),
        }
    }

    /// The functions that every plugin has.
    pub(crate) fn base(&self) -> Arc<Base> {
        self.base.clone()
    }

    pub(crate) fn source(&mut self, indices: &SourcePartIndices) -> Result<SourcePart, Death> {
        indices.load(&mut self.store, &self.instance).map_err(|error| self.mismatch(&error))
    }

    pub(crate) fn sink(&mut self, indices: &SinkPartIndices) -> Result<SinkPart, Death> {
        indices.load(&mut self.store, &self.instance).map_err(|error| self.mismatch(&error))
    }

    fn mismatch(&self, error: &wasmtime::Error) -> Death {
        classify::not_instantiated(error, &seen(&self.store, "instantiation", self.allowed, self.max_output_bytes))
    }

    /// Before a call, and before its deadline begins: waits until earlier ones are paid for. Calls of the life cycle go at
    /// once: they are few, and a task that is to stop should.
    pub(crate) async fn rest(&mut self, call: &'static str) {
        if !call.starts_with("on-") {
            self.pace.rest().await;
        }
    }

    /// Before a call: sets its deadline. To be followed by [`Live::end`].
    pub(crate) fn begin(&mut self, call: &'static str, allowed: Duration) -> Call<'_> {
        self.call = call;
        self.allowed = allowed;
        let until = begin(&mut self.store, allowed, self.grace);
        let pace = self.pace.clone();
        pace.called();
        Call { store: &mut self.store, until, pace }
    }

    /// After a call: what came of it. After a death the instance must be dropped.
    pub(crate) fn end<T>(&self, answer: Result<wasmtime::Result<T>, TooLong>) -> Result<T, Death> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(classify::failed(&error, &self.seen())),
            Err(_) => Err(classify::blocked(&self.seen())),
        }
    }

    fn seen(&self) -> Seen {
        seen(&self.store, self.call, self.allowed, self.max_output_bytes)
    }
}

fn begin(store: &mut Store<State>, allowed: Duration, grace: Duration) -> tokio::time::Instant {
    let deadline = Instant::now() + allowed;
    let state = store.data_mut();
    state.deadline = deadline;
    state.interrupted = false;
    state.limiter.begin();
    state.pace.begin();
    // The callback runs at the next tick, and decides by the clock.
    store.set_epoch_deadline(1);
    tokio::time::Instant::from_std(deadline + grace)
}

fn seen(store: &Store<State>, call: &'static str, allowed: Duration, max_output_bytes: usize) -> Seen {
    let state = store.data();
    Seen {
        call,
        allowed,
        interrupted: state.interrupted,
        refused: state.limiter.refused(),
        max_output_bytes,
        stderr: state.log.take_tail(),
    }
}

/// Calls a generated function of a part, watched: `watched!(live, "poll", allowed, |store| source.call_poll(store, ..))`.
macro_rules! watched {
    ($live:expr, $name:literal, $allowed:expr, |$store:ident| $call:expr) => {{
        $live.rest($name).await;
        let call = $live.begin($name, $allowed);
        let $store = call.store;
        let answer = $crate::pace::watch(&call.pace, call.until, $call).await;
        $live.end(answer)
    }};
}
pub(crate) use watched;
