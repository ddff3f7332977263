//! The description is what the code says, says everything, and says nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::text;
use crate::tests::Api;

/// Set to anything, the test writes the checked-in copy instead of comparing with it.
const WRITE: &str = "WHARF_WRITE_OPENAPI";

fn api() -> Value {
    serde_json::from_str(text()).unwrap()
}

/// All operations: method, path and description.
fn operations(api: &Value) -> Vec<(String, String, Value)> {
    let paths = api["paths"].as_object().unwrap();
    let each = |(path, item): (&String, &Value)| {
        let operations = item.as_object().unwrap().iter();
        let named = operations.map(|(method, it)| (method.to_uppercase(), path.clone(), it.clone()));
        named.collect::<Vec<_>>()
    };
    paths.iter().flat_map(each).collect()
}

/// The paths of the router, as it prints them itself.
fn paths_of_the_router() -> BTreeSet<String> {
    let printed = format!("{:?}", crate::routes());
    let quoted = printed.split('"').skip(1).step_by(2).map(str::to_owned);
    quoted.filter(|it| it.starts_with('/') && !it.contains("__private__")).collect()
}

#[test]
fn the_checked_in_copy_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os(WRITE).is_some() {
        return std::fs::write(&path, text()).unwrap();
    }
    let copy = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = copy.lines().zip(text().lines()).find(|(copy, code)| copy != code);
    assert!(
        copy == text(),
        "docs/openapi.json is not what the code says (first difference: {differs:?}): run `cargo xtask openapi`, look at \
         the change and commit it"
    );
}

#[tokio::test]
async fn every_route_is_described_and_every_described_one_exists() {
    let api = Api::start().await;
    let mut routed = BTreeSet::new();
    for path in paths_of_the_router() {
        // Whatever a name stands for, `0` can be one: a connector, a task, a version.
        let target = path.split('/').map(|part| if part.starts_with('{') { "0" } else { part });
        let target = target.collect::<Vec<_>>().join("/");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            // A body, because OpenMessaging's POST is told from Kafka Connect's 405 by it.
            let body = if method == Method::GET { "" } else { "{}" };
            let headers = [("content-type", "application/json")];
            let request = crate::tests::request(method.clone(), &target, &headers, body);
            // One that waits for records is there, too.
            let answer = tokio::time::timeout(Duration::from_secs(5), api.answer_to(request)).await;
            if answer.is_err() || answer.is_ok_and(|status| status != StatusCode::METHOD_NOT_ALLOWED) {
                routed.insert(format!("{method} {path}"));
            }
        }
    }
    assert!(routed.len() > 30, "the router no longer prints its paths as this test reads them: {routed:?}");
    let described: BTreeSet<String> =
        operations(&self::api()).into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    let silent: Vec<_> = routed.difference(&described).collect();
    assert!(
        silent.is_empty(),
        "these routes are not described: give the handler a `#[utoipa::path]` and a line in host/api/src/openapi.rs: \
         {silent:#?}"
    );
    let missing: Vec<_> = described.difference(&routed).collect();
    assert!(missing.is_empty(), "these routes are described and do not exist: {missing:#?}");
}

#[test]
fn every_operation_says_what_it_is_and_answers_refusals_in_one_shape() {
    let api = api();
    assert_eq!(api["openapi"], "3.1.0");
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    for (method, path, it) in operations(&api) {
        let here = format!("{method} {path}");
        assert!(it["summary"].as_str().is_some_and(|text| text.len() < 150), "{here}: summary");
        let id = it["operationId"].as_str().unwrap_or_default().to_owned();
        let is_camel = id.starts_with(|c: char| c.is_ascii_lowercase()) && !id.contains(['_', ' ', '{']);
        assert!(
            is_camel && id.contains(char::is_uppercase),
            "{here}: write operation_id = \"getThatThing\", not {id:?}"
        );
        let other = ids.insert(id.clone(), here.clone());
        assert_eq!(other, None, "{here} has the operation_id {id:?} too");
        for parameter in it["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{here}: {} has no description", parameter["name"]);
            let is_in_path = path.contains(&format!("{{{}}}", parameter["name"].as_str().unwrap()));
            assert_eq!(is_in_path, parameter["in"] == "path", "{here}: {}", parameter["name"]);
        }
        let named = it["parameters"].as_array().into_iter().flatten().filter(|it| it["in"] == "path").count();
        assert_eq!(named, path.matches('{').count(), "{here}: describe every part of the path in params(…)");
        for (status, answer) in it["responses"].as_object().unwrap() {
            let answer = match answer["$ref"].as_str() {
                Some(place) => resolve(&api, place),
                None => answer,
            };
            assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{here}: {status}");
            let is_refusal = status.starts_with('4') || status.starts_with('5');
            // Kafka Connect's own shape, and those of a worker's health.
            if is_refusal && !["/health", "/readyz", "/livez"].contains(&path.as_str()) {
                let schema = &answer["content"]["application/json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Error", "{here}: {status}");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(api: &Value, at: &Value) {
        match at {
            Value::Object(parts) => {
                if let Some(place) = parts.get("$ref").and_then(Value::as_str) {
                    assert!(!resolve(api, place).is_null(), "{place}");
                }
                parts.values().for_each(|part| walk(api, part));
            }
            Value::Array(parts) => parts.iter().for_each(|part| walk(api, part)),
            _ => {}
        }
    }
    let api = api();
    walk(&api, &api);
}

fn resolve<'a>(api: &'a Value, place: &str) -> &'a Value {
    api.pointer(place.strip_prefix('#').unwrap()).unwrap_or(&Value::Null)
}

#[tokio::test]
async fn the_description_and_the_page_are_served() {
    let api = Api::start().await;
    let answer = api.get("/openapi.json").await;
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.body, text().as_bytes());
    let page = api.get("/docs/").await;
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
    );
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
}
