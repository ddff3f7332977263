//! `GET /connectors/{name}/inspect`: a sample of the records that pass through a connector's tasks. Wharf's own.
//!
//! One JSON object a line (`application/x-ndjson`), or server-sent events (`Accept: text/event-stream`):
//! `event: record` each, and `event: end` with the reason in the end. It is over after `limit` records, after `seconds`, or
//! when the connector is deleted. Which records are seen is up to [`wharf_runtime::Worker::inspect`]; what of them is
//! hidden, to [`mask`](mod@mask). Looking never holds a task up.

mod mask;
mod shape;

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use serde_json::json;
use tokio::select;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};
use wharf_runtime::{InspectQuery, Inspection};

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::{accepts, with_options};
use crate::path::Name;
use crate::query::Query;
use crate::records::number;
use crate::watch;
use mask::Masks;
pub(crate) use shape::Inspected;

/// So many records where the request does not say.
const DEFAULT_RECORDS: u32 = 10;
/// Never more records than this.
const MAX_RECORDS: u32 = 1000;
/// So long where the request does not say.
const DEFAULT_SECONDS: u64 = 30;
/// Never longer than this.
const MAX_SECONDS: u64 = 600;

/// Whether records may be looked at, and what of them is hidden from everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectOptions {
    /// Default true.
    pub enabled: bool,
    /// Names of JSON fields and headers whose values are hidden, whatever a request asks for: `password`, `card.number`,
    /// `*.ssn`; default none.
    pub mask: Vec<String>,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self { enabled: true, mask: Vec::new() }
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/connectors/{name}/inspect", with_options(get(inspect), "HEAD,GET,OPTIONS"))
}

/// A sample of the records that pass through a connector's tasks.
#[utoipa::path(
    get,
    path = "/connectors/{name}/inspect",
    operation_id = "inspectConnector",
    params(
        ("name" = String, Path, description = "The connector"),
        ("limit" = Option<u32>, Query, description = "So many records; default 10, at most 1000"),
        ("seconds" = Option<u64>, Query, description = "So long; default 30, at most 600"),
        ("task" = Option<u32>, Query, description = "Only records of this task"),
        ("mask" = Option<String>, Query, description = "Names of JSON fields and headers to hide, with commas between \
            them: `password,card.number,*.ssn`"),
        ("values" = Option<bool>, Query, description = "`false`: sizes instead of keys, values and headers"),
    ),
    responses(
        (status = 200, description = "Records as they pass, one JSON object a line or an event `record` each",
            content((Inspected = "application/x-ndjson"), (String = "text/event-stream"))),
        (status = 400, description = "A parameter cannot be read", body = ApiError),
        (status = 403, description = "The operator does not allow it", body = ApiError),
        (status = 404, description = "There is no such connector", body = ApiError),
        (status = 406, description = "Neither lines nor events are taken", body = ApiError),
        (status = 429, description = "Too many streams are open", body = ApiError),
    )
)]
pub(crate) async fn inspect(
    State(app): State<App>,
    Name(name): Name,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let as_events = watch::wants_events(&headers);
    let takes_lines = || accepts(&headers, "application", "x-ndjson") || accepts(&headers, "application", "json");
    if !as_events && !takes_lines() {
        return Err(ApiError::plain(StatusCode::NOT_ACCEPTABLE));
    }
    let options = &app.options.inspect;
    if !options.enabled {
        let message = "records may not be looked at here: the operator allows it by `enabled = true` in `[inspect]`";
        return Err(ApiError::new(StatusCode::FORBIDDEN, message));
    }
    let values = !query.first("values").is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let limit = number(&query, "limit")?.unwrap_or(DEFAULT_RECORDS).min(MAX_RECORDS);
    let seconds = number(&query, "seconds")?.unwrap_or(DEFAULT_SECONDS).min(MAX_SECONDS);
    let asked = InspectQuery { task: number(&query, "task")?, limit, values };
    let masks = Masks::new(options.mask.iter().map(String::as_str).chain(query.all("mask")));
    let ended = app.worker.ended(&name)?;
    let watcher = Watcher {
        inspection: app.worker.inspect(&name, asked)?,
        ended: Box::pin(ended),
        deadline: Box::pin(sleep(Duration::from_secs(seconds))),
        masks,
        is_over: false,
        _place: watch::place(&app.watchers)?,
    };
    if as_events {
        return Ok(watch::events(watcher.seen().map(|seen| Ok(event(&seen)))));
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    let lines = watcher.seen().filter_map(|seen| std::future::ready(line(&seen)));
    Ok((kind, Body::from_stream(lines.map(Ok::<_, Infallible>))).into_response())
}

/// What a watcher sees.
enum Seen {
    Record(Box<Inspected>),
    /// Nothing more, and why.
    End(&'static str),
}

/// Somebody who looks at a connector.
struct Watcher {
    inspection: Inspection,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    deadline: Pin<Box<Sleep>>,
    masks: Masks,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    fn seen(self) -> impl Stream<Item = Seen> {
        futures_util::stream::unfold(self, |mut it| async {
            if it.is_over {
                return None;
            }
            let seen = it.next().await;
            it.is_over = matches!(seen, Seen::End(_));
            Some((seen, it))
        })
    }

    async fn next(&mut self) -> Seen {
        select! {
            biased;
            record = self.inspection.next() => match record {
                Some(record) => Seen::Record(Box::new(Inspected::new(record, &self.masks))),
                None => Seen::End("limit"),
            },
            () = &mut self.deadline => Seen::End("time"),
            () = &mut self.ended => Seen::End("connector"),
        }
    }
}

fn event(seen: &Seen) -> Event {
    match seen {
        Seen::Record(record) => {
            Event::default().event("record").data(serde_json::to_string(record).unwrap_or_default())
        }
        Seen::End(reason) => Event::default().event("end").data(json!({ "reason": reason }).to_string()),
    }
}

fn line(seen: &Seen) -> Option<Bytes> {
    let Seen::Record(record) = seen else { return None };
    let mut line = serde_json::to_vec(record).ok()?;
    line.push(b'\n');
    Some(line.into())
}
