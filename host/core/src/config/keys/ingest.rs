//! The keys of connectors that are called over HTTP: who may call, and how much at a time.

use super::{KEY, WorkerKey};
use crate::config::rules;
use crate::plugin::ValueType::{Int, Long, Password, String as Text};
use crate::plugin::{Importance, Width};

const INGEST: &str = "Inbound HTTP";

#[rustfmt::skip]
pub(super) static KEYS: &[WorkerKey] = &[
    WorkerKey { name: "ingest.auth", value_type: Text, importance: Importance::High, order: 1,
        display_name: "Authentication", allowed: &["none", "bearer", "header"],
        documentation: "Who may call. bearer: whoever sends `Authorization: Bearer` and ingest.auth.token. header: \
                        whoever sends it in the header ingest.auth.header. none: everybody; right where the plugin \
                        itself checks a signature. Must be set where the ingest listener can be reached from other \
                        machines; else not set means none.", ..INGEST_KEY },
    WorkerKey { name: "ingest.auth.token", value_type: Password, importance: Importance::High, order: 2,
        width: Width::Long, display_name: "Token",
        documentation: "The secret that callers send, with ingest.auth bearer or header. The plugin never sees it in \
                        a request.", ..INGEST_KEY },
    WorkerKey { name: "ingest.auth.header", importance: Importance::Medium, order: 3, width: Width::Medium,
        display_name: "Token Header",
        documentation: "With ingest.auth header: the header that carries ingest.auth.token, like X-Gitlab-Token.",
        rule: rules::header_name, ..INGEST_KEY },
    WorkerKey { name: "ingest.max.body.bytes", value_type: Long, importance: Importance::Medium, order: 4,
        display_name: "Largest Request",
        documentation: "A request with a larger body is answered with 413. Not set: what the worker's \
                        ingest.max-body-bytes allows, which is also the most.", rule: rules::from_one, ..INGEST_KEY },
    WorkerKey { name: "ingest.requests.per.second", value_type: Int, importance: Importance::Medium, order: 5,
        display_name: "Requests per Second",
        documentation: "More requests are answered with 429. As many may come at once after a quiet second. Not set: \
                        what the worker's ingest.requests-per-second allows, which is also the most.",
        rule: rules::from_one, ..INGEST_KEY },
    WorkerKey { name: "ingest.max.in.flight", value_type: Int, default: Some("64"), importance: Importance::Medium,
        order: 6, display_name: "Requests at a Time",
        documentation: "So many requests of this connector may be on their way through the worker; another one is \
                        answered with 429.", rule: rules::in_flight, ..INGEST_KEY },
    WorkerKey { name: "ingest.timeout.ms", value_type: Long, default: Some("30000"), importance: Importance::Medium,
        order: 7, display_name: "Longest Wait for an Answer",
        documentation: "A request whose rows are not in the queue after so many milliseconds is answered with 504. \
                        They may get there all the same.", rule: rules::from_one, ..INGEST_KEY },
];

/// What all of them share.
const INGEST_KEY: WorkerKey = WorkerKey { group: INGEST, webhooks_only: true, ..KEY };
