//! What an instance is denied while it runs: told to the audit and counted.

use wharf_core::audit::AuditEvent;
use wharf_core::plugin::TaskSetup;

use crate::log::clean;

/// Names that a guest makes up are cut to so many bytes.
const NAME_BYTES: usize = 300;

/// A path that neither the configuration nor the operator allows.
pub(crate) const PATH: &str = "path.denied";

/// Takes the denials of one instance; of one that belongs to no task, nobody is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Denials<'a> {
    setup: Option<&'a TaskSetup>,
    plugin: &'a str,
}

impl<'a> Denials<'a> {
    pub(crate) fn new(setup: Option<&'a TaskSetup>, plugin: &'a str) -> Self {
        Self { setup, plugin }
    }

    /// The guest asked the host to do `what` to `path`, which it may not.
    pub(crate) fn path(self, what: &str, path: &str) {
        self.tell(PATH, || format!("{what} {}: not granted by the configuration", clean(path, NAME_BYTES)));
    }

    /// Anything, under a stable code.
    pub(crate) fn tell(self, code: &str, detail: impl FnOnce() -> String) {
        let Some(TaskSetup { context, meter, audit, .. }) = self.setup else { return };
        meter.denied(code);
        audit.record(AuditEvent {
            code: code.to_owned(),
            connector: context.connector.clone(),
            task: Some(context.task),
            plugin: self.plugin.to_owned(),
            detail: detail(),
        });
    }
}
