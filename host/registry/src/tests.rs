//! The registry over a real directory and a loader that reads plain text: `NAME VERSION ALIAS…` is a plugin.

mod installing;
mod trust;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::Barrier;
use wharf_core::Config;
use wharf_core::failure::{Death, DeathKind, InstanceError, Problem};
use wharf_core::plugin::{
    Catalog, Checked, Descriptor, Kind, LoadError, Loader, Plugin, PluginId, SinkTask, SourceTask, TaskSetup,
};

use crate::{Registry, RegistryError, RegistryOptions};

#[derive(Debug)]
struct Text {
    id: PluginId,
    descriptor: Descriptor,
}

fn gone() -> InstanceError {
    InstanceError::Died(Death { kind: DeathKind::Gone, message: "a plugin of plain text runs nothing".to_owned() })
}

#[async_trait]
impl Plugin for Text {
    fn id(&self) -> &PluginId {
        &self.id
    }

    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn validate(&self, _: &Config) -> Result<Vec<Checked>, InstanceError> {
        Err(gone())
    }

    async fn tasks(&self, _: &Config, _: u32) -> Result<Vec<Config>, InstanceError> {
        Err(gone())
    }

    fn check_capabilities(&self, _: &Config) -> Vec<Problem> {
        Vec::new()
    }

    async fn start_source(&self, _: TaskSetup) -> Result<Box<dyn SourceTask>, InstanceError> {
        Err(gone())
    }

    async fn start_sink(&self, _: TaskSetup) -> Result<Box<dyn SinkTask>, InstanceError> {
        Err(gone())
    }

    async fn destroyed(&self, _: TaskSetup) -> Result<(), InstanceError> {
        Err(gone())
    }
}

/// Counts what it is asked, and how much of it at a time.
#[derive(Debug, Default)]
struct TextLoader {
    loads: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    /// Where it is set, each load waits here for another.
    pairs: OnceLock<Barrier>,
}

#[async_trait]
impl Loader for TextLoader {
    async fn load(&self, wasm: Bytes) -> Result<Arc<dyn Plugin>, LoadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        if let Some(pairs) = self.pairs.get() {
            pairs.wait().await;
        }
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        let text = String::from_utf8_lossy(&wasm).into_owned();
        assert_ne!(text, "panic", "asked to");
        let mut words = text.split_whitespace().map(str::to_owned);
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            return Err(LoadError { code: "NOT_A_COMPONENT", message: format!("{text:?} is no plugin") });
        };
        let sha256 = crate::scan::sha256(&wasm);
        let id = PluginId { name: name.clone(), version: version.clone(), sha256 };
        let descriptor = Descriptor {
            name,
            version,
            kind: Kind::Source,
            summary: String::new(),
            documentation: String::new(),
            aliases: words.collect(),
            keys: Vec::new(),
        };
        Ok(Arc::new(Text { id, descriptor }))
    }
}

struct Bench {
    dir: TempDir,
    loader: Arc<TextLoader>,
    registry: Arc<Registry>,
}

impl Bench {
    fn new() -> Self {
        Self::with(RegistryOptions::default())
    }

