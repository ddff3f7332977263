//! A host in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use log::Level;

use super::Metric;
use crate::host::Host;
use crate::offset::SourceOffset;

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) offsets: RefCell<BTreeMap<String, String>>,
    pub(super) log: RefCell<Vec<(Level, String)>>,
    pub(super) metrics: RefCell<Vec<Metric>>,
    pub(super) reconfigurations: Cell<u32>,
}

impl Memory {
    pub(super) fn store(&self, offsets: &[SourceOffset]) {
        for at in offsets {
            self.offsets.borrow_mut().insert(at.partition.clone(), at.offset.clone());
        }
    }

    fn metric(&self, kind: &'static str, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.metrics.borrow_mut().push(Metric { kind, name: name.to_owned(), labels, value });
    }
}

impl Host for Memory {
    fn log(&self, level: Level, _: &str, message: &str) {
        self.log.borrow_mut().push((level, message.to_owned()));
    }

    fn count(&self, name: &str, labels: &[(&str, &str)], by: u64) {
        self.metric("count", name, labels, by as f64);
    }

    fn gauge(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.metric("gauge", name, labels, value);
    }

    fn observe(&self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.metric("observe", name, labels, value);
    }

    fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        let stored = self.offsets.borrow();
        partitions.iter().map(|partition| stored.get(partition).cloned()).collect()
    }

    fn request_reconfiguration(&self) {
        self.reconfigurations.set(self.reconfigurations.get() + 1);
    }
}
