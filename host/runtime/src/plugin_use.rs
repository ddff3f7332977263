//! Which plugins are in use, and whether a restart would take others.

use wharf_core::config::{Config, normalize};
use wharf_core::plugin::{Catalog, PluginId};

/// What a restart would change for a connector that runs these plugins; `None`: nothing.
pub(crate) fn change(catalog: &dyn Catalog, config: &Config, running: &[PluginId]) -> Option<String> {
    let normal = normalize(config);
    let version = normal.get("connector.plugin.version").map(|it| it.trim()).filter(|it| !it.is_empty());
    let (first, class) = (running.first()?, normal.get("connector.class")?);
    let Some(found) = catalog.find(class, version) else {
        return Some(format!("{first} is no longer there, or may not run any more: what runs ends with a restart"));
    };
    let old = running.iter().find(|id| *id != found.id())?;
    let how = "restart the connector with its tasks to use it";
    Some(if old.version == found.id().version {
        format!("the plugin {old} changed on disk: {how}")
    } else {
        format!("{old} runs, and {} is there: {how}", found.id())
    })
}
