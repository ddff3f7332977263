//! Deaths of instances, told to whoever must account for them: the audit trail, and the task's meter.
//!
//! | code | an instance was ended because |
//! |---|---|
//! | `kill.trap` | it trapped: a panic, an unreachable, a full stack |
//! | `kill.deadline-exceeded` | it computed for longer than a call may take |
//! | `kill.host-call-timeout` | it waited in the host for longer than a call may take |
//! | `kill.memory-limit` | it asked for more memory than it may have |
//! | `kill.output-limit` | it handed over more than it may in one call |
//! | `kill.contract-violation` | it handed over something that breaks the contract |
//! | `kill.instantiation` | it could not be instantiated |
//! | `kill.gone` | the host's side of it was gone |

use wharf_core::audit::AuditEvent;
use wharf_core::meter::Meter;
use wharf_core::plugin::PluginId;
use wharf_core::{Death, InstanceError};

use crate::env::Env;

impl Env {
    /// An instance died.
    pub(crate) fn killed(&self, connector: &str, task: Option<(u32, &Meter)>, plugin: &PluginId, death: &Death) {
        if let Some((_, meter)) = task {
            meter.killed(death.kind.as_str());
        }
        self.audit.record(AuditEvent {
            code: format!("kill.{}", death.kind),
            connector: connector.to_owned(),
            task: task.map(|(number, _)| number),
            plugin: plugin.to_string(),
            detail: own_words(&death.message).to_owned(),
        });
    }

    /// As [`Env::killed`], where an instance outside of any task may have died.
    pub(crate) fn killed_aside(&self, connector: &str, plugin: &PluginId, error: &InstanceError) {
        if let InstanceError::Died(death) = error {
            self.killed(connector, None, plugin, death);
        }
    }
}

/// What the host says of a death, without the guest's last words: those may hold anything, and are in `status`.
fn own_words(message: &str) -> &str {
    message.split("; stderr: ").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_last_words_are_not_in_the_audit() {
        assert_eq!(own_words("poll trapped: unreachable; stderr: my password is x"), "poll trapped: unreachable");
        assert_eq!(own_words("poll asked for 3 bytes"), "poll asked for 3 bytes");
    }
}
