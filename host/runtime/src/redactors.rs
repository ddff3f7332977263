//! Which secrets must not stand in log lines, by connector.
//!
//! Kept apart from [`crate::status`], and under a lock of its own that nothing else is done under: lines are logged while
//! other locks are held, and whoever writes one asks here.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::secrets::Hidden;

/// What is hidden of each connector that has something to hide. The worker keeps it up to date; the log asks it.
#[derive(Debug, Default)]
pub struct Redactors(RwLock<BTreeMap<String, Arc<Hidden>>>);

impl Redactors {
    /// From now on this is hidden of a connector.
    pub(crate) fn set(&self, connector: &str, hidden: &Arc<Hidden>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if hidden.redactor.is_empty() {
            all.remove(connector);
        } else {
            all.insert(connector.to_owned(), hidden.clone());
        }
    }

    /// The connector is no more.
    pub(crate) fn forget(&self, connector: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(connector);
    }

    /// A text about a connector, such as a log line, without the connector's secrets. Quick, and may be called from
    /// anywhere, also while a line is being logged.
    pub fn redact<'a>(&self, connector: &str, text: &'a str) -> Cow<'a, str> {
        let found = self.0.read().unwrap_or_else(PoisonError::into_inner).get(connector).cloned();
        found.map_or(Cow::Borrowed(text), |hidden| hidden.redactor.redact(text))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_connectors_secrets_are_hidden_in_its_own_lines_until_it_is_forgotten() {
        let redactors = Redactors::default();
        let config = [("db.password".to_owned(), "hunter22".to_owned())].into();
        redactors.set("a", &Arc::new(Hidden::by_name(&config, BTreeSet::new())));
        assert_eq!(redactors.redact("a", "wrong: hunter22"), "wrong: [hidden]");
        assert_eq!(redactors.redact("b", "wrong: hunter22"), "wrong: hunter22");
        redactors.forget("a");
        assert_eq!(redactors.redact("a", "hunter22"), "hunter22");
    }
}
