//! `GET /openapi.json` and `GET /docs`: the API's description, for machines and for people.
//!
//! The page is one file, `docs/page.html`, with its style and script inside; it asks
//! for `/openapi.json` and nothing else. The policy that it comes with allows exactly that, by the digests of its parts.

use std::sync::LazyLock;

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::app::App;
use crate::negotiate::with_options;
use crate::openapi;

const PAGE: &str = include_str!("docs/page.html");

/// Answers as JSON, like most routes.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/openapi.json", with_options(get(openapi_json), "HEAD,GET,OPTIONS"))
}

/// Answers as HTML.
pub(crate) fn pages() -> Router<App> {
    Router::new().route("/docs", with_options(get(page), "HEAD,GET,OPTIONS"))
}

/// Describes this API in OpenAPI 3.1.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "getOpenApi",
    responses((status = 200, description = "The description", body = serde_json::Value))
)]
pub(crate) async fn openapi_json() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi::text())
}

/// Shows this API as a page for people, which needs nothing but this worker.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "getDocs",
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn page() -> impl IntoResponse {
    static POLICY: LazyLock<String> = LazyLock::new(policy);
    const OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");
    const REFERRER: HeaderName = HeaderName::from_static("referrer-policy");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY.as_str()),
        (OPTIONS, "nosniff"),
        (REFERRER, "no-referrer"),
    ];
    (headers, PAGE)
}

/// Nothing may be loaded, run or sent but the page's own style, its own script and requests to this worker.
fn policy() -> String {
    let digest = |open, close| {
        let inside = PAGE.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map(|(inside, _)| inside);
        STANDARD.encode(Sha256::digest(inside.unwrap_or_default()))
    };
    let (style, script) = (digest("<style>", "</style>"), digest("<script>", "</script>"));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_has_one_style_and_one_script() {
        for part in ["<style>", "</style>", "<script>", "</script>"] {
            assert_eq!(PAGE.matches(part).count(), 1, "{part}");
        }
        for never in ["http://", "https://", " src=", "@import", "url(", " style=", "onclick=", "<link", ".innerHTML"] {
            assert!(!PAGE.contains(never), "the page has `{never}`, which its policy forbids or which is unsafe");
        }
        assert!(PAGE.contains("lang=\"en\"") && PAGE.contains("prefers-color-scheme"));
        let script = PAGE.split_once("<script>").unwrap().1;
        assert!(script.lines().count() < 300);
    }

    #[test]
    fn the_policy_names_the_digests_of_the_pages_parts() {
        assert_eq!(policy().matches("'sha256-").count(), 2);
        // The digest of nothing: a part was not found.
        assert!(!policy().contains("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="));
    }
}
