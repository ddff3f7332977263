//! Who may do what, over the routes.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::Method;
use serde_json::json;
use wharf_core::access::{Credential, Gatekeeper, Principal, Role, Verdict};
use wharf_core::audit::{AuditEvent, Auditor, Change};
use wharf_core::config::Secret;

use super::Api;
use crate::ApiOptions;

/// Knows a token for each role, which is the role's name.
#[derive(Debug)]
struct Roles;

#[async_trait]
impl Gatekeeper for Roles {
    fn is_open(&self) -> bool {
        false
    }

    fn recognise(&self, credential: &Credential) -> Option<Principal> {
        let roles = [Role::Read, Role::Operate, Role::Admin].into_iter();
        let mut known = roles.filter(|role| *credential == Credential::Token(Secret::new(role.as_str())));
        known.next().map(|role| Principal::new("ann", role, vec!["*".to_owned()]))
    }

    async fn verify(&self, _: &Credential) -> Verdict {
        Verdict::Unknown
    }

    fn certificate(&self, _: &str) -> Option<Principal> {
        None
    }
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<(String, Option<Change>)>>);

impl Auditor for Told {
    fn record(&self, event: AuditEvent) {
        self.0.lock().unwrap().push((event.code, None));
    }
    fn record_change(&self, event: AuditEvent, change: Change) {
        self.0.lock().unwrap().push((event.code, Some(change)));
    }
}

#[tokio::test]
async fn a_request_needs_a_credential_a_role_and_then_a_route() {
    let told = Arc::new(Told::default());
    let options = ApiOptions { access: Some(Arc::new(Roles)), auditor: Some(told.clone()), ..ApiOptions::default() };
    let api = Api::with(options).await;
    let ask = async |method: Method, path: &str, token: &str| {
        let value = format!("Bearer {token}");
        let headers = [("authorization", value.as_str())];
        api.send(method, path, if token.is_empty() { &[] } else { &headers }, "").await.status.as_u16()
    };
    for path in ["/", "/connectors", "/nosuch", "/connectors/x/pause"] {
        assert_eq!(ask(Method::GET, path, "").await, 401, "{path}");
        assert_eq!(ask(Method::GET, path, "nobody").await, 401, "{path}");
    }
    // It may still be starting.
    assert_ne!(ask(Method::GET, "/health/", "").await, 401);
    assert_eq!(ask(Method::GET, "/connectors/", "read").await, 200);
    assert_eq!(ask(Method::HEAD, "/connectors", "read").await, 200);
    assert_eq!(ask(Method::GET, "/nosuch", "read").await, 404);
    assert_eq!(ask(Method::GET, "/connectors/x/pause", "read").await, 405);
    assert_eq!(ask(Method::PUT, "/connectors/x/pause", "read").await, 403);
    assert_eq!(ask(Method::PUT, "/connectors/x/pause", "operate").await, 404);
    assert_eq!(ask(Method::DELETE, "/connectors/x", "operate").await, 403);
    assert_eq!(ask(Method::DELETE, "/connectors/x", "admin").await, 404);

    let told = told.0.lock().unwrap();
    let changes: Vec<_> = told.iter().filter_map(|(code, change)| Some((code.as_str(), change.as_ref()?))).collect();
    let seen = changes.iter().map(|(code, change)| (*code, change.who.as_str(), change.status));
    let expected = [("change.connector.pause", "ann", 404), ("change.connector.delete", "ann", 404)];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    // Four wrong tokens and two roles that did not suffice; who sent nothing has only asked.
    assert_eq!(told.iter().filter(|(code, _)| code == "access.denied").count(), 6);
}

#[tokio::test]
async fn without_a_gatekeeper_everybody_is_anonymous_and_changes_are_told_all_the_same() {
    let told = Arc::new(Told::default());
    let api = Api::with(ApiOptions { auditor: Some(told.clone()), ..ApiOptions::default() }).await;
    let answer = api.post("/connectors", r#"{"name":"x","config":{"connector.class":"NoSuch"}}"#).await;
    assert_eq!(answer.status, 400);
    let told = told.0.lock().unwrap();
    let (code, change) = &told[0];
    let change = change.as_ref().unwrap();
    assert_eq!((code.as_str(), change.who.as_str(), change.status), ("change.connector.create", "anonymous", 400));
    assert_eq!((&change.before, &change.after), (&None, &None));
    assert_eq!(json!([change.method, change.path]), json!(["POST", "/connectors"]));
}
