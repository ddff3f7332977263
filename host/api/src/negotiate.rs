//! `Accept` and `Content-Type`, and the answer to `OPTIONS`.

use axum::body::HttpBody as _;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use crate::app::App;
use crate::error::ApiError;

/// Refuses callers that take no JSON (406) and bodies that are none (415). Runs only where a route was found.
pub(crate) async fn json_only(request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        if !accepts(request.headers(), "application", "json") {
            return ApiError::plain(StatusCode::NOT_ACCEPTABLE).into_response();
        }
        let has_body = !request.body().is_end_stream();
        if has_body && !is_json(request.headers()) {
            return ApiError::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE).into_response();
        }
    }
    next.run(request).await
}

/// Whether the caller takes this media type. No `Accept`, or an empty one, takes all. Weights are not looked at, as in
/// Jersey: `application/json;q=0` still takes JSON.
pub(crate) fn accepts(headers: &HeaderMap, kind: &str, subtype: &str) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim())
        .filter(|range| !range.is_empty())
        .peekable();
    let fits = |pattern: &str, what: &str| pattern == "*" || pattern.eq_ignore_ascii_case(what);
    ranges.peek().is_none()
        || ranges
            .any(|range| range.split_once('/').is_some_and(|(left, right)| fits(left, kind) && fits(right, subtype)))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// Makes a route answer `OPTIONS` with the methods it has: `HEAD,GET,OPTIONS`.
pub(crate) fn with_options(route: MethodRouter<App>, methods: &'static str) -> MethodRouter<App> {
    let text = methods.replace(',', ", ");
    route.options(move || std::future::ready(([(header::ALLOW, methods), (header::CONTENT_TYPE, "text/plain")], text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_json(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        accepts(&headers, "application", "json")
    }

    #[test]
    fn json_is_accepted_by_name_by_wildcard_and_by_silence() {
        assert!(accepts(&HeaderMap::new(), "application", "json"));
        for accept in ["", "*/*", "application/*", "Application/JSON", "text/html, */*;q=0.1", "application/json;q=0"] {
            assert!(takes_json(accept), "{accept}");
        }
    }

    #[test]
    fn callers_that_take_no_json_are_told_so() {
        for accept in ["text/html", "application/xml", "application/vnd.kafka+json", "garbage"] {
            assert!(!takes_json(accept), "{accept}");
        }
    }
}
