//! Bodies that come too slowly.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// What has come buys so much more time: a large body needs its while, and one that drips does not get it.
const LEAST_BYTES_PER_SECOND: u64 = 64 * 1024;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A body did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body did not arrive in time")
    }
}

impl std::error::Error for TooSlow {}

/// A body that ends with [`TooSlow`] where it has not come within its time.
#[derive(Debug)]
pub(super) struct Timed<B> {
    body: B,
    began: Instant,
    within: Duration,
    seen: u64,
    /// Made when something must be waited for.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<B> Timed<B> {
    /// Time runs from now.
    pub(super) fn new(body: B, within: Duration) -> Self {
        Self { body, began: Instant::now(), within, seen: 0, alarm: None }
    }

    fn deadline(&self) -> Instant {
        self.began + self.within + Duration::from_secs(self.seen / LEAST_BYTES_PER_SECOND)
    }
}

impl<B> HttpBody for Timed<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Error>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            if let Some(Ok(frame)) = &frame {
                this.seen = this.seen.saturating_add(frame.data_ref().map_or(0, Bytes::len) as u64);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let deadline = this.deadline();
        let alarm = this.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(cx).map(|()| Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use futures_util::{StreamExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::*;

    /// Every second so many bytes, for so long.
    fn dripping(bytes: usize, seconds: usize) -> Body {
        let drip = stream::iter(0..seconds).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(vec![b'x'; bytes])
        });
        Body::from_stream(drip)
    }

    async fn arrives(body: Body) -> bool {
        Timed::new(body, Duration::from_secs(10)).collect().await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_is_cut_and_a_large_one_has_its_time() {
        assert!(arrives(dripping(1, 9)).await);
        assert!(!arrives(dripping(1, 11)).await);
        assert!(arrives(dripping(64 * 1024, 100)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_says_why_it_ended() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let error = Timed::new(never, Duration::from_secs(10)).collect().await.unwrap_err();
        assert!(error.is::<TooSlow>());
    }
}
