//! Telling the audit what was changed: who, what, before, after, from where, and with which answer.
//!
//! What was before and after is asked of the API itself, as a `GET` of the resource that the table names, so it is what
//! any caller sees: secrets are masked there. Values of keys that sound like a secret are masked here once more. Two
//! changes at the same moment may each see a part of the other.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{Method, header};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use tower::ServiceExt as _;
use wharf_core::audit::{AuditEvent, Auditor, Change};
use wharf_core::secret::HIDDEN;

use super::Caller;
use super::table::Rule;
use crate::listen::Peer;

/// A larger resource is not compared.
const MOST_BYTES: usize = 256 * 1024;
/// Keys that are told of one change.
const MOST_KEYS: usize = 40;
/// Characters of one value.
const MOST_CHARS: usize = 200;
/// A key that has one of these in its name is masked, whatever its type.
const SECRETIVE: [&str; 7] = ["password", "passwd", "secret", "token", "credential", "private.key", "api.key"];

/// Tells changes to the audit.
pub(super) struct Changes {
    /// The API without the guard: the worker itself asks nobody.
    inside: Router,
    auditor: Option<Arc<dyn Auditor>>,
}

impl Changes {
    pub(super) fn new(inside: Router, auditor: Option<Arc<dyn Auditor>>) -> Self {
        Self { inside, auditor }
    }

    /// Runs a request that changes something, and tells what came of it.
    pub(super) async fn run(
        &self,
        rule: Rule,
        name: Option<String>,
        caller: Caller,
        peer: Option<Peer>,
        request: Request,
        next: Next,
    ) -> Response {
        let Some(auditor) = &self.auditor else { return next.run(request).await };
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let before = self.shown(&rule, name.as_deref()).await;
        let response = next.run(request).await;
        let subject = name.or_else(|| caller.subject.get().cloned());
        let status = response.status();
        let after = match status.is_success() {
            true => self.shown(&rule, subject.as_deref()).await,
            false => before.clone(),
        };
        let difference = Difference::of(before, after);
        let who = caller.principal.name().to_owned();
        let is_of_connector = rule.route.starts_with("/connectors");
        let event = AuditEvent {
            code: format!("change.{}", rule.change),
            connector: subject.filter(|_| is_of_connector).unwrap_or_default(),
            task: None,
            plugin: String::new(),
            detail: format!("{method} {path} by {who}: {}{}", status.as_u16(), difference.summary()),
        };
        let change = Change {
            who,
            from: peer.map(|peer| peer.address.to_string()).unwrap_or_default(),
            method,
            path,
            status: status.as_u16(),
            before: difference.before,
            after: difference.after,
        };
        auditor.record_change(event, change);
        response
    }

    /// What the API shows of the resource that the rule names; `None` where there is none.
    async fn shown(&self, rule: &Rule, name: Option<&str>) -> Option<Value> {
        let name = name.map(str::trim).filter(|name| !name.is_empty() && !rule.shows.is_empty())?;
        let path = rule.shows.replace("{}", &utf8_percent_encode(name, NON_ALPHANUMERIC).to_string());
        let request = Request::builder().method(Method::GET).uri(path).header(header::ACCEPT, "application/json");
        let Ok(response) = self.inside.clone().oneshot(request.body(Body::empty()).ok()?).await;
        if !response.status().is_success() {
            return None;
        }
        serde_json::from_slice(&to_bytes(response.into_body(), MOST_BYTES).await.ok()?).ok()
    }
}

/// What is different between two answers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    before: Option<Value>,
    after: Option<Value>,
    keys: Vec<String>,
}

