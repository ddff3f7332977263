//! CloudEvents 1.0 over HTTP: binary, structured and batched.

use serde::Deserialize;
use serde_json::value::RawValue;
use wharf_sdk::webhook::{Request, Response};
use wharf_sdk::{BatchBuilder, Format};

use crate::{Config, Refused, bad, media_type, only, with_headers};

const STRUCTURED: &str = "application/cloudevents+json";
const BATCHED: &str = "application/cloudevents-batch+json";

/// The attributes that become headers and the key.
#[derive(Deserialize)]
struct Attributes {
    id: Option<String>,
    source: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    specversion: Option<String>,
    partitionkey: Option<String>,
}

/// Attributes that are all there.
struct Known {
    id: String,
    source: String,
    kind: String,
    specversion: String,
    partitionkey: Option<String>,
}

impl Known {
    fn headers(&self) -> [(&str, &str); 4] {
        [
            ("ce_id", &self.id),
            ("ce_source", &self.source),
            ("ce_type", &self.kind),
            ("ce_specversion", &self.specversion),
        ]
    }

    fn key(&self) -> &[u8] {
        self.partitionkey.as_ref().unwrap_or(&self.id).as_bytes()
    }
}

pub(crate) fn handle(config: &Config, request: &Request, batch: &mut BatchBuilder) -> Result<Response, Refused> {
    only(&["POST"], request)?;
    match media_type(request).as_str() {
        STRUCTURED => structured(config, request, batch)?,
        BATCHED => batched(config, request, batch)?,
        other if other.starts_with("application/cloudevents") => {
            let message = format!("{other} is not supported: send {STRUCTURED} or {BATCHED}, or use binary mode");
            return Err(Response::text(415, message));
        }
        _ if request.header_bytes("ce-specversion").is_some() => binary(config, request, batch)?,
        _ => return Err(bad(format!("this is no CloudEvent: send ce-… headers, or {STRUCTURED}"))),
    }
    Ok(Response::new(204))
}

fn structured(config: &Config, request: &Request, batch: &mut BatchBuilder) -> Result<(), Refused> {
    let event: &RawValue = json(&request.body)?;
    let known = attributes(event).map_err(bad)?;
    batch.value_format(Format::Json);
    push_json(config, request, batch, event, &known);
    Ok(())
}

/// All events or none: a caller cannot tell which of them were taken.
fn batched(config: &Config, request: &Request, batch: &mut BatchBuilder) -> Result<(), Refused> {
    let events: Vec<&RawValue> = json(&request.body)?;
    let known = events
        .iter()
        .enumerate()
        .map(|(index, event)| attributes(event).map_err(|reason| bad(format!("event {index} of the batch: {reason}"))));
    let known = known.collect::<Result<Vec<_>, _>>()?;
    batch.value_format(Format::Json);
    for (event, known) in events.iter().zip(&known) {
        push_json(config, request, batch, event, known);
    }
    Ok(())
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body is not the JSON that it should be: {error}")))
}

fn push_json(config: &Config, request: &Request, batch: &mut BatchBuilder, event: &RawValue, known: &Known) {
    let mut row = batch.push(event.get().as_bytes()).key(known.key()).header("content-type", STRUCTURED.as_bytes());
    for (name, value) in known.headers() {
        row = row.header(name, value.as_bytes());
    }
    with_headers(config, request, row);
}

fn attributes(event: &RawValue) -> Result<Known, String> {
    let attributes: Attributes =
        serde_json::from_str(event.get()).map_err(|error| format!("this is no CloudEvent: {error}"))?;
    complete(attributes)
}

fn complete(attributes: Attributes) -> Result<Known, String> {
    let required = |name: &str, value: Option<String>| {
        value.filter(|value| !value.is_empty()).ok_or_else(|| format!("the attribute {name} is missing"))
    };
    let specversion = required("specversion", attributes.specversion)?;
    if specversion != "1.0" {
        return Err(format!("the specversion {specversion} is not supported: send 1.0"));
    }
    Ok(Known {
        id: required("id", attributes.id)?,
        source: required("source", attributes.source)?,
        kind: required("type", attributes.kind)?,
        specversion,
        partitionkey: attributes.partitionkey.filter(|key| !key.is_empty()),
    })
}

fn binary(config: &Config, request: &Request, batch: &mut BatchBuilder) -> Result<(), Refused> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for (name, value) in &request.headers {
        let Some(name) = name.strip_prefix("ce-") else { continue };
        let value = decoded(value).ok_or_else(|| bad(format!("the header ce-{name} is not UTF-8")))?;
        if all.iter().any(|(known, _)| *known == name) {
            return Err(bad(format!("the header ce-{name} comes twice")));
        }
        all.push((name, value));
    }
    let one = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    let attributes = Attributes {
        id: one("id"),
        source: one("source"),
        kind: one("type"),
        specversion: one("specversion"),
        partitionkey: one("partitionkey"),
    };
    let known = complete(attributes).map_err(bad)?;
    let mut row = batch.push(&request.body).key(known.key());
    if let Some(media_type) = request.header_bytes("content-type") {
        row = row.header("content-type", media_type);
    }
    for (name, value) in &all {
        row = row.header(&format!("ce_{name}"), value.as_bytes());
    }
    with_headers(config, request, row);
    Ok(())
}

/// A header's value without its percent encoding, which CloudEvents use for what HTTP headers cannot hold.
fn decoded(value: &[u8]) -> Option<String> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&first, after)) = rest.split_first() {
        let pair = after.first().and_then(digit).zip(after.get(1).and_then(digit));
        match (first, pair) {
            (b'%', Some((high, low))) => {
                bytes.push((high * 16 + low) as u8);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}
