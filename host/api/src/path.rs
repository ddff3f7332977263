//! Names in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::error::ApiError;

/// The connector of the path, decoded: `a%2Fb` is `a/b`.
pub(crate) struct Name(pub(crate) String);

/// The connector and the task of the path.
pub(crate) struct TaskOf {
    pub(crate) connector: String,
    /// As written; Kafka Connect answers a negative number with "unknown" and anything else that is no number of 32
    /// bits with a bare 404.
    pub(crate) task: i32,
}

/// One decoded segment of the path by the name that its route gives it.
pub(crate) async fn segment<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Result<String, ApiError> {
    let Ok(params) = RawPathParams::from_request_parts(parts, state).await else {
        return Err(ApiError::plain(StatusCode::BAD_REQUEST));
    };
    let found = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    found.ok_or_else(|| ApiError::plain(StatusCode::NOT_FOUND))
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        segment(parts, state, "name").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TaskOf {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let connector = segment(parts, state, "name").await?;
        let task = segment(parts, state, "task").await?;
        let task = task.parse().map_err(|_| ApiError::plain(StatusCode::NOT_FOUND))?;
        Ok(Self { connector, task })
    }
}

/// What may stand in a path segment as it is: RFC 3986's `pchar`.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Where a connector is found: absolute where the caller said which host it spoke to.
pub(crate) fn location(headers: &HeaderMap, connector: &str) -> String {
    let name = utf8_percent_encode(connector, SEGMENT);
    match headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| !host.is_empty()) {
        Some(host) => format!("http://{host}/connectors/{name}"),
        None => format!("/connectors/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_encoded_so_that_it_can_be_asked_for() {
        let mut headers = HeaderMap::new();
        assert_eq!(location(&headers, "a/b%"), "/connectors/a%2Fb%25");
        headers.insert(header::HOST, "connect.example:1234".parse().unwrap());
        let expected = "http://connect.example:1234/connectors/r%3F&=%23;:@!$'()*,%5B%5D";
        assert_eq!(location(&headers, "r?&=#;:@!$'()*,[]"), expected);
        assert_eq!(location(&headers, "sp ace-ü"), "http://connect.example:1234/connectors/sp%20ace-%C3%BC");
    }
}
