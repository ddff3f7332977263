//! `openmessaging:connect/host`: what a plugin may ask of the worker.

use tracing::Level;

use crate::bindings::base::openmessaging::connect::{host, types};
use crate::state::State;

impl types::Host for State {}

impl host::Host for State {
    fn log(&mut self, level: host::Level, target: String, message: String) {
        let level = match level {
            host::Level::Trace => Level::TRACE,
            host::Level::Debug => Level::DEBUG,
            host::Level::Info => Level::INFO,
            host::Level::Warn => Level::WARN,
            host::Level::Error => Level::ERROR,
        };
        self.log.line(level, &target, &message);
    }

    fn count(&mut self, name: String, labels: Vec<(String, String)>, by: u64) {
        self.metrics.count(&name, labels, by);
    }

    fn gauge(&mut self, name: String, labels: Vec<(String, String)>, value: f64) {
        self.metrics.gauge(&name, labels, value);
    }

    fn observe(&mut self, name: String, labels: Vec<(String, String)>, value: f64) {
        self.metrics.observe(&name, labels, value);
    }

    async fn offsets(&mut self, partitions: Vec<String>) -> Vec<Option<String>> {
        let mut offsets = match &self.setup {
            Some(setup) => setup.offsets.offsets(&partitions).await,
            None => Vec::new(),
        };
        // The contract promises one answer for each question.
        offsets.resize(partitions.len(), None);
        offsets
    }

    fn request_reconfiguration(&mut self) {
        if let Some(setup) = &self.setup {
            (setup.reconfigure)();
        }
    }
}
