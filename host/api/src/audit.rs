//! `GET /audit?connector=&code=&after=&limit=`: what was denied to plugins and done to them. Wharf's own.
//!
//! Only the latest are in memory; the file `audit.log` has more. `code` is a code or the family before its dot; `after`
//! is the `number` of a record that is known already.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use wharf_core::audit::{AuditQuery, AuditRecord};

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::openapi::params;
use crate::query::Query;
use crate::records::number;

/// So many records where the request does not say.
const DEFAULT_RECORDS: usize = 100;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/audit", with_options(get(list), "HEAD,GET,OPTIONS"))
}

/// Lists what was denied to plugins and done to them.
///
/// The latest records, the newest last. Older ones are in the file `audit.log`.
#[utoipa::path(
    get,
    path = "/audit",
    operation_id = "listAudit",
    params(params::Audit),
    responses(
        (status = 200, description = "The records", body = Vec<AuditRecord>),
        (status = 400, description = "A number is none"),
    )
)]
pub(crate) async fn list(State(app): State<App>, query: Query) -> Result<Json<Vec<AuditRecord>>, ApiError> {
    let text = |name: &str| query.first(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let asked = AuditQuery {
        connector: text("connector"),
        code: text("code"),
        after: number(&query, "after")?,
        limit: number(&query, "limit")?.unwrap_or(DEFAULT_RECORDS),
    };
    Ok(Json(app.options.audit.as_ref().map(|trail| trail.recent(&asked)).unwrap_or_default()))
}
