//! Plugins: in Kafka Connect's shape, and in Wharf's own.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use wharf_core::Descriptor;
use wharf_core::plugin::{ConfigKey, Kind, Plugin};

use crate::app::App;
use crate::negotiate::with_options;
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/connector-plugins", with_options(get(kafka_list), "HEAD,GET,OPTIONS"))
        .route("/plugins", with_options(get(list), "HEAD,GET,OPTIONS"))
}

/// One line of `GET /connector-plugins`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct KafkaPlugin {
    class: String,
    #[serde(rename = "type")]
    kind: &'static str,
    version: String,
}

/// `?connectorsOnly=false` shows all kinds; anything else, or nothing, sources and sinks.
async fn kafka_list(State(app): State<App>, query: Query) -> Json<Vec<KafkaPlugin>> {
    let all = query.first("connectorsOnly").is_some_and(|value| value.eq_ignore_ascii_case("false"));
    let plugins = app.worker.catalog().list();
    let shown = plugins.iter().map(|plugin| plugin.descriptor()).filter(|it| all || it.kind != Kind::Transform);
    let mut shown: Vec<_> = shown.map(kafka_plugin).collect();
    shown.sort();
    Json(shown)
}

/// Tools know connectors by their Java class, so a plugin that stands in for one goes by that.
fn kafka_plugin(descriptor: &Descriptor) -> KafkaPlugin {
    let class = descriptor.aliases.iter().find(|alias| alias.contains('.')).unwrap_or(&descriptor.name);
    KafkaPlugin { class: class.clone(), kind: descriptor.kind.as_str(), version: descriptor.version.clone() }
}

/// The answer to `GET /plugins`.
#[derive(Debug, Serialize)]
struct Plugins {
    plugins: Vec<WharfPlugin>,
    /// Files in the plugins directory that are no plugin.
    broken: Vec<Broken>,
}

#[derive(Debug, Serialize)]
struct WharfPlugin {
    name: String,
    version: String,
    kind: Kind,
    sha256: String,
    aliases: Vec<String>,
    summary: String,
    documentation: String,
    keys: Vec<ConfigKey>,
}

#[derive(Debug, Serialize)]
struct Broken {
    file: String,
    code: &'static str,
    message: String,
}

async fn list(State(app): State<App>) -> Json<Plugins> {
    let catalog = app.worker.catalog();
    let plugins = catalog.list().iter().map(|plugin| wharf_plugin(plugin.as_ref())).collect();
    let broken = catalog.broken().into_iter().map(|(path, error)| Broken {
        file: path.display().to_string(),
        code: error.code,
        message: error.message,
    });
    Json(Plugins { plugins, broken: broken.collect() })
}

fn wharf_plugin(plugin: &dyn Plugin) -> WharfPlugin {
    let (id, descriptor) = (plugin.id(), plugin.descriptor());
    WharfPlugin {
        name: id.name.clone(),
        version: id.version.clone(),
        kind: descriptor.kind,
        sha256: id.sha256.clone(),
        aliases: descriptor.aliases.clone(),
        summary: descriptor.summary.clone(),
        documentation: descriptor.documentation.clone(),
        keys: descriptor.keys.clone(),
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
