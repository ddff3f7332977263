//! Plugins that keep the contract but for one fault.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_core::audit::AuditEvent;
use wharf_core::plugin::{
    Checked, ConfigKey, Importance, Kind, LoadError, Loader, Plugin, PluginFacts, SinkTask, SourceTask, TaskSetup,
    ValueType, WebhookTask, Width,
};
use wharf_core::{Config, Death, DeathKind, Descriptor, Failure, InstanceError, PluginId, Problem, Retry};

use crate::{sink::FakeSink, source::FakeSource, webhook::FakeWebhook};

/// The answer of a call that kills the instance.
pub(crate) fn died<T>() -> Result<T, InstanceError> {
    Err(Death { kind: DeathKind::Trap, message: "the sky is falling".to_owned() }.into())
}

/// The answer of a call that may be tried again.
pub(crate) fn not_now(at_row: Option<u32>) -> InstanceError {
    let after = Some(Duration::from_millis(1));
    Failure::Retriable(Retry { reason: "not now".to_owned(), after, at_row }).into()
}

/// What all instances have in common.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) fault: &'static str,
    pub(crate) worked: bool,
    paused: bool,
    resumed: bool,
}

impl Life {
    pub(crate) fn new(fault: &'static str) -> Self {
        Self { fault, ..Self::default() }
    }

    pub(crate) fn is(&self, fault: &str) -> bool {
        self.fault == fault
    }

    pub(crate) fn work(&mut self) -> Result<(), InstanceError> {
        self.worked = true;
        let dies = self.is("lifecycle.works") || self.is("lifecycle.order") && self.resumed;
        if dies { died() } else { Ok(()) }
    }

    pub(crate) async fn pause(&mut self) -> Result<(), InstanceError> {
        if self.is("limits.deadline") {
            tokio::time::sleep(Duration::from_secs(1000)).await;
        }
        if self.is("lifecycle.pauses-twice") && self.paused {
            return died();
        }
        self.paused = true;
        Ok(())
    }

    pub(crate) fn resume(&mut self) -> Result<(), InstanceError> {
        (self.paused, self.resumed) = (false, true);
        Ok(())
    }

    pub(crate) fn stop(&self) -> Result<(), InstanceError> {
        let dies =
            self.is("lifecycle.stops-at-once") && !self.worked || self.is("lifecycle.stops-paused") && self.paused;
        if dies { died() } else { Ok(()) }
    }

    pub(crate) fn failed(&self) -> Result<(), InstanceError> {
        if self.is("lifecycle.failed") { died() } else { Ok(()) }
    }
}

/// Loads a fake, whatever the bytes.
pub(crate) struct Fake {
    kind: Kind,
    fault: &'static str,
    loads: AtomicU32,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").field("fault", &self.fault).finish_non_exhaustive()
    }
}

impl Fake {
    pub(crate) fn new(kind: Kind, fault: &'static str) -> Self {
        Self { kind, fault, loads: AtomicU32::new(0) }
    }
}

#[async_trait]
impl Loader for Fake {
    async fn load(&self, _: Bytes) -> Result<Arc<dyn Plugin>, LoadError> {
        if self.fault == "load.loads" {
            return Err(LoadError { code: "NOT_A_COMPONENT", message: "it is a text".to_owned() });
        }
        let mut descriptor = descriptor(self.kind, self.fault);
        if self.loads.fetch_add(1, Relaxed) > 0 && self.fault == "describe.stable" {
            descriptor.summary.push_str(" Or that.");
        }
        let id =
            PluginId { name: descriptor.name.clone(), version: descriptor.version.clone(), sha256: "0".repeat(64) };
        Ok(Arc::new(FakePlugin { id, descriptor, fault: self.fault, splits: AtomicU32::new(0) }))
    }
}

fn key(name: &str, value_type: ValueType, order: i32) -> ConfigKey {
    ConfigKey {
        name: name.to_owned(),
        value_type,
        required: false,
        default: None,
        importance: Importance::Medium,
        documentation: "What it does.".to_owned(),
        group: String::new(),
        order,
        width: Width::Medium,
        display_name: name.to_owned(),
        dependents: Vec::new(),
        allowed: Vec::new(),
    }
}

