//! Runs a connector without WebAssembly, for unit tests.
//!
//! [`SourceKit`], [`SinkKit`] and [`WebhookKit`] do what the host does: they fill in defaults, read the configuration, make the calls
//! in their order, and keep offsets, log lines and metrics in memory where a test can look at them. Each call takes the
//! same way as in a component.
//!
//! ```
//! use wharf_sdk::testkit::SourceKit;
//! # use wharf_sdk::{BatchBuilder, ConfigKey, Context, Descriptor, Failure, Next, Source, SourceOffset, json};
//! # use serde::Deserialize;
//! # #[derive(Deserialize)] struct Config { count: u32 }
//! # struct Counter { next: u32, count: u32 }
//! # #[derive(Deserialize)] struct At { next: u32 }
//! # impl Source for Counter {
//! #     type Config = Config;
//! #     fn describe() -> Descriptor {
//! #         Descriptor::new("counter", "0.1.0", "Counts.").key(ConfigKey::int("count").required())
//! #     }
//! #     fn start(_: &Context, config: Config) -> Result<Self, Failure> {
//! #         let at: Option<At> = wharf_sdk::stored_offset(json!({"counter": 1}))?;
//! #         Ok(Self { next: at.map_or(0, |at| at.next), count: config.count })
//! #     }
//! #     fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure> {
//! #         while self.next < self.count && batch.has_room(4) {
//! #             batch.push(self.next.to_string().as_bytes());
//! #             self.next += 1;
//! #         }
//! #         batch.checkpoint(SourceOffset::new(json!({"counter": 1}), json!({"next": self.next}))?);
//! #         Ok(if self.next < self.count { Next::More } else { Next::Finished })
//! #     }
//! # }
//! let mut kit = SourceKit::<Counter>::new([("count", "3")]);
//! kit.start()?;
//! let polled = kit.poll()?;
//! assert_eq!(polled.texts(), ["0", "1", "2"]);
//! kit.commit(&polled)?;
//! kit.restart()?; // goes on from what was committed
//! assert!(kit.poll()?.texts().is_empty());
//! # Ok::<(), wharf_sdk::Failure>(())
//! ```

mod host;
mod sink;
mod source;
mod webhook;

pub use sink::SinkKit;
pub use source::{Polled, SourceKit};
pub use webhook::{Handled, WebhookKit};

use crate::config::ConfigMap;
use crate::context::Context;

/// A metric as it was reported: what kind, its name, its labels and the value.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// `count`, `gauge` or `observe`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// What was added, set or observed.
    pub value: f64,
}

fn context(attempt: u32) -> Context {
    Context {
        connector: "test".into(),
        task: 0,
        tasks: 1,
        worker: "localhost:8083".into(),
        attempt,
        generation: attempt.into(),
    }
}

fn config_of<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> ConfigMap {
    pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}