    fn with(options: RegistryOptions) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let loader = Arc::new(TextLoader::default());
        let as_loader: Arc<dyn Loader> = Arc::clone(&loader) as _;
        let registry = Registry::open_with(dir.path().to_owned(), as_loader, options).expect("opened");
        Self { dir, loader, registry }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).expect("written");
    }

    /// Writes a file that was last changed so many seconds after 1970.
    fn write_at(&self, file: &str, text: &str, seconds: u64) {
        self.write(file, text);
        let file = fs::File::options().append(true).open(self.dir.path().join(file)).expect("opened");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("dated");
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.dir.path().join(file)).expect("removed");
    }

    fn list(&self) -> Vec<String> {
        self.registry.list().iter().map(|plugin| plugin.id().to_string()).collect()
    }

    fn broken(&self) -> Vec<(String, &'static str)> {
        let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
        self.registry.broken().iter().map(|(path, error)| (name(path), error.code)).collect()
    }

    fn find(&self, class: &str, version: Option<&str>) -> Option<String> {
        self.registry.find(class, version).map(|plugin| plugin.id().to_string())
    }

    fn loads(&self) -> usize {
        self.loader.loads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_missing_directory_is_created_and_empty() {
    let parent = tempfile::tempdir().expect("a directory");
    let dir = parent.path().join("some/plugins");
    let registry = Registry::open(dir.clone(), Arc::new(TextLoader::default())).expect("opened");
    registry.refresh().await;
    assert!(dir.is_dir() && registry.list().is_empty() && registry.broken().is_empty());
}

#[tokio::test]
async fn a_file_in_place_of_the_directory_is_an_error_that_says_what_to_do() {
    let parent = tempfile::tempdir().expect("a directory");
    let path = parent.path().join("file");
    fs::write(&path, "").expect("written");
    let error = Registry::open(path, Arc::new(TextLoader::default())).expect_err("refused");
    assert!(matches!(error, RegistryError::Directory { .. }));
    assert!(error.to_string().contains("--plugins-dir"), "{error}");
}

#[tokio::test]
async fn what_is_dropped_in_is_there_and_what_is_removed_is_gone() {
    let bench = Bench::new();
    bench.write("b.wasm", "beta 1.0.0");
    bench.write("notes.txt", "no plugin");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["beta@1.0.0"]);
    bench.write("a.wasm", "alpha 2.0.0");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["alpha@2.0.0", "beta@1.0.0"]);
    let running = bench.registry.find("beta", None).expect("there");
    bench.remove("b.wasm");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["alpha@2.0.0"]);
    assert_eq!(running.id().name, "beta");
}

#[tokio::test]
async fn a_broken_file_is_reported_and_hurts_nothing() {
    let bench = Bench::new();
    bench.write("bad.wasm", "broken");
    bench.write("good.wasm", "good 1.0.0");
    bench.write("terrible.wasm", "panic");
    bench.write("unversioned.wasm", "plugin first");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["good@1.0.0"]);
    let expected = [("bad.wasm", "NOT_A_COMPONENT"), ("terrible.wasm", "BROKEN"), ("unversioned.wasm", "BAD_VERSION")];
    assert_eq!(bench.broken(), expected.map(|(file, code)| (file.to_owned(), code)));
}

#[tokio::test]
async fn a_file_that_was_still_being_written_is_a_plugin_once_it_is_whole() {
    let bench = Bench::new();
    bench.write("a.wasm", "alp");
    bench.registry.refresh().await;
    assert_eq!(bench.broken(), [("a.wasm".to_owned(), "NOT_A_COMPONENT")]);
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    assert_eq!((bench.list(), bench.broken()), (vec!["alpha@1.0.0".to_owned()], vec![]));
}

#[tokio::test]
async fn a_change_that_keeps_the_size_is_noticed() {
    let bench = Bench::new();
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    bench.write("a.wasm", "alpha 1.0.1");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["alpha@1.0.1"]);
}

#[tokio::test]
async fn equal_bytes_are_not_loaded_again_when_a_file_is_touched_or_renamed() {
    let bench = Bench::new();
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    bench.registry.refresh().await;
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    fs::rename(bench.dir.path().join("a.wasm"), bench.dir.path().join("z.wasm")).expect("renamed");
    bench.registry.refresh().await;
    assert_eq!((bench.list(), bench.loads()), (vec!["alpha@1.0.0".to_owned()], 1));
}

#[tokio::test]
async fn a_file_that_is_left_alone_is_refused_once() {
    let bench = Bench::new();
    bench.write("a.wasm", "broken");
    for _ in 0..3 {
        bench.registry.refresh().await;
    }
    assert_eq!((bench.loads(), bench.broken().len()), (1, 1));
}

#[tokio::test]
async fn of_two_files_with_the_same_plugin_the_one_that_was_written_last_counts() {
    let bench = Bench::new();
    bench.write_at("b.wasm", "alpha 1.0.0 FromB", 100);
    bench.write_at("a.wasm", "alpha 1.0.0 FromA", 200);
    bench.registry.refresh().await;
    assert_eq!(bench.broken(), [("b.wasm".to_owned(), "DUPLICATE")]);
    assert!(bench.registry.broken()[0].1.message.contains("alpha@1.0.0 is in a.wasm too, which is newer"));
    assert!(bench.find("FromA", None).is_some() && bench.find("FromB", None).is_none());
    bench.remove("a.wasm");
    bench.registry.refresh().await;
    assert!(bench.broken().is_empty() && bench.find("FromB", None).is_some());
    bench.write_at("a.wasm", "alpha 1.0.0 FromA", 50);
    bench.registry.refresh().await;
    assert_eq!(bench.broken(), [("a.wasm".to_owned(), "DUPLICATE")]);
}

