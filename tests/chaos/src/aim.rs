//! Kills at named points, and what is left then.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_integration::{Binary, Setup, Worker, read, wait_until};

use crate::verdict::{self, reached};
use crate::{Feeder, assert_killed};

/// How a worker comes to a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Lines move, over many small segments and frequent commits.
    Flow,
    /// Two connectors are created, and their topic with them.
    Create,
    /// A plugin is dropped into the plugins directory.
    Install,
    /// It opens a log whose last frame is torn.
    Repair,
    /// An operator alters the offsets of a source that is stopped.
    Alter,
}

/// A kill at a point.
#[derive(Debug, Clone, Copy)]
pub struct Aim {
    /// Its name in [`wharf_faults::POINTS`].
    pub point: &'static str,
    /// How often the worker passes it before.
    pub after: u32,
    /// How it comes there.
    pub scene: Scene,
}

const fn aim(point: &'static str, after: u32, scene: Scene) -> Aim {
    Aim { point, after, scene }
}

/// At least one for each point; two where the first time differs from a later one.
pub const AIMS: &[Aim] = &[
    aim("log.write", 0, Scene::Create),
    aim("log.write", 20, Scene::Flow),
    aim("log.sync", 0, Scene::Create),
    aim("log.sync", 20, Scene::Flow),
    aim("log.publish", 20, Scene::Flow),
    aim("log.roll", 2, Scene::Flow),
    aim("log.roll.finished", 2, Scene::Flow),
    aim("log.roll.created", 0, Scene::Create),
    aim("log.roll.created", 2, Scene::Flow),
    aim("log.roll.begun", 2, Scene::Flow),
    aim("log.index", 3, Scene::Flow),
    aim("log.replace", 0, Scene::Create),
    aim("log.replace", 2, Scene::Flow),
    aim("log.topic", 0, Scene::Create),
    aim("log.recover", 0, Scene::Repair),
    aim("log.read", 10, Scene::Flow),
    aim("group.write", 0, Scene::Create),
    aim("group.write", 5, Scene::Flow),
    aim("group.sync", 0, Scene::Create),
    aim("group.sync", 5, Scene::Flow),
    aim("store.change", 0, Scene::Create),
    aim("store.change", 3, Scene::Flow),
    aim("store.sync", 1, Scene::Create),
    aim("store.sync", 3, Scene::Flow),
    aim("store.mark", 0, Scene::Create),
    aim("store.mark", 0, Scene::Flow),
    aim("source.sent", 5, Scene::Flow),
    aim("source.acknowledged", 5, Scene::Flow),
    aim("source.stored", 2, Scene::Flow),
    aim("source.commit", 5, Scene::Flow),
    aim("source.committed", 5, Scene::Flow),
    aim("sink.put", 5, Scene::Flow),
    aim("sink.flush", 3, Scene::Flow),
    aim("sink.flushed", 3, Scene::Flow),
    aim("sink.committed", 3, Scene::Flow),
    aim("offsets.queue", 0, Scene::Alter),
    aim("offsets.stored", 0, Scene::Alter),
    aim("log.sync", 0, Scene::Alter),
    aim("connector.stored", 0, Scene::Create),
    aim("connector.stored", 1, Scene::Create),
    aim("plugin.read", 0, Scene::Install),
    aim("plugin.compiled", 0, Scene::Install),
    aim("cache.write", 0, Scene::Install),
    aim("cache.write", 0, Scene::Create),
    aim("cache.rename", 0, Scene::Install),
];

/// The smallest segments, so that they roll often, and frequent commits.
const CONFIG: &str = "[log]\nsegment-bytes = 1048576\n[tasks]\nflush-interval-ms = 20\n";
/// Lines that move before the worker is to die, and at least so many after.
const LINES: u64 = 2000;
/// More than a worker needs to come to any point.
const ENOUGH: u64 = 5_000_000;

impl Aim {
    /// Kills a worker there, starts it again, and checks that all goes on and nothing is lost. Fails the test otherwise.
    #[track_caller]
    pub fn hit(&self) {
        match self.scene {
            Scene::Flow => self.flow(),
            Scene::Create => self.create(),
            Scene::Install => self.install(),
            Scene::Repair => self.repair(),
            Scene::Alter => self.alter(),
        }
    }

    fn failpoints(&self) -> String {
        format!("{}={}*off->kill", self.point, self.after)
    }

