//! `GET /metrics`: figures for Prometheus, in its text format.
//!
//! | file | what |
//! |---|---|
//! | [`text`] | families of series, and how they are written |
//! | [`tasks`] | what the worker counts of its tasks: `wharf_task_…` |
//! | [`plugins`] | what plugins count of themselves: `wharf_plugin_…` |
//!
//! Everything is read when it is asked for; nothing is kept between two scrapes. More families: a file beside these,
//! which adds to [`Families`].

mod plugins;
mod tasks;
mod text;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::with_options;
use text::{Families, Kind, Value};

/// The version that every scraper reads, whatever else it accepts.
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/metrics", with_options(get(scrape), "HEAD,GET,OPTIONS"))
}

/// Shows figures for Prometheus, in its text format, whatever is accepted.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "getMetrics",
    responses((status = 200, description = "The figures", body = String, content_type = "text/plain"))
)]
pub(crate) async fn scrape(State(app): State<App>) -> Result<Response, ApiError> {
    let mut families = Families::default();
    let labels =
        vec![("version".to_owned(), app.options.version.clone()), ("commit".to_owned(), app.options.commit.clone())];
    families.add("wharf_build_info", Kind::Gauge, "Which Wharf this is.", labels, Value::Whole(1));
    app.ask(async {
        tasks::add(&app.worker, &mut families).await;
        Ok::<_, ApiError>(())
    })
    .await?;
    // Last: no name that a plugin takes is in the way of the worker's.
    if let Some(metrics) = &app.options.metrics {
        plugins::add(metrics.plugin_metrics(), &mut families);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], families.render()).into_response())
}
