//! Names in paths, whatever they are made of.

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::path::location;

fn run<V: std::fmt::Debug>(
    values: impl Strategy<Value = V>,
    case: impl Fn(&tokio::runtime::Runtime, &Api, V) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let api = runtime.block_on(Api::start());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    if let Err(error) = runner.run(&values, |value| case(&runtime, &api, value)) {
        panic!("{error}");
    }
}

/// Names of connectors: anything but nothing and control characters.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{1,20}", "[%/?#.+ &=:;@a-f0-9\\\\]{1,20}"]
}

#[test]
fn any_name_can_be_asked_for_at_the_location_that_was_given_for_it() {
    run(name(), |runtime, api, name| {
        let path = location(&HeaderMap::new(), &name);
        let segment = path.strip_prefix("/connectors/").unwrap();
        prop_assert!(segment.is_ascii() && !segment.contains(['/', '?', '#', ' ']), "{}", segment);
        prop_assert_eq!(percent_decode_str(segment).decode_utf8().unwrap(), name.as_str());
        let answer = runtime.block_on(api.get(&path));
        let message = format!("Connector {name} not found");
        prop_assert_eq!(answer.json(), json!({"error_code": 404, "message": message}), "{}", path);
        let answer = runtime.block_on(api.get(&format!("{path}/status")));
        let message = format!("No status found for connector {name}");
        prop_assert_eq!(answer.json(), json!({"error_code": 404, "message": message}), "{}", path);
        Ok(())
    });
}

#[test]
fn any_path_is_answered_and_none_is_a_fault_of_the_worker() {
    // What a client may send at all: the bytes that RFC 3986 lets stand in a target, and percents that lead nowhere.
    let target = "/(connectors|topics|plugins|connector-plugins|nosuch)?(/[a-z0-9%/.~!$&'()*+,;=:@-]{0,12}){0,4}\
                  (\\?[a-z%=&]{0,8})?";
    run(target, |runtime, api, target| {
        let answer = runtime.block_on(api.get(&target));
        prop_assert!(!answer.status.is_server_error(), "{} to {}", answer.status, target);
        if answer.status.is_client_error() && !answer.body.is_empty() {
            let error = answer.json();
            prop_assert_eq!(&error["error_code"], answer.status.as_u16(), "{}", target);
        }
        Ok(())
    });
}