    fn setup(&self) -> Setup {
        Setup::new().binary(Binary::Chaos).config(CONFIG)
    }

    fn flow(&self) {
        let mut worker = self.setup().start();
        let line = Line::new(&worker);
        worker.wait_until("there is a file to read", || line.input.exists());
        line.create(&worker);
        line.wait_for(&worker, LINES);
        assert!(worker.terminate().success());

        line.feeder.allow(ENOUGH);
        self.die(&mut worker);
        line.go_on(worker);
    }

    fn create(&self) {
        let mut worker = self.setup().env("FAILPOINTS", &self.failpoints()).prepare();
        worker.launch();
        let line = Line::new(&worker);
        wait_until("there is a file to read", || line.input.exists());
        line.feeder.allow(LINES);
        // It may die while it starts, while it answers, or after.
        let mut confirmed = Vec::new();
        let ended = worker.wait_until_ready();
        if ended.is_none() {
            for (name, config) in line.connectors() {
                let body = json!({"name": name, "config": config}).to_string();
                let answer = worker.rest().try_send("POST", "/connectors", Some(body.as_bytes()));
                confirmed.extend(answer.is_ok_and(|answer| answer.status == 201).then_some(name));
            }
            line.feeder.allow(ENOUGH);
        }
        assert_killed(ended.unwrap_or_else(|| worker.wait_for_end()));

        worker.unset_env("FAILPOINTS");
        worker.start_again();
        for (name, config) in line.connectors() {
            let status = worker.rest().get(&format!("/connectors/{name}")).status;
            let stored = status == 200;
            assert!(stored || !confirmed.contains(&name), "{name} was confirmed, and is not there: {status}");
            if !stored {
                worker.create(name, config);
            }
        }
        line.go_on_running(worker);
    }

    fn install(&self) {
        let mut worker = Setup::bare().binary(Binary::Chaos).config(CONFIG).prepare();
        worker.set_env("FAILPOINTS", &self.failpoints());
        worker.start_again();
        worker.install("file-source");
        assert_killed(worker.wait_for_end());

        worker.unset_env("FAILPOINTS");
        worker.start_again();
        worker.install("file-sink");
        worker.wait_until("both plugins are there", || {
            let plugins = worker.rest().get("/plugins").json;
            plugins.get("plugins").and_then(Value::as_array).is_some_and(|plugins| plugins.len() == 2)
        });
        assert_eq!(leftovers(&worker.data_dir().join("cache")), Vec::<PathBuf>::new(), "left of the compiled plugin");
        let line = Line::new(&worker);
        worker.wait_until("there is a file to read", || line.input.exists());
        line.create(&worker);
        line.go_on_running(worker);
    }

    fn repair(&self) {
        let mut worker = self.setup().start();
        let line = Line::new(&worker);
        worker.wait_until("there is a file to read", || line.input.exists());
        line.create(&worker);
        line.wait_for(&worker, LINES);
        worker.kill();
        tear(&worker.data_dir().join("log/topics/lines/0"));
        self.die(&mut worker);
        line.go_on(worker);
    }

    fn alter(&self) {
        let mut worker = self.setup().start();
        let (input, other, output) = (worker.path("in.txt"), worker.path("other.txt"), worker.path("out.txt"));
        wharf_integration::write(&input, "one\ntwo\nthree\n");
        worker.create_source("from", &input, "lines");
        let at =
            |path: &Path, position: u64| json!({"partition": {"filename": path}, "offset": {"position": position}});
        let (old, new) = (json!([at(&input, 14), at(&other, 2)]), json!([at(&input, 4)]));
        worker.wait_until("all lines are read", || offsets(&worker) == json!([at(&input, 14)]));
        worker.rest().put_empty("/connectors/from/stop").expect(204);
        alter(&worker, &json!([at(&other, 2)])).unwrap_or_else(|error| panic!("the worker is gone: {error}"));
        assert_eq!(offsets(&worker), old);
        assert!(worker.terminate().success());

        worker.set_env("FAILPOINTS", &self.failpoints());
        worker.start_again();
        let heard = alter(&worker, &json!([at(&input, 4), {"partition": {"filename": other}, "offset": null}]));
        assert!(heard.is_err(), "it was to die before it answers: {heard:?}");
        assert_killed(worker.wait_for_end());
        worker.unset_env("FAILPOINTS");
        worker.start_again();

        let now = offsets(&worker);
        assert!(now == old || now == new, "neither the old offsets nor the new: {now}");
        assert!(now == new || !self.point.starts_with("offsets."), "what the queue has taken does not hold: {now}");
        worker.create_sink("to", &output, "lines");
        worker.rest().put_empty("/connectors/from/resume").expect(202);
        wharf_integration::append(&input, "four\n");
        let again = if now == new { "two\nthree\n" } else { "" };
        worker.wait_for_text(&output, format!("one\ntwo\nthree\n{again}four\n"));
        assert!(worker.terminate().success());
        assert_eq!(leftovers(&worker.data_dir().join("log")), Vec::<PathBuf>::new(), "left in the log");
    }

