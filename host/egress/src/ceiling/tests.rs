use proptest::prelude::*;

use super::*;

fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn entries_are_read_and_shown_in_one_form() {
    for (text, shown) in [
        ("DB.Example.com", "db.example.com"),
        ("db.example.com.:443", "db.example.com:443"),
        ("*.Example.com:8000-8999", "*.example.com:8000-8999"),
        ("10.0.0.5:80", "10.0.0.5:80"),
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("10.0.0.0/8:22", "10.0.0.0/8:22"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("[2001:db8::/32]:443", "[2001:db8::/32]:443"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("*", "*"),
        ("*:443", "*:443"),
        ("0x7f.1", "127.0.0.1"),
    ] {
        assert_eq!(text.parse::<Rule>().unwrap().to_string(), shown, "{text}");
    }
    for (text, error) in [
        ("", RuleError::What),
        ("a b", RuleError::What),
        ("https://a", RuleError::Url),
        ("a:0", RuleError::Ports),
        ("a:9-8", RuleError::Ports),
        ("a:", RuleError::Ports),
        ("a*.example.com", RuleError::Asterisk),
        ("*.*.example.com", RuleError::Asterisk),
        ("*.10.0.0.1", RuleError::Asterisk),
        ("10.0.0.0/33", RuleError::Network),
        ("a/8", RuleError::Network),
        ("[::1", RuleError::What),
        ("me@a", RuleError::What),
    ] {
        assert_eq!(text.parse::<Rule>(), Err(error), "{text}");
    }
}

#[test]
fn an_asterisk_stands_for_labels_and_not_for_their_parts() {
    let ceiling = Ceiling { allow: rules(&["*.a.b"]), ..Ceiling::default() };
    for (name, allowed) in [("x.a.b", true), ("x.y.a.b", true), ("a.b", false), ("xa.b", false), (".a.b", false)] {
        assert_eq!(ceiling.check_name(name, 1).is_ok(), allowed, "{name}");
    }
}

#[test]
fn deny_wins_over_allow() {
    let ceiling = Ceiling { allow: rules(&["*.a.b"]), deny: rules(&["x.a.b", "8.8.8.0/24"]), ..Ceiling::default() };
    assert!(ceiling.check_name("x.a.b", 1).is_err());
    assert!(ceiling.check(Some("y.a.b"), ip("8.8.8.8"), 1).is_err());
    assert!(ceiling.check(Some("y.a.b"), ip("64:ff9b::808:808"), 1).is_err(), "in another guise");
    assert!(ceiling.check(Some("y.a.b"), ip("1.1.1.1"), 1).is_ok());
}

#[test]
fn a_name_is_allowed_by_itself_or_by_where_it_leads() {
    let ceiling = Ceiling { allow: rules(&["10.0.0.0/8:5432"]), ..Ceiling::default() };
    assert!(ceiling.check_name("db", 5432).is_ok(), "it depends");
    assert!(ceiling.check_name("db", 80).is_err());
    assert!(ceiling.check(Some("db"), ip("10.1.1.1"), 5432).is_ok());
    assert!(ceiling.check(Some("db"), ip("1.1.1.1"), 5432).is_err());
}

#[test]
fn ranges_are_switched_and_one_address_is_carved_out() {
    let open = Ceiling { loopback: true, private: true, link_local: true, ..Ceiling::default() };
    let shut = Ceiling { private: false, ..Ceiling::default() };
    for text in ["127.0.0.1", "10.0.0.1", "100.64.0.1", "169.254.0.9", "::1", "fd00::1", "fe80::1"] {
        assert!(open.check(None, ip(text), 80).is_ok(), "{text}");
        assert!(shut.check(None, ip(text), 80).is_err(), "{text}");
        let bracketed = if text.contains(':') { format!("[{text}]:80") } else { format!("{text}:80") };
        let carved = Ceiling { allow: rules(&[&bracketed]), ..shut.clone() };
        assert!(carved.check(None, ip(text), 80).is_ok(), "{text}");
        assert!(carved.check(None, ip(text), 81).is_err(), "{text}");
    }
    // A network is not one address: it opens no range.
    let wide = Ceiling { allow: rules(&["0.0.0.0/0", "::/0", "*"]), ..shut };
    assert!(wide.check(None, ip("127.0.0.1"), 80).is_err());
    assert!(wide.check(None, ip("8.8.8.8"), 80).is_ok());
}

#[test]
fn the_message_says_what_the_operator_can_do() {
    let message = |address| Ceiling::default().check(None, ip(address), 80).unwrap_err().to_string();
    assert!(message("127.0.0.1").contains("`loopback = true`"));
    assert!(message("169.254.169.254").contains("no connector may reach"));
}

proptest! {
    #[test]
    fn nothing_opens_what_is_never_allowed(bits: u128, port in 1..=u16::MAX) {
        let address = IpAddr::from(std::net::Ipv6Addr::from(bits));
        let open = Ceiling {
            allow: vec![Rule::from_str_or_any(&format!("[{address}]:{port}")), Rule::from_str_or_any("*")],
            deny: vec![],
            loopback: true,
            private: true,
            link_local: true,
        };
        if classify(address).is_never_allowed() {
            prop_assert!(open.check(None, address, port).is_err());
        } else {
            prop_assert!(open.check(None, address, port).is_ok());
        }
    }

    #[test]
    fn metadata_is_never_reached(at in 0usize..7, port in 1..=u16::MAX) {
        let text = ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "::ffff:a9fe:a9fe", "0.0.0.0", "::", "224.0.0.1"][at];
        let address = ip(text);
        let allow = vec![Rule::from_str_or_any(&format!("[{address}]")), Rule::from_str_or_any("*")];
        let open = Ceiling { allow, deny: vec![], loopback: true, private: true, link_local: true };
        prop_assert!(open.check(Some("metadata"), address, port).is_err());
    }

    #[test]
    fn what_was_read_is_shown_and_read_as_the_same(text in "[a-z0-9.:*/\\[\\]-]{0,24}") {
        if let Ok(rule) = text.parse::<Rule>() {
            prop_assert_eq!(rule.to_string().parse::<Rule>().unwrap(), rule);
        }
    }
}

impl Rule {
    fn from_str_or_any(text: &str) -> Self {
        text.parse().unwrap()
    }
}
