//! The values of endpoint keys, from which follows what a connector may reach.

use wharf_core::config::check_value;
use wharf_core::plugin::{ConfigKey, Importance, ValueType, Width};

use crate::must;

/// Takes the text as the value of an endpoint key and of a list of endpoints.
pub fn allowlist(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let one = check_value(&key(ValueType::Endpoint), &text);
    let many = check_value(&key(ValueType::EndpointList), &text);
    match &one {
        Ok(()) => {
            let value = text.trim();
            must(!value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control()), "blanks", &value);
            let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            must(!host.is_empty() && !host.starts_with(':'), "no host", &value);
        }
        Err(reason) => {
            // A message may be shown to anybody, and a value with an `@` may hold a password.
            let is_hidden = !text.contains('@') || !reason.contains(text.as_ref()) || text.len() < 4;
            must(is_hidden, "a secret in a message", reason);
        }
    }
    // A list of one is the same as one.
    if !text.contains(',') && !text.trim().is_empty() {
        must(one.is_ok() == many.is_ok(), "a list of one differs from one", &text);
    }
}

fn key(value_type: ValueType) -> ConfigKey {
    ConfigKey {
        name: "address".to_owned(),
        value_type,
        required: false,
        default: None,
        importance: Importance::High,
        documentation: String::new(),
        group: String::new(),
        order: 0,
        width: Width::None,
        display_name: String::new(),
        dependents: Vec::new(),
        allowed: Vec::new(),
    }
}