#[tokio::test]
async fn a_file_over_the_limit_is_not_even_loaded() {
    let bench = Bench::with(RegistryOptions { max_file_bytes: 12, ..RegistryOptions::default() });
    bench.write("a.wasm", "alpha 1.0.0 and more");
    bench.registry.refresh().await;
    assert_eq!((bench.broken(), bench.loads()), (vec![("a.wasm".to_owned(), "TOO_LARGE")], 0));
    assert!(bench.registry.broken()[0].1.message.contains("20 bytes"));
}

#[tokio::test]
async fn no_more_than_two_files_are_loaded_at_a_time() {
    let bench = Bench::new();
    bench.loader.pairs.set(Barrier::new(2)).expect("set once");
    for at in 0..8 {
        bench.write(&format!("p{at}.wasm"), &format!("p{at} 1.0.0"));
    }
    // Ends only if two loads do run side by side.
    tokio::time::timeout(Duration::from_secs(30), bench.registry.refresh()).await.expect("loaded in pairs");
    assert_eq!((bench.list().len(), bench.loader.most_at_once.load(Ordering::SeqCst)), (8, 2));
}

#[tokio::test]
async fn the_highest_version_is_found_unless_another_is_asked_for() {
    let bench = Bench::new();
    for version in ["1.9.0", "1.10.0", "2.0.0-rc.1"] {
        bench.write(&format!("alpha-{version}.wasm"), &format!("alpha {version} AlphaSource"));
    }
    bench.registry.refresh().await;
    let found = |version: &str| Some(format!("alpha@{version}"));
    assert_eq!(bench.find("AlphaSourceConnector", None), found("2.0.0-rc.1"));
    assert_eq!(bench.find("alpha", Some("1.9.0")), found("1.9.0"));
    assert_eq!(bench.find("org.acme.AlphaSource", Some("[1.0,2.0-0)")), found("1.10.0"));
    assert_eq!(bench.find("alpha", Some("[3.0,)")), None);
    assert_eq!(bench.find("alpha", Some("newest")), None);
    assert_eq!(bench.registry.versions("AlphaSource"), ["1.9.0", "1.10.0", "2.0.0-rc.1"]);
}

#[tokio::test]
async fn a_name_to_the_letter_wins_over_a_likeness_with_a_higher_version() {
    let bench = Bench::new();
    bench.write("a.wasm", "mine 1.0.0 com.acme.FileSourceConnector");
    bench.write("b.wasm", "theirs 9.0.0 org.other.FileSourceConnector");
    bench.registry.refresh().await;
    assert_eq!(bench.find("com.acme.FileSourceConnector", None).as_deref(), Some("mine@1.0.0"));
    assert_eq!(bench.find("FileSource", None).as_deref(), Some("theirs@9.0.0"));
}

#[tokio::test]
async fn an_unknown_class_is_told_the_nearest() {
    let bench = Bench::new();
    bench.write("a.wasm", "file-source 1.0.0 FileStreamSource");
    bench.registry.refresh().await;
    assert_eq!(bench.registry.nearest("file-sourse").as_deref(), Some("file-source"));
    assert_eq!(bench.registry.nearest("something-else"), None);
}

#[tokio::test]
async fn the_plugins_of_a_directory_that_is_removed_are_gone_and_come_back_with_it() {
    let bench = Bench::new();
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    fs::remove_dir_all(bench.dir.path()).expect("removed");
    bench.registry.refresh().await;
    assert!(bench.list().is_empty());
    fs::create_dir(bench.dir.path()).expect("made");
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["alpha@1.0.0"]);
}

#[tokio::test]
async fn a_watch_sees_what_is_dropped_in_until_it_is_dropped() {
    let bench = Bench::new();
    let watch = bench.registry.watch(Duration::from_millis(1));
    bench.write("a.wasm", "alpha 1.0.0");
    let seen = async {
        while bench.list().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen).await.expect("seen in the end");
    drop(watch);
    let over = async {
        while Arc::strong_count(&bench.registry) > 1 || Arc::weak_count(&bench.registry) > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), over).await.expect("the watch lets go of the registry");
}
