//! The answer to a validation, and the keys of a plugin, in Kafka Connect's shapes.

use std::collections::BTreeMap;

use wharf_core::Problem;
use wharf_core::config::{Config, ConfigInfos, ConfigKeyInfo, Validation, normalize, worker_keys};
use wharf_core::plugin::{ConfigKey, Kind, Plugin};

use super::{Found, Opened, VERSION, examine, is_connector, no_class, no_such_class, open, version_message, versions};
use crate::connector::ConfigPatch;
use crate::env::Env;
use crate::error::WorkerError;

const CLASS: &str = "connector.class";
const CONVERTERS: [&str; 2] =
    ["org.apache.kafka.connect.converters.ByteArrayConverter", "org.apache.kafka.connect.storage.StringConverter"];
const SIMPLE_HEADERS: &str = "org.apache.kafka.connect.storage.SimpleHeaderConverter";

/// Everything there is to say of a configuration for the plugin that the path of the request calls `path`.
pub(crate) async fn infos(env: &Env, path: &str, posted: &ConfigPatch) -> Result<ConfigInfos, WorkerError> {
    let written: Config = posted.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?))).collect();
    let config = normalize(&written);
    let Some(class) = config.get(CLASS) else {
        let null = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
        return Err(no_class(&posted.iter().map(|(key, value)| (key.clone(), null(value))).collect()));
    };
    let found = env.catalog.find(class, None).filter(is_connector);
    let is_own_name = found.as_ref().is_some_and(|plugin| plugin.descriptor().name == path);
    if !is_own_name && !stem(class).ends_with(stem(path)) {
        return Err(WorkerError::BadRequest(format!(
            "Included connector type {class} does not match request type {path}"
        )));
    }
    let version = config.get(VERSION).map(|it| it.trim()).filter(|it| !it.is_empty());
    let plugin = env.catalog.find(class, version).filter(is_connector);
    let mut shown: ConfigPatch = config.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    for (key, _) in posted.iter().filter(|(_, value)| value.is_none()) {
        shown.entry(key.clone()).or_insert(None);
    }
    match (plugin, found, version) {
        (Some(plugin), ..) => {
            let name = config.get("name").map(String::as_str);
            let opened = open(env, name.unwrap_or_default(), &config).await?;
            let Found { problems, mut checked, .. } = examine(env, name, &opened).await?;
            let Opened { filled, hidden, .. } = opened;
            let mut problems = hidden.problems(&filled.config, problems);
            for it in &mut checked {
                // The plugin saw what placeholders stand for.
                it.value = it.value.take().map(|value| hidden.shown_value(&config, &it.key, value));
            }
            let shown_config = hidden.shown(&config);
            shown.iter_mut().for_each(|(key, value)| {
                if let (Some(value), Some(shown)) = (value, shown_config.get(key)) {
                    value.clone_from(shown);
                }
            });
            problems.retain(|problem| !shown.get(&problem.key).is_some_and(Option::is_none));
            if shown.get("tasks.max").is_some_and(Option::is_none) {
                let message = "Invalid value null for configuration tasks.max: Value must be non-null".to_owned();
                problems.push(Problem { key: "tasks.max".to_owned(), message });
            }
            let kind = plugin.descriptor().kind;
            let mut keys = with_operators_defaults(env, &*plugin, worker_keys(kind));
            keys.extend(own_keys(&*plugin));
            let recommended = recommended(env, &*plugin);
            Ok(Validation { class, keys, config: &shown, problems, checked, recommended }.into_infos())
        }
        (None, Some(known), Some(version)) => Ok(without_plugin(env, class, &*known, version, &shown)),
        _ => Err(no_such_class(env, class)),
    }
}

/// The version is wrong, so nobody knows the plugin's keys, nor whether it is a source or a sink: the keys that all
/// connectors have are left.
fn without_plugin(env: &Env, class: &str, known: &dyn Plugin, version: &str, shown: &ConfigPatch) -> ConfigInfos {
    let message = version_message(env, known, version);
    let problem = |key: &str| Problem { key: key.to_owned(), message: message.clone() };
    let problems = vec![problem(CLASS), problem(VERSION)];
    let recommended = recommended(env, known);
    let keys = worker_keys(Kind::Transform);
    // What is null there is not the point.
    let config = shown.iter().filter(|(_, value)| value.is_some()).map(|(key, value)| (key.clone(), value.clone()));
    let config = config.collect();
    Validation { class, keys, config: &config, problems, checked: Vec::new(), recommended }.into_infos()
}

/// The keys of a plugin, its own before the worker's.
pub(crate) fn keys_of(env: &Env, path: &str, version: Option<&str>) -> Result<Vec<ConfigKeyInfo>, WorkerError> {
    let newest = env.catalog.find(path, None);
    let newest = newest.ok_or_else(|| WorkerError::NotFound(format!("Unknown plugin {path}.")))?;
    let plugin = match version {
        None => newest,
        Some(version) => env
            .catalog
            .find(path, Some(version))
            .ok_or_else(|| WorkerError::BadRequest(version_message(env, &*newest, version)))?,
    };
    let mut keys = own_keys(&*plugin);
    if is_connector(&plugin) {
        keys.extend(with_operators_defaults(env, &*plugin, worker_keys(plugin.descriptor().kind)));
    }
    Ok(keys.iter().map(ConfigKeyInfo::from).collect())
}

/// The plugin's keys, but for those that are the worker's.
fn own_keys(plugin: &dyn Plugin) -> Vec<ConfigKey> {
    let descriptor = plugin.descriptor();
    let workers = worker_keys(descriptor.kind);
    let is_own = |key: &&ConfigKey| !workers.iter().any(|worker| worker.name == key.name);
    descriptor.keys.iter().filter(is_own).cloned().collect()
}

/// The worker's keys with the defaults that hold on this worker.
fn with_operators_defaults(env: &Env, plugin: &dyn Plugin, mut keys: Vec<ConfigKey>) -> Vec<ConfigKey> {
    let restart = &env.options.restart;
    for key in &mut keys {
        let default = match key.name.as_str() {
            VERSION => plugin.id().version.clone(),
            "restart.enabled" => restart.enabled.to_string(),
            "restart.backoff.initial.ms" => restart.backoff.initial.as_millis().to_string(),
            "restart.backoff.max.ms" => restart.backoff.max.as_millis().to_string(),
            "restart.max.failures" => restart.max_failures.to_string(),
            "restart.window.ms" => restart.window.as_millis().to_string(),
            _ => continue,
        };
        key.default = Some(default);
    }
    keys
}

fn recommended(env: &Env, plugin: &dyn Plugin) -> BTreeMap<String, Vec<String>> {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let [bytes, text] = CONVERTERS;
    let mut recommended = BTreeMap::from([
        (VERSION.to_owned(), versions(env, plugin)),
        ("key.converter".to_owned(), list(&CONVERTERS)),
        ("value.converter".to_owned(), list(&CONVERTERS)),
        ("header.converter".to_owned(), list(&[bytes, SIMPLE_HEADERS, text])),
    ]);
    for key in plugin.descriptor().keys.iter().filter(|key| !key.allowed.is_empty()) {
        recommended.insert(key.name.clone(), key.allowed.clone());
    }
    recommended
}

/// A name without `Connector` at its end.
fn stem(class: &str) -> &str {
    class.strip_suffix("Connector").filter(|stem| !stem.is_empty()).unwrap_or(class)
}
