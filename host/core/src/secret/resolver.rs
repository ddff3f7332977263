//! Who knows the values behind placeholders.

use std::fmt;

use async_trait::async_trait;

use super::Placeholder;

/// Looks up the values behind placeholders. Implemented where files and the environment may be read.
#[async_trait]
pub trait SecretResolver: Send + Sync + fmt::Debug {
    /// The value of each placeholder, in order.
    ///
    /// # Errors
    /// For each that has no value a sentence that says what to write instead. It never holds a value.
    async fn resolve(&self, wanted: &[Placeholder]) -> Vec<Result<String, String>>;

    /// A number that is another one when what stands behind one of them may have changed. Cheap: it is asked for every
    /// few seconds.
    async fn stamp(&self, wanted: &[Placeholder]) -> u64;
}

/// Knows nothing; for tests, and for workers without any provider.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoProviders;

#[async_trait]
impl SecretResolver for NoProviders {
    async fn resolve(&self, wanted: &[Placeholder]) -> Vec<Result<String, String>> {
        wanted.iter().map(|it| Err(format!("there is no config provider `{}` on this worker", it.provider))).collect()
    }

    async fn stamp(&self, _: &[Placeholder]) -> u64 {
        0
    }
}
