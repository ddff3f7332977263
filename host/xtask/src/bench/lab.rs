//! Where the bench works: its directory, fresh workers, and waiting for what they do.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::input::Input;
use crate::worker::{Setup, Worker, free_address, said};
use crate::workspace::Workspace;

/// Longer than any machine needs for the next row to arrive.
const STUCK: Duration = Duration::from_secs(60);
/// Between two looks at a condition. Looking costs the worker time of its own, so it is not done without pause.
const LOOK: Duration = Duration::from_millis(5);

/// The bench's directory, which it empties, and the sizes of this run.
#[derive(Debug)]
pub(super) struct Lab<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) dir: PathBuf,
    pub(super) quick: bool,
    /// Files of lines, made once: of 100 B and of 1 KiB.
    inputs: Vec<Input>,
}

impl<'a> Lab<'a> {
    /// Begins with an empty directory, and lets a worker compile the plugins once.
    pub(super) fn open(workspace: &'a Workspace, quick: bool) -> Result<Self> {
        let dir = workspace.target.join("bench");
        clear(&dir)?;
        fs::create_dir_all(&dir).with_context(|| format!("create {}", dir.display()))?;
        let lab = Self { workspace, dir, quick, inputs: Vec::new() };
        let setup = lab.setup("warm")?;
        Worker::start(&setup)?.terminate()?;
        fs::rename(setup.data().join("cache"), lab.cache()).context("keep the compiled plugins")?;
        clear(&setup.dir)?;
        Ok(lab)
    }

    /// Lines of `size` bytes: half a GB of the short ones, a GB of the long ones; a tenth of that in a quick run.
    pub(super) fn input(&mut self, size: usize) -> Result<Input> {
        if let Some(made) = self.inputs.iter().find(|input| input.size == size) {
            return Ok(made.clone());
        }
        let lines = self.rows(size);
        let input = Input::make(&self.dir.join(format!("{size}.txt")), size, lines)?;
        self.inputs.push(input.clone());
        Ok(input)
    }

    /// How many rows of `size` bytes are moved in one run.
    pub(super) fn rows(&self, size: usize) -> u64 {
        let rows = if size < 1000 { 5_000_000 } else { 1_000_000 };
        if self.quick { rows / 10 } else { rows }
    }

    fn cache(&self) -> PathBuf {
        self.dir.join("cache")
    }

    /// A worker's place, empty but for a warm compile cache (once there is one).
    pub(super) fn setup(&self, name: &str) -> Result<Setup> {
        let (binary, plugins) = (self.workspace.binary(), self.workspace.dist());
        let setup = Setup { binary, plugins, dir: self.dir.join(name), listen: free_address()? };
        clear(&setup.dir)?;
        fs::create_dir_all(setup.data()).with_context(|| format!("create {}", setup.data().display()))?;
        if self.cache().exists() {
            self.warm(&setup)?;
        }
        Ok(setup)
    }

    /// Copies the compiled plugins. The worker takes only what nobody else may write.
    fn warm(&self, setup: &Setup) -> Result<()> {
        let to = setup.data().join("cache");
        DirBuilder::new().mode(0o700).create(&to).with_context(|| format!("create {}", to.display()))?;
        for entry in fs::read_dir(self.cache()).context("list the compiled plugins")? {
            let from = entry.context("list the compiled plugins")?.path();
            let name = from.file_name().context("a compiled plugin has no name")?;
            fs::copy(&from, to.join(name)).with_context(|| format!("copy {}", from.display()))?;
        }
        Ok(())
    }

    /// A fresh worker with nothing to do.
    pub(super) fn start(&self, name: &str) -> Result<(Setup, Worker)> {
        let setup = self.setup(name)?;
        let worker = Worker::start(&setup)?;
        Ok((setup, worker))
    }

    /// Ends a worker and removes what it left.
    pub(super) fn end(setup: &Setup, worker: Worker) -> Result<()> {
        worker.terminate()?;
        clear(&setup.dir)
    }

    /// Removes all that the bench made.
    pub(super) fn close(self) -> Result<()> {
        clear(&self.dir)
    }
}

