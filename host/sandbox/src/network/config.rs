//! From a configuration to what an instance may reach.
//!
//! The descriptor says which keys are endpoints; their values, and nothing else, are what the gate knows. The worker's own
//! `tls.*` keys name files that the host reads for the instance; the instance does not see them.

use std::io::Read as _;
use std::sync::Arc;

use wharf_core::audit::Denial;
use wharf_core::config::{TLS_CA_FILE, TLS_CERTIFICATE_FILE, TLS_KEY_FILE};
use wharf_core::plugin::{TaskSetup, ValueType};
use wharf_core::{Config, Descriptor, Failure, InstanceError, Problem};
use wharf_egress::endpoint::{parse, parse_list};
use wharf_egress::{Endpoint, Gate, GateOptions, Subject, TlsClient, TlsFiles};

use super::policy::EgressPolicy;
use crate::classify;
use crate::paths::{PathPolicy, Resolved};

/// Bytes of a PEM file.
const PEM_BYTES: u64 = 1 << 20;

/// Whether a plugin may reach anything at all.
pub(crate) fn has_endpoints(descriptor: &Descriptor) -> bool {
    descriptor.keys.iter().any(|key| is_endpoint(key.value_type))
}

fn is_endpoint(value_type: ValueType) -> bool {
    matches!(value_type, ValueType::Endpoint | ValueType::EndpointList)
}

/// What `config` names, and what cannot be read of it. A default names nothing: it is the plugin's word, not its user's.
fn endpoints(descriptor: &Descriptor, config: &Config) -> (Vec<(String, Endpoint)>, Vec<Problem>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for key in descriptor.keys.iter().filter(|key| is_endpoint(key.value_type)) {
        let value = config.get(&key.name).map(|value| value.trim()).unwrap_or_default();
        if value.is_empty() {
            continue;
        }
        let parsed = if key.value_type == ValueType::EndpointList { parse_list(value) } else { parse(value) };
        match parsed {
            Ok(parsed) => found.extend(parsed.into_iter().map(|endpoint| (key.name.clone(), endpoint))),
            Err(error) => {
                // The value may hold a secret where nobody expects one.
                let shown = if value.contains('@') { "[hidden]" } else { value };
                problems.push(Problem { key: key.name.clone(), message: format!("{shown} {error}") });
            }
        }
    }
    (found, problems)
}

/// What stands against `config` before anything starts. Reads the files that `tls.*` name; looks no name up.
pub(crate) fn check(
    descriptor: &Descriptor,
    config: &Config,
    egress: &EgressPolicy,
    paths: &PathPolicy,
) -> Vec<Problem> {
    if !has_endpoints(descriptor) {
        return Vec::new();
    }
    let (found, mut problems) = endpoints(descriptor, config);
    for (key, endpoint) in found {
        if let Err(refusal) = egress.ceiling.check_endpoint(&endpoint) {
            problems.push(Problem { key, message: format!("{endpoint} {refusal}") });
        }
    }
    problems.extend(tls(config, egress, paths).err());
    problems
}

/// What `config` names and the operator's ceiling forbids, for the audit.
pub(crate) fn denied(descriptor: &Descriptor, config: &Config, egress: &EgressPolicy) -> Vec<Denial> {
    let (found, _) = endpoints(descriptor, config);
    let denied = found.into_iter().filter_map(|(key, endpoint)| {
        let refusal = egress.ceiling.check_endpoint(&endpoint).err()?;
        Some(Denial { code: refusal.code(), detail: format!("{key}: {endpoint} {refusal}") })
    });
    denied.collect()
}

/// The gate of a task.
pub(crate) async fn gate(
    descriptor: &Descriptor,
    setup: &TaskSetup,
    plugin: &str,
    egress: &EgressPolicy,
    paths: &PathPolicy,
) -> Result<Gate, InstanceError> {
    if !has_endpoints(descriptor) {
        return Ok(Gate::shut());
    }
    let (found, problems) = endpoints(descriptor, &setup.config);
    if !problems.is_empty() {
        return Err(Failure::InvalidConfig(problems).into());
    }
    let client = if [TLS_CA_FILE, TLS_CERTIFICATE_FILE, TLS_KEY_FILE].iter().any(|key| is_set(&setup.config, key)) {
        let (config, egress, paths) = (setup.config.clone(), egress.clone(), paths.clone());
        // Reading may hang, on a network mount that is gone.
        let reading = tokio::task::spawn_blocking(move || tls(&config, &egress, &paths));
        let read = reading.await.map_err(|error| classify::gone(&format!("read the TLS files: {error}")))?;
        read.map_err(|problem| Failure::InvalidConfig(vec![problem]))?
    } else {
        tls(&Config::new(), egress, paths).map_err(|problem| Failure::InvalidConfig(vec![problem]))?
    };
    Ok(Gate::new(GateOptions {
        subject: Subject {
            connector: setup.context.connector.clone(),
            task: Some(setup.context.task),
            plugin: plugin.to_owned(),
        },
        endpoints: found.into_iter().map(|(_, endpoint)| endpoint).collect(),
        ceiling: egress.ceiling.clone(),
        quotas: egress.quotas_of(&setup.limits),
        resolver: Arc::clone(&egress.resolver),
        tls: client,
        meter: setup.meter.clone(),
        audit: setup.audit.clone(),
    }))
}

fn is_set(config: &Config, key: &str) -> bool {
    config.get(key).is_some_and(|path| !path.trim().is_empty())
}

fn tls(config: &Config, egress: &EgressPolicy, paths: &PathPolicy) -> Result<TlsClient, Problem> {
    let read = |key: &str| if is_set(config, key) { read(config, key, paths).map(Some) } else { Ok(None) };
    let files = TlsFiles { ca: read(TLS_CA_FILE)?, certificate: read(TLS_CERTIFICATE_FILE)?, key: read(TLS_KEY_FILE)? };
    TlsClient::new(&egress.roots, &files).map_err(|(which, error)| {
        let key = match which {
            "ca" => TLS_CA_FILE,
            "certificate" => TLS_CERTIFICATE_FILE,
            _ => TLS_KEY_FILE,
        };
        let path = config.get(key).map(String::as_str).unwrap_or_default();
        Problem { key: key.to_owned(), message: format!("{path} {error}") }
    })
}

fn read(config: &Config, key: &str, paths: &PathPolicy) -> Result<Vec<u8>, Problem> {
    let path = config.get(key).map(|path| path.trim()).unwrap_or_default();
    let problem = |why: &dyn std::fmt::Display| Problem { key: key.to_owned(), message: format!("{path} {why}") };
    let file = match paths.resolve(path).map_err(|refusal| problem(&refusal))? {
        Resolved::Directory(_) => return Err(problem(&"is a directory: name a file in it")),
        Resolved::File { dir, name } => dir.join(name),
    };
    let mut pem = Vec::new();
    let opened = std::fs::File::open(file).and_then(|file| file.take(PEM_BYTES + 1).read_to_end(&mut pem));
    opened.map_err(|error| {
        problem(&format!("cannot be read: {error}; name a PEM file that the worker's user may read"))
    })?;
    if pem.len() as u64 > PEM_BYTES {
        return Err(problem(&"has more than 1 MiB: name a PEM file"));
    }
    Ok(pem)
}
