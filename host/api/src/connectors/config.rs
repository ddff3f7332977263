//! The configuration of a connector: shown, replaced, changed.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wharf_core::Config;
use wharf_core::status::ConnectorInfo;

use crate::access::Caller;
use crate::app::App;
use crate::body::Whole;
use crate::dto::Posted;
use crate::error::ApiError;
use crate::openapi::{params, shapes};
use crate::path::{Name, location};

/// Shows the configuration of a connector.
///
/// All values are text. Passwords are masked, and placeholders such as `${env:VAR}` are shown unresolved.
#[utoipa::path(
    get,
    path = "/connectors/{name}/config",
    operation_id = "getConnectorConfig",
    params(params::Connector),
    responses(
        (status = 200, description = "The configuration", body = BTreeMap<String, String>,
            example = json!({"name": "orders", "connector.class": "file-source", "file": "/data/orders.txt", "topic": "orders"})),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn show(State(app): State<App>, Name(name): Name) -> Result<Json<Config>, ApiError> {
    app.ask(app.worker.config(&name)).await.map(Json)
}

/// Creates a connector, or changes the configuration of one.
///
/// What is sent takes the place of the whole configuration. The tasks are started again with it.
#[utoipa::path(
    put,
    path = "/connectors/{name}/config",
    operation_id = "putConnectorConfig",
    params(params::Connector),
    request_body(content = BTreeMap<String, shapes::ConfigValue>,
        example = json!({"connector.class": "file-source", "file": "/data/orders.txt", "topic": "orders"})),
    responses(
        (status = 200, description = "It was changed", body = ConnectorInfo),
        (status = 201, description = "It was created", body = ConnectorInfo,
            headers(("Location" = String, description = "Where it is found"))),
        (status = 400, description = "The configuration is invalid"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    let name = name.trim().to_owned();
    let by = caller.name();
    let config = Posted::read(&body)?.named(&name)?;
    let (is_new, info) = app.command(|worker| async move { worker.put_config_by(name, config, by).await }).await?;
    if !is_new {
        return Ok(Json(info).into_response());
    }
    let location = location(&headers, &info.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(info)).into_response())
}

/// Changes some keys of a connector's configuration; `null` takes a key out.
#[utoipa::path(
    patch,
    path = "/connectors/{name}/config",
    operation_id = "patchConnectorConfig",
    params(("name" = String, Path, description = "The connector.")),
    request_body(
        content = BTreeMap<String, Option<String>>,
        description = "The keys to change. Numbers and booleans are taken as text.",
    ),
    responses(
        (status = 200, description = "The connector as it is configured now.", body = ConnectorInfo),
        (status = 400, description = "The configuration would be invalid; nothing is changed."),
        (status = 404, description = "There is no such connector."),
    )
)]
pub(crate) async fn patch(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    Whole(body): Whole,
) -> Result<Json<ConnectorInfo>, ApiError> {
    let by = caller.name();
    let patch = Posted::read(&body)?.into_patch();
    app.command(|worker| async move { worker.patch_config(&name, patch, by).await }).await.map(Json)
}
