//! From a posted configuration to a [`Job`], with all that is wrong reported at once; or to the answer of a validation
//! ([`infos`](mod@infos)), which says the same by key and makes nothing.

mod infos;

use std::sync::Arc;

use wharf_core::audit::{AuditEvent, Denial};
use wharf_core::config::{Config, ConfigErrors, ConnectorSpec, check_limits, normalize, without_secrets};
use wharf_core::plugin::{Checked, Kind, Plugin};
use wharf_core::secret::{Filled, Redactor, fill};
use wharf_core::{Failure, InstanceError, Problem};

use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::ingest;
use crate::secrets::Hidden;

pub(crate) use infos::{infos, keys_of};

/// The configuration as the plugin sees it: aliases resolved, and the connector's name in it.
pub(crate) fn for_plugin(name: &str, config: &Config) -> Config {
    let mut config = normalize(config);
    config.insert("name".to_owned(), name.to_owned());
    config
}

/// Checks everything, also what the plugin itself has to say.
pub(crate) async fn validate(env: &Env, name: &str, config: &Config) -> Result<Job, WorkerError> {
    let opened = open(env, name, config).await?;
    let name = config.contains_key("name").then_some(name);
    let Found { spec, problems, seen, .. } = examine(env, name, &opened).await?;
    let Opened { filled, hidden, plugin, .. } = opened;
    match spec {
        Some(spec) if problems.is_empty() => Ok(Job::new(env, spec, plugin, seen, hidden)),
        _ => Err(WorkerError::Invalid(ConfigErrors(hidden.problems(&filled.config, problems)))),
    }
}

/// What an examination found.
struct Found {
    /// `None`: a key of the worker, or the type of one of the plugin's, is wrong.
    spec: Option<ConnectorSpec>,
    /// All that is wrong. Secrets are not taken out yet.
    problems: Vec<Problem>,
    /// What the plugin says of its keys.
    checked: Vec<Checked>,
    /// The configuration as the plugin saw it.
    seen: Config,
}

/// Looks at everything. `name` is `None` where the configuration has none, which is a problem like others.
async fn examine(env: &Env, name: Option<&str>, opened: &Opened) -> Result<Found, WorkerError> {
    let Opened { filled, plugin, .. } = opened;
    let (config, plugin) = (&filled.config, &**plugin);
    let (seen, shown_name) = match name {
        Some(name) => (for_plugin(name, config), name),
        None => (normalize(config), ""),
    };
    let mut problems = opened.problems.clone();
    let (spec, found) =
        match ConnectorSpec::new(name.unwrap_or(NAMELESS), config, plugin.descriptor(), env.options.restart) {
            Ok(spec) => {
                let problems = as_called(env, &spec);
                (Some(spec), problems)
            }
            Err(errors) => (None, errors.0),
        };
    extend_new(&mut problems, found);
    if name.is_none() {
        let message = "Missing required configuration \"name\" which has no default value.".to_owned();
        problems.insert(0, Problem { key: "name".to_owned(), message });
    }
    extend_new(&mut problems, check_limits(config, &env.options.ceiling));
    // A key is reported once: what is wrong with its type comes before what it means.
    extend_new(&mut problems, capabilities(env, shown_name, plugin, &seen).into_iter().map(named).collect());
    let (checked, own) = own_problems(env, shown_name, plugin, &seen).await?;
    extend_new(&mut problems, own.into_iter().map(named).collect());
    Ok(Found { spec, problems, checked, seen })
}

/// Stands for a name that is missing while everything else is looked at.
const NAMELESS: &str = "connector";

/// What is needed to run a connector that was validated when it was stored. The world may have changed since: the
/// plugin may be gone, a path no longer allowed.
pub(crate) async fn resolve(env: &Env, name: &str, config: &Config) -> Result<Job, String> {
    let opened = open(env, name, config).await.map_err(|error| error.to_string())?;
    let Opened { filled, hidden, plugin, problems } = opened;
    let told = |problems| ConfigErrors(hidden.problems(&filled.config, problems)).to_string();
    if !problems.is_empty() {
        return Err(told(problems));
    }
    let spec = ConnectorSpec::new(name, &filled.config, plugin.descriptor(), env.options.restart);
    let spec = spec.map_err(|errors| told(errors.0))?;
    let seen = for_plugin(name, &filled.config);
    let capabilities = capabilities(env, name, &*plugin, &seen).into_iter().map(named);
    let problems: Vec<_> = as_called(env, &spec).into_iter().chain(capabilities).collect();
    if problems.is_empty() { Ok(Job::new(env, spec, plugin, seen, hidden)) } else { Err(told(problems)) }
}

/// A configuration whose placeholders were looked up, and the plugin that it names.
struct Opened {
    filled: Filled,
    hidden: Hidden,
    /// Its words are without secrets.
    plugin: Arc<dyn Plugin>,
    /// Placeholders without a value, and `[hidden]` where nothing is stored that it could stand for.
    problems: Vec<Problem>,
}

async fn open(env: &Env, name: &str, config: &Config) -> Result<Opened, WorkerError> {
    let filled = fill(&*env.secrets, config).await;
    let found = find(env, name, &filled.config, config);
    let plugin = found.map_err(|error| error.redacted(&Redactor::new(filled.values.iter().cloned())))?;
    let hidden = Hidden::new(&filled, plugin.descriptor());
    let plugin = hidden.plugin(plugin);
    let problems = filled.problems.iter().cloned().chain(hidden.unfilled(config)).collect();
    Ok(Opened { filled, hidden, plugin, problems })
}

