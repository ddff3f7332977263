//! The worker's own configuration keys: one table, from which validation, defaults and the API's forms all come.
//!
//! Names, types, defaults, groups and order are Kafka Connect's, so that its tools draw the same forms. Ours, which it
//! does not have, are `oms-driver-url`, `restart.*`, `limits.*`, `tls.*` and `ingest.*`.

mod ingest;

use super::rules::{self, Rule};
use crate::plugin::{ConfigKey, Importance, Kind, ValueType, Width};
use Importance::{High, Low, Medium};
use ValueType::{Boolean, Class, FileRead, Int, List, Long, Short, String as Text};

/// A key of the worker as the table below writes it.
#[derive(Debug)]
pub(super) struct WorkerKey {
    pub(super) name: &'static str,
    value_type: ValueType,
    /// `None`: the key must be set, or (`connector.plugin.version`) nothing stands for it.
    pub(super) default: Option<&'static str>,
    pub(super) required: bool,
    importance: Importance,
    group: &'static str,
    order: i32,
    width: Width,
    display_name: &'static str,
    documentation: &'static str,
    allowed: &'static [&'static str],
    /// Only sinks have it.
    sinks_only: bool,
    /// Only sources have it, webhook sources among them.
    sources_only: bool,
    /// Only webhook sources have it.
    webhooks_only: bool,
    pub(super) rule: Rule,
}

/// The rest of a key that most keys share.
const KEY: WorkerKey = WorkerKey {
    name: "",
    value_type: Text,
    default: None,
    required: false,
    importance: Low,
    group: "Common",
    order: 0,
    width: Width::Short,
    display_name: "",
    documentation: "",
    allowed: &[],
    sinks_only: false,
    sources_only: false,
    webhooks_only: false,
    rule: rules::anything,
};

/// The worker's key for a file with more roots to trust, PEM.
pub const TLS_CA_FILE: &str = "tls.ca.file";
/// The worker's key for a file with the connector's own certificate, PEM.
pub const TLS_CERTIFICATE_FILE: &str = "tls.client.certificate.file";
/// The worker's key for a file with that certificate's key, PEM.
pub const TLS_KEY_FILE: &str = "tls.client.key.file";

const ERRORS: &str = "Error Handling";
// Kafka Connect's tools know its groups, and compare the list of them: Wharf's own keys stand at the end of two of
// these.
const RESTART: &str = ERRORS;
const LIMITS: &str = "Common";
const TLS: &str = "Common";
const EXACTLY_ONCE: &str = "Exactly Once Support";
const CONVERTER_VERSION: &str = "Kafka Connect's key for the version of a converter. Wharf's converters are part of it and \
                                 have its version, whatever is written here.";
const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

