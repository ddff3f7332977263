//! What an operator can do, one at a time, each told to the auditor.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::audit::AuditEvent;
use wharf_core::plugin::{
    Finding, InstallRequest, Installed, PluginRefusal, PluginRegistry, PluginUse, Refused, SignatureState, Uninstalled,
};

use crate::records::Record;
use crate::registry::{Registry, now_millis};
use crate::snapshot::{Seen, name_of};
use crate::{policy, staging};

/// Refusals that an approval ends.
const CURED: [&str; 3] = ["NOT_APPROVED", "RECORD_DAMAGED", "DUPLICATE"];

#[async_trait]
impl PluginRegistry for Registry {
    fn max_bytes(&self) -> u64 {
        self.options.max_file_bytes
    }

    fn installed(&self) -> Vec<Installed> {
        self.snapshot().seen().iter().map(|seen| self.describe(seen)).collect()
    }

    async fn install(&self, request: InstallRequest) -> Result<Installed, PluginRefusal> {
        let _one = self.changing.lock().await;
        let done = self.install_now(request).await;
        match &done {
            Ok(it) => {
                self.tell("plugin.installed", &it.name, &it.version, &format!("{} from {}", it.sha256, it.origin))
            }
            Err(refusal) => self.tell("plugin.refused", "", "", &refusal.to_string()),
        }
        done
    }

    async fn approve(&self, name: &str, version: &str, sha256: Option<&str>) -> Result<Installed, PluginRefusal> {
        let _one = self.changing.lock().await;
        let done = self.approve_now(name, version, sha256).await;
        if let Ok(it) = &done {
            self.tell("plugin.approved", name, version, &it.sha256);
        }
        done
    }

    async fn uninstall(
        &self,
        name: &str,
        version: &str,
        used_by: Vec<String>,
        force: bool,
    ) -> Result<Uninstalled, PluginRefusal> {
        let _one = self.changing.lock().await;
        let done = self.uninstall_now(name, version, used_by, force).await;
        if let Ok(it) = &done {
            let used = if it.used_by.is_empty() { "nobody".to_owned() } else { it.used_by.join(", ") };
            self.tell("plugin.uninstalled", name, version, &format!("{}; used by {used}", it.files.join(", ")));
        }
        done
    }

    async fn verify(&self) -> Vec<Finding> {
        self.verify_now().await
    }

    async fn audit(&self, uses: &[PluginUse]) -> Vec<Finding> {
        self.audit_now(uses).await
    }
}

impl Registry {
    fn tell(&self, code: &str, name: &str, version: &str, detail: &str) {
        let plugin = if name.is_empty() { String::new() } else { format!("{name}@{version}") };
        tracing::info!(code, plugin, detail, "plugins were changed");
        let (connector, task) = (String::new(), None);
        self.options.audit.record(AuditEvent {
            code: code.to_owned(),
            connector,
            task,
            plugin,
            detail: detail.to_owned(),
        });
    }

    async fn approve_now(&self, name: &str, version: &str, digest: Option<&str>) -> Result<Installed, PluginRefusal> {
        self.look().await;
        let snapshot = self.snapshot();
        let mut candidates: Vec<&Seen> =
            snapshot.seen().iter().filter(|seen| self.holds(seen, name, version)).collect();
        if candidates.is_empty() {
            return Err(self.no_such(name, version));
        }
        if let Some(text) = digest {
            let wanted = policy::digest(text).unwrap_or_default();
            candidates.retain(|seen| seen.has(&wanted));
            if candidates.is_empty() {
                let message = format!(
                    "no file of {name}@{version} has the SHA-256 {text}: look at what is there with `wharf plugin list`"
                );
                return Err(PluginRefusal::new("CORRUPT", message));
            }
        }
        let can_be = |seen: &&&Seen| seen.refusal.as_ref().is_none_or(|refusal| CURED.contains(&refusal.code));
        let modified = |seen: &&&Seen| seen.facts.as_ref().map(|facts| facts.modified);
        let Some(chosen) = candidates.iter().filter(can_be).max_by_key(modified) else {
            let refusal = candidates.iter().find_map(|seen| seen.refusal.clone());
            return Err(refusal.map_or_else(|| self.no_such(name, version), Into::into));
        };
        let (Some(facts), Some(plugin)) = (&chosen.facts, &chosen.plugin) else {
            return Err(self.no_such(name, version));
        };
        let now = now_millis();
        let record = Record {
            aliases: plugin.descriptor().aliases.clone(),
            size: facts.size,
            signature: facts.signature.clone(),
            imports: plugin.facts().imports,
            approved_at: Some(now),
            ..self.records.get(&facts.sha256).unwrap_or_else(|| Record::new(name, version, &facts.sha256, now))
        };
        let (records, id, sha256) = (Arc::clone(&self.records), plugin.id().clone(), facts.sha256.clone());
        self.blocking(move || {
            records.put(record)?;
            records.withdraw_others(&id.name, &id.version, &sha256)
        })
        .await?;
        self.look().await;
        let snapshot = self.snapshot();
        match snapshot.seen().iter().find(|seen| seen.path == chosen.path && seen.has(&facts.sha256)) {
            Some(seen) => match &seen.refusal {
                None => Ok(self.describe(seen)),
                Some(refusal) => Err(refusal.clone().into()),
            },
            None => {
                Err(PluginRefusal::new("CORRUPT", "the file was changed meanwhile: look at it and approve it again"))
            }
        }
    }

