use proptest::prelude::*;

use super::*;

fn shown(text: &str) -> Result<String, EndpointError> {
    parse(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

#[test]
fn a_missing_port_is_the_schemes_and_nothing_elses() {
    for (text, endpoint) in [
        ("http://a", "a:80"),
        ("HTTPS://A/", "a:443"),
        ("https://a:8443", "a:8443"),
        ("redis://a", "a:6379"),
        ("postgres://a/db", "a:5432"),
        ("mongodb://a,b:1/db", "a:27017 b:1"),
        ("foo://a:1", "a:1"),
        ("https://[2001:db8::1]", "[2001:db8::1]:443"),
        ("[2001:db8::1]:9000", "[2001:db8::1]:9000"),
        ("https://a?x=b@c", "a:443"),
        ("https://a#f:g@h", "a:443"),
    ] {
        assert_eq!(shown(text).as_deref(), Ok(endpoint), "{text}");
    }
    assert_eq!(shown("foo://a"), Err(EndpointError::UnknownScheme));
    assert_eq!(shown("a"), Err(EndpointError::NoPort));
}

#[test]
fn each_fault_is_told_by_its_name() {
    use EndpointError::{Address, Blank, Credentials, Empty, Path, Port, Scheme, Template};
    for (text, error) in [
        ("", Empty),
        (" ", Empty),
        (":80", Empty),
        ("http://", Empty),
        ("http://:80", Empty),
        ("a b:80", Blank),
        ("a:8\r\n0", Blank),
        ("http://good.example\\@evil.example/", Blank),
        ("https://good@evil", Credentials),
        ("good.example:pw@evil:80", Credentials),
        ("https://a:b@c:1/d", Credentials),
        ("https://{topic}.example/", Template),
        ("https://a:{port}/", Template),
        ("${HOST}:80", Template),
        ("a:0", Port),
        ("a:65536", Port),
        ("a:+80", Port),
        ("a:", Port),
        ("a:80x", Port),
        ("::1:80", Address),
        ("[::1", Address),
        ("a/b:1", Path),
        ("10.0.0.0/8:80", Path),
        ("1http://a", Scheme),
    ] {
        assert_eq!(shown(text), Err(error), "{text}");
    }
}

#[test]
fn a_list_holds_endpoints_of_every_kind() {
    let list = parse_list("a:1, https://b/x/{y} ,[::1]:2,nats://c").unwrap();
    let shown: Vec<_> = list.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["a:1", "b:443", "[::1]:2", "c:4222"]);
    assert_eq!(parse_list(""), Ok(vec![]));
    assert_eq!(parse_list("a:1,,b:2"), Err(EndpointError::Empty));
    assert_eq!(parse_list(&["a:1"; 65].join(",")), Err(EndpointError::TooMany));
}

#[test]
fn no_error_repeats_the_value() {
    for text in ["https://me:s3cret@host", "s3cret", "x://s3cret", "s3cret@h:1"] {
        assert!(!shown(text).unwrap_err().to_string().contains("s3cret"), "{text}");
    }
}

proptest! {
    /// What was read can be written and read again, and is the same then: there is one form.
    #[test]
    fn reading_is_stable(text in ".{0,40}") {
        if let Ok(endpoints) = parse(&text) {
            for endpoint in endpoints {
                let again = parse(&endpoint.to_string()).unwrap();
                prop_assert_eq!((&again[0].host, again[0].port), (&endpoint.host, endpoint.port));
            }
        }
    }

    /// A name is never the spelling of an address: a resolver would not look it up.
    #[test]
    fn no_name_is_an_address(text in "[0-9a-fA-FxX.:]{1,20}") {
        if let Ok(Host::Name(name)) = Host::parse(&text) {
            prop_assert!(name.parse::<std::net::IpAddr>().is_err());
            prop_assert!(!name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{}", name);
        }
    }

    /// An at sign before the path is never read as part of a host.
    #[test]
    fn nothing_hides_behind_an_at_sign(user in "[a-z.:]{0,10}", host in "[a-z.]{1,10}") {
        let url = format!("https://{user}@{host}/");
        prop_assert!(parse(&url).is_err());
    }
}
