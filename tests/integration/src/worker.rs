//! A real worker in a directory of its own.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::{self, Said};
use crate::{Binary, Rest, Setup, artifacts, ports, read, wait_until};

/// A running worker, or one that was ended and can be started again. It is killed with this value, and a failed test
/// shows what it said. Its files go too, unless the test failed and `WHARF_TEST_KEEP` is set.
#[derive(Debug)]
pub struct Worker {
    pub(crate) dir: TempDir,
    pub(crate) data: PathBuf,
    pub(crate) binary: Binary,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) listen: String,
    pub(crate) rest: Rest,
    pub(crate) child: Option<Child>,
    /// How long its log was when it was started last.
    pub(crate) said: usize,
}

impl Worker {
    /// A worker with `file-source` and `file-sink`.
    #[track_caller]
    pub fn start() -> Self {
        Setup::new().start()
    }

    /// Its REST API.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// `host:port`
    pub fn listen(&self) -> &str {
        &self.listen
    }

    /// A path in the folder that connectors may use.
    pub fn path(&self, name: &str) -> PathBuf {
        self.files().join(name)
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// Its data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.data.clone()
    }

    /// Its plugins directory.
    pub fn plugins_dir(&self) -> PathBuf {
        self.dir.path().join("plugins")
    }

    pub(crate) fn config_path(&self) -> PathBuf {
        self.dir.path().join("wharf.toml")
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("worker.log")
    }