    async fn uninstall_now(
        &self,
        name: &str,
        version: &str,
        used_by: Vec<String>,
        force: bool,
    ) -> Result<Uninstalled, PluginRefusal> {
        self.look().await;
        let snapshot = self.snapshot();
        let paths: Vec<PathBuf> = snapshot
            .seen()
            .iter()
            .filter(|seen| self.holds(seen, name, version))
            .map(|seen| seen.path.clone())
            .collect();
        let is_recorded = self.records.all().iter().any(|record| record.is_of(name, version));
        if paths.is_empty() && !is_recorded {
            return Err(self.no_such(name, version));
        }
        if !used_by.is_empty() && !force {
            let message = format!(
                "{name}@{version} is used by {}: delete them or move them to another version, or remove it all the same with \
                 --force; they run on until they are restarted",
                used_by.join(", ")
            );
            return Err(PluginRefusal::new("IN_USE", message));
        }
        let files = paths.iter().map(|path| name_of(path)).collect();
        let (dir, records) = (self.dir().to_owned(), Arc::clone(&self.records));
        let (name, version) = (name.to_owned(), version.to_owned());
        self.blocking(move || {
            staging::take_out(&dir, &paths)?;
            records.remove(|record| record.is_of(&name, &version))
        })
        .await?;
        self.look().await;
        Ok(Uninstalled { files, used_by })
    }

    fn no_such(&self, name: &str, version: &str) -> PluginRefusal {
        let snapshot = self.snapshot();
        let there: Vec<String> = snapshot
            .seen()
            .iter()
            .filter(|seen| seen.plugin.as_ref().is_some_and(|plugin| plugin.id().name == name))
            .map(Seen::id)
            .collect();
        let hint = if there.is_empty() {
            "see `wharf plugin list` for those there are".to_owned()
        } else {
            format!("there is {}", there.join(", "))
        };
        PluginRefusal::new("NOT_FOUND", format!("there is no plugin {name}@{version}: {hint}"))
    }

    /// A file as an operator sees it.
    pub(crate) fn describe(&self, seen: &Seen) -> Installed {
        let facts = seen.facts.as_ref();
        let sha256 = facts.map(|facts| facts.sha256.clone()).unwrap_or_default();
        let record = self.records.get(&sha256);
        let known = seen.plugin.as_ref().map(|plugin| (plugin.id().name.clone(), plugin.id().version.clone()));
        let recorded = || record.as_ref().map(|record| (record.name.clone(), record.version.clone()));
        let (name, version) = known.or_else(recorded).unwrap_or_default();
        Installed {
            name,
            version,
            sha256,
            file: name_of(&seen.path),
            size: facts.map_or(0, |facts| facts.size),
            imports: seen.plugin.as_ref().map(|plugin| plugin.facts().imports).unwrap_or_default(),
            origin: record.as_ref().map_or_else(|| "drop-in".to_owned(), |record| record.origin.clone()),
            signature: facts.map_or(SignatureState::Unsigned, |facts| facts.signature.clone()),
            recorded_at: record.as_ref().map_or(0, |record| record.recorded_at),
            approved_at: record.and_then(|record| record.approved_at),
            refused: seen
                .refusal
                .as_ref()
                .map(|refusal| Refused { code: refusal.code.to_owned(), message: refusal.message.clone() }),
        }
    }
}