/// What keeps a connector that is called over HTTP from being so on this worker.
fn as_called(env: &Env, spec: &ConnectorSpec) -> Vec<Problem> {
    spec.ingest.as_ref().map(|ingest| ingest::problems(ingest, env.options.ingest.as_ref())).unwrap_or_default()
}

/// What the configuration asks for and may not have. The audit is told of what the operator forbids.
fn capabilities(env: &Env, name: &str, plugin: &dyn Plugin, config: &Config) -> Vec<Problem> {
    let problems = plugin.check_capabilities(config);
    let denials = if problems.is_empty() { Vec::new() } else { plugin.denials(config) };
    for Denial { code, detail } in denials {
        let (connector, plugin) = (name.to_owned(), plugin.id().to_string());
        env.audit.record(AuditEvent { code: code.to_owned(), connector, task: None, plugin, detail });
    }
    problems
}

/// What the plugin says of its keys, and what of that is wrong.
async fn own_problems(
    env: &Env,
    name: &str,
    plugin: &dyn Plugin,
    config: &Config,
) -> Result<(Vec<Checked>, Vec<Problem>), WorkerError> {
    match plugin.validate(config).await {
        Ok(checked) => {
            let problems = checked.iter().flat_map(|it| {
                it.errors.iter().map(|message| Problem { key: it.key.clone(), message: message.clone() })
            });
            let problems = problems.collect();
            Ok((checked, problems))
        }
        Err(InstanceError::Failed(Failure::InvalidConfig(problems))) => Ok((Vec::new(), problems)),
        Err(error) => {
            env.killed_aside(name, plugin.id(), &error);
            Err(WorkerError::Internal(format!("plugin {} cannot validate: {error}", plugin.id())))
        }
    }
}

/// Adds the problems of keys that have none yet.
fn extend_new(problems: &mut Vec<Problem>, more: Vec<Problem>) {
    let known = problems.len();
    for problem in more {
        if !problems.iter().take(known).any(|it| it.key == problem.key) {
            problems.push(problem);
        }
    }
}

/// What a plugin or the sandbox says of a key need not name it; in an answer, where only the messages stand, it must.
fn named(problem: Problem) -> Problem {
    let prefix = format!("{}: ", problem.key);
    let message = if problem.message.starts_with(&prefix) { problem.message } else { prefix + &problem.message };
    Problem { key: problem.key, message }
}

/// The plugin that `config` names; of `written`, which is `config` with its placeholders, a message may show what is no
/// secret by its name.
fn find(env: &Env, name: &str, config: &Config, written: &Config) -> Result<Arc<dyn Plugin>, WorkerError> {
    let normal = normalize(config);
    let Some(class) = normal.get("connector.class") else {
        return Err(no_class(&for_plugin(name, written)));
    };
    let version = normal.get("connector.plugin.version").map(|it| it.trim()).filter(|it| !it.is_empty());
    if let Some(plugin) = env.catalog.find(class, version).filter(is_connector) {
        return Ok(plugin);
    }
    match (env.catalog.find(class, None).filter(is_connector), version) {
        (Some(plugin), Some(version)) => Err(no_such_version(env, &*plugin, version)),
        _ => Err(no_such_class(env, class)),
    }
}

/// The plugin is not known, so neither is which of its keys are secret.
fn no_class(config: &Config) -> WorkerError {
    let shown = without_secrets(config.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    WorkerError::BadRequest(format!("Connector config {shown} contains no connector type"))
}

fn is_connector(plugin: &Arc<dyn Plugin>) -> bool {
    plugin.descriptor().kind != Kind::Transform
}

fn no_such_class(env: &Env, class: &str) -> WorkerError {
    if let Some(refused) = env.catalog.refused(class) {
        return WorkerError::BadRequest(format!("the plugin for {class} may not run: {}: {refused}", refused.code));
    }
    let list = env.catalog.list();
    let shown: Vec<_> = list.iter().filter(|it| is_connector(it)).map(|it| described(&**it)).collect();
    WorkerError::BadRequest(format!(
        "Failed to find any class that implements Connector and which name matches {class}, available connectors are: \
         {}",
        if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
    ))
}

fn described(plugin: &dyn Plugin) -> String {
    let descriptor = plugin.descriptor();
    let aliases = descriptor.aliases.join(", ");
    format!(
        "PluginDesc{{name='{}', version='{}', type={}, aliases=[{aliases}]}}",
        descriptor.name,
        descriptor.version,
        descriptor.kind.as_str()
    )
}

fn no_such_version(env: &Env, plugin: &dyn Plugin, version: &str) -> WorkerError {
    let message = version_message(env, plugin, version);
    WorkerError::Invalid(ConfigErrors(vec![Problem { key: VERSION.to_owned(), message }]))
}

const VERSION: &str = "connector.plugin.version";

fn version_message(env: &Env, plugin: &dyn Plugin, version: &str) -> String {
    let range = if version.starts_with(['[', '(']) { version.to_owned() } else { format!("[{version},{version}]") };
    format!(
        "Plugin {} not found that matches the version range {range}, available versions: [{}]",
        plugin.descriptor().class(),
        versions(env, plugin).join(", ")
    )
}

/// The versions there are of a plugin.
fn versions(env: &Env, plugin: &dyn Plugin) -> Vec<String> {
    let name = &plugin.descriptor().name;
    let list = env.catalog.list();
    list.iter().map(|it| it.descriptor()).filter(|it| it.name == *name).map(|it| it.version.clone()).collect()
}
