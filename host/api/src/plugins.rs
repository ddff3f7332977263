//! Plugins: in Kafka Connect's shape, and in Wharf's own.

pub(crate) mod manage;

use std::collections::HashMap;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use wharf_core::Descriptor;
use wharf_core::plugin::{Catalog, ConfigKey, Installed, Kind, Plugin, SignatureState};

use crate::app::App;
use crate::negotiate::with_options;
use crate::openapi::params;
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/connector-plugins", with_options(get(kafka_list), "HEAD,GET,OPTIONS"))
        .route("/plugins", with_options(get(list), "HEAD,GET,POST,OPTIONS"))
        .route("/plugins/verify", with_options(get(manage::verify), "HEAD,GET,OPTIONS"))
        .route("/plugins/audit", with_options(get(manage::audit), "HEAD,GET,OPTIONS"))
        .route(
            "/plugins/{name}/{version}",
            with_options(get(manage::one).delete(manage::uninstall), "HEAD,DELETE,GET,OPTIONS"),
        )
        .route("/plugins/{name}/{version}/approve", with_options(post(manage::approve), "POST,OPTIONS"))
}

/// What takes other bodies than JSON.
pub(crate) fn uploads() -> Router<App> {
    Router::new().route("/plugins", post(manage::install))
}

/// One line of `GET /connector-plugins`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[schema(as = ConnectorPlugin)]
pub(crate) struct KafkaPlugin {
    /// The Java class that it stands in for, or its name.
    class: String,
    /// `source`, `sink` or `transformation`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// SemVer.
    version: String,
}

/// Lists the plugins in Kafka Connect's shape.
///
/// Without `connectorsOnly`, or where it is empty or `true`, sources and sinks; else, as Java reads it, all kinds.
#[utoipa::path(
    get,
    path = "/connector-plugins",
    operation_id = "listConnectorPlugins",
    params(params::ConnectorsOnly),
    responses((status = 200, description = "The plugins", body = Vec<KafkaPlugin>))
)]
pub(crate) async fn kafka_list(State(app): State<App>, query: Query) -> Json<Vec<KafkaPlugin>> {
    let all = query.first("connectorsOnly").is_some_and(|it| !it.is_empty() && !it.eq_ignore_ascii_case("true"));
    let plugins = app.worker.catalog().list();
    let shown = plugins.iter().map(|plugin| plugin.descriptor()).filter(|it| all || it.kind != Kind::Transform);
    let mut shown: Vec<_> = shown.map(kafka_plugin).collect();
    shown.sort();
    Json(shown)
}

/// Tools know connectors by their Java class, so a plugin that stands in for one goes by that.
fn kafka_plugin(descriptor: &Descriptor) -> KafkaPlugin {
    KafkaPlugin {
        class: descriptor.class().to_owned(),
        kind: descriptor.kind.as_str(),
        version: descriptor.version.clone(),
    }
}

/// The answer to `GET /plugins`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plugins {
    /// Those that may be used.
    plugins: Vec<WharfPlugin>,
    /// Files in the plugins directory that are no plugin.
    broken: Vec<Broken>,
}

/// A plugin that may be used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plugin)]
pub(crate) struct WharfPlugin {
    name: String,
    version: String,
    kind: Kind,
    /// The digest of its bytes.
    sha256: String,
    /// Other names for `connector.class`.
    aliases: Vec<String>,
    /// One sentence.
    summary: String,
    /// Markdown.
    documentation: String,
    /// Its configuration keys.
    keys: Vec<ConfigKey>,
    /// In bytes.
    size: u64,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// What is known of the file; absent where nobody keeps records.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    file: Option<OnDisk>,
    /// Connectors that use this name and version.
    used_by: Vec<String>,
}

/// What is known of a plugin's file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginFile)]
struct OnDisk {
    file: String,
    origin: String,
    signature: SignatureState,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<i64>,
}

/// A file that is no plugin, or one that may not run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BrokenPlugin)]
struct Broken {
    file: String,
    code: &'static str,
    message: String,
    /// What it is, where that is known: a plugin that may not run has a name all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// Lists the plugins, all that is known of them, and what is wrong with others.
#[utoipa::path(
    get,
    path = "/plugins",
    operation_id = "listPlugins",
    responses((status = 200, description = "The plugins", body = Plugins))
)]
pub(crate) async fn list(State(app): State<App>) -> Json<Plugins> {
    let catalog = app.worker.catalog();
    let files = files(&*catalog);
    let mut used: HashMap<(String, String), Vec<String>> = HashMap::new();
    for it in app.worker.plugins_in_use() {
        let by = used.entry((it.plugin.name, it.plugin.version)).or_default();
        if !by.contains(&it.connector) {
            by.push(it.connector);
        }
    }
    let shown = catalog.list().into_iter().map(|plugin| {
        let id = plugin.id();
        let file = files.iter().find(|it| it.sha256 == id.sha256 && it.refused.is_none()).cloned();
        let used_by = used.remove(&(id.name.clone(), id.version.clone())).unwrap_or_default();
        let size = file.as_ref().map_or(plugin.facts().size, |file| file.size);
        let file = file.map(|Installed { file, origin, signature, approved_at, .. }| OnDisk {
            file,
            origin,
            signature,
            approved_at,
        });
        WharfPlugin { file, size, used_by, ..wharf_plugin(plugin.as_ref()) }
    });
    let plugins = shown.collect();
    let broken = catalog.broken().into_iter().map(|(path, error)| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = files.iter().find(|it| it.file == name);
        Broken {
            file: path.display().to_string(),
            code: error.code,
            message: error.message,
            plugin: file.filter(|it| !it.name.is_empty()).map(|it| format!("{}@{}", it.name, it.version)),
            sha256: file.filter(|it| !it.sha256.is_empty()).map(|it| it.sha256.clone()),
        }
    });
    Json(Plugins { plugins, broken: broken.collect() })
}

fn files(catalog: &dyn Catalog) -> Vec<Installed> {
    catalog.registry().map(|registry| registry.installed()).unwrap_or_default()
}

fn wharf_plugin(plugin: &dyn Plugin) -> WharfPlugin {
    let (id, descriptor, facts) = (plugin.id(), plugin.descriptor(), plugin.facts());
    WharfPlugin {
        name: id.name.clone(),
        version: id.version.clone(),
        kind: descriptor.kind,
        sha256: id.sha256.clone(),
        aliases: descriptor.aliases.clone(),
        summary: descriptor.summary.clone(),
        documentation: descriptor.documentation.clone(),
        keys: descriptor.keys.clone(),
        size: facts.size,
        imports: facts.imports,
        file: None,
        used_by: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(aliases: &[&str]) -> Descriptor {
        Descriptor {
            name: "file-source".to_owned(),
            version: "0.1.0".to_owned(),
            kind: Kind::Source,
            summary: String::new(),
            documentation: String::new(),
            aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
            keys: Vec::new(),
        }
    }

    #[test]
    fn a_plugin_with_a_java_class_goes_by_it_and_another_by_its_name() {
        let aliases = ["FileStreamSource", "org.apache.kafka.connect.file.FileStreamSourceConnector"];
        let shown = serde_json::to_string(&kafka_plugin(&descriptor(&aliases))).unwrap();
        let class = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        assert_eq!(shown, format!(r#"{{"class":"{class}","type":"source","version":"0.1.0"}}"#));
        assert_eq!(kafka_plugin(&descriptor(&["Short"])).class, "file-source");
    }
}
