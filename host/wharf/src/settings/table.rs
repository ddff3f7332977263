//! Every key of `wharf.toml`: the one table from which `wharf config show`, the suggestions for unknown keys and the
//! tables of `docs/CONFIGURATION.md` are made.
//!
//! A new key: its row here, its field in the section's raw struct, and `UPDATE_DOCS=1 cargo test -p wharf table` writes
//! the documentation. A section may also list its keys itself (`KEYS`), which a test holds against this table.

use super::keys;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// `section.key`, or the key alone where it is in no section.
    pub(crate) key: &'static str,
    /// `text`, `path`, `number`, `true or false`, a list of these, or its words.
    pub(crate) kind: &'static str,
    pub(crate) default: Preset,
    /// One sentence or two, in Markdown.
    pub(crate) doc: &'static str,
    /// The flag of `wharf run` and the environment variable that win over the file.
    pub(crate) flag: Option<(&'static str, &'static str)>,
}

/// What holds where nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// This value, as TOML.
    Is(&'static str),
    /// What these words say.
    Says(&'static str),
}

impl Preset {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Is(text) | Self::Says(text) => text,
        }
    }
}

impl Row {
    const fn new(key: &'static str, kind: &'static str, default: Preset, doc: &'static str) -> Self {
        Self { key, kind, default, doc, flag: None }
    }

    const fn flag(self, flag: &'static str, env: &'static str) -> Self {
        Self { flag: Some((flag, env)), ..self }
    }

    /// In what a number is counted, by the end of the key.
    pub(crate) fn unit(&self) -> &'static str {
        const UNITS: [(&str, &str); 7] = [
            ("bytes-per-second", "bytes/s"),
            ("-per-second", "1/s"),
            ("-ms", "ms"),
            ("-bytes", "bytes"),
            ("-mb", "MiB"),
            ("-percent", "%"),
            ("-seconds", "s"),
        ];
        UNITS.iter().find(|(end, _)| self.key.ends_with(end)).map_or("", |(_, unit)| unit)
    }

    /// The section, empty for keys that are in none.
    pub(crate) fn section(&self) -> &'static str {
        self.key.split_once('.').map_or("", |(section, _)| section)
    }
}

/// Keys whose value is shown as `[hidden]`, beside those that end with a word such as `token` or `password`.
const SECRET: &[&str] = &["telemetry.otlp-headers"];

/// Whether a key's value is not to be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or_default();
    let words = ["token", "tokens", "password", "secret", "passphrase"];
    SECRET.contains(&key) || last.split('-').next_back().is_some_and(|word| words.contains(&word))
}

use Preset::{Is, Says};

const TEXT: &str = "text";
const TEXTS: &str = "list of texts";
const PATH: &str = "path";
const PATHS: &str = "list of paths";
const NUMBER: &str = "number";
const SWITCH: &str = "true or false";

