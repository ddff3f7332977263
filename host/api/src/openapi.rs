//! The description of the API in OpenAPI 3.1, made from the code: `GET /openapi.json`, and `docs/openapi.json` in the
//! repository.
//!
//! A handler says what it takes and answers in its `#[utoipa::path]`; its doc comment is the text. Here it is registered
//! with one line. What holds for all operations is added afterwards ([`complete`], [`wording`], [`groups`]), so a handler
//! names only the answers that are its own, and a refusal needs no body: it is always [`ApiError`]. Tests hold three things: the checked-in copy
//! is what the code says, every route is described, and nothing else is.
//!
//! Not described, because it holds everywhere: one trailing slash is dropped, `HEAD` goes wherever `GET` does, `OPTIONS`
//! names the methods, unknown query parameters are ignored, and any other path or method is a 404 or 405 with the same
//! body as every refusal.

mod complete;
mod groups;
pub(crate) mod params;
pub(crate) mod shapes;
mod wording;

use std::sync::LazyLock;

use utoipa::OpenApi;

use crate::error::ApiError;
use complete::Complete;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Wharf",
        description = "An OpenMessaging Connect runtime. The API is Kafka Connect's, to the byte, with OpenMessaging's \
                       verbs and Wharf's own routes beside it.\n\nEvery answer that is no success is \
                       `{\"error_code\": …, \"message\": …}`. One trailing slash is dropped from a path, unknown query \
                       parameters are ignored, and values of a configuration are text in every answer.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        crate::root::server,
        crate::root::health,
        crate::probes::livez,
        crate::probes::readyz,
        crate::openmessaging::cluster,
        crate::connectors::list,
        crate::connectors::create,
        crate::connectors::show,
        crate::connectors::create_named,
        crate::connectors::delete,
        crate::connectors::config::show,
        crate::connectors::config::put,
        crate::connectors::config::patch,
        crate::versions::list,
        crate::versions::rollback,
        crate::connectors::state::status,
        crate::connectors::state::progress,
        crate::connectors::state::usage,
        crate::connectors::commands::pause,
        crate::connectors::commands::resume,
        crate::connectors::commands::stop,
        crate::connectors::commands::restart,
        crate::offsets::show,
        crate::offsets::alter,
        crate::offsets::reset,
        crate::active_topics::show,
        crate::active_topics::reset,
        crate::logs::logs,
        crate::inspect::inspect,
        crate::tasks::list,
        crate::tasks::configs,
        crate::tasks::status,
        crate::tasks::restart,
        crate::internal::put_tasks,
        crate::internal::fence,
        crate::plugins::kafka_list,
        crate::validate::keys,
        crate::validate::validate,
        crate::plugins::list,
        crate::plugins::manage::install,
        crate::plugins::manage::verify,
        crate::plugins::manage::audit,
        crate::plugins::manage::one,
        crate::plugins::manage::uninstall,
        crate::plugins::manage::approve,
        crate::topics::list,
        crate::topics::show,
        crate::topics::delete,
        crate::records::read,
        crate::audit::list,
        crate::metrics::scrape,
        crate::loggers::list,
        crate::loggers::show,
        crate::loggers::set,
        crate::docs::openapi_json,
        crate::docs::page,
    ),
    components(schemas(ApiError)),
    modifiers(&Complete)
)]
struct Api;

/// The description, as it is served and checked in: JSON with indents, and a newline at its end.
pub(crate) fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let text = Api::openapi().to_pretty_json();
        // What it is made of are strings, numbers and maps of them; a test makes it.
        text.map(|text| text + "\n").unwrap_or_default()
    });
    &TEXT
}

#[cfg(test)]
mod tests;
