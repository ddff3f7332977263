//! GitHub's webhooks, signed with a shared secret.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::de::IgnoredAny;
use sha2::Sha256;
use wharf_sdk::webhook::{Request, Response};
use wharf_sdk::{BatchBuilder, Failure, Format};

use crate::{Config, Refused, bad, media_type, only, with_headers};

const SIGNATURE: &str = "x-hub-signature-256";
const EVENT: &str = "x-github-event";
const DELIVERY: &str = "x-github-delivery";

/// Knows the secret.
#[derive(Clone)]
pub(crate) struct Signer(Hmac<Sha256>);

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    pub(crate) fn new(secret: &str) -> Result<Self, Failure> {
        let keyed = Hmac::new_from_slice(secret.as_bytes());
        keyed.map(Self).map_err(|error| Failure::config("secret", format!("it cannot be used: {error}")))
    }

    /// Whether `signature`, `sha256=` and 64 hexadecimal digits, is the one of `body`; compared in constant time.
    pub(crate) fn has_signed(&self, body: &[u8], signature: &str) -> bool {
        let Some(tag) = signature.strip_prefix("sha256=").and_then(bytes) else { return false };
        self.0.clone().chain_update(body).verify_slice(&tag).is_ok()
    }
}

/// Hexadecimal digits as the bytes that they stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let (pairs, odd) = digits.as_chunks::<2>();
    let value = |digit: u8| char::from(digit).to_digit(16);
    let one = |&[high, low]: &[u8; 2]| Some((value(high)? * 16 + value(low)?) as u8);
    if odd.is_empty() { pairs.iter().map(one).collect() } else { None }
}

pub(crate) fn handle(
    config: &Config,
    signer: &Signer,
    request: &Request,
    batch: &mut BatchBuilder,
) -> Result<Response, Refused> {
    only(&["POST"], request)?;
    let is_signed = request.header(SIGNATURE).is_some_and(|signature| signer.has_signed(&request.body, signature));
    if !is_signed {
        return Err(Response::text(401, "the signature in X-Hub-Signature-256 is missing or wrong"));
    }
    let needed = |name: &str| request.header(name).ok_or_else(|| bad(format!("the header {name} is missing")));
    let event = needed(EVENT)?;
    if event == "ping" {
        return Ok(Response::text(200, "pong"));
    }
    let delivery = needed(DELIVERY)?;
    if media_type(request) != "application/json" {
        return Err(Response::text(415, "choose the content type application/json in the webhook's settings"));
    }
    serde_json::from_slice::<IgnoredAny>(&request.body)
        .map_err(|error| bad(format!("the payload is no JSON: {error}")))?;
    batch.value_format(Format::Json);
    let row = batch.push(&request.body).key(delivery.as_bytes());
    let row = row.header(EVENT, event.as_bytes()).header(DELIVERY, delivery.as_bytes());
    with_headers(config, request, row);
    Ok(Response::new(204))
}
