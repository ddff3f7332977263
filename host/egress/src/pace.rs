//! Bytes per second: a bucket that may be overdrawn by what one operation moves, and a stream that waits for it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Bytes that one write moves at most, so that the bucket is not overdrawn by much.
const CHUNK: usize = 64 << 10;
/// The shortest wait: what timers can tell apart.
const LEAST: Duration = Duration::from_millis(1);
/// The longest; then it is looked again.
const MOST: Duration = Duration::from_secs(3600);

/// How many bytes may move. What has moved is paid for afterwards: whoever comes next waits until the debt is paid.
///
/// Up to the bytes of one second may be saved up.
#[derive(Debug, Clone)]
pub struct Pace(Option<Arc<Bucket>>);

#[derive(Debug)]
struct Bucket {
    /// Bytes per second, at least 1.
    rate: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    balance: f64,
    at: Instant,
}

impl Pace {
    /// `None`: as fast as it goes.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|rate| {
            let rate = rate.max(1) as f64;
            Arc::new(Bucket { rate, state: Mutex::new(State { balance: rate, at: Instant::now() }) })
        }))
    }

    /// Whether there is a bound at all.
    pub fn is_bounded(&self) -> bool {
        self.0.is_some()
    }

    /// How long to wait before anything more moves; `None`: not at all.
    pub fn delay(&self) -> Option<Duration> {
        let bucket = self.0.as_ref()?;
        let mut state = bucket.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.refill(bucket.rate);
        // Never a wait of nothing, which rounding could make: who waits in a loop would spin.
        let debt = || Duration::try_from_secs_f64((1.0 - state.balance) / bucket.rate).unwrap_or(Duration::MAX);
        (state.balance < 1.0).then(|| debt().clamp(LEAST, MOST))
    }

    /// So many bytes have moved.
    pub fn moved(&self, bytes: usize) {
        if let Some(bucket) = &self.0 {
            let mut state = bucket.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.refill(bucket.rate);
            state.balance -= bytes as f64;
        }
    }

    /// Waits until something more may move.
    pub async fn wait(&self) {
        while let Some(delay) = self.delay() {
            tokio::time::sleep(delay).await;
        }
    }
}

impl State {
    fn refill(&mut self, rate: f64) {
        let now = Instant::now();
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * rate;
        self.balance = (self.balance + earned).min(rate);
        self.at = now;
    }
}

/// A stream whose both directions keep a pace.
#[derive(Debug)]
pub(crate) struct Paced<S> {
    inner: S,
    pace: Pace,
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(crate) fn new(inner: S, pace: Pace) -> Self {
        Self { inner, pace, reading: None, writing: None }
    }
}

/// Ready when the pace allows more; one sleep is kept for each direction.
fn poll_pace(pace: &Pace, sleep: &mut Option<Pin<Box<Sleep>>>, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        if let Some(waiting) = sleep {
            ready!(waiting.as_mut().poll(cx));
            *sleep = None;
        }
        match pace.delay() {
            Some(delay) => *sleep = Some(Box::pin(tokio::time::sleep(delay))),
            None => return Poll::Ready(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.pace.is_bounded() {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        ready!(poll_pace(&this.pace, &mut this.reading, cx));
        let before = buf.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(cx, buf);
        this.pace.moved(buf.filled().len().saturating_sub(before));
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if !this.pace.is_bounded() {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        }
        ready!(poll_pace(&this.pace, &mut this.writing, cx));
        let chunk = buf.get(..CHUNK).unwrap_or(buf);
        let written = ready!(Pin::new(&mut this.inner).poll_write(cx, chunk))?;
        this.pace.moved(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_has_moved_is_paid_for_afterwards() {
        let pace = Pace::new(Some(1000));
        let began = Instant::now();
        pace.wait().await;
        pace.moved(3000);
        pace.wait().await;
        let took = began.elapsed().as_millis();
        assert!((2000..2010).contains(&took), "{took} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn both_directions_of_a_stream_share_a_pace() {
        let pace = Pace::new(Some(1000));
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut near = Paced::new(near, pace);
        let began = Instant::now();
        far.write_all(&[1; 2000]).await.unwrap();
        let mut buffer = [0; 2000];
        near.read_exact(&mut buffer).await.unwrap();
        near.write_all(&[2; 1000]).await.unwrap();
        near.write_all(&[2; 1]).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(1990), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_bound_nothing_waits() {
        let began = Instant::now();
        let pace = Pace::new(None);
        pace.moved(usize::MAX);
        pace.wait().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
