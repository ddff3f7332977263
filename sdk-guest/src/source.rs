//! What a source connector implements.

use serde::de::DeserializeOwned;

use crate::batch::BatchBuilder;
use crate::config::ConfigMap;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::failure::{Failure, Problem};
use crate::offset::SourceOffset;

/// What comes after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is more: poll again at once.
    More,
    /// Nothing more for now.
    Idle,
    /// A bounded job is done: everything was read, and nothing more will come.
    Finished,
}

/// Reads from an outside system. One value of the type is one running task; OpenMessaging Connect calls it a
/// `SourceTask`.
///
/// Only [`describe`](Source::describe), [`start`](Source::start) and [`poll`](Source::poll) must be written. The host
/// makes one call at a time. An instance that panics or misses a deadline is thrown away, and a new one starts from the
/// last stored offset.
pub trait Source: Sized + 'static {
    /// The configuration, read by serde from text: see [`config::read`](crate::config::read).
    type Config: DeserializeOwned;

    /// What the connector is and which keys it understands. Called without any capability.
    fn describe() -> Descriptor;

    /// Checks what the types of the keys cannot express, without touching the outside world (OpenMessaging:
    /// `validate`). Each problem names a key and says what to write instead.
    fn validate(config: &Self::Config) -> Vec<Problem> {
        drop_unused(config);
        Vec::new()
    }

    /// Splits the work into 1 to `max` task configurations (OpenMessaging: `taskConfigs`). By default the whole work is
    /// one task.
    ///
    /// # Errors
    /// When the configuration cannot work.
    fn tasks(config: &ConfigMap, max: u32) -> Result<Vec<ConfigMap>, Failure> {
        drop_unused(max);
        Ok(vec![config.clone()])
    }

    /// Starts a task (OpenMessaging: `init` and `start`). Ask [`stored_offset`](crate::stored_offset) where to go on.
    ///
    /// # Errors
    /// Retriable where the outside system may come back, otherwise the task is FAILED.
    fn start(context: &Context, config: Self::Config) -> Result<Self, Failure>;

    /// Puts rows that are ready into `batch`, waiting up to `batch.limits().max_wait` for the first.
    ///
    /// # Errors
    /// Rows pushed before an error are dropped, so move your own position only when you return `Ok`. After a retriable
    /// failure the same instance is polled again.
    fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure>;

    /// These offsets are durable, and all rows before them are in the queue: acknowledge upstream, where upstream wants
    /// that.
    ///
    /// # Errors
    /// When upstream cannot be told.
    fn commit(&mut self, offsets: &[SourceOffset]) -> Result<(), Failure> {
        drop_unused(offsets);
        Ok(())
    }

    /// An operator wants to store these offsets: agree, or refuse with the reason. An offset that is empty resets its
    /// partition.
    ///
    /// # Errors
    /// Why they cannot be stored, and what would do.
    fn alter(&mut self, offsets: &[SourceOffset]) -> Result<(), String> {
        drop_unused(offsets);
        Ok(())
    }

    /// Nothing will be asked until [`resume`](Source::resume): release what is scarce.
    fn pause(&mut self) {}

    /// Work goes on.
    fn resume(&mut self) {}

    /// The last call to a task that ends as planned.
    fn stop(&mut self) {}

    /// The last call to a task that the host gives up.
    fn failed(&mut self, reason: &str) {
        drop_unused(reason);
    }

    /// The connector is deleted and its tasks have stopped (OpenMessaging: `destroy`): release what lives outside.
    fn destroyed(context: &Context, config: Self::Config) {
        drop_unused((context, config));
    }
}

/// Parameters of defaults keep the names that the documentation shows.
pub(crate) fn drop_unused<T>(_: T) {}
