//! What checks work with: a plugin whose calls are timed, whose memory is metered, and whose denials are kept.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wharf_core::audit::{AuditEvent, Auditor};
use wharf_core::config::normalize;
use wharf_core::limits::TaskLimits;
use wharf_core::meter::Meter;
use wharf_core::plugin::{Descriptor, Kind, OffsetReader, Plugin, TaskContext, TaskSetup};
use wharf_core::{Config, Death, DeathKind, Failure, InstanceError};

use crate::check::Step;
use crate::options::Options;

/// How much longer than allowed we wait for a call that whoever runs the plugin should have ended.
const GRACE: Duration = Duration::from_secs(2);
/// Denials that are kept.
const EVENTS: usize = 100;
/// The topic of a sink whose configuration names none.
pub(crate) const TOPIC: &str = "conformance";

/// A call that took too long or killed its instance.
#[derive(Debug, Clone)]
pub(crate) struct Incident {
    pub(crate) call: &'static str,
    pub(crate) kind: DeathKind,
    pub(crate) message: String,
}

/// Keeps what was denied.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<AuditEvent>>);

impl Auditor for Recorder {
    fn record(&self, event: AuditEvent) {
        let mut events = lock(&self.0);
        if events.len() < EVENTS {
            events.push(event);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A plugin under test.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) plugin: Arc<dyn Plugin>,
    /// What a second load of the same bytes says.
    pub(crate) again: Result<Descriptor, String>,
    pub(crate) options: Options,
    /// The configuration, complete, where one was given.
    pub(crate) config: Option<Config>,
    /// The configuration of the first task, or why there is none.
    pub(crate) task: Result<Config, String>,
    generation: AtomicU64,
    meter: Arc<Meter>,
    audit: Arc<Recorder>,
    calls: AtomicU64,
    incidents: Mutex<Vec<Incident>>,
}

impl Bench {
    pub(crate) async fn new(plugin: Arc<dyn Plugin>, again: Result<Descriptor, String>, options: Options) -> Self {
        let config = options.config.as_ref().map(|config| complete(config, plugin.descriptor()));
        let mut bench = Self {
            plugin,
            again,
            options,
            config,
            task: Err("no configuration was given".to_owned()),
            generation: AtomicU64::new(0),
            meter: Arc::default(),
            audit: Arc::default(),
            calls: AtomicU64::new(0),
            incidents: Mutex::default(),
        };
        if let Some(config) = bench.config.clone() {
            let tasks = bench.must("tasks", bench.options.describe_deadline, bench.plugin.tasks(&config, 1)).await;
            bench.task = tasks.and_then(|tasks| tasks.into_iter().next().ok_or("`tasks` gave no task".to_owned()));
        }
        bench
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        self.plugin.descriptor()
    }

    /// The configuration that was given; checks that need one are not made without.
    pub(crate) fn config(&self) -> Step<Config> {
        self.config.clone().ok_or_else(|| "no configuration was given".to_owned())
    }

    /// Makes a call into the plugin, and notes what becomes of it. A call that does not come back is given up.
    pub(crate) async fn call<T>(
        &self,
        call: &'static str,
        allowed: Duration,
        answer: impl Future<Output = Result<T, InstanceError>>,
    ) -> Result<T, InstanceError> {
        self.calls.fetch_add(1, Relaxed);
        let began = Instant::now();
        let answer = match tokio::time::timeout(allowed.saturating_add(GRACE), answer).await {
            Ok(answer) => answer,
            Err(_) => {
                let message = format!("`{call}` did not come back within {allowed:?}");
                Err(Death { kind: DeathKind::HostCallTimeout, message }.into())
            }
        };
        match &answer {
            Err(InstanceError::Died(death)) => self.incident(call, death.kind, death.message.clone()),
            _ if began.elapsed() > allowed.saturating_add(GRACE / 2) => {
                let message = format!("`{call}` took {:?}, {allowed:?} are allowed", began.elapsed());
                self.incident(call, DeathKind::DeadlineExceeded, message);
            }
            _ => {}
        }
        answer
    }

    fn incident(&self, call: &'static str, kind: DeathKind, message: String) {
        lock(&self.incidents).push(Incident { call, kind, message });
    }

    /// A call that must succeed.
    pub(crate) async fn must<T>(
        &self,
        call: &'static str,
        allowed: Duration,
        answer: impl Future<Output = Result<T, InstanceError>>,
    ) -> Step<T> {
        self.call(call, allowed, answer).await.map_err(|error| explain(call, &error))
    }

    /// A call that may be refused, but must not kill the instance.
    pub(crate) async fn survives<T>(
        &self,
        call: &'static str,
        allowed: Duration,
        answer: impl Future<Output = Result<T, InstanceError>>,
    ) -> Step<Result<T, Failure>> {
        match self.call(call, allowed, answer).await {
            Ok(answer) => Ok(Ok(answer)),
            Err(InstanceError::Failed(failure)) => Ok(Err(failure)),
            Err(error) => Err(explain(call, &error)),
        }
    }

    /// What a task is started with. Each has a higher generation than the one before.
    pub(crate) fn setup(&self, config: Config, offsets: Arc<dyn OffsetReader>, attempt: u32) -> TaskSetup {
        let context = TaskContext {
            connector: "conformance".to_owned(),
            task: 0,
            tasks: 1,
            worker: "localhost:8083".to_owned(),
            attempt,
            generation: self.generation.fetch_add(1, Relaxed) + 1,
        };
        TaskSetup {
            context,
            config,
            offsets,
            reconfigure: Arc::new(|| ()),
            limits: TaskLimits::default(),
            meter: self.meter.clone(),
            audit: self.audit.clone(),
        }
    }

    /// How many calls were made so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// The calls that ended badly so far.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        lock(&self.incidents).clone()
    }

    /// What was denied so far.
    pub(crate) fn denials(&self) -> Vec<AuditEvent> {
        lock(&self.audit.0).clone()
    }

    /// The largest memory that an instance had so far, in bytes; 0 where nobody measures it.
    pub(crate) fn memory_peak(&self) -> u64 {
        self.meter.usage().memory_peak_bytes
    }
}

/// What stands in a connector's configuration and is of no matter to a plugin may be left out in a test's.
fn complete(config: &Config, descriptor: &Descriptor) -> Config {
    let mut config = normalize(config);
    config.entry("connector.class".to_owned()).or_insert_with(|| descriptor.name.clone());
    if descriptor.kind == Kind::Sink && !config.contains_key("topics.regex") {
        config.entry("topics".to_owned()).or_insert_with(|| TOPIC.to_owned());
    }
    config
}

/// What became of a call, in a sentence.
pub(crate) fn explain(call: &str, error: &InstanceError) -> String {
    match error {
        InstanceError::Died(death) => format!("`{call}` killed the instance: {death}"),
        InstanceError::Failed(failure) => format!("`{call}` failed: {}", describe(failure)),
    }
}

/// A failure with its kind.
pub(crate) fn describe(failure: &Failure) -> String {
    match failure {
        Failure::Retriable(retry) => format!("retriable: {}", retry.reason),
        Failure::InvalidConfig(_) => format!("invalid configuration: {failure}"),
        Failure::Fatal(reason) => format!("fatal: {reason}"),
    }
}
