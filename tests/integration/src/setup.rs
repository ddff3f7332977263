//! How a worker is to be started.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::{Rest, Worker, artifacts};

/// Which program the worker is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Binary {
    /// `wharf`, as it is released.
    #[default]
    Wharf,
    /// `wharf-chaos`: the same with the points of `wharf-faults`, which do what `FAILPOINTS` says.
    Chaos,
}

impl Binary {
    /// Where it is. Fails the test where it was not built.
    pub fn path(self) -> PathBuf {
        artifacts::binary(self)
    }
}

/// How a worker is to be started.
#[derive(Debug, Default)]
pub struct Setup {
    config: String,
    plugins: Vec<String>,
    binary: Binary,
    env: Vec<(String, String)>,
    data: Option<PathBuf>,
}

impl Setup {
    /// With the plugins `file-source` and `file-sink`.
    pub fn new() -> Self {
        Self::bare().plugin("file-source").plugin("file-sink")
    }

    /// Without any plugin.
    pub fn bare() -> Self {
        Self::default()
    }

    /// Another first-party plugin or fixture.
    #[must_use]
    pub fn plugin(mut self, name: &str) -> Self {
        self.plugins.push(name.to_owned());
        self
    }

    /// The text of `wharf.toml`; `{files}` in it stands for the folder of [`Worker::path`].
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.config);
        self
    }

    /// Another program than `wharf`.
    #[must_use]
    pub fn binary(mut self, binary: Binary) -> Self {
        self.binary = binary;
        self
    }

    /// An environment variable of the worker, such as `FAILPOINTS`; [`Worker::set_env`] changes it for the next start.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Another data directory than `data` in the worker's own folder, such as one on a small disk. It is not removed.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data = Some(path.into());
        self
    }

    /// Starts the worker and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Worker {
        let mut worker = self.prepare();
        worker.start_again();
        worker
    }

    /// Makes everything that the worker needs, but does not start it: [`Worker::start_again`], [`Worker::launch`] and
    /// [`Worker::refuse_to_start`] do.
    #[track_caller]
    pub fn prepare(self) -> Worker {
        let dir = TempDir::with_prefix("wharf-test-").unwrap_or_else(|error| panic!("make a directory: {error}"));
        let listen = Worker::free_address();
        let rest = Rest::new(&format!("http://{listen}"));
        let data = self.data.unwrap_or_else(|| dir.path().join("data"));
        let mut worker = Worker { dir, data, binary: self.binary, env: Vec::new(), listen, rest, child: None, said: 0 };
        for (name, value) in &self.env {
            worker.set_env(name, value);
        }
        for folder in [worker.files(), worker.plugins_dir()] {
            fs::create_dir(&folder).unwrap_or_else(|error| panic!("create {}: {error}", folder.display()));
        }
        for name in &self.plugins {
            worker.install(name);
        }
        let config = self.config.replace("{files}", &worker.files().to_string_lossy());
        crate::write(&worker.config_path(), config);
        worker
    }
}
