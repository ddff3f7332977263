//! `GET /connectors/{name}/logs`: the last log lines of a connector, and those that come. Wharf's own.
//!
//! As JSON the newest `limit` lines, the oldest first. As server-sent events (`Accept: text/event-stream`, or
//! `follow=true`) the same and then each line as it comes: `event: line`, `id:` the line's number, `data:` the line. A
//! reader that comes back with `Last-Event-ID` goes on behind that line. One that is too slow is told
//! `event: lost` with `{"lines":N}`. The stream ends when the connector is deleted or the worker stops.

use std::convert::Infallible;
use std::pin::Pin;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::Stream;
use serde::Serialize;
use serde_json::json;
use tokio::select;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::ToSchema;
use wharf_core::logs::{LogFeed, LogLevel, LogLine, LogNews, LogQuery};

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::{accepts, with_options};
use crate::path::Name;
use crate::query::Query;
use crate::records::number;
use crate::watch;

/// So many lines where the request does not say.
const DEFAULT_LINES: usize = 100;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/connectors/{name}/logs", with_options(get(logs), "HEAD,GET,OPTIONS"))
}

/// Log lines of a connector.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogLines {
    /// The oldest first.
    lines: Vec<LogLine>,
}

/// The last log lines of a connector, and, as server-sent events, those that come.
#[utoipa::path(
    get,
    path = "/connectors/{name}/logs",
    operation_id = "getConnectorLogs",
    params(
        ("name" = String, Path, description = "The connector"),
        ("limit" = Option<usize>, Query, description = "At most so many lines, the newest; default 100"),
        ("level" = Option<LogLevel>, Query, description = "Lines at least this serious; default INFO"),
        ("task" = Option<u32>, Query, description = "Only lines of this task"),
        ("after" = Option<u64>, Query, description = "Only lines after this number"),
        ("follow" = Option<bool>, Query, description = "Go on with each line that comes, as server-sent events"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As `after`, of a stream that is taken up again"),
    ),
    responses(
        (status = 200, description = "The lines, the oldest first; or a stream of them: `event: line` with a line each, \
            `event: lost` where the reader was too slow",
            content((LogLines = "application/json"), (String = "text/event-stream"))),
        (status = 400, description = "A parameter cannot be read", body = ApiError),
        (status = 404, description = "There is no such connector", body = ApiError),
        (status = 406, description = "Neither JSON nor events are taken", body = ApiError),
        (status = 429, description = "Too many streams are open", body = ApiError),
        (status = 501, description = "The worker keeps no log lines", body = ApiError),
    )
)]
pub(crate) async fn logs(
    State(app): State<App>,
    Name(name): Name,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let follows = query.flag("follow") || watch::wants_events(&headers);
    if !follows && !accepts(&headers, "application", "json") {
        return Err(ApiError::plain(StatusCode::NOT_ACCEPTABLE));
    }
    let mut asked = asked(&query)?;
    let ended = app.worker.ended(&name)?;
    let book = app.options.logs.as_ref().ok_or_else(|| {
        ApiError::new(StatusCode::NOT_IMPLEMENTED, "this worker keeps no log lines: look at what it writes to stderr")
    })?;
    if !follows {
        return Ok(Json(LogLines { lines: book.recent(&name, &asked) }).into_response());
    }
    if let Some(last) = headers.get("last-event-id") {
        let last = last.to_str().ok().and_then(|text| text.trim().parse().ok());
        asked.after = Some(last.ok_or_else(|| ApiError::bad_request("`Last-Event-ID` is no number of a line"))?);
    }
    let place = watch::place(&app.watchers)?;
    let follower = Follower { feed: book.follow(&name, asked), ended: Box::pin(ended), _place: place };
    Ok(watch::events(follower.events()))
}

fn asked(query: &Query) -> Result<LogQuery, ApiError> {
    let level = match query.first("level") {
        Some(text) => text.parse().map_err(|error| ApiError::bad_request(format!("`level`: {error}")))?,
        None => LogLevel::default(),
    };
    Ok(LogQuery {
        level,
        task: number(query, "task")?,
        after: number(query, "after")?,
        limit: number(query, "limit")?.unwrap_or(DEFAULT_LINES),
    })
}

/// Somebody who follows a connector.
struct Follower {
    feed: Box<dyn LogFeed>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures_util::stream::unfold(self, |mut it| async {
            let news = it.next().await?;
            Some((Ok(event(&news)), it))
        })
    }

    async fn next(&mut self) -> Option<LogNews> {
        select! {
            // What was said before the end is told before the end.
            biased;
            news = self.feed.next() => Some(news),
            () = &mut self.ended => None,
        }
    }
}

fn event(news: &LogNews) -> Event {
    match news {
        LogNews::Line(line) => {
            let data = serde_json::to_string(line).unwrap_or_default();
            Event::default().event("line").id(line.number.to_string()).data(data)
        }
        LogNews::Lost(lines) => Event::default().event("lost").data(json!({ "lines": lines }).to_string()),
    }
}

#[cfg(test)]
mod tests;
