//! Installing, approving, removing and checking plugins: Wharf's own routes.
//!
//! | route | does |
//! |---|---|
//! | `POST /plugins` | installs: the bytes as `application/wasm` with `?sha256=&signature=&replace=`, or JSON with a `url` |
//! | `GET /plugins/{name}/{version}` | one plugin, its record, and who uses it |
//! | `DELETE /plugins/{name}/{version}?force=` | removes it |
//! | `POST /plugins/{name}/{version}/approve?sha256=` | lets the bytes run that are there now |
//! | `GET /plugins/verify`, `GET /plugins/audit` | what is not as it should be |
//!
//! A refusal's message begins with its stable code: `UNSIGNED: the file has …`.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wharf_core::plugin::{
    Catalog, Finding, InstallRequest, InstallSource, Installed, PluginRefusal, PluginRegistry, PluginUse, Severity,
    Uninstalled,
};

use super::WharfPlugin;
use crate::app::App;
use crate::body;
use crate::error::ApiError;
use crate::openapi::params;
use crate::path::segment;
use crate::query::Query;

impl From<PluginRefusal> for ApiError {
    fn from(refusal: PluginRefusal) -> Self {
        let status = match refusal.code {
            "NOT_FOUND" => StatusCode::NOT_FOUND,
            "IN_USE" | "EXISTS" => StatusCode::CONFLICT,
            "TOO_LARGE" => StatusCode::PAYLOAD_TOO_LARGE,
            "DOWNLOAD_FAILED" => StatusCode::BAD_GATEWAY,
            "NOT_STORED" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, refusal.to_string())
    }
}

/// The plugin of the path.
pub(crate) struct PluginOf {
    name: String,
    version: String,
}

impl<S: Send + Sync> FromRequestParts<S> for PluginOf {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let name = segment(parts, state, "name").await?;
        Ok(Self { name, version: segment(parts, state, "version").await? })
    }
}

fn registry(catalog: &dyn Catalog) -> Result<&dyn PluginRegistry, PluginRefusal> {
    let none = || PluginRefusal::new("NOT_FOUND", "this worker's plugins cannot be changed over REST");
    catalog.registry().ok_or_else(none)
}

/// What `POST /plugins` takes as JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = InstallPlugin, example = json!({"url": "https://plugins.example/orders-source.wasm"}))]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallBody {
    /// Where the bytes are fetched from.
    url: String,
    /// The SHA-256 that they must have, in hexadecimal digits.
    sha256: Option<String>,
    /// The text of a minisign signature. Without one, `url` is asked for its `.minisig`.
    signature: Option<String>,
    /// Other bytes of the same `name@version` may be replaced.
    #[serde(default)]
    replace: bool,
}

/// Installs a plugin, which approves it.
///
/// Its bytes, or JSON that says where they are. A message begins with a stable code: `UNSIGNED: the file has …`. The
/// parameters go with bytes; JSON has fields for the same.
#[utoipa::path(
    post,
    path = "/plugins",
    operation_id = "installPlugin",
    params(params::Install),
    request_body(content(("application/wasm"), (InstallBody = "application/json"))),
    responses(
        (status = 201, description = "It is installed", body = Installed),
        (status = 400, description = "It is no plugin, or the policy forbids it"),
        (status = 404, description = "This worker's plugins cannot be changed over REST"),
        (status = 409, description = "There are other bytes of this name and version"),
        (status = 502, description = "It could not be fetched"),
    )
)]
pub(crate) async fn install(
    State(app): State<App>,
    query: Query,
    request: Request,
) -> Result<(StatusCode, Json<Installed>), ApiError> {
    // Bodies are as large as plugins, and each waits for the compiler: few at a time are in memory.
    let Ok(_one) = app.uploads.acquire().await else { return Err(ApiError::internal("the worker is shutting down")) };
    let catalog = app.worker.catalog();
    let max = registry(&*catalog)?.max_bytes();
    let (parts, body) = request.into_parts();
    let request = if is(&parts.headers, "application/wasm") {
        let read = from_bytes(&parts.headers, &query, body, max);
        // Nobody holds one of the few places for longer.
        tokio::time::timeout(app.options.timeout, read).await.map_err(|_| ApiError::timed_out())??
    } else if is(&parts.headers, "application/json") {
        let text = body::read(body, app.options.body_limit, parts.headers.contains_key(header::EXPECT)).await?;
        from_json(&text)?
    } else {
        let message =
            "send the plugin's bytes as application/wasm, or application/json such as {\"url\": \"https://…\"}";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    };
    let installed = app.command(|_| async move { registry(&*catalog)?.install(request).await }).await?;
    Ok((StatusCode::CREATED, Json(installed)))
}