#[rustfmt::skip]
static TABLE: &[Row] = &[
    Row::new("data-dir", PATH, Is("\"wharf-data\""), "the log, offsets, configurations and compiled plugins; one worker at a time")
        .flag("--data-dir", "WHARF_DATA_DIR"),
    Row::new("plugins-dir", PATH, Is("\"plugins\""), "where `.wasm` files are found").flag("--plugins-dir", "WHARF_PLUGINS_DIR"),
    Row::new("connectors-dir", PATH, Says("`./connectors.d` if it is there"), "files in it are connectors, which follow them")
        .flag("--connectors-dir", "WHARF_CONNECTORS_DIR"),
    Row::new("listen", TEXT, Is("\"127.0.0.1:8083\""), "the REST API: address and port").flag("--listen", "WHARF_LISTEN"),
    Row::new("allowed-paths", PATHS, Says("anything"), "connectors may name only these files, and what lies below these directories"),
    Row::new("shutdown-timeout-ms", NUMBER, Is("5000"), "how long tasks may drain and stop on SIGTERM or SIGINT"),

    Row::new("log.sync", "`\"group\"`, `\"interval\"` or `\"none\"`", Is("\"group\""),
        "`group`: rows are on the disk (`fdatasync`) before they are acknowledged. `interval`: within `sync-interval-ms` after; a power failure may take that much, a killed process nothing. `none`: when the operating system sees fit"),
    Row::new("log.sync-window-ms", NUMBER, Is("0"), "with `group`: how long to gather batches before each sync. 0: what arrives during one sync is the next group"),
    Row::new("log.sync-interval-ms", NUMBER, Says("50"), "with `interval`"),
    Row::new("log.segment-bytes", NUMBER, Is("268435456"), "a segment file of this size is closed and the next begun; at least 1 MiB"),
    Row::new("log.default-partitions", NUMBER, Is("1"), "of a topic that is created by its first row"),
    Row::new("log.retention-bytes", NUMBER, Says("keep all"), "old segments are deleted while a partition is larger"),
    Row::new("log.retention-ms", NUMBER, Says("keep all"), "segments that were last written so long ago are deleted"),

    Row::new("limits.memory-mb", NUMBER, Is("256"), "its memory; more is class `memory-limit`"),
    Row::new("limits.cpu-percent", NUMBER, Says("all there is"), "the plugin's CPU time in each task, in percent of one core; a task that took more is made to wait, which counts against no deadline"),
    Row::new("limits.call-deadline-ms", NUMBER, Is("30000"), "how long one call may take; longer is `deadline-exceeded` (it computed) or `host-call-timeout` (it was blocked)"),
    Row::new("limits.output-mb", NUMBER, Is("64"), "what one call may hand over; more is `output-limit`"),
    Row::new("limits.log-lines-per-second", NUMBER, Is("100"), "more are counted instead of written"),
    Row::new("limits.rows-per-second", NUMBER, Says("no limit"), "what each task moves, over time: a source is polled later, a sink reads later"),
    Row::new("limits.bytes-per-second", NUMBER, Says("no limit"), "the same in bytes"),
    Row::new("limits.sockets", NUMBER, Says("64"), "sockets open at a time, of each task"),
    Row::new("limits.http-requests", NUMBER, Says("16"), "HTTP requests under way at a time until their answers are read, of each task"),
    Row::new("limits.network-bytes-per-second", NUMBER, Says("no limit"), "bytes that each task sends and receives"),

    Row::new("egress.allow", TEXTS, Is("[]"), "only these may be reached; none: everything"),
    Row::new("egress.deny", TEXTS, Is("[]"), "these may not; wins over `allow`"),
    Row::new("egress.loopback", SWITCH, Says("whether `listen` is on loopback"), "addresses of this machine"),
    Row::new("egress.private", SWITCH, Is("true"), "addresses of private networks (10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7). Most databases stand in one; write `false` where connectors shall reach the internet alone"),
    Row::new("egress.link-local", SWITCH, Is("false"), "addresses of the same wire (169.254/16, fe80::/10)"),
    Row::new("egress.system-roots", SWITCH, Is("true"), "whether TLS trusts what the system trusts"),
    Row::new("egress.ca-files", PATHS, Is("[]"), "PEM files with more certificates to trust, for all connectors"),
    Row::new("egress.connect-timeout-ms", NUMBER, Is("10000"), "name lookup, connect and TLS handshake together"),
    Row::new("egress.http-timeout-ms", NUMBER, Is("60000"), "until an HTTP answer begins, and each pause in it; a plugin may ask for less"),

    Row::new("plugins.unsigned", "`\"allow\"`, `\"warn\"` or `\"deny\"`", Is("\"allow\""), "what becomes of a plugin that no pinned key signed; `warn`: it runs, and the log and every audit say so"),
    Row::new("plugins.publishers", "list of tables", Is("[]"), "`[[plugins.publishers]]` with `name`, `key` (a minisign public key) and `plugins` (names that are theirs, `*` standing for anything): such a plugin must be signed by that key"),
    Row::new("plugins.require-approval", SWITCH, Is("false"), "a file that is dropped in is not run before `wharf plugin approve`"),
    Row::new("plugins.revoked", TEXTS, Is("[]"), "SHA-256 digests and `name@version`s that must not run"),
    Row::new("plugins.allowed-hosts", TEXTS, Says("any"), "hosts that plugins may be installed from; `*` stands for anything"),
    Row::new("plugins.max-bytes", NUMBER, Is("67108864"), "how large a plugin may be"),
    Row::new("plugins.compile-timeout-ms", NUMBER, Is("60000"), "how long compiling one may take"),

    Row::new("restart.enabled", SWITCH, Is("true"), "whether a failed task is started again without being asked"),
    Row::new("restart.backoff-initial-ms", NUMBER, Is("100"), "the first wait, which doubles; a random part of up to half is taken off"),
    Row::new("restart.backoff-max-ms", NUMBER, Is("60000"), "the longest wait"),
    Row::new("restart.max-failures", NUMBER, Is("10"), "a task that fails so often within the window stays FAILED"),
    Row::new("restart.window-ms", NUMBER, Is("600000"), "the window of `max-failures`"),

    Row::new("tasks.flush-interval-ms", NUMBER, Is("1000"), "how often a sink makes durable what it took and commits its position"),
    Row::new("tasks.max-in-flight", NUMBER, Is("8"), "batches of a source that may wait for the queue"),
    Row::new("tasks.poll-max-rows", NUMBER, Is("10000"), "rows of one poll, at most"),
    Row::new("tasks.poll-max-bytes", NUMBER, Is("1048576"), "bytes of one poll, at most"),
    Row::new("tasks.stalled-after-ms", NUMBER, Is("60000"), "a task that has something to do and has not come further for so long is shown as stalled ([OPERATIONS.md](OPERATIONS.md)); at least 1000"),

    Row::new("ingest.listen", TEXT, Says("none"), "where it listens, such as `127.0.0.1:8090`. Where other machines reach it, each connector must set `ingest.auth`"),
    Row::new("ingest.tls-certificate", PATH, Says("none"), "a PEM file; with it and its key it speaks TLS and nothing else. Read again when it changes"),
    Row::new("ingest.tls-key", PATH, Says("none"), "a PEM file with the private key"),
    Row::new("ingest.max-body-bytes", NUMBER, Says("1048576"), "the largest request; more is 413"),
    Row::new("ingest.requests-per-second", NUMBER, Says("no limit"), "for each connector; more is 429 with `Retry-After`"),
    Row::new("ingest.max-connections", NUMBER, Says("256"), "further connections wait to be accepted"),
    Row::new("ingest.header-timeout-ms", NUMBER, Says("10000"), "how long the headers of a request, or a TLS handshake, may take; a connection without a request is closed after it too"),
    Row::new("ingest.body-timeout-ms", NUMBER, Says("30000"), "how long the body of a request may take; longer is 408"),

    Row::new("topics.tracking", SWITCH, Is("true"), "`GET /connectors/{name}/topics` says which topics the connector's tasks have really used, also before a restart of the worker. Kafka Connect's `topic.tracking.enable`; where it is false the route answers 403"),
    Row::new("topics.allow-reset", SWITCH, Is("true"), "`PUT /connectors/{name}/topics/reset` makes the worker forget them; else 403. Kafka Connect's `topic.tracking.allow.reset`"),

    Row::new("rest.openmessaging-legacy", SWITCH, Is("false"), "`GET /connectors/{name}?config={json}` creates a connector, as in OpenMessaging's quick start. Whoever makes a browser on this machine load such an address creates connectors, so leave it off unless an old script needs it; `POST /connectors/{name}` does the same"),

    Row::new("telemetry.otlp-endpoint", TEXT, Says("none"), "the collector, such as `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are put behind it. With `https` the roots of `[egress]` are trusted. Also `OTEL_EXPORTER_OTLP_ENDPOINT`"),
    Row::new("telemetry.otlp-headers", "table of texts", Says("none"), "sent with each request: `{ authorization = \"Bearer …\" }`; in the environment `name=value,name=value`, percent-encoded. Never shown or logged. Also `OTEL_EXPORTER_OTLP_HEADERS`"),
    Row::new("telemetry.otlp-interval-ms", NUMBER, Is("60000"), "how often metrics are sent, at least 100. Spans are sent within a second"),
    Row::new("telemetry.service-name", TEXT, Says("`wharf`"), "the attribute `service.name`. Also `OTEL_SERVICE_NAME`"),
    Row::new("telemetry.traces-sample-ratio", NUMBER, Says("0.01"), "which part of the batches is traced, 0 to 1"),

    Row::new("logs.lines-per-connector", NUMBER, Is("500"), "so many lines"),
    Row::new("logs.bytes-per-connector", NUMBER, Is("262144"), "what they may take in memory, about; 1024 to 67108864. A line is cut at 8 KiB"),

    Row::new("inspect.enabled", SWITCH, Is("true"), "`false`: nobody may"),
    Row::new("inspect.mask", TEXTS, Is("[]"), "JSON fields, and headers, whose values are shown as `[hidden]` to everybody: `\"password\"` hides every field of that name however deep, `\"card.number\"` the field `number` of every `card`, `\"*.ssn\"` every `ssn` but at the top, `\"*\"` everything. Case does not count. What looks like JSON but cannot be read is hidden as a whole; other text and bytes are shown"),

    Row::new("http.max-connections", NUMBER, Is("1024"), "connections at a time; further ones wait to be accepted"),
    Row::new("http.header-timeout-ms", NUMBER, Is("30000"), "how long the headers of a request, or a TLS handshake, may take; a connection without a request is closed after it too"),
    Row::new("http.body-timeout-ms", NUMBER, Is("30000"), "how long the body of a request may take, and a second more for each 64 KiB that has come; longer is 408"),
    Row::new("http.max-body-bytes", NUMBER, Is("1048576"), "the largest request; more is 413. Plugins are bounded by `max-bytes` in `[plugins]`"),
    Row::new("http.requests-per-second", NUMBER, Says("no limit"), "of each client address (IPv6: of each /64), with twice as many at once; more is 429 with `Retry-After`. `/health`, `/livez` and `/readyz` are not counted"),
    Row::new("http.cors-allow-origins", TEXTS, Says("`[]`: CORS is off"), "pages that may use the API from a browser, such as `[\"https://console.example.com\"]`; `[\"*\"]` is any"),
    Row::new("http.cors-allow-methods", TEXTS, Says("`[\"GET\", \"HEAD\", \"POST\"]`"), "the methods that they may use"),

    Row::new("tls.certificate", PATH, Says("none"), "a PEM file, the server's certificate first; with it and `key` the API speaks TLS and nothing else"),
    Row::new("tls.key", PATH, Says("none"), "a PEM file with the private key"),
    Row::new("tls.client-ca", PATH, Says("none"), "a PEM file with authorities: certificates of clients that they have signed are accepted (mTLS)"),
    Row::new("tls.client-auth", "`\"required\"` or `\"optional\"`", Says("`\"required\"`"), "with `client-ca`. `\"required\"`: a client without a certificate is not spoken to, a probe of `/health` neither. `\"optional\"`: it is, and must be let in by a token or password"),

    Row::new("access.tokens-file", PATH, Says("`access.toml` in the data directory"), "the file that `wharf token` writes and the worker follows"),
    Row::new("access.client-certificates", "`\"none\"`, `\"read\"`, `\"operate\"` or `\"admin\"`", Says("`\"admin\"`"), "with `client-ca`: the role of a certificate whose common name the file does not have: `\"none\"`, `\"read\"`, `\"operate\"` or `\"admin\"`"),

    Row::new("secrets.file-roots", PATHS, Says("`[]`: off"), "the files, and directories with all below them, that `${file:…}` may read"),
    Row::new("secrets.dir-roots", PATHS, Says("`[]`: off"), "the same for `${dir:…}`"),
    Row::new("secrets.env-allow", TEXTS, Says("`[]`: off"), "the variables that `${env:…}` may read: names, or the beginning of names and a `*`, like `DB_*`"),
    Row::new("secrets.key-file", PATH, Says("`<data-dir>/secret.key`"), "the key that seals stored secrets, made at the first start; see [SECURITY.md](SECURITY.md#secrets)"),

    Row::new("connectors.history", NUMBER, Is("20"), "how many configurations of each connector are remembered, the one that holds among them (1: only that one). Less are kept where they take more than 1 MiB together"),
];

