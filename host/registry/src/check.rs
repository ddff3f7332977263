//! `verify` and `audit`: what is there against what was recorded, and against the policy.

use wharf_core::plugin::{Finding, LoadError, PluginUse, Severity};

use crate::examine;
use crate::registry::Registry;
use crate::snapshot::{Seen, Snapshot, name_of};

/// Refusals that are the policy's, not the loader's.
const POLICY: [&str; 6] =
    ["REVOKED", "UNSIGNED", "IDENTITY_MISMATCH", "BAD_SIGNATURE", "NOT_APPROVED", "RECORD_DAMAGED"];

impl Registry {
    /// Reads every byte again, whatever the files' times say: a disk that forgets changes no times.
    pub(crate) async fn verify_now(&self) -> Vec<Finding> {
        self.look().await;
        let snapshot = self.snapshot();
        let mut findings = Vec::new();
        for seen in snapshot.seen() {
            findings.extend(self.verify_file(seen).await);
        }
        findings.extend(self.missing(&snapshot));
        findings.extend(self.damaged());
        findings
    }

    async fn verify_file(&self, seen: &Seen) -> Option<Finding> {
        let content = match examine::read(seen.path.clone(), self.options.max_file_bytes).await {
            Ok(content) => content,
            Err(error) => return Some(of_refusal(seen, &error)),
        };
        if let Some(facts) = seen.facts.as_ref().filter(|facts| facts.sha256 != content.sha256) {
            let message = format!(
                "the file holds other bytes (SHA-256 {}) than were loaded from it ({}): install the plugin again, and look at \
                 the disk",
                content.sha256, facts.sha256
            );
            return Some(finding(Severity::Error, "CORRUPT", seen, message));
        }
        match &seen.refusal {
            // Known under a better name here: the bytes are not the approved ones.
            Some(refusal) if refusal.code == "NOT_APPROVED" && self.has_approved(seen) => {
                Some(finding(Severity::Error, "CORRUPT", seen, refusal.message.clone()))
            }
            Some(refusal) => Some(of_refusal(seen, refusal)),
            None => self.unsigned(seen),
        }
    }

    /// Whether other bytes of its name and version are approved.
    fn has_approved(&self, seen: &Seen) -> bool {
        let Some(plugin) = &seen.plugin else { return false };
        let id = plugin.id();
        self.records.all().iter().any(|record| record.approved_at.is_some() && record.is_of(&id.name, &id.version))
    }

    /// Approved plugins of which no file is left.
    fn missing(&self, snapshot: &Snapshot) -> Vec<Finding> {
        let approved = self.records.all().into_iter().filter(|record| record.approved_at.is_some());
        let is_there = |name: &str, version: &str, sha256: &str| {
            snapshot.seen().iter().any(|seen| seen.has(sha256) || seen.is_of(name, version))
        };
        let missing = approved.filter(|record| !is_there(&record.name, &record.version, &record.sha256));
        missing
            .map(|record| Finding {
                severity: Severity::Error,
                code: "MISSING".to_owned(),
                plugin: format!("{}@{}", record.name, record.version),
                file: String::new(),
                connectors: Vec::new(),
                message: format!(
                    "no file in the plugins directory holds the approved bytes (SHA-256 {}): install the plugin again, or forget \
                     it with `wharf plugin uninstall {}@{}`",
                    record.sha256, record.name, record.version
                ),
            })
            .collect()
    }

    fn damaged(&self) -> Vec<Finding> {
        let damaged = self.records.damaged().into_iter();
        damaged
            .map(|(path, reason)| Finding {
                severity: Severity::Error,
                code: "RECORD_DAMAGED".to_owned(),
                plugin: String::new(),
                file: path.display().to_string(),
                connectors: Vec::new(),
                message: format!("the record cannot be read ({reason}): bring it back from a backup, or remove it"),
            })
            .collect()
    }

    fn unsigned(&self, seen: &Seen) -> Option<Finding> {
        let facts = seen.facts.as_ref()?;
        self.options.policy.warns_of(&facts.signature).then(|| {
            let message = format!("it runs although it is {}", facts.signature);
            finding(Severity::Warning, "UNSIGNED", seen, message)
        })
    }

    /// Holds files and what is in use against the policy.
    pub(crate) async fn audit_now(&self, uses: &[PluginUse]) -> Vec<Finding> {
        self.look().await;
        let snapshot = self.snapshot();
        let mut findings: Vec<Finding> = snapshot
            .seen()
            .iter()
            .filter_map(|seen| {
                let refusal = seen.refusal.as_ref().filter(|refusal| POLICY.contains(&refusal.code));
                let mut found = refusal.map(|refusal| of_refusal(seen, refusal)).or_else(|| self.unsigned(seen))?;
                found.connectors = uses.iter().filter(|it| seen.has(&it.plugin.sha256)).map(connector).collect();
                if !found.connectors.is_empty() {
                    found.severity = found.severity.min(Severity::Error);
                }
                Some(found)
            })
            .collect();
        findings.extend(self.damaged());
        let gone = uses.iter().filter(|it| !snapshot.seen().iter().any(|seen| seen.has(&it.plugin.sha256)));
        for it in gone {
            let found = self.gone(&snapshot, it);
            match findings.iter_mut().find(|other| other.plugin == found.plugin && other.message == found.message) {
                Some(other) => other.connectors.extend(found.connectors),
                None => findings.push(found),
            }
        }
        findings
    }

    /// Bytes in use that are in no file any more.
    fn gone(&self, snapshot: &Snapshot, it: &PluginUse) -> Finding {
        let id = &it.plugin;
        // Without the file only the digest and the name can be judged; the signature was when it was loaded.
        let recorded = self.records.get(&id.sha256).map(|record| record.signature);
        let judged = recorded
            .map_or(Ok(()), |signature| self.options.policy.judge(&id.name, &id.version, &id.sha256, &signature));
        let short = id.sha256.get(..12).unwrap_or_default();
        let changed = snapshot.seen().iter().any(|seen| seen.is_of(&id.name, &id.version));
        let (severity, code, message) = match judged {
            Err(refusal) => (Severity::Error, refusal.code, refusal.message),
            Ok(()) if changed => (
                Severity::Warning,
                "CHANGED",
                format!(
                    "connectors run bytes (SHA-256 {short}…) that the file does not hold any more: restart them, with their \
                     tasks, to use the file"
                ),
            ),
            Ok(()) => (
                Severity::Warning,
                "NOT_INSTALLED",
                format!(
                    "connectors run bytes (SHA-256 {short}…) that are not installed any more: they end with a restart"
                ),
            ),
        };
        Finding {
            severity,
            code: code.to_owned(),
            plugin: id.to_string(),
            file: String::new(),
            connectors: vec![connector(it)],
            message,
        }
    }
}

fn connector(it: &PluginUse) -> String {
    it.connector.clone()
}

fn finding(severity: Severity, code: &str, seen: &Seen, message: String) -> Finding {
    Finding {
        severity,
        code: code.to_owned(),
        plugin: seen.id(),
        file: name_of(&seen.path),
        connectors: Vec::new(),
        message,
    }
}

fn of_refusal(seen: &Seen, refusal: &LoadError) -> Finding {
    // One waits, the other does nothing: neither runs, and nothing else is wrong with them.
    let is_harmless = ["NOT_APPROVED", "DUPLICATE"].contains(&refusal.code);
    let severity = if is_harmless { Severity::Warning } else { Severity::Error };
    finding(severity, refusal.code, seen, refusal.message.clone())
}