impl Difference {
    /// Of two objects only the keys that differ are kept; anything else is kept whole, where it differs.
    fn of(before: Option<Value>, after: Option<Value>) -> Self {
        if before == after {
            return Self::default();
        }
        let (old, new) = (fields(before), fields(after));
        let names: BTreeSet<String> = [&old, &new].into_iter().flatten().flat_map(Map::keys).cloned().collect();
        let value =
            |side: &Option<Map<String, Value>>, key: &str| side.as_ref().and_then(|side| side.get(key)).cloned();
        let mut keys: Vec<String> = names.into_iter().filter(|key| value(&old, key) != value(&new, key)).collect();
        keys.truncate(MOST_KEYS);
        let side = |side: Option<Map<String, Value>>| {
            let kept = |key: &String| Some((key.clone(), bounded(key, value(&side, key)?)));
            side.is_some().then(|| Value::Object(keys.iter().filter_map(kept).collect()))
        };
        let (before, after) = (side(old), side(new));
        Self { before, after, keys }
    }

    /// The names of what was changed, for people.
    fn summary(&self) -> String {
        match self.keys.as_slice() {
            [] => String::new(),
            keys => format!("; changed: {}", keys.join(", ")),
        }
    }
}

fn fields(value: Option<Value>) -> Option<Map<String, Value>> {
    match value? {
        Value::Object(fields) => Some(fields),
        other => Some(Map::from_iter([("value".to_owned(), other)])),
    }
}

/// A value that is no secret and not too long.
fn bounded(key: &str, value: Value) -> Value {
    let lower = key.to_lowercase().replace(['-', '_'], ".");
    // A reference to a secret is none.
    let is_reference = value.as_str().is_some_and(|text| text.starts_with("${") && text.ends_with('}'));
    if SECRETIVE.iter().any(|word| lower.contains(word)) && !is_reference {
        return Value::String(HIDDEN.to_owned());
    }
    let text = match value {
        Value::String(text) => text,
        other => {
            let text = other.to_string();
            if text.len() <= MOST_CHARS {
                return other;
            }
            text
        }
    };
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => Value::String(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_has_changed_is_told() {
        let before = json!({"name": "c", "tasks.max": "1", "gone": "x"});
        let after = json!({"name": "c", "tasks.max": "2", "new": "y"});
        let difference = Difference::of(Some(before), Some(after));
        assert_eq!(difference.before, Some(json!({"tasks.max": "1", "gone": "x"})));
        assert_eq!(difference.after, Some(json!({"tasks.max": "2", "new": "y"})));
        assert_eq!(difference.summary(), "; changed: gone, new, tasks.max");
    }

    #[test]
    fn what_comes_and_goes_is_told_whole_and_what_stays_not_at_all() {
        let config = json!({"a": "1"});
        let created = Difference::of(None, Some(config.clone()));
        assert_eq!((created.before, created.after), (None, Some(config.clone())));
        let deleted = Difference::of(Some(config.clone()), None);
        assert_eq!((deleted.before, deleted.after), (Some(config.clone()), None));
        assert_eq!(Difference::of(Some(config.clone()), Some(config)), Difference::default());
    }

    #[test]
    fn secrets_by_their_name_are_masked_and_references_are_shown() {
        let after = json!({"db.password": "hunter2", "API_KEY": "k", "http.auth-token": "${env:T}", "topic": "t"});
        let shown = Difference::of(None, Some(after)).after.unwrap();
        let expected =
            json!({"db.password": "[hidden]", "API_KEY": "[hidden]", "http.auth-token": "${env:T}", "topic": "t"});
        assert_eq!(shown, expected);
    }

    #[test]
    fn it_stays_small() {
        let many: Map<String, Value> =
            (0..1000).map(|number| (format!("k{number:03}"), json!("ü".repeat(5000)))).collect();
        let after = Difference::of(None, Some(Value::Object(many))).after.unwrap();
        assert_eq!(after.as_object().unwrap().len(), MOST_KEYS);
        assert!(after.to_string().len() < MOST_KEYS * (MOST_CHARS * 2 + 50));
        let deep = Difference::of(None, Some(json!({"offsets": vec![json!({"partition": {"p": 1}}); 100]}))).after;
        assert!(deep.unwrap().to_string().len() < MOST_CHARS * 3);
    }
}