/// All rows, in the order of the documentation.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.iter()
}

/// All keys that have a row.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    rows().map(|row| row.key)
}

/// A key's row.
pub(crate) fn find(key: &str) -> Option<&'static Row> {
    rows().find(|row| row.key == key)
}

/// Keys that are known and have no row: a section's own list is longer than the table.
pub(crate) fn without_row() -> Vec<&'static str> {
    keys::known().filter(|key| find(key).is_none()).collect()
}

/// All known keys: those with a row, and behind them those without.
pub(crate) fn keys_and_others() -> Vec<&'static str> {
    keys().chain(without_row()).collect()
}

/// The sections, in order; the first is empty.
pub(crate) fn sections() -> Vec<&'static str> {
    let mut sections = Vec::new();
    for row in rows() {
        if !sections.contains(&row.section()) {
            sections.push(row.section());
        }
    }
    sections
}

/// The table of a section as the documentation has it.
pub(crate) fn markdown(section: &str) -> String {
    let of_section = rows().filter(|row| row.section() == section);
    if section.is_empty() {
        let mut text = "| flag | environment | `wharf.toml` | default | meaning |\n|---|---|---|---|---|\n".to_owned();
        for row in of_section {
            let (flag, env) = row
                .flag
                .map_or(("–".to_owned(), "–".to_owned()), |(flag, env)| (format!("`{flag}`"), format!("`{env}`")));
            text.push_str(&format!("| {flag} | {env} | `{}` | {} | {} |\n", row.key, shown(row), row.doc));
        }
        return text;
    }
    let mut text = "| key | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    for row in of_section {
        let key = row.key.strip_prefix(section).unwrap_or(row.key).trim_start_matches('.');
        let unit = Some(row.unit()).filter(|unit| !unit.is_empty()).map_or(String::new(), |unit| format!(", {unit}"));
        text.push_str(&format!("| `{key}` | {}{unit} | {} | {} |\n", row.kind, shown(row), row.doc));
    }
    text
}

