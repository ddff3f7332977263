//! A worker that the demo and the bench start, kill and start again.

use std::fs::OpenOptions;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::rest::Rest;
use crate::{process, procfs};

/// How to start one.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    pub(crate) plugins: PathBuf,
    /// Its working directory; the data go to `data`, what it prints to `worker.log` in there.
    pub(crate) dir: PathBuf,
    /// `host:port`
    pub(crate) listen: String,
}

impl Setup {
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("worker.log")
    }
}

/// A running worker. It ends with this value.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    pub(crate) rest: Rest,
}

impl Worker {
    /// Starts a worker and waits until it says that it is ready.
    pub(crate) fn start(setup: &Setup) -> Result<Self> {
        Self::start_asking(setup, Duration::from_millis(10))
    }

    /// Starts a worker and asks it again and again, with such pauses, whether it is ready.
    pub(crate) fn start_asking(setup: &Setup, pause: Duration) -> Result<Self> {
        let log = setup.log();
        let log = OpenOptions::new().create(true).append(true).open(&log).with_context(|| format!("open {log:?}"))?;
        let mut command = Command::new(&setup.binary);
        command.current_dir(&setup.dir).stdin(Stdio::null());
        command.stdout(log.try_clone().context("open the worker's log again")?).stderr(log);
        command.arg("run").arg("--data-dir").arg(setup.data());
        command.arg("--plugins-dir").arg(&setup.plugins).args(["--listen", &setup.listen]);
        let child = command.spawn().with_context(|| format!("start {}", setup.binary.display()))?;
        let mut worker = Self { child, rest: Rest::new(&setup.listen) };
        worker.wait_until_ready(&setup.log(), pause)?;
        Ok(worker)
    }

    fn wait_until_ready(&mut self, log: &Path, pause: Duration) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if matches!(self.rest.get("/health"), Ok((200, _))) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait().context("look after the worker")? {
                bail!("the worker ended while it started ({status}); it said:\n{}", said(log));
            }
            if Instant::now() > deadline {
                bail!("the worker is not ready after 60 seconds; it said:\n{}", said(log));
            }
            thread::sleep(pause);
        }
    }

    /// Whether it is still there.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its largest resident set so far, in bytes, where the system tells.
    pub(crate) fn peak_rss(&self) -> Option<u64> {
        procfs::usage(self.id()).ok().map(|usage| usage.peak)
    }

    /// SIGKILL: it gets no chance to tidy up.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("kill the worker")?;
        self.child.wait().context("wait for the killed worker")?;
        Ok(())
    }

    /// SIGTERM, as a service manager would; it must end by itself with exit code 0.
    pub(crate) fn terminate(mut self) -> Result<()> {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("the worker has no process id")?;
        kill_process(pid, Signal::TERM).context("ask the worker to end")?;
        let status = self.child.wait().context("wait for the worker")?;
        if !status.success() {
            bail!("the worker ended with {status} after SIGTERM instead of exit code 0");
        }
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Nothing to do for one that has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The last lines of the worker's log.
pub(crate) fn said(log: &Path) -> String {
    process::tail(log, 20).unwrap_or_default()
}

/// `127.0.0.1:8083`, or another port where that one is taken.
pub(crate) fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:8083").or_else(|_| TcpListener::bind("127.0.0.1:0"));
    let address = listener.and_then(|listener| listener.local_addr()).context("find a free port")?;
    Ok(address.to_string())
}