    /// All that it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&read(&self.log_path())).into_owned()
    }

    /// What it has said since it was started last.
    pub fn log_since_start(&self) -> String {
        String::from_utf8_lossy(read(&self.log_path()).get(self.said..).unwrap_or_default()).into_owned()
    }

    /// Sets an environment variable from the next start on.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.unset_env(name);
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Takes an environment variable away from the next start on.
    pub fn unset_env(&mut self, name: &str) {
        self.env.retain(|(known, _)| known != name);
    }

    /// Replaces the text of `wharf.toml` from the next start on.
    pub fn set_config(&self, toml: &str) {
        crate::write(&self.config_path(), toml.replace("{files}", &self.files().to_string_lossy()));
    }

    /// Puts a first-party plugin or a fixture into its plugins directory.
    pub fn install(&self, name: &str) {
        artifacts::install(name, &self.plugins_dir());
    }

    /// `wharf run` on this worker's directories.
    pub fn run_command(&self) -> Command {
        let mut command = cli::wharf(self.binary);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.dir.path()).arg("run").arg("--data-dir").arg(self.data_dir());
        command.arg("--plugins-dir").arg(self.plugins_dir()).args(["--listen", &self.listen]);
        command.arg("--config").arg(self.config_path()).stdin(Stdio::null());
        command
    }

    /// Starts it on the directories and the address that it had, and waits until it is ready.
    #[track_caller]
    pub fn start_again(&mut self) {
        self.launch();
        if let Some(status) = self.wait_until_ready() {
            panic!("the worker ended while it started: {status}");
        }
    }

    /// Starts it on the directories and the address that it had, and does not wait.
    #[track_caller]
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "the worker runs already");
        self.said = read(&self.log_path()).len();
        let log = OpenOptions::new().create(true).append(true).open(self.log_path());
        let streams = log.and_then(|log: File| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = streams.unwrap_or_else(|error| panic!("open the worker's log: {error}"));
        let child = self.run_command().stdout(stdout).stderr(stderr).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("start the worker: {error}")));
    }

    /// Waits until it is ready, or has ended: then how.
    #[track_caller]
    pub fn wait_until_ready(&mut self) -> Option<ExitStatus> {
        let mut ended = None;
        wait_until("the worker is ready", || {
            ended = self.try_ended();
            ended.is_some() || self.rest.try_send("GET", "/health", None).is_ok_and(|answer| answer.status == 200)
        });
        ended
    }

    /// Starts a worker that must not become ready but end by itself; gives back its exit code and what it said.
    #[track_caller]
    pub fn refuse_to_start(&mut self) -> Said {
        self.launch();
        match self.wait_until_ready() {
            Some(status) => Said { code: status.code(), stdout: Vec::new(), stderr: self.log_since_start() },
            None => panic!("the worker is ready, and should have refused to start"),
        }
    }

    /// How it ended, where it has done so by itself; then it can be started again.
    pub fn try_ended(&mut self) -> Option<ExitStatus> {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if ended.is_some() {
            self.child = None;
        }
        ended
    }

    /// Waits until it has ended by itself, as one does that kills itself at a point of `FAILPOINTS`.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> ExitStatus {
        assert!(self.child.is_some(), "the worker does not run");
        let mut ended = None;
        wait_until("the worker has ended by itself", || {
            ended = self.try_ended();
            ended.is_some()
        });
        ended.unwrap_or_default()
    }

    /// An address for another worker.
    pub fn free_address() -> String {
        format!("127.0.0.1:{}", ports::free())
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let done = child.kill().and_then(|()| child.wait());
            done.unwrap_or_else(|error| panic!("kill the worker: {error}"));
        }
    }

    /// Sends a signal and waits until the worker has ended by itself.
    #[track_caller]
    pub fn end_by(&mut self, signal: Signal) -> ExitStatus {
        let Some(mut child) = self.child.take() else { panic!("the worker does not run") };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let sent = pid.map(|pid| kill_process(pid, signal));
        assert_eq!(sent, Some(Ok(())), "the signal could not be sent");
        let mut ended = None;
        wait_until("the worker has ended", || {
            ended = child.try_wait().ok().flatten();
            ended.is_some()
        });
        ended.unwrap_or_default()
    }

    /// SIGTERM, as a service manager sends it.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.end_by(Signal::TERM)
    }

    /// `wharf` with these arguments, against this worker.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = cli::wharf(self.binary);
        command.current_dir(self.dir.path()).env("WHARF_URL", self.rest.base()).args(args);
        command
    }

    /// Runs `wharf` with these arguments against this worker.
    pub fn wharf(&self, args: &[&str]) -> Said {
        Said::of(&mut self.command(args))
    }

    /// The values of a topic, one a line, read from the files.
    #[track_caller]
    pub fn topic(&self, topic: &str) -> Vec<u8> {
        let data = self.data_dir();
        self.wharf(&["topic", "read", topic, "--data-dir", &data.to_string_lossy()]).ok().stdout
    }

    /// The first `count` values of a topic, one a line.
    #[track_caller]
    pub fn topic_head(&self, topic: &str, count: usize) -> Vec<u8> {
        let (data, count) = (self.data_dir(), count.to_string());
        self.wharf(&["topic", "read", topic, "--limit", &count, "--data-dir", &data.to_string_lossy()]).ok().stdout
    }

    /// Creates a connector that must be accepted.
    #[track_caller]
    pub fn create(&self, name: &str, config: Value) {
        self.rest.post("/connectors", &json!({"name": name, "config": config})).expect(201);
    }

    /// Creates a file-source.
    #[track_caller]
    pub fn create_source(&self, name: &str, file: &Path, topic: &str) {
        self.create(name, json!({"connector.class": "file-source", "file": file, "topic": topic}));
    }

    /// Creates a file-sink.
    #[track_caller]
    pub fn create_sink(&self, name: &str, file: &Path, topics: &str) {
        self.create(name, json!({"connector.class": "file-sink", "file": file, "topics": topics}));
    }

    /// What `GET /connectors/{name}/status` says, with details.
    #[track_caller]
    pub fn status(&self, name: &str) -> Value {
        self.rest.get(&format!("/connectors/{name}/status?expand=details")).json
    }

    /// Waits until the connector is in this state and so are all its tasks, if it is to have any.
    #[track_caller]
    pub fn wait_for_state(&self, name: &str, state: &str) {
        let mut last = Value::Null;
        let is = |part: &Value| part.get("state").is_some_and(|found| found == state);
        self.wait_until(&format!("{name} is {state}"), || {
            last = self.status(name);
            let tasks = last.get("tasks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let tasks = if state == "STOPPED" { tasks.is_empty() } else { !tasks.is_empty() && tasks.iter().all(is) };
            tasks && last.get("connector").is_some_and(is)
        });
    }

    /// Waits until the file holds exactly `text`.
    #[track_caller]
    pub fn wait_for_text(&self, path: &Path, text: impl AsRef<[u8]>) {
        let text = text.as_ref();
        self.wait_until(&format!("{} holds what it should", path.display()), || read(path) == text);
    }

    /// As the function of that name; a failure also shows the connectors' status.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let deadline = std::time::Instant::now() + crate::DEADLINE;
        wait_until(what, || {
            let holds = condition();
            if !holds && std::time::Instant::now() + std::time::Duration::from_millis(50) > deadline {
                let status = self.rest.try_send("GET", "/connectors?expand=status", None);
                panic!(
                    "gave up waiting until {what}; the connectors: {}",
                    status.map_or_else(|e| e.to_string(), |a| a.text)
                );
            }
            holds
        });
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking() {
            eprintln!("--- what the worker said:\n{}---", self.log());
            if std::env::var_os("WHARF_TEST_KEEP").is_some() {
                self.dir.disable_cleanup(true);
                eprintln!("its files are kept in {}", self.dir.path().display());
            }
        }
    }
}
