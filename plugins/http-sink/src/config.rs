//! The configuration: keys, and what cannot work.

use std::fmt;

use serde::Deserialize;
use wharf_sdk::net::Endpoint;
use wharf_sdk::{ConfigKey, Descriptor, Importance, Problem, Template, encode};

/// How rows are put into requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum BatchFormat {
    #[serde(rename = "none")]
    None,
    #[serde(rename = "json-array")]
    JsonArray,
    #[serde(rename = "ndjson")]
    NdJson,
}

/// What the values are, where they are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ValueFormat {
    Json,
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Auth {
    None,
    Basic,
    Bearer,
}

/// What becomes of rows without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tombstones {
    Skip,
    Delete,
    Reject,
}

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    #[serde(rename = "http.url")]
    pub(crate) url: String,
    #[serde(rename = "http.method")]
    pub(crate) method: String,
    #[serde(rename = "http.headers")]
    headers: Option<String>,
    #[serde(rename = "http.content.type")]
    pub(crate) content_type: Option<String>,
    #[serde(rename = "http.auth")]
    auth: Auth,
    #[serde(rename = "http.auth.username")]
    username: Option<String>,
    #[serde(rename = "http.auth.password")]
    password: Option<Secret>,
    #[serde(rename = "http.auth.token")]
    token: Option<Secret>,
    #[serde(rename = "http.timeout.ms")]
    pub(crate) timeout_ms: u32,
    #[serde(rename = "batch.format")]
    pub(crate) batch_format: BatchFormat,
    #[serde(rename = "batch.max.rows")]
    pub(crate) batch_max_rows: usize,
    #[serde(rename = "batch.max.bytes")]
    pub(crate) batch_max_bytes: usize,
    #[serde(rename = "batch.split.on.error")]
    pub(crate) split: bool,
    #[serde(rename = "value.format")]
    pub(crate) value_format: ValueFormat,
    pub(crate) tombstones: Tombstones,
}

/// A password, which shows itself to nobody.
#[derive(Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

pub(crate) fn describe() -> Descriptor {
    Descriptor::new("http-sink", env!("CARGO_PKG_VERSION"), "Sends rows to an HTTP server.")
        .documentation(include_str!("../README.md"))
        .key(ConfigKey::endpoint("http.url").required().group("HTTP").doc(
            "Where to send rows, `http` or `https`. In its path and query, `{topic}`, `{partition}`, `{offset}`, \
             `{timestamp}`, `{key}` and `{header.NAME}` are filled by the row.",
        ))
        .key(
            ConfigKey::string("http.method")
                .default_value("POST")
                .allowed(["POST", "PUT", "PATCH"])
                .group("HTTP")
                .doc("The method."),
        )
        .key(ConfigKey::string("http.headers").group("HTTP").doc(
            "Headers, `Name: value`, one a line, or on one line with `|` between them. Values are filled like the URL.",
        ))
        .key(ConfigKey::string("http.content.type").group("HTTP").doc(
            "The content type. Default: by `batch.format`, or by what the values are.",
        ))
        .key(
            ConfigKey::string("http.auth")
                .default_value("none")
                .allowed(["none", "basic", "bearer"])
                .group("HTTP")
                .doc("How to show who we are: not at all, with user and password, or with a token."),
        )
        .key(ConfigKey::string("http.auth.username").group("HTTP").doc("The user, for `basic`."))
        .key(ConfigKey::password("http.auth.password").group("HTTP").doc("The password, for `basic`."))
        .key(ConfigKey::password("http.auth.token").group("HTTP").doc("The token, for `bearer`."))
        .key(
            ConfigKey::int("http.timeout.ms")
                .default_value(10_000)
                .importance(Importance::Low)
                .group("HTTP")
                .doc("How long a request with its answer may take, in milliseconds, 20000 at most."),
        )
        .key(
            ConfigKey::string("batch.format")
                .default_value("none")
                .allowed(["none", "json-array", "ndjson"])
                .group("Batches")
                .doc("`none`: a request for each row; `json-array`: several rows in an array; `ndjson`: one a line."),
        )
        .key(ConfigKey::int("batch.max.rows").default_value(500).group("Batches").doc("Rows in a request, at most."))
        .key(ConfigKey::int("batch.max.bytes").default_value(1024 * 1024).group("Batches").doc(
            "Bytes in a request, at most; a larger row goes alone.",
        ))
        .key(ConfigKey::boolean("batch.split.on.error").default_value(false).group("Batches").doc(
            "When a server refuses a batch (400, 409, 413, 422), send its halves, so that only the bad rows are rejected. \
             Right only where a refused batch leaves nothing behind.",
        ))
        .key(ConfigKey::string("value.format").default_value("json").allowed(["json", "text"]).group("Batches").doc(
            "What the values are where they are put together: JSON documents, or text, which becomes JSON strings.",
        ))
        .key(ConfigKey::string("tombstones").default_value("skip").allowed(["skip", "delete", "reject"]).doc(
            "Rows without a value: `skip` them, send a DELETE to the URL, or `reject` them.",
        ))
}

