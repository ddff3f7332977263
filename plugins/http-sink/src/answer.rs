//! What an answer means for the rows of its request.

use std::time::{Duration, SystemTime};

use wharf_sdk::Failure;
use wharf_sdk::http::Response;

use crate::date::retry_after;

/// However long a server asks us to wait, it is asked again after this.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What an answer means for the rows of its request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// They are taken.
    Taken,
    /// They are not, and a retry would change nothing.
    Refused {
        /// `http-400`
        code: String,
        reason: String,
        /// Some of them alone might be taken.
        one_of_them: bool,
    },
    /// Not now.
    Later(Failure),
}

/// Reads an answer.
pub(crate) fn answer(response: &Response, now: SystemTime) -> Answer {
    let status = response.status;
    let code = format!("http-{status}");
    let said = excerpt(response);
    match status {
        200..=299 => Answer::Taken,
        408 | 425 | 429 | 500..=599 => {
            let failure = Failure::retry(format!("the server answers {status}{said}"));
            let wait = response.header("retry-after").and_then(|text| retry_after(text, now));
            Answer::Later(match wait {
                Some(wait) => failure.after(wait.min(LONGEST_WAIT)),
                None => failure,
            })
        }
        300..=399 => {
            let place = response.header("location").map(printable).unwrap_or_default();
            let reason = format!(
                "the server answers {status} and points to `{place}`: redirects are not followed, write the final address in \
                 `http.url`"
            );
            Answer::Refused { code, reason, one_of_them: false }
        }
        _ => {
            let one_of_them = matches!(status, 400 | 409 | 413 | 422);
            Answer::Refused { code, reason: format!("the server answers {status}{said}"), one_of_them }
        }
    }
}

/// The beginning of what the server says, in one line.
fn excerpt(response: &Response) -> String {
    let text = printable(response.text().trim());
    if text.is_empty() { text } else { format!(": {text}") }
}

fn printable(text: &str) -> String {
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, header: Option<(&str, &str)>, body: &str) -> Response {
        let headers = header.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
        Response { status, headers, body: body.as_bytes().to_vec(), truncated: false }
    }

    fn of(status: u16, header: Option<(&str, &str)>, body: &str) -> Answer {
        answer(&response(status, header, body), SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770))
    }

    #[test]
    fn success_is_success() {
        assert_eq!(of(200, None, ""), Answer::Taken);
        assert_eq!(of(204, None, ""), Answer::Taken);
    }

    #[test]
    fn what_may_pass_is_tried_again_when_the_server_says() {
        let later = |status, header| match of(status, header, "busy\n") {
            Answer::Later(Failure::Retriable(retry)) => (retry.reason, retry.after),
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(later(503, None), ("the server answers 503: busy".to_owned(), None));
        assert_eq!(later(429, Some(("retry-after", "7"))).1, Some(Duration::from_secs(7)));
        assert_eq!(later(429, Some(("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"))).1, Some(Duration::from_secs(7)));
        assert_eq!(later(429, Some(("retry-after", "4000000000"))).1, Some(LONGEST_WAIT));
        assert_eq!(later(500, Some(("retry-after", "soon"))).1, None);
    }

    #[test]
    fn what_will_not_pass_is_refused_and_says_why() {
        let refused = |status, header, body| match of(status, header, body) {
            Answer::Refused { code, reason, one_of_them } => (code, reason, one_of_them),
            other => panic!("{status}: {other:?}"),
        };
        assert_eq!(
            refused(400, None, "bad\u{1b}[31m"),
            ("http-400".into(), "the server answers 400: bad [31m".into(), true)
        );
        assert!(!refused(401, None, "").2);
        let (code, reason, _) = refused(302, Some(("location", "http://elsewhere/")), "");
        assert!(code == "http-302" && reason.contains("http://elsewhere/") && reason.contains("not followed"));
    }
}
