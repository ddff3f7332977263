//! What a guest reaches over the network: what its configuration names, and nothing beside it.
//!
//! The guest is `net-probe`; see its `probe` module for what can be tried.

mod http;
mod net;
mod servers;
mod sockets;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use wharf_core::audit::{AuditEvent, Auditor};
use wharf_core::limits::TaskLimits;
use wharf_core::meter::Meter;
use wharf_core::plugin::{Loader, Plugin, PollLimits, SourceTask};
use wharf_core::{Failure, InstanceError};
use wharf_egress::{Ceiling, Permit, Resolve};
use wharf_sandbox::{EgressPolicy, Limits, Sandbox, SandboxOptions};

use crate::guests::{config, setup, texts, wasm};

/// A poll that may take a while.
const POLL: PollLimits = PollLimits { max_rows: 1000, max_bytes: 1 << 20, max_wait: Duration::from_secs(20) };

/// Answers each name with the next of its lists; the last for ever.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<Vec<(String, Vec<Vec<std::net::IpAddr>>)>>);

impl Names {
    fn new(names: &[(&str, &[&[&str]])]) -> Self {
        let read = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let all = names.iter().map(|(name, lists)| ((*name).to_owned(), lists.iter().map(read).collect()));
        Self(Mutex::new(all.collect()))
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, name: &str, _: Permit) -> std::io::Result<Vec<std::net::IpAddr>> {
        let mut all = self.0.lock().unwrap();
        let Some((_, lists)) = all.iter_mut().find(|(own, _)| own == name) else { return Ok(vec![]) };
        Ok(if lists.len() > 1 { lists.remove(0) } else { lists[0].clone() })
    }
}

#[derive(Debug, Default)]
struct Events(Mutex<Vec<AuditEvent>>);

impl Auditor for Events {
    fn record(&self, event: AuditEvent) {
        self.0.lock().unwrap().push(event);
    }
}

/// A loaded `net-probe` under some policy.
struct World {
    plugin: Arc<dyn Plugin>,
    events: Arc<Events>,
    meter: Arc<Meter>,
}

fn open() -> Ceiling {
    Ceiling { loopback: true, ..Ceiling::default() }
}

fn sandbox(egress: EgressPolicy) -> Arc<Sandbox> {
    let cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox-cache");
    let limits = Limits { call_deadline: Duration::from_secs(10), ..Limits::default() };
    Sandbox::new(SandboxOptions { cache_dir: Some(cache_dir), limits, egress, ..SandboxOptions::default() }).unwrap()
}

async fn world(ceiling: Ceiling, names: Names) -> World {
    let egress = EgressPolicy { ceiling: Arc::new(ceiling), resolver: Arc::new(names), ..EgressPolicy::default() };
    let plugin = sandbox(egress).load(wasm("net-probe")).await.unwrap();
    World { plugin, events: Arc::default(), meter: Arc::default() }
}

impl World {
    async fn start(&self, pairs: &[(&str, &str)], limits: TaskLimits) -> Result<Box<dyn SourceTask>, InstanceError> {
        let mut setup = setup(pairs);
        setup.limits = limits;
        setup.audit = self.events.clone();
        setup.meter = self.meter.clone();
        self.plugin.start_source(setup).await
    }

    /// Tries lines, with what `targets` names.
    async fn run(&self, targets: &str, lines: &[&str]) -> Vec<String> {
        self.run_with(&[("targets", targets)], TaskLimits::default(), lines).await
    }

    async fn run_with(&self, pairs: &[(&str, &str)], limits: TaskLimits, lines: &[&str]) -> Vec<String> {
        let lines = lines.join("\n");
        let mut pairs = pairs.to_vec();
        pairs.push(("try", &lines));
        let mut task = self.start(&pairs, limits).await.unwrap();
        texts(&task.poll(POLL).await.unwrap())
    }

    /// The codes of what was audited since the last time.
    fn codes(&self) -> Vec<String> {
        self.events.0.lock().unwrap().drain(..).map(|event| event.code).collect()
    }
}

#[tokio::test]
async fn a_plugin_that_connects_without_saying_where_to_is_refused() {
    let error = sandbox(EgressPolicy::default()).load(wasm("net-undeclared")).await.unwrap_err();
    assert_eq!(error.code, "CAPABILITY_DENIED");
    assert!(error.message.contains("wasi:") || error.message.contains("openmessaging:connect/net"), "{error}");
    assert!(error.message.contains("endpoint-list"), "{error}");
}

#[tokio::test]
async fn what_a_plugin_imports_can_be_seen() {
    let world = world(open(), Names::default()).await;
    let facts = world.plugin.facts();
    assert_eq!(facts.size, wasm("net-probe").len() as u64);
    for import in ["wasi:sockets/tcp@", "wasi:http/outgoing-handler@", "openmessaging:connect/net@0.1.0"] {
        assert!(facts.imports.iter().any(|own| own.starts_with(import)), "{import}: {:?}", facts.imports);
    }
    assert!(facts.imports.is_sorted());
}

#[tokio::test]
async fn an_instance_that_validates_has_no_network() {
    let world = world(open(), Names::new(&[("db", &[&["127.0.0.1"]])])).await;
    let port = servers::line("pong").await;
    for line in
        [format!("tcp:127.0.0.1:{port}"), format!("net:127.0.0.1:{port}"), "lookup:db".into(), "udp:127.0.0.1:9".into()]
    {
        let target = format!("127.0.0.1:{port}");
        let checked = world.plugin.validate(&config(&[("validate", &line), ("targets", &target)])).await.unwrap();
        assert!(checked[0].recommended[0].starts_with("err "), "{checked:?}");
    }
}

#[tokio::test]
async fn what_a_configuration_may_not_name_is_told_by_its_key() {
    let deny = vec!["*.internal".parse().unwrap()];
    let world = world(Ceiling { deny, ..Ceiling::default() }, Names::default()).await;
    for (key, value, told) in [
        ("target", "db.internal:5432", "egress.deny has *.internal"),
        ("target", "https://169.254.169.254/latest", "no connector may reach"),
        ("target", "http://0x7f.1/", "loopback"),
        ("targets", "db.example:5432,[::1]:80", "[::1]:80"),
        ("target", "https://me:s3cret@db.example/", "keys that the connector has for them"),
        ("target", "https://{topic}.example/", "template"),
        ("tls.ca.file", "/nowhere/ca.pem", "/nowhere"),
        ("tls.client.key.file", "/proc/self/environ", "/proc"),
    ] {
        let problems = world.plugin.check_capabilities(&config(&[(key, value)]));
        assert_eq!((problems.len(), problems[0].key.as_str()), (1, key), "{problems:?}");
        assert!(
            problems[0].message.contains(told) && !problems[0].message.contains("s3cret"),
            "{}",
            problems[0].message
        );
    }
    let good = config(&[("target", "https://api.example/{topic}"), ("targets", "10.0.0.1:80, nats://a")]);
    assert_eq!(world.plugin.check_capabilities(&good), []);
    // What cannot be read does not start either.
    let refused = world.start(&[("target", "a@b:1")], TaskLimits::default()).await.map(drop).unwrap_err();
    assert!(matches!(refused, InstanceError::Failed(Failure::InvalidConfig(_))), "{refused}");
}