async fn from_bytes(headers: &HeaderMap, query: &Query, body: Body, max: u64) -> Result<InstallRequest, ApiError> {
    let limit = usize::try_from(max).unwrap_or(usize::MAX);
    let bytes = match body::read(body, limit, headers.contains_key(header::EXPECT)).await {
        Err(error) if error.is_too_large() => {
            let message = format!("a plugin may have {max} bytes (`max-bytes` in [plugins]), and this has more");
            return Err(PluginRefusal::new("TOO_LARGE", message).into());
        }
        read => read?,
    };
    let text = |name: &str| query.first(name).filter(|value| !value.is_empty()).map(str::to_owned);
    Ok(InstallRequest {
        source: InstallSource::Bytes(bytes),
        sha256: text("sha256"),
        signature: text("signature"),
        replace: query.flag("replace"),
    })
}

fn from_json(text: &[u8]) -> Result<InstallRequest, ApiError> {
    let body: InstallBody = serde_json::from_slice(text).map_err(|error| {
        let message = format!(
            "the body cannot be read ({error}): write {{\"url\": \"https://…\"}}, with \"sha256\", \"signature\" and \
             \"replace\" where they are wanted"
        );
        ApiError::bad_request(message)
    })?;
    let InstallBody { url, sha256, signature, replace } = body;
    Ok(InstallRequest { source: InstallSource::Url(url), sha256, signature, replace })
}

fn is(headers: &HeaderMap, kind: &str) -> bool {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    found.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(kind)
}

/// The answer to `GET /plugins/{name}/{version}`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginDetails)]
pub(crate) struct OnePlugin {
    /// Its file and its record.
    #[serde(flatten)]
    installed: Installed,
    /// What it says of itself; absent where it may not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<WharfPlugin>,
    /// Connectors that use these bytes, or other bytes of this name and version.
    used_by: Vec<Use>,
}

/// A connector that uses a plugin.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginUser)]
struct Use {
    connector: String,
    sha256: String,
}

fn uses(app: &App, of: &PluginOf) -> impl Iterator<Item = PluginUse> {
    let (name, version) = (of.name.clone(), of.version.clone());
    app.worker.plugins_in_use().into_iter().filter(move |it| it.plugin.name == name && it.plugin.version == version)
}

/// Shows a plugin, its record, and who uses it.
#[utoipa::path(
    get,
    path = "/plugins/{name}/{version}",
    operation_id = "getPlugin",
    params(params::Plugin),
    responses(
        (status = 200, description = "The plugin", body = OnePlugin),
        (status = 404, description = "There is no such plugin"),
    )
)]
pub(crate) async fn one(State(app): State<App>, of: PluginOf) -> Result<Json<OnePlugin>, ApiError> {
    let catalog = app.worker.catalog();
    let mut installed: Vec<Installed> = registry(&*catalog)?.installed();
    installed.retain(|it| it.name == of.name && it.version == of.version);
    // Of several files the one that runs.
    installed.sort_by_key(|it| it.refused.is_some());
    let Some(installed) = installed.into_iter().next() else {
        let message = format!("there is no plugin {}@{}: see GET /plugins for those there are", of.name, of.version);
        return Err(PluginRefusal::new("NOT_FOUND", message).into());
    };
    let plugin = catalog.list().into_iter().find(|it| it.id().name == of.name && it.id().version == of.version);
    let descriptor = plugin.map(|plugin| super::wharf_plugin(plugin.as_ref()));
    let used_by = uses(&app, &of).map(|it| Use { connector: it.connector, sha256: it.plugin.sha256 }).collect();
    Ok(Json(OnePlugin { installed, descriptor, used_by }))
}