#[rustfmt::skip]
static KEYS: &[WorkerKey] = &[
    WorkerKey { name: "name", required: true, importance: High, order: 1, width: Width::Medium,
        display_name: "Connector name",
        documentation: "What the connector is called. No two connectors of a worker share a name.", ..KEY },
    WorkerKey { name: "connector.class", required: true, importance: High, order: 2, width: Width::Long,
        display_name: "Connector class",
        documentation: "Which plugin does the work: its name (file-source), an alias (FileStreamSource) or a Java \
                        class that it stands in for.", ..KEY },
    WorkerKey { name: "connector.plugin.version", importance: Medium, order: 3, width: Width::Medium,
        display_name: "Connector version",
        documentation: "Which version of the plugin: one (1.0.0) or a range ([1.0,2.0)). Not set: the highest there \
                        is.", ..KEY },
    WorkerKey { name: "tasks.max", value_type: Int, default: Some("1"), importance: High, order: 4,
        display_name: "Tasks max",
        documentation: "The connector's work is split among at most so many tasks, which run side by side.",
        rule: rules::tasks, ..KEY },
    WorkerKey { name: "tasks.max.enforce", value_type: Boolean, default: Some("true"), order: 5,
        display_name: "Enforce tasks max",
        documentation: "Whether a plugin that makes more tasks than tasks.max fails its connector. false: they run all \
                        the same, and the log says so.", ..KEY },
    WorkerKey { name: "key.converter", value_type: Class, default: Some(BYTES), order: 6,
        display_name: "Key converter class",
        documentation: "How keys are written to and read from the queue. This version hands their bytes on as they \
                        are.", rule: rules::converter, ..KEY },
    WorkerKey { name: "key.converter.plugin.version", order: 7, display_name: "Key converter version",
        documentation: CONVERTER_VERSION, ..KEY },
    WorkerKey { name: "value.converter", value_type: Class, default: Some(BYTES), order: 8,
        display_name: "Value converter class",
        documentation: "How values are written to and read from the queue. This version hands their bytes on as they \
                        are.", rule: rules::converter, ..KEY },
    WorkerKey { name: "value.converter.plugin.version", order: 9, display_name: "Value converter version",
        documentation: CONVERTER_VERSION, ..KEY },
    WorkerKey { name: "header.converter", value_type: Class, order: 10,
        default: Some("org.apache.kafka.connect.storage.SimpleHeaderConverter"),
        display_name: "Header converter class",
        documentation: "How headers are written to and read from the queue. This version hands their bytes on as they \
                        are.", rule: rules::header_converter, ..KEY },
    WorkerKey { name: "header.converter.plugin.version", order: 11, display_name: "Header converter version",
        documentation: CONVERTER_VERSION, ..KEY },
    WorkerKey { name: "transforms", value_type: List, default: Some(""), group: "Transforms", order: 12,
        width: Width::Long, display_name: "Transforms",
        documentation: "The transforms that rows pass, by alias, in order. Not supported yet.",
        rule: rules::no_transforms, ..KEY },
    WorkerKey { name: "predicates", value_type: List, default: Some(""), group: "Predicates", order: 13,
        width: Width::Long, display_name: "Predicates",
        documentation: "The predicates that transforms may ask, by alias. Not supported yet.",
        rule: rules::no_predicates, ..KEY },
    WorkerKey { name: "config.action.reload", default: Some("restart"), order: 14, width: Width::Medium,
        display_name: "Reload Action", allowed: &["none", "restart"],
        documentation: "What happens when a value that the configuration takes from elsewhere changes: nothing, or a \
                        restart.", ..KEY },
    WorkerKey { name: "errors.retry.timeout", value_type: Long, default: Some("0"), importance: Medium, group: ERRORS,
        order: 1, width: Width::Medium, display_name: "Retry Timeout for Errors",
        documentation: "For how many milliseconds a failed operation is tried again; 0: not at all, -1: for ever.",
        rule: rules::from_minus_one, ..KEY },
    WorkerKey { name: "errors.retry.delay.max.ms", value_type: Long, default: Some("60000"), importance: Medium,
        group: ERRORS, order: 2, width: Width::Medium, display_name: "Maximum Delay Between Retries for Errors",
        documentation: "At most so many milliseconds pass between two tries.", rule: rules::from_zero, ..KEY },
    WorkerKey { name: "errors.tolerance", default: Some("none"), importance: Medium, group: ERRORS, order: 3,
        display_name: "Error Tolerance", allowed: &["none", "all"],
        documentation: "none: a row that cannot be processed fails its task. all: it is skipped, or goes to the dead \
                        letter queue.", ..KEY },
    WorkerKey { name: "errors.log.enable", value_type: Boolean, default: Some("false"), importance: Medium,
        group: ERRORS, order: 4, display_name: "Log Errors",
        documentation: "Whether each failed operation is logged, also where it is tolerated.", ..KEY },
    WorkerKey { name: "errors.log.include.messages", value_type: Boolean, default: Some("false"), importance: Medium,
        group: ERRORS, order: 5, display_name: "Log Error Details",
        documentation: "Whether the log also says which row it was. Rows may hold what should not be in a log.",
        ..KEY },
    WorkerKey { name: "topics", value_type: List, default: Some(""), importance: High, order: 4, width: Width::Long,
        display_name: "Topics", sinks_only: true,
        documentation: "The topics to read, separated by commas.", rule: rules::topics, ..KEY },
    WorkerKey { name: "topics.regex", default: Some(""), importance: High, order: 4, width: Width::Long,
        display_name: "Topics regex", sinks_only: true,
        documentation: "A pattern for the topics to read. Not supported yet: use topics.",
        rule: rules::no_regex, ..KEY },
    WorkerKey { name: "errors.deadletterqueue.topic.name", default: Some(""), importance: Medium, group: ERRORS,
        order: 6, width: Width::Medium, display_name: "Dead Letter Queue Topic Name", sinks_only: true,
        documentation: "The topic that takes rows which cannot be processed. Empty: they are dropped.",
        rule: rules::topic_or_none, ..KEY },
    WorkerKey { name: "errors.deadletterqueue.topic.replication.factor", value_type: Short, default: Some("3"),
        importance: Medium, group: ERRORS, order: 7, width: Width::Medium, sinks_only: true,
        display_name: "Dead Letter Queue Topic Replication Factor",
        documentation: "How many copies the dead letter topic has where it must be created. The embedded log keeps \
                        one, whatever is written here.", ..KEY },
    WorkerKey { name: "errors.deadletterqueue.context.headers.enable", value_type: Boolean, default: Some("false"),
        importance: Medium, group: ERRORS, order: 8, width: Width::Medium, sinks_only: true,
        display_name: "Enable Error Context Headers",
        documentation: "Whether dead letters carry headers that say where they come from and what went wrong.", ..KEY },
    WorkerKey { name: "topic.creation.groups", value_type: List, default: Some(""), group: "Topic Creation", order: 1,
        width: Width::Long, display_name: "Topic Creation Groups", sources_only: true,
        documentation: "Kafka Connect's groups of settings for topics that a source creates. The embedded log creates \
                        topics as the worker's own settings say, whatever is written here.", ..KEY },
    WorkerKey { name: "exactly.once.support", default: Some("requested"), importance: Medium, group: EXACTLY_ONCE,
        order: 2, display_name: "Exactly once support", sources_only: true,
        documentation: "requested: rows are in the queue once where the queue and the plugin allow it, which is said in \
                        the documentation of both. required: refused, because nobody can promise it before the rows \
                        come.", rule: rules::exactly_once, ..KEY },
    WorkerKey { name: "transaction.boundary", default: Some("poll"), importance: Medium, group: EXACTLY_ONCE, order: 3,
        display_name: "Transaction Boundary", sources_only: true,
        documentation: "Which rows become durable together with their offsets. poll: those of one poll of the plugin; \
                        there is no other choice yet.", rule: rules::transaction_boundary, ..KEY },
    WorkerKey { name: "transaction.boundary.interval.ms", value_type: Long, group: EXACTLY_ONCE, order: 4,
        display_name: "Transaction boundary interval", sources_only: true,
        documentation: "Milliseconds between transactions in Kafka Connect, with transaction.boundary interval. Not \
                        looked at here.", rule: rules::from_zero, ..KEY },
    WorkerKey { name: "offsets.storage.topic", group: "offsets.topic", order: 1, width: Width::Long,
        display_name: "Offsets topic", sources_only: true,
        documentation: "Kafka Connect's topic for the offsets of a source. Wharf keeps them in its own store, whatever \
                        is written here.", ..KEY },
    WorkerKey { name: "oms-driver-url", default: Some("oms:log:"), importance: Medium, order: 15, width: Width::Long,
        display_name: "Driver URL",
        documentation: "The message queue to use, as an OpenMessaging driver URL. So far there is the worker's own \
                        embedded log, oms:log:", rule: rules::driver_url, ..KEY },
    WorkerKey { name: "restart.enabled", value_type: Boolean, default: Some("true"), importance: Medium,
        group: RESTART, order: 9, display_name: "Restart Failed Tasks",
        documentation: "Whether a task that failed is started again without being asked.", ..KEY },
    WorkerKey { name: "restart.backoff.initial.ms", value_type: Long, default: Some("100"), group: RESTART, order: 10,
        display_name: "First Wait Before a Restart",
        documentation: "Milliseconds before the first restart. Each further wait is twice as long.",
        rule: rules::from_zero, ..KEY },
    WorkerKey { name: "restart.backoff.max.ms", value_type: Long, default: Some("60000"), group: RESTART, order: 11,
        display_name: "Longest Wait Before a Restart",
        documentation: "No wait before a restart is longer than so many milliseconds.", rule: rules::from_zero, ..KEY },
    WorkerKey { name: "restart.max.failures", value_type: Int, default: Some("10"), group: RESTART, order: 12,
        display_name: "Failures That Are a Crash Loop",
        documentation: "A task that fails so often within restart.window.ms stays FAILED.",
        rule: rules::from_one, ..KEY },
    WorkerKey { name: "restart.window.ms", value_type: Long, default: Some("600000"), group: RESTART, order: 13,
        display_name: "Crash Loop Window",
        documentation: "The milliseconds within which failures are counted. See restart.max.failures.",
        rule: rules::from_one, ..KEY },
    WorkerKey { name: "limits.memory.mb", value_type: Int, importance: Medium, group: LIMITS, order: 16,
        display_name: "Memory", rule: rules::from_one,
        documentation: "How much memory an instance of the plugin may have, in MiB. One that asks for more is ended. Not \
                        set: as much as the worker allows, which is also the most that can be set.", ..KEY },
    WorkerKey { name: "limits.cpu.percent", value_type: Int, importance: Medium, group: LIMITS, order: 17,
        display_name: "CPU Share", rule: rules::percent,
        documentation: "How much CPU time the plugin's code may take in each task, in percent of one core. A task that \
                        took more is made to wait, which counts against no deadline. Not set: as much as the worker \
                        allows.", ..KEY },
    WorkerKey { name: "limits.call.deadline.ms", value_type: Long, importance: Medium, group: LIMITS, order: 18,
        display_name: "Call Deadline", rule: rules::from_ten,
        documentation: "How long one call into the plugin may take; for a poll, beyond the time it was given to wait for \
                        rows. An instance that takes longer is ended. Not set: as long as the worker allows.", ..KEY },
    WorkerKey { name: "limits.rows.per.second", value_type: Long, group: LIMITS, order: 19,
        display_name: "Rows per Second", rule: rules::from_one,
        documentation: "How many rows each task moves in a second, over time. A source is polled later, a sink reads \
                        later. Not set: as many as the worker allows.", ..KEY },
    WorkerKey { name: "limits.bytes.per.second", value_type: Long, group: LIMITS, order: 20,
        display_name: "Bytes per Second", rule: rules::from_one,
        documentation: "How many bytes of keys, values and headers each task moves in a second, over time. A larger row \
                        still goes, and what follows waits. Not set: as many as the worker allows.", ..KEY },
    WorkerKey { name: "limits.log.lines.per.second", value_type: Int, group: LIMITS, order: 21,
        display_name: "Log Lines per Second", rule: rules::from_zero,
        documentation: "How many lines the plugin may log in a second in each task; more are counted instead of written. \
                        Not set: as many as the worker allows.", ..KEY },
    WorkerKey { name: "limits.sockets", value_type: Int, group: LIMITS, order: 22,
        display_name: "Sockets", rule: rules::from_zero,
        documentation: "How many sockets each task may have open at a time. Not set: as many as the worker allows.",
        ..KEY },
    WorkerKey { name: "limits.http.requests", value_type: Int, group: LIMITS, order: 23,
        display_name: "HTTP Requests", rule: rules::from_zero,
        documentation: "How many HTTP requests of each task may be under way at a time. Not set: as many as the worker \
                        allows.", ..KEY },
    WorkerKey { name: "limits.network.bytes.per.second", value_type: Long, group: LIMITS, order: 24,
        display_name: "Network Bytes per Second", rule: rules::from_one,
        documentation: "How many bytes each task may send and receive over the network in a second, over time. Not set: \
                        as many as the worker allows.", ..KEY },
    WorkerKey { name: TLS_CA_FILE, value_type: FileRead, default: Some(""), importance: Medium, group: TLS, order: 25,
        width: Width::Long, display_name: "Trusted Certificates",
        documentation: "A PEM file with certificates to trust beside the system's and the operator's, for connectors \
                        that connect to something.", ..KEY },
    WorkerKey { name: TLS_CERTIFICATE_FILE, value_type: FileRead, default: Some(""), importance: Medium, group: TLS,
        order: 26, width: Width::Long, display_name: "Client Certificate",
        documentation: "A PEM file with the certificate that the connector shows to servers that ask for one, and \
                        those above it.", ..KEY },
    WorkerKey { name: TLS_KEY_FILE, value_type: FileRead, default: Some(""), importance: Medium, group: TLS, order: 27,
        width: Width::Long, display_name: "Client Key",
        documentation: "A PEM file with the private key of tls.client.certificate.file. The host reads it; the \
                        plugin never sees it.", ..KEY },
];

