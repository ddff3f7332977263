//! What the host offers beside WASI: a log, metrics, stored offsets.
//!
//! Log with the macros of the `log` crate. They reach the host once the connector has started, from level `debug` on;
//! `log::set_max_level` changes that.

use std::cell::RefCell;
use std::rc::Rc;

use log::Level;

/// The host as a task sees it: the real one in WebAssembly, one in memory under the test kit.
pub(crate) trait Host {
    fn log(&self, level: Level, target: &str, message: &str);
    fn count(&self, name: &str, labels: &[(&str, &str)], by: u64);
    fn gauge(&self, name: &str, labels: &[(&str, &str)], value: f64);
    fn observe(&self, name: &str, labels: &[(&str, &str)], value: f64);
    fn offsets(&self, partitions: &[String]) -> Vec<Option<String>>;
    fn request_reconfiguration(&self);
}

thread_local! {
    // One host for each thread, so that native tests run side by side. Chosen at run time, not by type: a component
    // that so much as refers to the imports of two worlds is linked with the description of both.
    static CURRENT: RefCell<Rc<dyn Host>> = RefCell::new(Rc::new(Nowhere));
}

/// Makes `host` the one that this thread talks to, and the log's target.
pub(crate) fn install(host: Rc<dyn Host>) {
    CURRENT.with(|current| current.replace(host));
    if log::set_logger(&ToHost).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}

pub(crate) fn current() -> Rc<dyn Host> {
    CURRENT.with(|current| Rc::clone(&current.borrow()))
}

/// Adds `by` to a counter. Names are like `rows_total`; labels few and with few values.
pub fn count(name: &str, labels: &[(&str, &str)], by: u64) {
    current().count(name, labels, by);
}

/// Sets a gauge.
pub fn gauge(name: &str, labels: &[(&str, &str)], value: f64) {
    current().gauge(name, labels, value);
}

/// Adds a value to a histogram.
pub fn observe(name: &str, labels: &[(&str, &str)], value: f64) {
    current().observe(name, labels, value);
}

/// Asks the host to split the work anew and to restart the tasks whose configuration changed.
pub fn request_reconfiguration() {
    current().request_reconfiguration();
}

/// Before anything has started there is nobody to talk to.
struct Nowhere;

impl Host for Nowhere {
    fn log(&self, _: Level, _: &str, _: &str) {}
    fn count(&self, _: &str, _: &[(&str, &str)], _: u64) {}
    fn gauge(&self, _: &str, _: &[(&str, &str)], _: f64) {}
    fn observe(&self, _: &str, _: &[(&str, &str)], _: f64) {}
    fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        vec![None; partitions.len()]
    }
    fn request_reconfiguration(&self) {}
}

/// The `log` crate's way to the host.
struct ToHost;

impl log::Log for ToHost {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        current().log(record.level(), record.target(), &record.args().to_string());
    }

    fn flush(&self) {}
}
