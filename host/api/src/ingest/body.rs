//! Reading a body within its bounds of size and time.

use std::pin::pin;
use std::time::Duration;

use axum::body::HttpBody;
use axum::http::StatusCode;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;

use super::refusal::Refusal;

/// So much of a body that is too large is still read and thrown away, because a caller that is cut off while it writes
/// does not see the answer.
const DRAINED_BYTES: usize = 1024 * 1024;

/// How long a body that nobody wants is read.
const DISCARDING: Duration = Duration::from_secs(2);

/// Throws the body of a request away that was refused before it was looked at, for the same reason and as much of it.
pub(super) async fn discard<B: HttpBody<Data = Bytes>>(body: B) {
    let all = async {
        let mut body = pin!(body);
        let mut seen = 0_usize;
        while let Some(Ok(frame)) = body.frame().await {
            seen = seen.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if seen > DRAINED_BYTES {
                break;
            }
        }
    };
    // What is left is cut off with the connection.
    tokio::time::timeout(DISCARDING, all).await.ok();
}

/// The whole body. `waits_for_permission`: the caller sends it only when it is asked to.
pub(super) async fn read<B>(
    body: B,
    limit: usize,
    within: Duration,
    waits_for_permission: bool,
) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    if waits_for_permission && body.size_hint().lower() > limit as u64 {
        return Err(Refusal::too_large(limit));
    }
    let read = tokio::time::timeout(within, collect(body, limit)).await;
    read.unwrap_or_else(|_| Err(Refusal::too_slow(within)))
}

async fn collect<B>(body: B, limit: usize) -> Result<Bytes, Refusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let mut body = pin!(body);
    let (mut first, mut rest, mut seen) = (Bytes::new(), BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let broke_off =
            |error: B::Error| Refusal::new(StatusCode::BAD_REQUEST, format!("the request's body broke off: {error}"));
        // Trailers are nobody's business.
        let Ok(chunk) = frame.map_err(broke_off)?.into_data() else { continue };
        seen = seen.saturating_add(chunk.len());
        if seen > limit {
            (first, rest) = (Bytes::new(), BytesMut::new());
            if seen > limit.saturating_add(DRAINED_BYTES) {
                break;
            }
        } else if first.is_empty() && rest.is_empty() {
            // Most bodies come in one piece, which need not be copied.
            first = chunk;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&chunk);
        }
    }
    match seen > limit {
        true => Err(Refusal::too_large(limit)),
        false => Ok(if rest.is_empty() { first } else { rest.freeze() }),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::Body;
    use axum::response::IntoResponse as _;
    use futures_util::stream;

    use super::*;

    fn chunks(chunks: &[&'static str]) -> Body {
        Body::from_stream(stream::iter(chunks.iter().map(|chunk| Ok::<_, Infallible>(*chunk)).collect::<Vec<_>>()))
    }

    async fn outcome(body: Body, limit: usize) -> Result<Bytes, StatusCode> {
        let read = read(body, limit, Duration::from_secs(1), false).await;
        read.map_err(|refusal| refusal.into_response().status())
    }

    #[tokio::test]
    async fn a_body_may_come_in_any_pieces_up_to_the_limit() {
        assert_eq!(outcome(chunks(&["ab", "c", "", "de"]), 5).await, Ok("abcde".into()));
        assert_eq!(outcome(chunks(&["abcde"]), 5).await, Ok("abcde".into()));
        assert_eq!(outcome(chunks(&[]), 0).await, Ok(Bytes::new()));
        assert_eq!(outcome(chunks(&["abc", "def"]), 5).await, Err(StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        assert_eq!(outcome(never, 5).await, Err(StatusCode::REQUEST_TIMEOUT));
    }
}
