//! What was denied to a plugin, and what was done to it: events with stable codes, for operators and their tools.
//!
//! Whoever denies or ends something tells an [`Auditor`]; whoever shows it asks an [`AuditTrail`]. A code has two parts,
//! `family.what`: `egress.name`, `kill.memory-limit`. Families are what a reader filters by.
//!
//! What was changed over REST is told too, family `change`, and such a record says more: a [`Change`].

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that an operator may have to account for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

/// What was changed, by whom, from where: the further fields of a record of the family `change`.
///
/// In a record these stand beside the fields of its event, and only in such a record: that is why the schema requires none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Change {
    /// The principal's name; `anonymous` where nobody is asked.
    #[schema(required = false)]
    pub who: String,
    /// The caller's address and port; empty where it came over no network.
    #[schema(required = false)]
    pub from: String,
    /// The request's method; empty where there was no request.
    #[schema(required = false)]
    pub method: String,
    /// Its path, without the query.
    #[schema(required = false)]
    pub path: String,
    /// How it was answered; 0 where there was no request.
    #[schema(required = false)]
    pub status: u16,
    /// What was there before, as the API shows it: of an object only what has changed. Secrets are masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// The same, of what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

impl Change {
    /// Whether something was changed, and not only asked for.
    pub fn is_done(&self) -> bool {
        self.status < 400
    }
}

/// Takes audit events. Must not block: it is called in the middle of a guest's calls, as often as a guest likes.
pub trait Auditor: Send + Sync + fmt::Debug {
    /// Takes one. The time is now.
    fn record(&self, event: AuditEvent);

    /// Takes a change. One that was done is never counted instead of written, however many there are.
    fn record_change(&self, event: AuditEvent, change: Change) {
        drop(change);
        self.record(event);
    }
}

/// Forgets everything; for tests and for instances that belong to no connector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoAudit;

impl Auditor for NoAudit {
    fn record(&self, _: AuditEvent) {}
}

/// An event as it was taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRecord {
    /// Grows by one with each record of a worker's life, from 1; 0 for what is told of the trail's file itself.
    pub number: u64,
    /// When, as RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// What.
    #[serde(flatten)]
    pub event: AuditEvent,
    /// What was changed, in records of the family `change`.
    #[serde(flatten)]
    pub change: Option<Change>,
    /// This record stands for so many like the ones before it, which came too fast to be taken down one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<u64>,
}

/// Which records to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Only of this connector.
    pub connector: Option<String>,
    /// Only with this code, or of this family: `kill` is `kill.trap`, `kill.memory-limit`, …
    pub code: Option<String>,
    /// Only those after this number.
    pub after: Option<u64>,
    /// At most so many, the newest.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether a record is asked for; the limit aside.
    pub fn takes(&self, record: &AuditRecord) -> bool {
        let AuditEvent { code, connector, .. } = &record.event;
        let is_of = |asked: &String| {
            code == asked || code.strip_prefix(asked.as_str()).is_some_and(|rest| rest.starts_with('.'))
        };
        self.connector.as_ref().is_none_or(|asked| asked == connector)
            && self.code.as_ref().is_none_or(is_of)
            && self.after.is_none_or(|after| record.number > after)
    }
}

/// Shows what was taken down.
pub trait AuditTrail: Send + Sync + fmt::Debug {
    /// The latest records that are asked for, the newest last. Older ones are forgotten here; they are in the file.
    fn recent(&self, query: &AuditQuery) -> Vec<AuditRecord>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_takes_a_code_or_its_family_and_nothing_that_merely_begins_alike() {
        let event = AuditEvent {
            code: "kill.trap".into(),
            connector: "c".into(),
            task: Some(0),
            plugin: "p@1".into(),
            detail: String::new(),
        };
        let record = AuditRecord { number: 5, time: String::new(), event, change: None, suppressed: None };
        let asked = |code: &str| AuditQuery { code: Some(code.into()), ..AuditQuery::default() }.takes(&record);
        assert!(asked("kill") && asked("kill.trap") && AuditQuery::default().takes(&record));
        assert!(!asked("kil") && !asked("kill.t") && !asked("kill.trap.x") && !asked("kill."));
        assert!(!AuditQuery { connector: Some("d".into()), ..AuditQuery::default() }.takes(&record));
        assert!(!AuditQuery { after: Some(5), ..AuditQuery::default() }.takes(&record));
    }

    #[test]
    fn a_record_is_one_flat_object() {
        let event = AuditEvent {
            code: "x.y".into(),
            connector: "c".into(),
            task: None,
            plugin: "p@1".into(),
            detail: "d".into(),
        };
        let record = AuditRecord { number: 1, time: "t".into(), event, change: None, suppressed: Some(3) };
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            text,
            r#"{"number":1,"time":"t","code":"x.y","connector":"c","plugin":"p@1","detail":"d","suppressed":3}"#
        );
        assert_eq!(serde_json::from_str::<AuditRecord>(&text).unwrap(), record);
    }
    #[test]
    fn a_change_adds_fields_to_the_same_flat_object() {
        let line = r#"{"number":2,"time":"t","code":"change.connector.config","connector":"c","plugin":"","detail":"d","who":"ann","from":"127.0.0.1:5","method":"PUT","path":"/connectors/c/config","status":200,"before":{"tasks.max":"1"},"after":{"tasks.max":"2"}}"#;
        let record: AuditRecord = serde_json::from_str(line).unwrap();
        let change = record.change.as_ref().unwrap();
        assert_eq!((change.who.as_str(), change.status, change.is_done()), ("ann", 200, true));
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        // Whoever knows nothing of changes reads the rest.
        let event: AuditEvent = serde_json::from_str(line).unwrap();
        assert_eq!(event, record.event);
    }
}