/// Creates a connector; `config` is an object.
pub(super) fn create(worker: &Worker, name: &str, config: &Value) -> Result<()> {
    worker.rest.create(&json!({"name": name, "config": texts(config)}))
}

/// The same object with texts for values, as configurations have.
fn texts(config: &Value) -> Value {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let pairs = config.as_object().into_iter().flatten();
    Value::Object(pairs.map(|(key, value)| (key.clone(), Value::String(text(value)))).collect::<Map<_, _>>())
}

/// How many rows the tasks of a connector have dealt with.
pub(super) fn rows(worker: &Worker, name: &str) -> Result<u64> {
    let (_, progress) = worker.rest.get(&format!("/connectors/{name}/progress"))?;
    let tasks = progress.get("tasks").and_then(Value::as_array).into_iter().flatten();
    Ok(tasks.filter_map(|task| task.get("rows")?.as_u64()).sum())
}

/// Waits until a connector has dealt with `wanted` rows.
pub(super) fn until_rows(setup: &Setup, worker: &mut Worker, name: &str, wanted: u64) -> Result<()> {
    until_arrived(setup, worker, wanted, LOOK, |worker| rows(worker, name))
}

/// Waits until a file has as many bytes.
pub(super) fn until_length(setup: &Setup, worker: &mut Worker, path: &Path, wanted: u64) -> Result<()> {
    // Asking the file system costs the worker nothing.
    let look = Duration::from_millis(1);
    until_arrived(setup, worker, wanted, look, |_| Ok(fs::metadata(path).map_or(0, |file| file.len())))
}

fn until_arrived(
    setup: &Setup,
    worker: &mut Worker,
    wanted: u64,
    look: Duration,
    arrived: impl Fn(&Worker) -> Result<u64>,
) -> Result<()> {
    let mut last = (0, Instant::now());
    loop {
        let now = arrived(worker)?;
        if now >= wanted {
            return Ok(());
        }
        if now != last.0 {
            last = (now, Instant::now());
        } else if !worker.is_running() || last.1.elapsed() > STUCK {
            let status = worker.rest.get("/connectors?expand=status").map(|(_, status)| status.to_string());
            let status = status.unwrap_or_else(|error| format!("{error:#}"));
            bail!(
                "{now} of {wanted} arrived, then nothing; the connectors say {status}, and the worker:\n{}",
                said(&setup.log())
            );
        }
        thread::sleep(look);
    }
}

/// Waits until a connector and `tasks` tasks of it are RUNNING. It asks without pause: what is waited for takes
/// milliseconds.
pub(super) fn until_running(worker: &Worker, name: &str, tasks: usize) -> Result<()> {
    let begun = Instant::now();
    loop {
        let (_, status) = worker.rest.get(&format!("/connectors/{name}/status"))?;
        if runs(&status, tasks) {
            return Ok(());
        }
        if begun.elapsed() > STUCK {
            bail!("{name} does not run after {} seconds: {status}", STUCK.as_secs());
        }
    }
}

fn runs(status: &Value, tasks: usize) -> bool {
    let running = |of: Option<&Value>| of.and_then(|it| it.get("state")).is_some_and(|state| state == "RUNNING");
    let listed = status.get("tasks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    running(status.get("connector")) && listed.len() == tasks && listed.iter().all(|task| running(Some(task)))
}

/// Removes a directory, if it is there.
pub(super) fn clear(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_runs_when_all_its_tasks_do() {
        let task = |state: &str| json!({"state": state});
        let status = |connector: &str, tasks: &[&str]| {
            let tasks: Vec<Value> = tasks.iter().map(|state| task(state)).collect();
            json!({"connector": task(connector), "tasks": tasks})
        };
        assert!(runs(&status("RUNNING", &["RUNNING", "RUNNING"]), 2));
        assert!(!runs(&status("RUNNING", &["RUNNING"]), 2));
        assert!(!runs(&status("RUNNING", &["RUNNING", "RESTARTING"]), 2));
        assert!(!runs(&status("PAUSED", &["RUNNING"]), 1));
        assert!(!runs(&Value::Null, 0));
    }

    #[test]
    fn configurations_are_texts() {
        assert_eq!(texts(&json!({"a": 1, "b": "x", "c": true})), json!({"a": "1", "b": "x", "c": "true"}));
    }
}
