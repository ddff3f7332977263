//! Files that are no plugin, told to the auditor when they are first seen as such.

use std::path::PathBuf;

use wharf_core::audit::{AuditEvent, Auditor};
use wharf_core::plugin::LoadError;

use crate::examine::file_name;

/// Tells what is refused in `after` and was not, or for another reason, in `before`.
pub(crate) fn tell(audit: &dyn Auditor, before: &[(PathBuf, LoadError)], after: &[(PathBuf, LoadError)]) {
    for (path, error) in after.iter().filter(|refused| !before.contains(refused)) {
        audit.record(AuditEvent {
            code: "plugin.refused".to_owned(),
            connector: String::new(),
            task: None,
            plugin: String::new(),
            detail: format!("{}: {}: {error}", file_name(path), error.code),
        });
    }
}
