#![doc = include_str!("../README.md")]

mod cloudevents;
mod generic;
mod github;

use std::fmt;

use serde::Deserialize;
use wharf_sdk::webhook::{Request, Response};
use wharf_sdk::{BatchBuilder, ConfigKey, Context, Descriptor, Failure, Importance, NewRow, Problem, Webhook};

use github::Signer;

/// What callers send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Generic,
    CloudEvents,
    GitHub,
}

/// The configuration.
#[derive(Deserialize)]
pub struct Config {
    format: Format,
    secret: Option<String>,
    headers: Vec<String>,
    #[serde(rename = "key.header")]
    key_header: Option<String>,
    #[serde(rename = "key.pointer")]
    key_pointer: Option<String>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the secret.
        f.debug_struct("Config").field("format", &self.format).finish_non_exhaustive()
    }
}

/// A running task.
#[derive(Debug)]
pub struct WebhookSource {
    config: Config,
    /// With `github`.
    signer: Option<Signer>,
}

/// An answer that is no row: the request is wrong.
type Refused = Response;

impl Webhook for WebhookSource {
    type Config = Config;

    fn describe() -> Descriptor {
        let summary = "Takes HTTP requests: anything, CloudEvents, GitHub webhooks.";
        Descriptor::new("webhook-source", env!("CARGO_PKG_VERSION"), summary)
            .documentation(include_str!("../README.md"))
            .key(ConfigKey::string("topic").required().doc("The topic that the rows go to."))
            .key(
                ConfigKey::string("format")
                    .default_value("generic")
                    .allowed(["generic", "cloudevents", "github"])
                    .importance(Importance::High)
                    .doc("What callers send."),
            )
            .key(
                ConfigKey::password("secret")
                    .importance(Importance::High)
                    .doc("With the format github: the webhook's secret, as it was typed in at GitHub."),
            )
            .key(
                ConfigKey::list("headers")
                    .default_value("")
                    .doc("Request headers that the rows get too, under their names in lower case."),
            )
            .key(
                ConfigKey::string("key.header")
                    .doc("With the format generic: the request header whose value is the row's key."),
            )
            .key(ConfigKey::string("key.pointer").doc(
                "With the format generic: the place in a JSON body whose value is the row's key, as a JSON pointer: \
                 /order/id.",
            ))
    }

    fn validate(config: &Config) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, message: &str| {
            problems.push(Problem { key: key.to_owned(), message: message.to_owned() });
        };
        let is_github = config.format == Format::GitHub;
        match &config.secret {
            None if is_github => problem("secret", "write the webhook's secret, as it was typed in at GitHub"),
            Some(_) if !is_github => problem("secret", "only the format github uses it: leave it out"),
            _ => {}
        }
        let has_key = config.key_header.is_some() || config.key_pointer.is_some();
        if has_key && config.format != Format::Generic {
            let key = if config.key_header.is_some() { "key.header" } else { "key.pointer" };
            problem(key, "only the format generic uses it, the others have keys of their own: leave it out");
        } else if config.key_header.is_some() && config.key_pointer.is_some() {
            problem("key.pointer", "there is one key: set key.header or key.pointer");
        }
        if config.key_pointer.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
            problem("key.pointer", "write a JSON pointer, which begins with a slash: /order/id");
        }
        problems
    }

    fn start(_: &Context, config: Config) -> Result<Self, Failure> {
        let signer = config.secret.as_deref().map(Signer::new).transpose()?;
        Ok(Self { config, signer })
    }

    fn handle(&mut self, request: Request, batch: &mut BatchBuilder) -> Result<Response, Failure> {
        let Self { config, signer } = self;
        if matches!(request.method.as_str(), "GET" | "HEAD") {
            return Ok(Response::new(204));
        }
        let handled = match (config.format, signer) {
            (Format::Generic, _) => generic::handle(config, &request, batch),
            (Format::CloudEvents, _) => cloudevents::handle(config, &request, batch),
            (Format::GitHub, Some(signer)) => github::handle(config, signer, &request, batch),
            (Format::GitHub, None) => return Err(Failure::config("secret", "write the webhook's secret")),
        };
        Ok(handled.unwrap_or_else(|refused| refused))
    }
}

/// Refuses other methods than these.
fn only(methods: &[&str], request: &Request) -> Result<(), Refused> {
    if methods.contains(&request.method.as_str()) {
        return Ok(());
    }
    let allowed = methods.join(", ");
    Err(Response::text(405, format!("send one of {allowed}")).header("allow", allowed))
}

fn bad(reason: impl Into<String>) -> Refused {
    Response::text(400, reason)
}

/// The media type of a request, in lower case and without parameters; empty where there is none.
fn media_type(request: &Request) -> String {
    let value = request.header("content-type").unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Gives a row the request headers that the configuration chooses.
fn with_headers<'a>(config: &Config, request: &Request, mut row: NewRow<'a>) -> NewRow<'a> {
    for name in &config.headers {
        let name = name.trim().to_ascii_lowercase();
        if let Some(value) = request.header_bytes(&name) {
            row = row.header(&name, value);
        }
    }
    row
}

wharf_sdk::export_webhook!(WebhookSource);

#[cfg(test)]
mod tests;