impl Config {
    /// The URL as a template.
    pub(crate) fn url(&self) -> Result<Template, String> {
        Template::parse(&self.url, "{")
    }

    /// The headers, names in lower case and values as templates.
    pub(crate) fn headers(&self) -> Result<Vec<(String, Template)>, String> {
        let text = self.headers.as_deref().unwrap_or_default();
        let between = if text.contains('\n') { '\n' } else { '|' };
        let lines = text.split(between).map(str::trim).filter(|line| !line.is_empty());
        lines.map(header).collect()
    }

    /// The value of the header `authorization`.
    pub(crate) fn authorization(&self) -> Option<String> {
        let text = |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.0.clone()).unwrap_or_default();
        match self.auth {
            Auth::None => None,
            Auth::Bearer => Some(format!("Bearer {}", text(&self.token))),
            Auth::Basic => {
                let user = self.username.as_deref().unwrap_or_default();
                let mut value = b"Basic ".to_vec();
                encode::base64(format!("{user}:{}", text(&self.password)).as_bytes(), &mut value);
                String::from_utf8(value).ok()
            }
        }
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, message: String| problems.push(Problem { key: key.to_owned(), message });
        if let Err(message) = self.check_url() {
            problem("http.url", message);
        }
        if let Err(message) = self.headers() {
            problem("http.headers", message);
        }
        match self.auth {
            Auth::None => {
                let set = [
                    ("http.auth.username", self.username.is_some()),
                    ("http.auth.password", self.password.is_some()),
                    ("http.auth.token", self.token.is_some()),
                ];
                for (key, _) in set.iter().filter(|(_, set)| *set) {
                    problem(key, "nothing is done with it: set `http.auth`, or remove it".to_owned());
                }
            }
            Auth::Basic => match &self.username {
                None => problem("http.auth.username", "`http.auth = basic` needs a user: set it".to_owned()),
                Some(user) if user.contains(':') => {
                    problem("http.auth.username", "a user has no colon in its name".to_owned());
                }
                Some(_) => {}
            },
            Auth::Bearer => match &self.token {
                None => problem("http.auth.token", "`http.auth = bearer` needs a token: set it".to_owned()),
                Some(token) if !token.0.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    problem("http.auth.token", "a token has neither spaces nor line ends".to_owned());
                }
                Some(_) => {}
            },
        }
        if self.content_type.as_ref().is_some_and(|it| it.bytes().any(|byte| !(0x20..0x7f).contains(&byte))) {
            problem("http.content.type", "write a media type, like application/json".to_owned());
        }
        if !(100..=20_000).contains(&self.timeout_ms) {
            problem("http.timeout.ms", "write a number of milliseconds from 100 to 20000".to_owned());
        }
        if self.batch_max_rows == 0 {
            problem("batch.max.rows", "write a number from 1 up".to_owned());
        }
        if self.batch_max_bytes == 0 {
            problem("batch.max.bytes", "write a number of bytes from 1 up".to_owned());
        }
        problems
    }

    fn check_url(&self) -> Result<(), String> {
        self.url()?;
        let endpoint = Endpoint::parse(&self.url)?;
        if !["http", "https"].contains(&endpoint.scheme.as_str()) {
            return Err("write a URL that begins with http:// or https://".to_owned());
        }
        if endpoint.credentials.is_some() {
            return Err("leave user and password out, and set `http.auth`: a URL is shown".to_owned());
        }
        if endpoint.host.contains(['{', '}', '$']) {
            return Err("a row fills places in path and query only: name one host".to_owned());
        }
        if self.url.contains('#') || !self.url.is_ascii() {
            return Err("write it as it is sent: without `#`, and other characters than ASCII as %XX".to_owned());
        }
        if climbs(endpoint.path.as_bytes()) {
            return Err("write the path without `.` and `..`".to_owned());
        }
        Ok(())
    }
}

/// Whether a path has a part that means another place than it says.
pub(crate) fn climbs(path: &[u8]) -> bool {
    let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
    path.split(|&byte| byte == b'/').any(|part| part == b"." || part == b"..")
}

fn header(line: &str) -> Result<(String, Template), String> {
    // What belongs to the connection, or has a key of its own.
    const NOT_HERE: [&str; 8] =
        ["host", "content-length", "content-type", "authorization", "connection", "transfer-encoding", "te", "upgrade"];
    let (name, value) =
        line.split_once(':').ok_or("write headers as `Name: value`, one a line or with `|` between them")?;
    let name = name.trim().to_ascii_lowercase();
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err("a header's name has letters, digits and hyphens".to_owned());
    }
    if NOT_HERE.contains(&name.as_str()) {
        return Err(format!("the header `{name}` cannot be set here: keys of their own say it, or the host does"));
    }
    if value.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(format!("the value of the header `{name}` has characters that no header can have"));
    }
    Ok((name, Template::parse(value.trim(), "{")?))
}
