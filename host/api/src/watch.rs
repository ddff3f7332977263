//! What the routes share that go on answering: a stream of server-sent events or of lines.
//!
//! Such an answer is written as fast as its reader takes it and never faster: nothing is gathered for a reader but what
//! it asked for. So many of them are open at a time ([`MOST`]), and each ends when its connector does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// So many answers may go on at a time.
pub(crate) const MOST: usize = 64;
/// A comment is sent so often where there is no news, so that nobody between takes the connection for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The places of those who watch.
pub(crate) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST))
}

/// Takes a place, for as long as the answer goes on.
pub(crate) fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    places.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{MOST} requests follow logs or records already: end one of them, or try again later");
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
    })
}

/// Whether the caller asks for server-sent events by name; who takes anything gets plain JSON.
pub(crate) fn wants_events(headers: &HeaderMap) -> bool {
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    ranges
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream")))
}

/// An answer of server-sent events.
pub(crate) fn events(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(alive).into_response();
    // nginx would gather the events otherwise.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sent_to_those_alone_who_ask_for_them_by_name() {
        let wants = |accept: &'static str| {
            wants_events(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(wants("text/event-stream") && wants("application/json, Text/Event-Stream;q=0.5"));
        assert!(!wants("*/*") && !wants("text/*") && !wants("") && !wants_events(&HeaderMap::new()));
    }

    #[test]
    fn places_are_limited_and_given_back() {
        let places = places();
        let mut taken: Vec<_> = (0..MOST).map(|_| place(&places).unwrap()).collect();
        assert!(place(&places).is_err());
        taken.pop();
        assert!(place(&places).is_ok());
    }
}