impl WorkerKey {
    /// As a plugin would describe it.
    pub(super) fn definition(&self) -> ConfigKey {
        ConfigKey {
            name: self.name.to_owned(),
            value_type: self.value_type,
            required: self.required,
            default: self.default.map(str::to_owned),
            importance: self.importance,
            documentation: self.documentation.to_owned(),
            group: self.group.to_owned(),
            order: self.order,
            width: self.width,
            display_name: self.display_name.to_owned(),
            dependents: Vec::new(),
            allowed: self.allowed.iter().map(|&text| text.to_owned()).collect(),
        }
    }
}

/// The keys that a connector of this kind has beside its plugin's own, in the order that problems are reported.
pub(super) fn table(kind: Kind) -> impl Iterator<Item = &'static WorkerKey> {
    let fits = move |key: &&WorkerKey| {
        (kind == Kind::Sink || !key.sinks_only)
            && (matches!(kind, Kind::Source | Kind::WebhookSource) || !key.sources_only)
            && (kind == Kind::WebhookSource || !key.webhooks_only)
    };
    KEYS.iter().chain(ingest::KEYS).filter(fits)
}

/// The default of one of the worker's keys, empty where there is none.
pub(super) fn default_of(name: &str) -> &'static str {
    KEYS.iter().chain(ingest::KEYS).find(|key| key.name == name).and_then(|key| key.default).unwrap_or_default()
}

/// The worker's own keys for connectors of this kind: what a form shows beside the plugin's keys. The defaults of
/// `restart.*` are those of [`crate::policy::RestartPolicy::default`]; the operator may have set others.
///
/// ```
/// use wharf_core::config::worker_keys;
/// use wharf_core::plugin::Kind;
/// let names = |kind| worker_keys(kind).into_iter().map(|key| key.name).collect::<Vec<_>>();
/// assert!(names(Kind::Sink).contains(&"topics".to_owned()));
/// assert!(!names(Kind::Source).contains(&"topics".to_owned()));
/// ```
pub fn worker_keys(kind: Kind) -> Vec<ConfigKey> {
    table(kind).map(WorkerKey::definition).collect()
}