    fn die(&self, worker: &mut Worker) {
        worker.set_env("FAILPOINTS", &self.failpoints());
        worker.launch();
        assert_killed(worker.wait_for_end());
        worker.unset_env("FAILPOINTS");
    }
}

/// Lines from a file through the log into a file.
struct Line {
    input: PathBuf,
    output: PathBuf,
    feeder: Feeder,
}

impl Line {
    fn new(worker: &Worker) -> Self {
        let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
        let feeder = Feeder::start(&input);
        Self { input, output, feeder }
    }

    fn connectors(&self) -> [(&'static str, Value); 2] {
        [
            ("from", json!({"connector.class": "file-source", "file": self.input, "topic": "lines"})),
            ("to", json!({"connector.class": "file-sink", "file": self.output, "topics": "lines"})),
        ]
    }

    fn create(&self, worker: &Worker) {
        self.connectors().into_iter().for_each(|(name, config)| worker.create(name, config));
    }

    fn wait_for(&self, worker: &Worker, count: u64) {
        self.feeder.allow(count);
        worker.wait_until("lines arrive", || reached(&self.output) >= count);
    }

    /// Starts the worker again, without anything to kill it.
    fn go_on(self, mut worker: Worker) {
        worker.start_again();
        self.go_on_running(worker);
    }

    /// New lines arrive behind the old ones, and everything is as it must be.
    fn go_on_running(self, mut worker: Worker) {
        let goal = self.feeder.written() + LINES;
        self.feeder.allow(goal);
        worker.wait_until("new lines are written", || self.feeder.written() >= goal);
        let (output, count) = (self.output, self.feeder.stop());
        worker.wait_until("the last line has arrived", || reached(&output) == count);
        assert!(worker.terminate().success());
        let again = verdict::of_lines(&worker.topic("lines"), &read(&output), count, 1);
        assert!(again.is_ok(), "{again:?}");
        assert_eq!(leftovers(&worker.data_dir().join("log")), Vec::<PathBuf>::new(), "left in the log");
    }
}

/// What the worker says of the source `from`, by file.
fn offsets(worker: &Worker) -> Value {
    worker.rest().get("/connectors/from/offsets").expect(200).json.get("offsets").cloned().unwrap_or_default()
}

/// An error where the worker does not answer.
fn alter(worker: &Worker, offsets: &Value) -> Result<(), String> {
    let body = json!({ "offsets": offsets }).to_string();
    let answer = worker.rest().try_send("PATCH", "/connectors/from/offsets", Some(body.as_bytes()));
    answer.map(|answer| drop(answer.expect(200))).map_err(|error| error.to_string())
}

/// Adds half a frame to the newest segment of a partition: the beginning of the one before.
fn tear(partition: &Path) {
    let segments = files(partition).into_iter().filter(|path| path.extension().is_some_and(|it| it == "log"));
    let Some(newest) = segments.filter(|path| !read(path).is_empty()).max() else {
        panic!("there is no segment in {}", partition.display())
    };
    let half = read(&newest).get(..100).map(<[u8]>::to_vec).unwrap_or_default();
    let file = OpenOptions::new().append(true).open(&newest);
    let torn = file.and_then(|mut file| file.write_all(&half));
    torn.unwrap_or_else(|error| panic!("tear {}: {error}", newest.display()));
}

/// Files that were written aside and never came into their place.
fn leftovers(dir: &Path) -> Vec<PathBuf> {
    files(dir).into_iter().filter(|path| path.extension().is_some_and(|it| it == "tmp")).collect()
}

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).map(|entries| entries.flatten().collect::<Vec<_>>());
    for path in entries.unwrap_or_default().into_iter().map(|entry| entry.path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}
