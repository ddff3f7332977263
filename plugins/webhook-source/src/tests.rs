use wharf_sdk::testkit::{Handled, WebhookKit};

use super::*;

fn kit(config: &[(&str, &str)]) -> WebhookKit<WebhookSource> {
    let mut kit = WebhookKit::new([("topic", "t")].into_iter().chain(config.iter().copied()));
    kit.start().unwrap();
    kit
}

fn handle(config: &[(&str, &str)], request: Request) -> Handled {
    kit(config).handle(request).unwrap()
}

/// The status of an answer that must come without a row.
fn refused(config: &[(&str, &str)], request: Request) -> u16 {
    let handled = handle(config, request);
    assert_eq!(handled.batch.rows, 0);
    handled.response.status
}

fn problems(config: &[(&str, &str)]) -> Vec<String> {
    let kit = WebhookKit::<WebhookSource>::new([("topic", "t")].into_iter().chain(config.iter().copied()));
    kit.validate().into_iter().map(|problem| problem.key).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn keys_that_do_not_fit_the_format_are_refused() {
    assert_eq!(problems(&[]), [""; 0]);
    assert_eq!(problems(&[("format", "github")]), ["secret"]);
    assert_eq!(problems(&[("format", "github"), ("secret", "s")]), [""; 0]);
    assert_eq!(problems(&[("secret", "s")]), ["secret"]);
    assert_eq!(problems(&[("format", "cloudevents"), ("key.pointer", "/id")]), ["key.pointer"]);
    assert_eq!(problems(&[("key.header", "x"), ("key.pointer", "/id")]), ["key.pointer"]);
    assert_eq!(problems(&[("key.pointer", "id")]), ["key.pointer"]);
    assert_eq!(problems(&[("format", "soap")]), ["format"]);
}

#[test]
fn a_request_to_see_whether_somebody_is_there_makes_no_row() {
    for format in [&[][..], &[("format", "cloudevents")], &[("format", "github"), ("secret", "s")]] {
        let request = Request { method: "GET".into(), ..Request::post("") };
        assert_eq!(refused(format, request), 204);
        let request = Request { method: "DELETE".into(), ..Request::post("") };
        assert_eq!(refused(format, request), 405);
    }
}

mod generic {
    use super::*;

    #[test]
    fn the_body_is_the_value_byte_for_byte_and_chosen_headers_come_along() {
        let request = Request::post(&b"\x00\xffx"[..]).with_header("X-One", "1").with_header("X-Two", "2");
        let handled = handle(&[("headers", "x-one, X-Three")], request);
        assert_eq!(handled.response, Response::new(204));
        assert_eq!(handled.batch.values.cell(0), Some(&b"\x00\xffx"[..]));
        assert_eq!(handled.headers(0), [pair("x-one", "1")]);
        assert_eq!(handled.keys(), [None]);
    }

    #[test]
    fn the_key_comes_from_a_header_or_from_the_body() {
        let by_header = &[("key.header", "X-Id")][..];
        let handled = handle(by_header, Request::post("a").with_header("x-id", "7"));
        assert_eq!(handled.keys(), [Some(b"7".to_vec())]);
        assert_eq!(refused(by_header, Request::post("a")), 400);

        let by_pointer = &[("key.pointer", "/order/id")][..];
        let key = |body: &str| handle(by_pointer, Request::post(body)).keys();
        assert_eq!(key(r#"{"order":{"id":"x"}}"#), [Some(b"x".to_vec())]);
        assert_eq!(key(r#"{"order":{"id":12}}"#), [Some(b"12".to_vec())]);
        for body in ["", "{", "{}", r#"{"order":{"id":null}}"#, r#"{"order":{"id":{}}}"#] {
            assert_eq!(refused(by_pointer, Request::post(body)), 400, "{body}");
        }
    }
}

mod cloudevents {
    use super::*;

    const FORMAT: &[(&str, &str)] = &[("format", "cloudevents")];

    fn binary(leave_out: &str) -> Request {
        let all = [("specversion", "1.0"), ("id", "A-1"), ("source", "/s"), ("type", "t.created")];
        let kept = all.into_iter().filter(|(name, _)| *name != leave_out);
        kept.fold(Request::post("data"), |request, (name, value)| request.with_header(&format!("ce-{name}"), value))
    }

    fn typed(media_type: &str, body: &str) -> Request {
        Request::post(body).with_header("content-type", media_type)
    }

    #[test]
    fn in_binary_mode_attributes_are_headers_and_the_body_is_the_data() {
        let request = binary("").with_header("ce-subject", "Euro%20%E2%82%AC%zz").with_header("content-type", "text/x");
        let handled = handle(FORMAT, request);
        assert_eq!((handled.response.status, handled.texts()), (204, vec!["data".to_owned()]));
        assert_eq!(handled.keys(), [Some(b"A-1".to_vec())]);
        let headers = handled.headers(0);
        let expected = [pair("content-type", "text/x"), pair("ce_id", "A-1"), pair("ce_subject", "Euro €%zz")];
        assert!(expected.iter().all(|header| headers.contains(header)), "{headers:?}");
    }

    #[test]
    fn the_partition_key_wins_over_the_id() {
        let handled = handle(FORMAT, binary("").with_header("ce-partitionkey", "p"));
        assert_eq!(handled.keys(), [Some(b"p".to_vec())]);
    }

    #[test]
    fn an_event_that_lacks_an_attribute_is_refused() {
        for name in ["id", "source", "type", "specversion"] {
            assert_eq!(refused(FORMAT, binary(name)), 400, "{name}");
        }
        assert_eq!(refused(FORMAT, binary("specversion").with_header("ce-specversion", "0.3")), 400);
        assert_eq!(refused(FORMAT, binary("").with_header("ce-id", "again")), 400);
        assert_eq!(refused(FORMAT, binary("").with_header("ce-subject", "%ff")), 400);
        let event = r#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#;
        assert_eq!(refused(FORMAT, typed("application/cloudevents+json", event)), 400);
        for body in ["", "[]", "7", r#"{"id":7}"#, "{"] {
            assert_eq!(refused(FORMAT, typed("application/cloudevents+json", body)), 400, "{body}");
        }
        assert_eq!(refused(FORMAT, typed("application/cloudevents+avro", "x")), 415);
        assert_eq!(refused(FORMAT, typed("application/json", "{}")), 400);
    }

    #[test]
    fn in_structured_mode_the_event_is_the_value_as_it_was_written() {
        let event = r#"{ "specversion":"1.0", "id":"9","source":"/s","type":"t", "data": {"b":1,  "a":2} }"#;
        let handled = handle(FORMAT, typed("Application/CloudEvents+JSON; charset=utf-8", event));
        assert_eq!(handled.texts(), [event]);
        assert_eq!(handled.keys(), [Some(b"9".to_vec())]);
        let expected = [
            pair("content-type", "application/cloudevents+json"),
            pair("ce_id", "9"),
            pair("ce_source", "/s"),
            pair("ce_type", "t"),
            pair("ce_specversion", "1.0"),
        ];
        assert_eq!(handled.headers(0), expected);
    }

    #[test]
    fn a_batch_makes_a_row_of_each_event_or_none() {
        let event = |id: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t"}}"#);
        let batch =
            |events: &[String]| typed("application/cloudevents-batch+json", &format!("[{}]", events.join(" , ")));
        let handled = handle(FORMAT, batch(&[event("1"), event("2")]));
        assert_eq!(handled.texts(), [event("1"), event("2")]);
        assert_eq!(handled.headers(1)[1], pair("ce_id", "2"));
        let empty = handle(FORMAT, batch(&[]));
        assert_eq!((empty.batch.rows, empty.response.status), (0, 204));
        assert_eq!(refused(FORMAT, batch(&[event("1"), "{}".to_owned()])), 400);
    }
}

mod github {
    use super::*;

    const SECRET: &str = "It's a Secret to Everybody";
    /// Of `Hello, World!`, as GitHub's documentation gives it.
    const TAG: &str = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    const FORMAT: &[(&str, &str)] = &[("format", "github"), ("secret", SECRET)];

    fn signed(body: &str, event: &str) -> Request {
        use hmac::{Hmac, KeyInit, Mac};
        let mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(body);
        let tag: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        Request::post(body)
            .with_header("X-Hub-Signature-256", format!("sha256={tag}"))
            .with_header("X-GitHub-Event", event)
            .with_header("X-GitHub-Delivery", "d-1")
            .with_header("Content-Type", "application/json")
    }

    #[test]
    fn the_signature_of_githubs_documentation_is_right() {
        let signer = Signer::new(SECRET).unwrap();
        let body = b"Hello, World!";
        assert!(signer.has_signed(body, &format!("sha256={TAG}")));
        let upper = TAG.to_uppercase();
        let wrong = [
            String::new(),
            TAG.to_owned(),
            format!("sha1={TAG}"),
            format!("sha256={}", TAG.get(..62).unwrap()),
            format!("sha256={TAG}00"),
            format!("sha256={}8", TAG.get(..63).unwrap()),
            format!("sha256={}z", TAG.get(..63).unwrap()),
        ];
        for signature in &wrong {
            assert!(!signer.has_signed(body, signature), "{signature}");
        }
        assert!(signer.has_signed(body, &format!("sha256={upper}")), "digits in upper case are the same digits");
        assert!(!signer.has_signed(b"Hello, World", &format!("sha256={TAG}")));
        assert!(!Signer::new("another").unwrap().has_signed(body, &format!("sha256={TAG}")));
    }

    #[test]
    fn a_delivery_is_a_row_with_its_event_and_its_id() {
        let handled = handle(FORMAT, signed(r#"{"action":"opened"}"#, "issues"));
        assert_eq!((handled.response.status, handled.texts()), (204, vec![r#"{"action":"opened"}"#.to_owned()]));
        assert_eq!(handled.keys(), [Some(b"d-1".to_vec())]);
        assert_eq!(handled.headers(0), [pair("x-github-event", "issues"), pair("x-github-delivery", "d-1")]);
    }

    #[test]
    fn a_ping_is_answered() {
        let handled = handle(FORMAT, signed("{}", "ping"));
        assert_eq!((handled.batch.rows, handled.response.status), (0, 200));
    }

    #[test]
    fn what_is_not_signed_makes_no_row() {
        let mut tampered = signed("{}", "issues");
        tampered.body = b"{ }".to_vec();
        assert_eq!(refused(FORMAT, tampered), 401);
        let mut unsigned = signed("{}", "issues");
        unsigned.headers.retain(|(name, _)| name != "x-hub-signature-256");
        assert_eq!(refused(FORMAT, unsigned), 401);
        let mut form = signed("payload=%7B%7D", "issues");
        form.headers.retain(|(name, _)| name != "content-type");
        assert_eq!(refused(FORMAT, form), 415);
        assert_eq!(refused(FORMAT, signed("{", "issues")), 400);
    }
}
