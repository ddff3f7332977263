//! `GET /metrics`: figures for Prometheus, in its text format.
//!
//! | file | what |
//! |---|---|
//! | [`text`] | families of series, and how they are written |
//! | [`kafka`] | what Kafka Connect measures too, under its names: `kafka_connect_…` |
//! | [`tasks`] | what else is measured of tasks: `wharf_task_…` |
//! | [`worker`] | the worker, its parts and its process: `wharf_…`, `process_…` |
//! | [`plugins`] | what plugins count of themselves: `wharf_plugin_…` |
//!
//! Everything is read when it is asked for; nothing is kept between two scrapes. Whoever exports metrics in another way
//! takes the same figures from [`gather`]. More families: a file beside these, which adds to [`Families`].

mod kafka;
mod plugins;
#[cfg(test)]
pub(crate) mod strict;
mod tasks;
mod text;
mod worker;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use wharf_runtime::Worker;

use crate::ApiOptions;
use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::with_options;

pub use text::{Families, Family, Labels};

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
    let families = app.ask(async { Ok::<_, ApiError>(gather(&app.worker, &app.options).await) }).await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], families.render()).into_response())
}

/// Everything that is measured, as it stands.
pub async fn gather(worker: &Worker, options: &ApiOptions) -> Families {
    let mut families = Families::default();
    worker::add(worker, options, &mut families);
    let mut connectors = Vec::new();
    for name in worker.connectors().await {
        // One that is deleted meanwhile is left out.
        connectors.extend(worker.figures(&name).await);
    }
    kafka::add(worker.worker_figures(), &connectors, &mut families);
    connectors.iter().for_each(|connector| tasks::add(connector, &mut families));
    // Last: no name that a plugin takes is in the way of the worker's.
    if let Some(metrics) = &options.metrics {
        plugins::add(metrics.plugin_metrics(), &mut families);
    }
    families
}
