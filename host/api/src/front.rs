//! What happens to a request before a route is looked for, and where none is found.

use std::any::Any;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use crate::error::ApiError;

/// A longer path and query is answered with 414.
const MAX_TARGET_BYTES: usize = 8 * 1024;

/// Refuses paths that cannot be right, and drops one trailing slash: `/connectors/` is `/connectors`.
pub(crate) async fn tidy(mut request: Request, next: Next) -> Response {
    let uri = request.uri();
    if let Err(refusal) = check(uri) {
        return refusal.into_response();
    }
    if let Some(shorter) = without_trailing_slash(uri) {
        *request.uri_mut() = shorter;
    }
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        // Kafka Connect's error answers carry no `Allow`; `OPTIONS` tells the methods.
        response.headers_mut().remove(header::ALLOW);
    }
    response
}

fn check(uri: &Uri) -> Result<(), ApiError> {
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if target.len() > MAX_TARGET_BYTES {
        let message = format!("the path and query are longer than {MAX_TARGET_BYTES} bytes");
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, message));
    }
    let path = uri.path();
    if path.contains("//") {
        return Err(ApiError::bad_request("the path has an empty segment (`//`): write one slash"));
    }
    path.split('/').filter(|segment| segment.contains('%')).try_for_each(check_segment)
}

fn check_segment(segment: &str) -> Result<(), ApiError> {
    let mut rest = segment.split('%').skip(1);
    let is_hex = |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    if !rest.all(is_hex) {
        return Err(ApiError::bad_request(format!(
            "`{segment}` in the path is not percent-encoded: a `%` is written `%25`"
        )));
    }
    let Ok(decoded) = percent_decode_str(segment).decode_utf8() else {
        return Err(ApiError::bad_request(format!("`{segment}` in the path is not UTF-8 once decoded")));
    };
    if matches!(decoded.as_ref(), "." | "..") {
        return Err(ApiError::bad_request("`.` and `..` cannot be names in a path"));
    }
    if decoded.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!("`{segment}` in the path holds a control character")));
    }
    Ok(())
}

fn without_trailing_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target).ok()?);
    Uri::from_parts(parts).ok()
}

/// No route of this path.
pub(crate) async fn not_found() -> ApiError {
    ApiError::plain(StatusCode::NOT_FOUND)
}

/// A route, but not with this method.
pub(crate) async fn method_not_allowed() -> ApiError {
    ApiError::plain(StatusCode::METHOD_NOT_ALLOWED)
}

/// A handler panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    tracing::error!(panic = message, "a handler of the REST API panicked");
    ApiError::internal("the request failed inside of Wharf; the worker's log says why").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> bool {
        check(&path.parse().unwrap()).is_err()
    }

    #[test]
    fn paths_that_cannot_be_right_are_refused() {
        for path in ["/connectors//", "//connectors", "/a/%zz", "/a/%2", "/a/%FF", "/a/%00", "/a/%0A", "/a/%2e%2E/b"] {
            assert!(refused(path), "{path}");
        }
        assert!(refused(&format!("/{}", "b".repeat(MAX_TARGET_BYTES))));
    }

    #[test]
    fn names_with_encoded_slashes_and_percents_pass() {
        for path in ["/", "/connectors/a%2Fb", "/connectors/100%25", "/connectors/sp%20ace", "/connectors/%C3%BC/"] {
            assert!(!refused(path), "{path}");
        }
    }

    #[test]
    fn one_trailing_slash_is_dropped_and_the_query_stays() {
        let tidied = |uri: &str| without_trailing_slash(&uri.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(tidied("/connectors/?a=b").as_deref(), Some("/connectors?a=b"));
        assert_eq!(tidied("/connectors/x/").as_deref(), Some("/connectors/x"));
        assert_eq!(tidied("/"), None);
        assert_eq!(tidied("/connectors"), None);
    }
}