/// Removes a plugin.
#[utoipa::path(
    delete,
    path = "/plugins/{name}/{version}",
    operation_id = "uninstallPlugin",
    params(params::Plugin, params::Force),
    responses(
        (status = 200, description = "It is gone", body = Uninstalled),
        (status = 404, description = "There is no such plugin"),
        (status = 409, description = "It is in use, and `force` was not set"),
    )
)]
pub(crate) async fn uninstall(
    State(app): State<App>,
    query: Query,
    of: PluginOf,
) -> Result<Json<Uninstalled>, ApiError> {
    let mut used_by: Vec<String> = uses(&app, &of).map(|it| it.connector).collect();
    used_by.dedup();
    let (catalog, force) = (app.worker.catalog(), query.flag("force"));
    let gone = app
        .command(|_| async move { registry(&*catalog)?.uninstall(&of.name, &of.version, used_by, force).await })
        .await?;
    Ok(Json(gone))
}

/// Approves the bytes of a plugin that are there now.
#[utoipa::path(
    post,
    path = "/plugins/{name}/{version}/approve",
    operation_id = "approvePlugin",
    params(params::Plugin, params::Digest),
    responses(
        (status = 200, description = "They may run", body = Installed),
        (status = 400, description = "They have another digest, or may not run even if approved"),
        (status = 404, description = "There is no such plugin"),
    )
)]
pub(crate) async fn approve(State(app): State<App>, query: Query, of: PluginOf) -> Result<Json<Installed>, ApiError> {
    let catalog = app.worker.catalog();
    let sha256 = query.first("sha256").filter(|value| !value.is_empty()).map(str::to_owned);
    let approved = app
        .command(|_| async move { registry(&*catalog)?.approve(&of.name, &of.version, sha256.as_deref()).await })
        .await?;
    Ok(Json(approved))
}

/// The answer to `GET /plugins/verify` and `GET /plugins/audit`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginReport)]
pub(crate) struct Report {
    /// Whether no finding is an error.
    ok: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn of(findings: Vec<Finding>) -> Json<Self> {
        let ok = findings.iter().all(|finding| finding.severity != Severity::Error);
        Json(Self { ok, findings })
    }
}

/// Reads every plugin again and compares it with what was recorded, signed and approved.
#[utoipa::path(
    get,
    path = "/plugins/verify",
    operation_id = "verifyPlugins",
    responses(
        (status = 200, description = "What was found", body = Report),
        (status = 404, description = "This worker keeps no records of plugins"),
    )
)]
pub(crate) async fn verify(State(app): State<App>) -> Result<Json<Report>, ApiError> {
    let catalog: Arc<dyn Catalog> = app.worker.catalog();
    let findings = async { Ok::<_, ApiError>(registry(&*catalog)?.verify().await) };
    app.ask(findings).await.map(Report::of)
}

/// Holds what is installed and in use against the policy.
#[utoipa::path(
    get,
    path = "/plugins/audit",
    operation_id = "auditPlugins",
    responses(
        (status = 200, description = "What was found", body = Report),
        (status = 404, description = "This worker keeps no records of plugins"),
    )
)]
pub(crate) async fn audit(State(app): State<App>) -> Result<Json<Report>, ApiError> {
    let catalog: Arc<dyn Catalog> = app.worker.catalog();
    let uses = app.worker.plugins_in_use();
    let findings = async { Ok::<_, ApiError>(registry(&*catalog)?.audit(&uses).await) };
    app.ask(findings).await.map(Report::of)
}