fn shown(row: &Row) -> String {
    match row.default {
        Is(text) => format!("`{text}`"),
        Says(text) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, raw};
    use super::*;
    use crate::cli::RunArgs;

    const DOC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CONFIGURATION.md");

    #[test]
    fn every_key_has_a_row_and_every_row_stands_once() {
        assert!(without_row().is_empty(), "add rows to settings/table.rs for {:?}", without_row());
        for row in rows() {
            assert_eq!(keys().filter(|key| *key == row.key).count(), 1, "{}", row.key);
        }
    }

    #[test]
    fn every_row_is_a_key_that_the_file_may_have() {
        for row in rows() {
            // A list is a value of no key here that takes a text, and so on; what matters is that the key is not refused.
            let text = match row.key.split_once('.') {
                Some((section, key)) => format!("[{section}]\n{key} = 1979-05-27\n"),
                None => format!("{} = 1979-05-27\n", row.key),
            };
            // A table of texts takes a date for one: then it is a key, too.
            let Err(error) = raw::File::parse(&text) else { continue };
            let error = format!("{error:#}");
            assert!(!error.contains("unknown field") && !error.contains("no key"), "{}: {error}", row.key);
        }
    }

    /// The value that a row writes for its key is the one that holds where nothing is written.
    #[test]
    fn defaults_are_what_they_say() {
        let mut text = String::new();
        for section in sections() {
            if !section.is_empty() {
                text.push_str(&format!("[{section}]\n"));
            }
            for row in rows().filter(|row| row.section() == section) {
                if let Is(value) = row.default {
                    text.push_str(&format!("{} = {value}\n", row.key.rsplit('.').next().unwrap()));
                }
            }
        }
        let resolve = |text: &str| Settings::resolve(&RunArgs::default(), raw::File::parse(text).unwrap(), None);
        let (written, left_out) = (resolve(&text).unwrap(), resolve("").unwrap());
        // `Debug` shows every field that matters.
        assert_eq!(format!("{written:#?}"), format!("{left_out:#?}"));
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        for (key, secret) in [("a.token", true), ("a.admin-password", true), ("a.token-file", false), ("listen", false)]
        {
            assert_eq!(is_secret(key), secret, "{key}");
        }
    }

    #[test]
    fn units_follow_from_the_keys() {
        for (key, unit) in [
            ("log.sync-window-ms", "ms"),
            ("limits.memory-mb", "MiB"),
            ("limits.network-bytes-per-second", "bytes/s"),
            ("limits.rows-per-second", "1/s"),
            ("limits.cpu-percent", "%"),
            ("plugins.max-bytes", "bytes"),
            ("listen", ""),
        ] {
            assert_eq!(find(key).unwrap().unit(), unit, "{key}");
        }
    }

    #[test]
    fn the_documentation_has_these_tables() {
        let (mut doc, update) = (std::fs::read_to_string(DOC).unwrap(), std::env::var_os("UPDATE_DOCS").is_some());
        for section in sections() {
            let name = if section.is_empty() { "worker" } else { section };
            let (open, close) = (format!("<!-- keys: {name} -->\n"), "<!-- end of keys -->");
            let from = doc.find(&open).unwrap_or_else(|| panic!("docs/CONFIGURATION.md has no `{}`", open.trim()));
            let from = from + open.len();
            let to = from + doc.get(from..).unwrap().find(close).unwrap();
            let table = markdown(section);
            if update {
                doc.replace_range(from..to, &table);
            } else {
                let hint = "run `UPDATE_DOCS=1 cargo test --release -p wharf table`, and look at what it changed";
                assert_eq!(
                    doc.get(from..to).unwrap(),
                    table,
                    "the table of [{section}] in docs/CONFIGURATION.md is old: {hint}"
                );
            }
        }
        if update {
            std::fs::write(DOC, doc).unwrap();
        }
    }
}
