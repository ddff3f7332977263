//! The keys of a plugin, and what a configuration of it would be told.

use axum::extract::State;
use axum::routing::{get, put};
use axum::{Json, Router};
use wharf_core::config::{ConfigInfos, ConfigKeyInfo};

use crate::app::App;
use crate::body::Whole;
use crate::dto::Posted;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::path::Name;
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/connector-plugins/{name}/config", with_options(get(keys), "HEAD,GET,OPTIONS"))
        .route("/connector-plugins/{name}/config/validate", with_options(put(validate), "OPTIONS,PUT"))
}

/// The keys of a plugin, and those that every connector of its kind has.
#[utoipa::path(
    get,
    path = "/connector-plugins/{name}/config",
    operation_id = "getPluginConfig",
    params(
        ("name" = String, Path, description = "The plugin's name, an alias, or a Java class that it stands in for."),
        ("version" = Option<String>, Query, description = "A version or a range; the highest where it is left out."),
    ),
    responses(
        (status = 200, description = "The keys.", body = Vec<ConfigKeyInfo>),
        (status = 400, description = "There is no such version of the plugin."),
        (status = 404, description = "There is no such plugin."),
    )
)]
pub(crate) async fn keys(
    State(app): State<App>,
    Name(name): Name,
    query: Query,
) -> Result<Json<Vec<ConfigKeyInfo>>, ApiError> {
    app.ask(app.worker.plugin_keys(&name, query.first("version"))).await.map(Json)
}

/// Checks a configuration and changes nothing. What is wrong is in the answer, which is a success.
#[utoipa::path(
    put,
    path = "/connector-plugins/{name}/config/validate",
    operation_id = "validatePluginConfig",
    params(("name" = String, Path, description = "As `connector.class` in the body, or the end of it.")),
    request_body(
        content = std::collections::BTreeMap<String, String>,
        description = "A configuration, with `connector.class`.",
    ),
    responses(
        (status = 200, description = "Every key, its value and what is wrong with it.", body = ConfigInfos),
        (status = 400, description = "`connector.class` is missing, another than the path's, or not known."),
    )
)]
pub(crate) async fn validate(
    State(app): State<App>,
    Name(name): Name,
    Whole(body): Whole,
) -> Result<Json<ConfigInfos>, ApiError> {
    let config = Posted::read(&body)?.into_patch();
    app.ask(app.worker.validate(&name, &config)).await.map(Json)
}
