//! Following what the configuration takes from elsewhere.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::Supervisor;
use crate::env::Job;
use crate::validate::resolve;

/// How often it is looked whether what placeholders stand for has changed.
pub(super) const LOOK_AT_SECRETS: Duration = Duration::from_secs(5);

impl Supervisor {
    /// Whether tasks shall be started again when what their placeholders stand for changes.
    pub(super) fn follows_secrets(&self) -> bool {
        let reload = |job: &Job| job.config.get("config.action.reload").is_none_or(|it| it.trim() != "none");
        self.job.as_ref().is_some_and(|job| !job.hidden.wanted.is_empty() && reload(job)) && !self.tasks.is_empty()
    }

    /// Starts everything anew where a placeholder stands for another value by now. While a value cannot be had, as when its
    /// file is being replaced, tasks go on with the one they have.
    pub(super) async fn look_at_secrets(&mut self) {
        self.secrets_at = Instant::now() + LOOK_AT_SECRETS;
        let Some(job) = self.job.clone() else { return };
        if self.env.secrets.stamp(&job.hidden.wanted).await == job.hidden.stamp {
            return;
        }
        match resolve(&self.env, self.view.name(), &self.view.config()).await {
            Err(trace) => {
                warn!(%trace, "a value of the configuration has changed and cannot be used; the tasks keep the old one")
            }
            Ok(new) => {
                let is_same = new.is_like(&job);
                self.set_job(new);
                if !is_same {
                    info!("a value that the configuration takes from elsewhere has changed");
                    self.begin_anew().await;
                }
            }
        }
    }
}
