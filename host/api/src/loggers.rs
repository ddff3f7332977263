//! `/admin/loggers`: how much is logged, as Kafka Connect's route.
//!
//! `scope=cluster` differs from `scope=worker` in its answer alone: this worker is the cluster. Any other scope is
//! taken for `worker`, as Kafka Connect does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;
use utoipa::ToSchema;
use wharf_core::loggers::{LogLevels, LoggerLevel};
use wharf_core::logs::LogLevel;

use crate::app::App;
use crate::body::Whole;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::path;
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/loggers", with_options(get(list), "HEAD,GET,OPTIONS"))
        .route("/admin/loggers/{logger}", with_options(get(show).put(set), "HEAD,GET,OPTIONS,PUT"))
}

/// The logger of the path, decoded.
pub(crate) struct Logger(String);

impl<S: Send + Sync> FromRequestParts<S> for Logger {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path::segment(parts, state, "logger").await.map(Self)
    }
}

/// What a logger is set to.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read by hand, to answer as Kafka Connect does")]
pub(crate) struct NewLevel {
    /// TRACE, DEBUG, INFO, WARN, ERROR, FATAL, OFF or ALL, in any case.
    level: String,
}

fn levels(app: &App) -> Result<&Arc<dyn LogLevels>, ApiError> {
    app.options
        .loggers
        .as_ref()
        .ok_or_else(|| ApiError::new(StatusCode::NOT_IMPLEMENTED, "this worker's log cannot be changed while it runs"))
}

/// All loggers that were set, and those that Wharf has by itself.
#[utoipa::path(
    get,
    path = "/admin/loggers",
    operation_id = "listLoggers",
    responses(
        (status = 200, description = "The loggers by name", body = BTreeMap<String, LoggerLevel>),
        (status = 501, description = "The worker's log cannot be changed", body = ApiError),
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<BTreeMap<String, LoggerLevel>>, ApiError> {
    Ok(Json(levels(&app)?.all()))
}

/// One logger.
#[utoipa::path(
    get,
    path = "/admin/loggers/{logger}",
    operation_id = "getLogger",
    params(("logger" = String, Path, description = "`root`, `wharf_runtime::task`, `connector.<name>`, …")),
    responses(
        (status = 200, description = "The logger", body = LoggerLevel),
        (status = 404, description = "Wharf has no such logger and it was never set", body = ApiError),
        (status = 501, description = "The worker's log cannot be changed", body = ApiError),
    )
)]
pub(crate) async fn show(State(app): State<App>, Logger(logger): Logger) -> Result<Json<LoggerLevel>, ApiError> {
    let found = levels(&app)?.get(&logger);
    found.map(Json).ok_or_else(|| ApiError::not_found(format!("Logger {logger} not found.")))
}

/// Sets a logger and all below it.
#[utoipa::path(
    put,
    path = "/admin/loggers/{logger}",
    operation_id = "setLogger",
    params(
        ("logger" = String, Path, description = "`root`, `wharf_runtime::task`, `connector.<name>`, …"),
        ("scope" = Option<String>, Query, description = "`worker` (default) or `cluster`"),
    ),
    request_body = NewLevel,
    responses(
        (status = 200, description = "`scope=worker`: the loggers that changed", body = Vec<String>),
        (status = 204, description = "`scope=cluster`: done"),
        (status = 400, description = "There is no `level`, or too many loggers are set", body = ApiError),
        (status = 404, description = "There is no such level", body = ApiError),
        (status = 415, description = "The body is no JSON by its type", body = ApiError),
        (status = 500, description = "The body cannot be read", body = ApiError),
        (status = 501, description = "The worker's log cannot be changed", body = ApiError),
    )
)]
pub(crate) async fn set(
    State(app): State<App>,
    Logger(logger): Logger,
    query: Query,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    let levels = levels(&app)?;
    let level = level(&body)?;
    let changed = levels.set(&logger, level).map_err(|error| ApiError::bad_request(error.to_string()))?;
    tracing::info!(logger, %level, changed = changed.len(), "a logger is set");
    if query.first("scope").is_some_and(|scope| scope.eq_ignore_ascii_case("cluster")) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(changed).into_response())
}

/// The level that a body names, with Kafka Connect's answers to all that names none.
fn level(body: &[u8]) -> Result<LogLevel, ApiError> {
    let unreadable = |error: serde_json::Error| {
        ApiError::unreadable(format!("the request body is not the JSON that is wanted here: {error}"))
    };
    let mut body: BTreeMap<String, Value> = serde_json::from_slice(body).map_err(unreadable)?;
    let text = match body.remove("level").unwrap_or_default() {
        Value::Null => return Err(ApiError::bad_request("Desired 'level' parameter was not specified in request.")),
        Value::String(text) => text,
        value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
        Value::Array(_) | Value::Object(_) => {
            return Err(ApiError::unreadable("the value of `level` is no text: write \"INFO\""));
        }
    };
    if text.is_empty() {
        return Err(ApiError::internal("Illegal null or empty Level name."));
    }
    text.parse().map_err(|_| ApiError::not_found(format!("invalid log level '{text}'.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        serde_json::to_string(&level(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn a_level_is_read_as_kafka_connect_reads_it() {
        for (body, expected) in [
            (r#"{"level":"DEBUG"}"#, LogLevel::Debug),
            (r#"{"level":" warn ","x":"y"}"#, LogLevel::Warn),
            (r#"{"level":"ALL"}"#, LogLevel::All),
        ] {
            assert_eq!(level(body.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn what_names_no_level_is_refused_as_kafka_connect_refuses_it() {
        let missing = r#"{"error_code":400,"message":"Desired 'level' parameter was not specified in request."}"#;
        for body in ["{}", r#"{"level":null}"#, r#"{"Level":"INFO"}"#] {
            assert_eq!(refused(body), missing);
        }
        assert_eq!(refused(r#"{"level":"loud"}"#), r#"{"error_code":404,"message":"invalid log level 'loud'."}"#);
        assert_eq!(refused(r#"{"level":1}"#), r#"{"error_code":404,"message":"invalid log level '1'."}"#);
        assert_eq!(refused(r#"{"level":""}"#), r#"{"error_code":500,"message":"Illegal null or empty Level name."}"#);
        for body in ["", "{bad", "[]", "null", r#"{"level":{}}"#] {
            assert!(refused(body).starts_with(r#"{"error_code":500"#), "{body}");
        }
    }
}
