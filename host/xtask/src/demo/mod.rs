//! `cargo xtask demo`: a real text goes through a source, the log and a sink, and survives `kill -9`.

mod input;
mod progress;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::worker::{Setup, Worker, free_address, said};
use crate::workspace::Workspace;
use crate::{guests, process};

use self::input::Input;
use self::progress::{Progress, mb};

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) path: Option<PathBuf>,
    pub(crate) size_mb: u64,
    pub(crate) keep: bool,
}

/// Longer than any machine needs for the next line to arrive.
const STUCK: Duration = Duration::from_secs(60);

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    println!("Building the plugins");
    guests::plugins(workspace)?;
    println!("Building wharf");
    let mut cargo = process::cargo(&workspace.root);
    process::run(cargo.args(["build", "--release", "-p", "wharf"]))?;

    let dir = workspace.target.join("demo");
    clear(&dir)?;
    let done = play(workspace, options, &dir);
    match (&done, options.keep) {
        (Ok(()), false) => clear(&dir)?,
        (Ok(()), true) => println!("\nAll files are kept in {}", dir.display()),
        (Err(_), _) => println!("\nAll files are kept in {}; worker.log is what the worker said", dir.display()),
    }
    done
}

fn play(workspace: &Workspace, options: &Options, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let size = input::affordable(dir, options.size_mb)?;
    let text = match &options.path {
        Some(path) => path.canonicalize().with_context(|| format!("find {}", path.display()))?,
        None => input::find_text(workspace)?,
    };
    println!("Taking {}, repeated to {} MB", text.display(), mb(size));
    let input = input::write(&text, &dir.join("in.txt"), size)?;
    println!("  {} lines, {} bytes", input.lines, input.bytes);

    let setup =
        Setup { binary: workspace.binary(), plugins: workspace.dist(), dir: dir.to_owned(), listen: free_address()? };
    let output = dir.join("out.txt");
    let moved = transfer(&setup, &input, &output)?;

    println!("Checking the log against the file");
    verify::log(&setup, &input)?;
    println!("  it holds each of the {} lines exactly once, in order", input.lines);
    println!("Checking the sink's file against the file");
    let again = verify::sink(&input, &output)?;
    println!("  it holds each line at least once, in order; {again} bytes came twice because of the kill");
    report(workspace, &input, &moved);
    Ok(())
}

/// What the transfer took.
#[derive(Debug)]
struct Moved {
    seconds: f64,
    /// In bytes; of the hungrier of the two workers.
    peak_rss: Option<u64>,
}

/// Moves the input to `output`, with a kill half way.
fn transfer(setup: &Setup, input: &Input, output: &Path) -> Result<Moved> {
    println!("Starting a worker on {}", setup.listen);
    let mut worker = Worker::start(setup)?;
    let begun = Instant::now();
    worker.rest.create(&json!({"name": "demo-source", "config": {
        "connector.class": "file-source", "tasks.max": "1", "file": input.path, "topic": "demo"}}))?;
    worker.rest.create(&json!({"name": "demo-sink", "config": {
        "connector.class": "file-sink", "tasks.max": "1", "file": output, "topics": "demo"}}))?;

    let mut progress = Progress::new(input);
    let mut killed = false;
    let mut peak_rss = None;
    let mut last = (0, Instant::now());
    loop {
        thread::sleep(Duration::from_millis(20));
        let arrived = fs::metadata(output).map_or(0, |file| file.len());
        peak_rss = worker.peak_rss().max(peak_rss);
        progress.show(arrived);
        if arrived >= input.bytes && input::ends_alike(&input.path, output)? {
            break;
        }
        if !worker.is_running() {
            bail!("the worker ended by itself; it said:\n{}", said(&setup.log()));
        }
        if arrived >= input.bytes / 2 && !killed {
            killed = true;
            progress.say(&format!("kill -9 at {} MB, and a new worker on the same files", mb(arrived)));
            worker.kill()?;
            worker = Worker::start(setup)?;
        }
        if arrived != last.0 {
            last = (arrived, Instant::now());
        } else if last.1.elapsed() > STUCK {
            let (_, status) = worker.rest.get("/connectors?expand=status")?;
            bail!("nothing has arrived for {} seconds; the connectors say:\n{status:#}", STUCK.as_secs());
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    progress.end();
    worker.terminate()?;
    Ok(Moved { seconds, peak_rss })
}

fn report(workspace: &Workspace, input: &Input, moved: &Moved) {
    let rate = input.lines as f64 / moved.seconds;
    let bytes = input.bytes as f64 / 1e6 / moved.seconds;
    println!("\nfile -> file-source (wasm) -> log -> file-sink (wasm) -> file, killed once on the way:");
    println!("  {} lines, {} bytes in {:.1} s", input.lines, input.bytes, moved.seconds);
    println!("  {:.2} million records/s, {bytes:.0} MB/s", rate / 1e6);
    if let Some(peak) = moved.peak_rss {
        println!("  at most {:.0} MB of memory in the worker", peak as f64 / 1e6);
    }
    let wharf = workspace.binary();
    let wharf = wharf.strip_prefix(&workspace.root).unwrap_or(&wharf).display();
    println!("\nTry next, in one terminal:");
    println!("  {wharf} run --plugins-dir plugins/dist");
    println!("and in another:");
    println!("  {wharf} connector create lines connector.class=file-source file=$PWD/README.md topic=lines");
    println!("  {wharf} connector status lines");
    println!("  {wharf} topic read lines --limit 5");
    println!("  curl -s 'localhost:8083/connectors?expand=status'");
    println!("  cargo xtask test");
}

fn clear(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}
