//! From a raw configuration to a [`ConnectorSpec`], or to all that is wrong with it.

use std::str::FromStr;
use std::time::Duration;

use super::keys::{self, WorkerKey};
use super::names::{check_name, check_topic};
use super::values::{boolean, check_value, invalid, items, missing};
use super::{Config, ConfigErrors, ConnectorSpec, ErrorPolicy, ingest, limits, normalize};
use crate::failure::Problem;
use crate::plugin::{Descriptor, Kind};
use crate::policy::{Backoff, RestartPolicy};

impl ConnectorSpec {
    /// Checks a configuration against the worker's keys and the plugin's, and gives it types. Aliases are understood
    /// (see [`normalize`]); keys that nobody knows are let pass, as Kafka Connect does. `restart.*` keys that are not
    /// set are taken from `defaults`.
    ///
    /// `name` is the connector's name; what the configuration says of it is not looked at.
    ///
    /// # Errors
    /// All that is wrong, the worker's keys first, each with a sentence that names the key and says what to write.
    ///
    /// ```
    /// use wharf_core::config::{Config, ConnectorSpec};
    /// use wharf_core::plugin::{Descriptor, Kind};
    /// use wharf_core::policy::RestartPolicy;
    /// # let descriptor = Descriptor {
    /// #     name: "file-sink".into(), version: "0.1.0".into(), kind: Kind::Sink, summary: String::new(),
    /// #     documentation: String::new(), aliases: Vec::new(), keys: Vec::new(),
    /// # };
    /// let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    /// let config = Config::from([pair("connector.class", "file-sink"), pair("topics", "a, b")]);
    /// let spec = ConnectorSpec::new("copy", &config, &descriptor, RestartPolicy::default())?;
    /// assert_eq!((spec.topics, spec.tasks_max), (vec!["a".to_owned(), "b".to_owned()], 1));
    /// # Ok::<(), wharf_core::config::ConfigErrors>(())
    /// ```
    pub fn new(
        name: &str,
        config: &Config,
        descriptor: &Descriptor,
        defaults: RestartPolicy,
    ) -> Result<Self, ConfigErrors> {
        let config = normalize(config);
        let kind = descriptor.kind;
        let mut problems = Problems::default();
        problems.check_worker_keys(name, &config, kind);
        if kind == Kind::Transform {
            let class = config.get("connector.class").map_or("", String::as_str);
            problems.value("connector.class", class, "this plugin is a transform: name a source or a sink");
        }
        let values = Values { config: &config };
        let restart = values.restart(defaults);
        problems.check_topics(&values, kind);
        problems.check_backoff(&values, restart.backoff);
        if kind == Kind::WebhookSource {
            problems.0.extend(ingest::problems(&config));
        }
        problems.check_plugin_keys(&config, descriptor);
        if !problems.0.is_empty() {
            return Err(ConfigErrors(problems.0));
        }
        let version = config.get("connector.plugin.version").map(|text| text.trim()).filter(|text| !text.is_empty());
        Ok(Self {
            name: name.trim().to_owned(),
            class: values.text("connector.class").to_owned(),
            plugin_version: version.map(str::to_owned),
            kind,
            tasks_max: values.number("tasks.max"),
            enforce_tasks_max: values.flag("tasks.max.enforce"),
            topics: values.topics(descriptor),
            group: format!("connect-{}", name.trim()),
            errors: values.errors(kind),
            restart,
            limits: limits::read(&config),
            ingest: (kind == Kind::WebhookSource).then(|| ingest::spec(&config)),
        })
    }
}

