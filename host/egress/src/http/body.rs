//! Bodies on their way: the guest's, which must not end by accident, and the answer's, which must not pause for ever.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::error::HttpError;
use super::pool::{Key, Live};
use crate::gate::Gate;
use crate::quota::Permit;

/// What a guest sends. When its instance dies in the middle, the request breaks: it does not look finished.
#[derive(Debug)]
pub(super) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, HttpError>,
    gate: Gate,
}

impl RequestBody {
    pub(super) fn new<B>(body: B, gate: Gate) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let inner = body.map_err(|error| HttpError::Body(error.to_string())).boxed_unsync();
        Self { inner, gate }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if self.gate.is_closed() {
            return Poll::Ready(Some(Err(HttpError::Body("the instance is stopped".to_owned()))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && !self.gate.is_closed()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// The body of an answer. At its end the connection goes back to where others wait; dropped before, it is closed.
#[derive(Debug)]
pub struct ResponseBody {
    incoming: Incoming,
    open: Option<Open>,
    pause: Duration,
    timer: Pin<Box<Sleep>>,
    /// Bytes that may still come.
    left: Option<u64>,
    most: u64,
}

/// What is held until the body's end.
#[derive(Debug)]
struct Open {
    key: Key,
    live: Live,
    gate: Gate,
    _permit: Permit,
}

impl ResponseBody {
    pub(super) fn new(
        incoming: Incoming,
        (key, live): (Key, Live),
        (gate, permit): (Gate, Permit),
        pause: Duration,
        most: Option<u64>,
    ) -> Self {
        let open = Some(Open { key, live, gate, _permit: permit });
        let timer = Box::pin(tokio::time::sleep(pause));
        let mut body = Self { incoming, open, pause, timer, left: most, most: most.unwrap_or_default() };
        body.release_at_end();
        body
    }

    fn release_at_end(&mut self) {
        if self.incoming.is_end_stream() {
            self.release();
        }
    }

    fn release(&mut self) {
        if let Some(Open { key, live, gate, .. }) = self.open.take()
            && !gate.is_closed()
        {
            gate.pool().put(key, live);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.timer.as_mut().reset(Instant::now() + this.pause);
                let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                if let Some(left) = &mut this.left {
                    match left.checked_sub(bytes) {
                        Some(rest) => *left = rest,
                        None => {
                            this.open = None;
                            return Poll::Ready(Some(Err(HttpError::TooLarge(this.most))));
                        }
                    }
                }
                this.release_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.open = None;
                Poll::Ready(Some(Err(HttpError::Protocol(error.to_string()))))
            }
            Poll::Ready(None) => {
                this.release();
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(this.timer.as_mut().poll(cx));
                this.open = None;
                Poll::Ready(Some(Err(HttpError::BetweenBytes(this.pause.as_millis()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
