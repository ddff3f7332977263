//! A connector that attacks.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use wharf_integration::{Answer, Worker, write};

use crate::{audit, shared};

/// A connector with a hostile guest. It is deleted with this value.
#[derive(Debug)]
pub struct Attack {
    worker: Arc<Worker>,
    name: String,
    config: Value,
}

impl Attack {
    /// With `hostile-source` in this mode, not started yet. It has ten seconds for a call, so that what is too much
    /// is not mistaken for what is too long; a second failure is its last.
    #[track_caller]
    pub fn new(mode: &str) -> Self {
        Self::by("hostile-source", mode)
    }

    /// With another plugin that knows `mode`.
    #[track_caller]
    pub fn by(plugin: &str, mode: &str) -> Self {
        Self::on(shared(), plugin, mode)
    }

    /// On a worker of its own.
    #[track_caller]
    pub fn on(worker: Arc<Worker>, plugin: &str, mode: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{mode}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let config = json!({"connector.class": plugin, "mode": mode, "topic": name, "limits.call.deadline.ms": "10000",
            "limits.memory.mb": "64", "restart.max.failures": "2", "restart.backoff.initial.ms": "10",
            "restart.backoff.max.ms": "20"});
        Self { worker, name, config }
    }

    /// With a key of its configuration.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        if let Some(config) = self.config.as_object_mut() {
            config.insert(key.to_owned(), value.into());
        }
        self
    }

    /// A call of it may take no longer than 300 ms.
    #[must_use]
    pub fn hurried(self) -> Self {
        self.with("limits.call.deadline.ms", "300")
    }

    /// The worker it runs on.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The connector's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A path of its own in the folder that connectors may use.
    pub fn path(&self, name: &str) -> PathBuf {
        self.worker.path(&format!("{}{}{name}", self.name, if name.is_empty() { "" } else { "/" }))
    }

    /// A folder of its own, below the one that connectors may use.
    #[track_caller]
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).unwrap_or_else(|error| panic!("create {}: {error}", path.display()));
        path
    }

    /// A file of its own.
    #[track_caller]
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        self.folder("");
        let path = self.path(name);
        write(&path, content);
        path
    }

    /// Posts it and gives back what the worker answered.
    #[track_caller]
    pub fn post(&self) -> Answer {
        self.worker.rest().post("/connectors", &json!({"name": self.name, "config": self.config}))
    }

    /// Posts it; the worker must accept it.
    #[track_caller]
    pub fn start(self) -> Self {
        self.post().expect(201);
        self
    }

    /// Posts it; the worker must refuse it with this status, and have no such connector.
    #[track_caller]
    pub fn refused(&self, status: u16) -> String {
        let answer = self.post().expect(status);
        self.worker.rest().get(&format!("/connectors/{}", self.name)).expect(404);
        answer.message().to_owned()
    }

    fn task(&self) -> Value {
        self.worker.status(&self.name).pointer("/tasks/0").cloned().unwrap_or_default()
    }

    /// Waits until its instances were ended for this reason until it was given up, which `status` and the audit say.
    /// Gives back what happened, in the worker's words.
    #[track_caller]
    pub fn killed(&self, kind: &str) -> String {
        self.failed(kind);
        let record = audit::wait_for(&self.worker, &self.name, &format!("kill.{kind}"), &[]);
        let task = self.task();
        assert_eq!(record.get("task"), Some(&json!(0)), "{record}");
        let plugin = record.get("plugin").and_then(Value::as_str).unwrap_or_default();
        assert!(plugin.starts_with("hostile-") || plugin.starts_with("net-probe@"), "{record}");
        self.worker.rest().get("/connectors").expect(200);
        task.pointer("/last_failure/message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// Waits until it has failed for good, with this class.
    #[track_caller]
    pub fn failed(&self, class: &str) {
        let mut task = Value::Null;
        self.worker.wait_until(&format!("{} is given up", self.name), || {
            task = self.task();
            task.get("state").is_some_and(|state| state == "FAILED")
        });
        assert_eq!(task.pointer("/last_failure/class"), Some(&json!(class)), "{task}");
    }

    /// Waits until it has said what it saw: `count` lines.
    #[track_caller]
    pub fn seen(&self, count: usize) -> Vec<String> {
        let topic = format!("/topics/{}", self.name);
        let mut lines = Vec::new();
        self.worker.wait_until(&format!("{} has said what it saw", self.name), || {
            if self.worker.rest().get(&topic).status == 200 {
                let text = self.worker.topic_head(&self.name, count);
                lines = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect();
            }
            lines.len() >= count
        });
        lines
    }

    /// Waits until this denial of it is in the audit, with all of these words.
    #[track_caller]
    pub fn denied(&self, code: &str, words: &[&str]) -> Value {
        audit::wait_for(&self.worker, &self.name, code, words)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        // It may never have been created, and a test that failed has said what it had to.
        self.worker.rest().try_send("DELETE", &format!("/connectors/{}", self.name), None).ok();
        if std::thread::panicking() {
            let log = self.worker.log();
            let lines: Vec<&str> = log.lines().filter(|line| line.contains(&self.name)).collect();
            let last = lines.iter().rev().take(20).rev().copied().collect::<Vec<_>>().join("\n");
            // The test's own output, which cargo shows where it failed.
            std::io::Write::write_all(&mut std::io::stderr(), format!("{last}\n").as_bytes()).ok();
        }
    }
}