fn descriptor(kind: Kind, fault: &str) -> Descriptor {
    let file = ConfigKey { required: true, importance: Importance::High, ..key("file", ValueType::FileRead, 1) };
    let topic = ConfigKey { required: true, importance: Importance::High, ..key("topic", ValueType::String, 2) };
    let count = ConfigKey { default: Some("7".to_owned()), ..key("count", ValueType::Int, 3) };
    let mode = ConfigKey {
        default: Some("a".to_owned()),
        allowed: vec!["a".to_owned(), "b".to_owned()],
        dependents: vec!["count".to_owned()],
        ..key("mode", ValueType::String, 4)
    };
    let mut descriptor = Descriptor {
        name: "fake-one".to_owned(),
        version: "1.0.0-rc.1".to_owned(),
        kind,
        summary: "Does this.".to_owned(),
        documentation: "# Fake".to_owned(),
        aliases: vec!["FakeOne".to_owned()],
        keys: vec![file, topic, count, mode],
    };
    let mut change = |at: usize, change: &dyn Fn(&mut ConfigKey)| descriptor.keys.get_mut(at).map(change).unwrap();
    match fault {
        "describe.identity" => descriptor.name = "Fake_One".to_owned(),
        "describe.texts" => descriptor.summary = String::new(),
        "no documentation" => descriptor.documentation = String::new(),
        "describe.aliases" => descriptor.aliases.push("a b".to_owned()),
        "keys.names" => change(3, &|key| key.name = "count".to_owned()),
        "keys.texts" => change(2, &|key| key.documentation = String::new()),
        "keys.layout" => change(2, &|key| key.order = -1),
        "keys.defaults" => change(2, &|key| key.default = Some("seven".to_owned())),
        "keys.dependents" => change(3, &|key| key.dependents = vec!["nobody".to_owned()]),
        "keys.worker" => change(2, &|key| key.name = "tasks.max".to_owned()),
        _ => {}
    }
    descriptor
}

#[derive(Debug)]
struct FakePlugin {
    id: PluginId,
    descriptor: Descriptor,
    fault: &'static str,
    splits: AtomicU32,
}

impl FakePlugin {
    fn start(&self, setup: &TaskSetup, kind: Kind) -> Result<Life, InstanceError> {
        if kind != self.descriptor.kind && self.fault != "describe.kind" {
            let message = "it is something else".to_owned();
            return Err(Death { kind: DeathKind::Instantiation, message }.into());
        }
        setup.meter.memory_grew(if self.fault == "limits.memory" { 1 << 30 } else { 1 << 20 });
        match self.fault {
            "lifecycle.starts" => return died(),
            "retriable" if setup.context.attempt == 1 => return Err(not_now(None)),
            "capabilities.denials" => setup.audit.record(AuditEvent {
                code: "egress.name".to_owned(),
                connector: setup.context.connector.clone(),
                task: Some(0),
                plugin: self.id.to_string(),
                detail: "example.com is not in the configuration".to_owned(),
            }),
            _ => {}
        }
        Ok(Life::new(self.fault))
    }
}

#[async_trait]
impl Plugin for FakePlugin {
    fn id(&self) -> &PluginId {
        &self.id
    }

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn facts(&self) -> PluginFacts {
        let mut imports = vec!["wasi:io/poll@0.2.6".to_owned()];
        if self.fault == "capabilities.imports" {
            imports.push("wasi:sockets/tcp@0.2.6".to_owned());
        }
        PluginFacts { size: 2000, imports }
    }

    async fn validate(&self, config: &Config) -> Result<Vec<Checked>, InstanceError> {
        let any = |is: &dyn Fn(&str) -> bool| config.values().any(|value| is(value));
        let count = config.get("count").map_or("", String::as_str);
        let dies = match self.fault {
            "config.wrong-values" => count == "abc",
            "config.empty-values" => any(&str::is_empty),
            "config.huge-values" => any(&|value| value.len() >= 1 << 20),
            "config.control-characters" => any(&|value| value.contains('\u{1b}')),
            "config.odd-numbers" => count == "-1",
            _ => false,
        };
        let about = |key: &str| {
            let errors = vec!["write another".to_owned()];
            Ok(vec![Checked { key: key.to_owned(), errors, visible: true, ..Checked::default() }])
        };
        match self.fault {
            _ if dies => died(),
            "config.nothing-set" if !config.contains_key("topic") => about("topics of interest"),
            "config.given" => about("topic"),
            _ if !config.contains_key("topic") => about("topic"),
            _ => Ok(Vec::new()),
        }
    }

    async fn tasks(&self, config: &Config, max: u32) -> Result<Vec<Config>, InstanceError> {
        let mut config = config.clone();
        let split = self.splits.fetch_add(1, Relaxed);
        let mut count = max.min(4);
        match self.fault {
            "config.same-twice" => drop(config.insert("split".to_owned(), split.to_string())),
            "tasks.count" if max > 1 => count = max + 1,
            "tasks.valid" if max == 3 => drop(config.insert("count".to_owned(), "seven".to_owned())),
            _ => {}
        }
        Ok(vec![config; count as usize])
    }

    fn check_capabilities(&self, _: &Config) -> Vec<Problem> {
        Vec::new()
    }

    async fn start_source(&self, setup: TaskSetup) -> Result<Box<dyn SourceTask>, InstanceError> {
        let life = self.start(&setup, Kind::Source)?;
        Ok(Box::new(FakeSource::start(life, setup).await?))
    }

    async fn start_sink(&self, setup: TaskSetup) -> Result<Box<dyn SinkTask>, InstanceError> {
        Ok(Box::new(FakeSink::new(self.start(&setup, Kind::Sink)?)))
    }

    async fn start_webhook(&self, setup: TaskSetup) -> Result<Box<dyn WebhookTask>, InstanceError> {
        Ok(Box::new(FakeWebhook::new(self.start(&setup, Kind::WebhookSource)?)))
    }

    async fn destroyed(&self, _: TaskSetup) -> Result<(), InstanceError> {
        if self.fault == "lifecycle.destroyed" { died() } else { Ok(()) }
    }
}
