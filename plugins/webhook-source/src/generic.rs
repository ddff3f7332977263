//! Anything: the body is the value.

use serde_json::Value;
use wharf_sdk::BatchBuilder;
use wharf_sdk::webhook::{Request, Response};

use crate::{Config, Refused, bad, only, with_headers};

pub(crate) fn handle(config: &Config, request: &Request, batch: &mut BatchBuilder) -> Result<Response, Refused> {
    only(&["POST", "PUT", "PATCH"], request)?;
    let key = key(config, request)?;
    let mut row = batch.push(&request.body);
    if let Some(key) = &key {
        row = row.key(key);
    }
    with_headers(config, request, row);
    Ok(Response::new(204))
}

fn key(config: &Config, request: &Request) -> Result<Option<Vec<u8>>, Refused> {
    if let Some(name) = &config.key_header {
        let value = request.header_bytes(name);
        return value.map(|value| Some(value.to_vec())).ok_or_else(|| bad(format!("the header {name} is missing")));
    }
    let Some(pointer) = &config.key_pointer else { return Ok(None) };
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|error| bad(format!("the body is no JSON: {error}")))?;
    match body.pointer(pointer) {
        Some(Value::String(text)) => Ok(Some(text.clone().into_bytes())),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string().into_bytes())),
        _ => Err(bad(format!("the body has no text, number or boolean at {pointer}"))),
    }
}