/// What was found wrong so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, key: &str, message: String) {
        self.0.push(Problem { key: key.to_owned(), message });
    }

    fn value(&mut self, key: &str, value: &str, reason: &str) {
        self.add(key, invalid(key, value, reason));
    }

    fn check_worker_keys(&mut self, name: &str, config: &Config, kind: Kind) {
        for key in keys::table(kind) {
            match config.get(key.name) {
                _ if key.name == "name" => {
                    if let Err(message) = check_name(name) {
                        self.add("name", message);
                    }
                }
                Some(value) => self.check_worker_value(key, value),
                None if key.required => self.add(key.name, missing(key.name)),
                None => {}
            }
        }
    }

    fn check_worker_value(&mut self, key: &WorkerKey, value: &str) {
        if let Err(message) = check_value(&key.definition(), value) {
            self.add(key.name, message);
            if key.name == "tasks.max" {
                // Kafka Connect goes on with a null, which it then refuses too; its clients count the errors.
                self.value(key.name, "null", "Value must be non-null");
            }
            return;
        }
        let text = value.trim();
        if let Err(reason) = (key.rule)(text) {
            let shown = if text.contains('@') { "[hidden]" } else { text };
            self.value(key.name, shown, &reason);
        }
    }

    fn check_topics(&mut self, values: &Values<'_>, kind: Kind) {
        if kind != Kind::Sink {
            return;
        }
        let topics: Vec<_> = items(values.text("topics")).collect();
        let has_regex = !values.text("topics.regex").is_empty();
        let message = match (topics.is_empty(), has_regex) {
            (true, false) => "Must configure one of topics or topics.regex",
            (false, true) => "topics and topics.regex are mutually exclusive options, but both are set.",
            _ => "",
        };
        if !message.is_empty() {
            // That there is no `topics.regex` yet is beside the point then.
            self.0.retain(|problem| problem.key != "topics.regex");
            self.add("topics", message.to_owned());
            self.add("topics.regex", message.to_owned());
        }
        let dead = values.text("errors.deadletterqueue.topic.name");
        if !dead.is_empty() && topics.contains(&dead) {
            let list = topics.join(", ");
            let message = format!(
                "The DLQ topic '{dead}' may not be included in the list of topics ('topics=[{list}]') consumed by the \
                 connector"
            );
            self.add("topics", message);
        }
    }

    fn check_backoff(&mut self, values: &Values<'_>, backoff: Backoff) {
        let key = "restart.backoff.initial.ms";
        if backoff.initial > backoff.max && !self.0.iter().any(|problem| problem.key.starts_with("restart.backoff.")) {
            let max = backoff.max.as_millis();
            let reason =
                format!("must not be longer than restart.backoff.max.ms, which is {max}: lower it or raise that");
            let initial = backoff.initial.as_millis().to_string();
            self.value(key, values.config.get(key).unwrap_or(&initial), &reason);
        }
    }

    fn check_plugin_keys(&mut self, config: &Config, descriptor: &Descriptor) {
        for key in &descriptor.keys {
            if keys::table(descriptor.kind).any(|worker| worker.name == key.name) {
                continue;
            }
            match config.get(&key.name) {
                Some(value) => {
                    let is_topic = key.name == "topic" && descriptor.kind != Kind::Sink;
                    if let Err(message) = check_value(key, value) {
                        self.add(&key.name, message);
                    } else if is_topic && let Err(reason) = check_topic(value.trim()) {
                        self.value(&key.name, value, &reason);
                    }
                }
                None if key.required => self.add(&key.name, missing(&key.name)),
                None => {}
            }
        }
    }
}

/// The worker's keys as typed values. Before all was checked a value may be wrong, and then its default stands for it.
struct Values<'a> {
    config: &'a Config,
}

impl<'a> Values<'a> {
    fn text(&self, name: &str) -> &'a str {
        self.config.get(name).map_or(keys::default_of(name), |value| value.trim())
    }

    fn flag(&self, name: &str) -> bool {
        boolean(self.text(name)).unwrap_or_default()
    }

    fn number<T: FromStr + Default>(&self, name: &str) -> T {
        self.text(name).parse().or_else(|_| keys::default_of(name).parse()).unwrap_or_default()
    }

    /// A number that the user set, or else `default`.
    fn number_or<T: FromStr>(&self, name: &str, default: T) -> T {
        self.config.get(name).and_then(|value| value.trim().parse().ok()).unwrap_or(default)
    }

    fn millis_or(&self, name: &str, default: Duration) -> Duration {
        let set = self.config.get(name).and_then(|value| value.trim().parse().ok());
        set.map_or(default, Duration::from_millis)
    }

    fn restart(&self, defaults: RestartPolicy) -> RestartPolicy {
        RestartPolicy {
            enabled: self.config.get("restart.enabled").and_then(|value| boolean(value)).unwrap_or(defaults.enabled),
            backoff: Backoff {
                initial: self.millis_or("restart.backoff.initial.ms", defaults.backoff.initial),
                max: self.millis_or("restart.backoff.max.ms", defaults.backoff.max),
                ..defaults.backoff
            },
            max_failures: self.number_or("restart.max.failures", defaults.max_failures),
            window: self.millis_or("restart.window.ms", defaults.window),
        }
    }

    fn errors(&self, kind: Kind) -> ErrorPolicy {
        let dead = if kind == Kind::Sink { self.text("errors.deadletterqueue.topic.name") } else { "" };
        ErrorPolicy {
            tolerate_all: self.text("errors.tolerance") == "all",
            // -1, for ever, is no `u64`.
            retry_timeout: self.text("errors.retry.timeout").parse().ok().map(Duration::from_millis),
            retry_delay_max: Duration::from_millis(self.number("errors.retry.delay.max.ms")),
            log: self.flag("errors.log.enable"),
            log_messages: self.flag("errors.log.include.messages"),
            dead_letter_topic: (!dead.is_empty()).then(|| dead.to_owned()),
            dead_letter_headers: kind == Kind::Sink && self.flag("errors.deadletterqueue.context.headers.enable"),
        }
    }

    /// A sink's `topics` without repeats; a source's `topic`, set or by default.
    fn topics(&self, descriptor: &Descriptor) -> Vec<String> {
        let mut topics: Vec<String> = Vec::new();
        if descriptor.kind == Kind::Sink {
            for topic in items(self.text("topics")) {
                if !topics.iter().any(|known| known == topic) {
                    topics.push(topic.to_owned());
                }
            }
            return topics;
        }
        let key = descriptor.keys.iter().find(|key| key.name == "topic");
        let default = key.and_then(|key| key.default.as_deref());
        let topic = self.config.get("topic").map(String::as_str).or(default).map(str::trim);
        topics.extend(topic.filter(|topic| !topic.is_empty()).map(str::to_owned));
        topics
    }
}
