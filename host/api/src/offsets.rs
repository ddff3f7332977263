//! Offsets of connectors: showing, altering and resetting them, as Kafka Connect's KIP-875 has it.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use wharf_core::SourceOffset;
use wharf_runtime::{Consent, OffsetChange};

use crate::app::App;
use crate::body::Whole;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::path::Name;

pub(crate) fn routes() -> Router<App> {
    Router::new().route(
        "/connectors/{name}/offsets",
        with_options(get(show).patch(alter).delete(reset), "HEAD,DELETE,GET,OPTIONS,PATCH"),
    )
}

/// What a connector has committed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectorOffsets {
    offsets: Vec<ConnectorOffset>,
}

/// Where one partition stands. Of a source both are as the source writes them, of a sink
/// `{"kafka_topic","kafka_partition"}` and `{"kafka_offset"}`.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectorOffset {
    #[schema(value_type = Object)]
    partition: Box<RawValue>,
    /// `null` in a request resets the partition.
    #[schema(value_type = Object)]
    offset: Box<RawValue>,
}

/// What came of a change.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// For people.
    message: String,
}

/// The body of `PATCH`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted<'a> {
    #[serde(borrow)]
    offsets: Option<Vec<Change<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change<'a> {
    #[serde(borrow)]
    partition: Option<&'a RawValue>,
    #[serde(borrow)]
    offset: Option<&'a RawValue>,
}

impl Change<'_> {
    fn read(self) -> Result<OffsetChange, ApiError> {
        Ok(OffsetChange { partition: object(self.partition, "partition")?, offset: object(self.offset, "offset")? })
    }
}

/// The text of an object to the letter; `None` for `null` and for nothing.
fn object(value: Option<&RawValue>, what: &str) -> Result<Option<String>, ApiError> {
    match value.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(text) if text.starts_with('{') => Ok(Some(text.to_owned())),
        Some(text) => {
            Err(ApiError::unreadable(format!("the value of `{what}` is {text}: write a JSON object, or null")))
        }
    }
}

fn read(body: &[u8]) -> Result<Vec<OffsetChange>, ApiError> {
    let sample = r#"write {"offsets":[{"partition":{…},"offset":{…}}]}"#;
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::unreadable(format!(
            "the request body is not the JSON that is wanted here: no object; {sample}"
        )));
    }
    let wanted: Wanted<'_> = serde_json::from_slice(body).map_err(|error| {
        ApiError::unreadable(format!("the request body is not the JSON that is wanted here: {error}; {sample}"))
    })?;
    wanted.offsets.unwrap_or_default().into_iter().map(Change::read).collect()
}

impl From<SourceOffset> for ConnectorOffset {
    fn from(at: SourceOffset) -> Self {
        Self { partition: raw(at.partition), offset: raw(at.offset) }
    }
}

/// A text that is JSON as it is. Only a stray queue could hold another, which is shown as null.
fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// What a connector has committed.
#[utoipa::path(
    get,
    path = "/connectors/{name}/offsets",
    operation_id = "getConnectorOffsets",
    params(("name" = String, Path, description = "The connector's name")),
    responses(
        (status = 200, description = "What the connector has committed", body = ConnectorOffsets),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn show(State(app): State<App>, Name(name): Name) -> Result<Json<ConnectorOffsets>, ApiError> {
    let offsets = app.ask(app.worker.offsets(&name)).await?;
    Ok(Json(ConnectorOffsets { offsets: offsets.into_iter().map(Into::into).collect() }))
}

/// Alters what a stopped connector has committed. A source may refuse.
#[utoipa::path(
    patch,
    path = "/connectors/{name}/offsets",
    operation_id = "alterConnectorOffsets",
    params(("name" = String, Path, description = "The connector's name")),
    request_body = ConnectorOffsets,
    responses(
        (status = 200, description = "The offsets are altered, durably", body = Message),
        (status = 400, description = "The connector is not STOPPED, or the offsets have the wrong shape"),
        (status = 404, description = "There is no such connector"),
        (status = 500, description = "The connector refuses these offsets, or they cannot be written"),
    )
)]
pub(crate) async fn alter(
    State(app): State<App>,
    Name(name): Name,
    Whole(body): Whole,
) -> Result<Json<Message>, ApiError> {
    let changes = read(&body)?;
    let consent = app.command(|worker| async move { worker.alter_offsets(&name, changes).await }).await?;
    Ok(Json(message("altered", consent)))
}

/// Forgets what a stopped connector has committed. A source may refuse.
#[utoipa::path(
    delete,
    path = "/connectors/{name}/offsets",
    operation_id = "resetConnectorOffsets",
    params(("name" = String, Path, description = "The connector's name")),
    responses(
        (status = 200, description = "The offsets are reset, durably", body = Message),
        (status = 400, description = "The connector is not STOPPED"),
        (status = 404, description = "There is no such connector"),
        (status = 500, description = "The connector refuses, or the reset cannot be written"),
    )
)]
pub(crate) async fn reset(State(app): State<App>, Name(name): Name) -> Result<Json<Message>, ApiError> {
    let consent = app.command(|worker| async move { worker.reset_offsets(&name).await }).await?;
    Ok(Json(message("reset", consent)))
}

/// Kafka Connect's words.
fn message(done: &str, consent: Consent) -> Message {
    let message = match consent {
        Consent::Given => format!("The offsets for this connector have been {done} successfully"),
        Consent::NotAsked => format!(
            "The Connect framework-managed offsets for this connector have been {done} successfully. However, if this \
             connector manages offsets externally, they will need to be manually {done} in the system that the connector \
             uses."
        ),
    };
    Message { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_to_the_letter_and_null_is_nothing() {
        let body =
            br#"{"offsets":[{"partition":{"b":1,"a":2},"offset":{"n": 1.50}},{"partition":{},"offset":null},{}]}"#;
        let changes = read(body).unwrap();
        let texts: Vec<_> = changes.iter().map(|it| (it.partition.as_deref(), it.offset.as_deref())).collect();
        assert_eq!(texts, [(Some(r#"{"b":1,"a":2}"#), Some(r#"{"n": 1.50}"#)), (Some("{}"), None), (None, None)]);
        assert_eq!(read(b"{}").unwrap(), []);
        assert_eq!(read(br#"{"offsets":null}"#).unwrap(), []);
    }

    #[test]
    fn what_is_no_request_is_a_500_that_shows_one() {
        for body in [
            "",
            "null",
            "[]",
            "{bad",
            r#"{"foo":1}"#,
            r#"{"offsets":{"a":1}}"#,
            r#"{"offsets":[null]}"#,
            r#"{"offsets":[[]]}"#,
            r#"{"offsets":[{"partition":{},"offset":{},"x":1}]}"#,
            r#"{"offsets":[{"partition":"a"}]}"#,
            r#"{"offsets":[{"partition":{},"offset":[1]}]}"#,
        ] {
            let refusal = serde_json::to_value(read(body.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(refusal["error_code"], 500, "{body}");
            assert!(!refusal["message"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn a_connector_that_was_not_asked_may_keep_offsets_elsewhere() {
        assert_eq!(
            message("reset", Consent::Given).message,
            "The offsets for this connector have been reset successfully"
        );
        assert!(
            message("reset", Consent::NotAsked)
                .message
                .ends_with("manually reset in the system that the connector uses.")
        );
    }
}
