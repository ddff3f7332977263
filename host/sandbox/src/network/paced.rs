//! Streams of `wasi:sockets` that keep a pace.

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamResult};
use wharf_egress::Pace;

/// What arrives, no faster than the pace.
pub(super) struct PacedInput {
    pub(super) inner: DynInputStream,
    pub(super) pace: Pace,
}

#[async_trait]
impl Pollable for PacedInput {
    async fn ready(&mut self) {
        self.inner.ready().await;
        // Last, so that what is ready may move at once.
        self.pace.wait().await;
    }
}

#[async_trait]
impl InputStream for PacedInput {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.pace.delay().is_some() {
            // As if nothing had come yet.
            return Ok(Bytes::new());
        }
        let read = self.inner.read(size)?;
        self.pace.moved(read.len());
        Ok(read)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

/// What is sent, no faster than the pace.
pub(super) struct PacedOutput {
    pub(super) inner: DynOutputStream,
    pub(super) pace: Pace,
}

#[async_trait]
impl Pollable for PacedOutput {
    async fn ready(&mut self) {
        self.inner.ready().await;
        self.pace.wait().await;
    }
}

#[async_trait]
impl OutputStream for PacedOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.pace.moved(bytes.len());
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let room = self.inner.check_write()?;
        Ok(if self.pace.delay().is_some() { 0 } else { room })
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

/// Ready when the pace allows more: what datagram streams wait for then.
pub(super) struct Wait(pub(super) Pace);

#[async_trait]
impl Pollable for Wait {
    async fn ready(&mut self) {
        self.0.wait().await;
    }
}
