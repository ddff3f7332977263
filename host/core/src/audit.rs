//! What was denied to a plugin, and what was done to it: events with stable codes, for operators and their tools.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that an operator may have to account for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Stable, for machines: `egress.name`, `egress.address`, `kill.memory-limit`, …
    pub code: String,
    /// The connector's name; empty where there is none.
    pub connector: String,
    /// The task's number, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u32>,
    /// The plugin, `name@version`; empty where it is not known.
    pub plugin: String,
    /// What was asked for and why it was denied, for people. Never holds a secret.
    pub detail: String,
}

/// Something that a configuration asks for and the operator's policy forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// As in [`AuditEvent::code`].
    pub code: &'static str,
    /// As in [`AuditEvent::detail`].
    pub detail: String,
}

/// Takes audit events. Must not block: it is called in the middle of a guest's calls, as often as a guest likes.
pub trait Auditor: Send + Sync + fmt::Debug {
    /// Takes one. The time is now.
    fn record(&self, event: AuditEvent);
}

/// Forgets everything; for tests and for instances that belong to no connector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoAudit;

impl Auditor for NoAudit {
    fn record(&self, _: AuditEvent) {}
}
