//! Installing, approving, removing and checking.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::Mutex;

use wharf_core::audit::{AuditEvent, Auditor};
use wharf_core::plugin::{Finding, InstallRequest, InstallSource, Installed, PluginRegistry as _, PluginUse, Severity};

use super::*;
use crate::{Fetch, FetchError, Policy};

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<AuditEvent>>);

impl Auditor for Heard {
    fn record(&self, event: AuditEvent) {
        self.0.lock().unwrap().push(event);
    }
}

/// Serves what it holds.
#[derive(Debug, Default)]
struct Shelf(BTreeMap<String, &'static str>);

#[async_trait]
impl Fetch for Shelf {
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Bytes, FetchError> {
        let found = self.0.get(url).ok_or(FetchError::NotFound)?;
        if found.len() as u64 > max_bytes {
            return Err(FetchError::TooLarge(max_bytes));
        }
        Ok(Bytes::from_static(found.as_bytes()))
    }
}

pub(super) fn upload(text: &str) -> InstallRequest {
    let source = InstallSource::Bytes(Bytes::from(text.to_owned()));
    InstallRequest { source, sha256: None, signature: None, replace: false }
}

pub(super) async fn install(bench: &Bench, request: InstallRequest) -> Result<Installed, &'static str> {
    bench.registry.install(request).await.map_err(|refusal| refusal.code)
}

fn files(bench: &Bench) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(bench.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn codes(findings: &[Finding]) -> Vec<(Severity, &str)> {
    findings.iter().map(|finding| (finding.severity, finding.code.as_str())).collect()
}

fn kept() -> (TempDir, RegistryOptions) {
    let dir = tempfile::tempdir().unwrap();
    let options = RegistryOptions { records_dir: Some(dir.path().join("records")), ..RegistryOptions::default() };
    (dir, options)
}

#[tokio::test]
async fn what_is_installed_is_there_under_its_name_and_version_and_approved() {
    let heard = Arc::new(Heard::default());
    let audit: Arc<dyn Auditor> = Arc::clone(&heard) as _;
    let bench = Bench::with(RegistryOptions { audit, ..RegistryOptions::default() });
    let installed = install(&bench, upload("alpha 1.0.0")).await.unwrap();
    assert_eq!(
        (installed.file.as_str(), installed.origin.as_str(), installed.size),
        ("alpha-1.0.0.wasm", "upload", 11)
    );
    assert!(installed.approved_at.is_some() && installed.refused.is_none());
    assert_eq!((bench.list(), files(&bench)), (vec!["alpha@1.0.0".to_owned()], vec!["alpha-1.0.0.wasm".to_owned()]));
    install(&bench, upload("alpha 2.0.0")).await.unwrap();
    assert_eq!(bench.list(), ["alpha@1.0.0", "alpha@2.0.0"]);
    assert_eq!(install(&bench, upload("broken")).await, Err("NOT_A_COMPONENT"));
    let told: Vec<_> = heard.0.lock().unwrap().iter().map(|event| (event.code.clone(), event.plugin.clone())).collect();
    let expected = [("plugin.installed", "alpha@1.0.0"), ("plugin.installed", "alpha@2.0.0"), ("plugin.refused", "")];
    assert_eq!(told, expected.map(|(code, plugin)| (code.to_owned(), plugin.to_owned())));
}

#[tokio::test]
async fn the_same_bytes_twice_are_no_error_and_other_bytes_need_to_be_asked_for() {
    let bench = Bench::new();
    let first = install(&bench, upload("alpha 1.0.0 One")).await.unwrap();
    assert_eq!(install(&bench, upload("alpha 1.0.0 One")).await.unwrap().sha256, first.sha256);
    assert_eq!(install(&bench, upload("alpha 1.0.0 Two")).await, Err("EXISTS"));
    let running = bench.registry.find("alpha", None).unwrap();
    install(&bench, InstallRequest { replace: true, ..upload("alpha 1.0.0 Two") }).await.unwrap();
    assert!(bench.find("Two", None).is_some() && bench.find("One", None).is_none());
    assert_eq!(running.descriptor().aliases, ["One"], "who holds the first bytes keeps them");
    assert_eq!(files(&bench), ["alpha-1.0.0.wasm"]);
}

#[tokio::test]
async fn replacing_removes_a_file_of_another_name_and_takes_no_other_plugins_file() {
    let bench = Bench::new();
    bench.write("dropped.wasm", "alpha 1.0.0 One");
    bench.write("beta-1.0.0.wasm", "gamma 1.0.0");
    assert_eq!(install(&bench, upload("alpha 1.0.0 Two")).await, Err("EXISTS"));
    install(&bench, InstallRequest { replace: true, ..upload("alpha 1.0.0 Two") }).await.unwrap();
    assert_eq!(files(&bench), ["alpha-1.0.0.wasm", "beta-1.0.0.wasm"]);
    assert_eq!(install(&bench, upload("beta 1.0.0")).await, Err("EXISTS"));
    assert!(bench.find("gamma", None).is_some());
}

#[tokio::test]
async fn bytes_that_are_not_those_that_were_asked_for_are_corrupt() {
    let bench = Bench::new();
    let sha256 = crate::scan::sha256(b"alpha 1.0.0");
    let asked = |sha256: &str| InstallRequest { sha256: Some(sha256.to_owned()), ..upload("alpha 1.0.0") };
    assert_eq!(install(&bench, asked(&"0".repeat(64))).await, Err("CORRUPT"));
    assert_eq!(install(&bench, asked("abc")).await, Err("BAD_DIGEST"));
    assert!(install(&bench, asked(&sha256.to_uppercase())).await.is_ok());
    assert_eq!(bench.loads(), 2, "the refused ones were not even loaded");
}

#[tokio::test]
async fn names_that_would_lead_elsewhere_and_files_that_are_too_large_are_refused() {
    let bench = Bench::with(RegistryOptions { max_file_bytes: 100, ..RegistryOptions::default() });
    for name in ["../evil", "a/b", "..", "-x", "UPPER", "a\u{7}b", "ä", &"x".repeat(65)] {
        assert_eq!(install(&bench, upload(&format!("{name} 1.0.0"))).await, Err("BAD_NAME"), "{name}");
    }
    for version in ["1.0.0/../../x", "new", "1.0.0\u{0}"] {
        assert_eq!(install(&bench, upload(&format!("alpha {version}"))).await, Err("BAD_VERSION"), "{version}");
    }
    assert_eq!(install(&bench, upload(&format!("alpha 1.0.0 {}", "x".repeat(100)))).await, Err("TOO_LARGE"));
    assert!(files(&bench).is_empty());
}

#[tokio::test]
async fn a_link_in_the_plugins_directory_is_replaced_and_its_target_left_alone() {
    let (bench, other) = (Bench::new(), tempfile::tempdir().unwrap());
    let victim = other.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, bench.dir.path().join("alpha-1.0.0.wasm")).unwrap();
    assert_eq!(install(&bench, upload("alpha 1.0.0")).await, Err("EXISTS"));
    install(&bench, InstallRequest { replace: true, ..upload("alpha 1.0.0") }).await.unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    symlink(&victim, bench.dir.path().join("beta-1.0.0.wasm")).unwrap();
    bench.registry.uninstall("alpha", "1.0.0", vec![], false).await.unwrap();
    assert!(victim.exists());
}

#[tokio::test]
async fn a_url_is_fetched_with_its_signature_within_the_limit() {
    let shelf = Shelf(BTreeMap::from([
        ("https://a.example/alpha.wasm?x=1".to_owned(), "alpha 1.0.0"),
        ("https://a.example/beta.wasm".to_owned(), "beta 1.0.0"),
        ("https://a.example/beta.wasm.minisig".to_owned(), "no signature"),
        ("https://a.example/huge.wasm".to_owned(), "huge 1.0.0 with much more than there may be"),
    ]));
    let policy = Policy { allowed_hosts: Some(vec!["a.example".to_owned()]), ..Policy::default() };
    let fetch: Option<Arc<dyn Fetch>> = Some(Arc::new(shelf));
    let bench = Bench::with(RegistryOptions { max_file_bytes: 20, policy, fetch, ..RegistryOptions::default() });
    let url = |url: &str| InstallRequest { source: InstallSource::Url(url.to_owned()), ..upload("") };
    let installed = install(&bench, url("https://a.example/alpha.wasm?x=1")).await.unwrap();
    assert_eq!(installed.origin, "https://a.example/alpha.wasm?x=1");
    for (text, code) in [
        ("https://a.example/beta.wasm", "BAD_SIGNATURE"),
        ("https://a.example/huge.wasm", "TOO_LARGE"),
        ("https://a.example/none.wasm", "DOWNLOAD_FAILED"),
        ("https://b.example/alpha.wasm", "HOST_DENIED"),
        ("http://a.example/alpha.wasm", "BAD_URL"),
    ] {
        assert_eq!(install(&bench, url(text)).await, Err(code), "{text}");
    }
}

#[tokio::test]
async fn what_is_in_use_is_removed_only_by_force_and_the_users_are_named() {
    let (_dir, options) = kept();
    let bench = Bench::with(options.clone());
    install(&bench, upload("alpha 1.0.0")).await.unwrap();
    let used = vec!["orders".to_owned(), "bills".to_owned()];
    let refusal = bench.registry.uninstall("alpha", "1.0.0", used.clone(), false).await.unwrap_err();
    assert_eq!(refusal.code, "IN_USE");
    assert!(refusal.message.contains("orders, bills") && refusal.message.contains("--force"), "{refusal}");
    let gone = bench.registry.uninstall("alpha", "1.0.0", used.clone(), true).await.unwrap();
    assert_eq!((gone.files, gone.used_by), (vec!["alpha-1.0.0.wasm".to_owned()], used));
    assert!(bench.list().is_empty() && files(&bench).is_empty());
    assert_eq!(fs::read_dir(options.records_dir.unwrap()).unwrap().count(), 0);
    let again = bench.registry.uninstall("alpha", "1.0.0", vec![], false).await.unwrap_err();
    assert_eq!(again.code, "NOT_FOUND");
}

#[tokio::test]
async fn a_file_that_waits_for_approval_is_listed_and_not_run() {
    let (_dir, options) = kept();
    let policy = Policy { require_approval: true, ..Policy::default() };
    let options = RegistryOptions { policy, ..options };
    let bench = Bench::with(options.clone());
    bench.write("a.wasm", "alpha 1.0.0 One");
    bench.registry.refresh().await;
    assert_eq!((bench.list(), bench.broken()), (vec![], vec![("a.wasm".to_owned(), "NOT_APPROVED")]));
    let refused = bench.registry.refused("alpha").unwrap();
    assert!(refused.message.contains("wharf plugin approve alpha@1.0.0"), "{refused}");
    let other = "0".repeat(64);
    assert_eq!(bench.registry.approve("alpha", "1.0.0", Some(&other)).await.unwrap_err().code, "CORRUPT");
    assert_eq!(bench.registry.approve("alpha", "1.0.1", None).await.unwrap_err().code, "NOT_FOUND");
    bench.registry.approve("alpha", "1.0.0", None).await.unwrap();
    assert_eq!(bench.list(), ["alpha@1.0.0"]);
    // An approval outlives the process, and is of bytes: the same file with others waits again.
    let again = Registry::open_with(bench.dir.path().to_owned(), bench.loader.clone(), options).unwrap();
    again.refresh().await;
    assert_eq!(again.list().len(), 1);
    bench.write("a.wasm", "alpha 1.0.0 Two");
    again.refresh().await;
    assert_eq!((again.list().len(), again.broken()[0].1.code), (0, "NOT_APPROVED"));
}

#[tokio::test]
async fn once_approved_other_bytes_of_a_version_wait_even_where_files_may_be_dropped_in() {
    let bench = Bench::new();
    install(&bench, upload("alpha 1.0.0 One")).await.unwrap();
    bench.write("alpha-1.0.0.wasm", "alpha 1.0.0 Evil");
    bench.write("beta.wasm", "beta 1.0.0");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["beta@1.0.0"]);
    assert_eq!(bench.broken(), [("alpha-1.0.0.wasm".to_owned(), "NOT_APPROVED")]);
    assert_eq!(codes(&bench.registry.verify().await), [(Severity::Error, "CORRUPT")]);
    bench.registry.approve("alpha", "1.0.0", None).await.unwrap();
    assert!(bench.find("Evil", None).is_some() && bench.registry.verify().await.is_empty());
}

#[tokio::test]
async fn verify_finds_bytes_that_changed_although_the_files_times_did_not() {
    let bench = Bench::new();
    install(&bench, upload("alpha 1.0.0")).await.unwrap();
    assert!(bench.registry.verify().await.is_empty());
    let path = bench.dir.path().join("alpha-1.0.0.wasm");
    // What a disk that forgets does: other bytes, and nobody wrote. The registry's memory is changed instead.
    for known in bench.registry.files.lock().await.known.values_mut() {
        known.pretend_settled("0".repeat(64));
    }
    let findings = bench.registry.verify().await;
    assert_eq!(codes(&findings), [(Severity::Error, "CORRUPT")], "{findings:?}");
    fs::remove_file(path).unwrap();
    let findings = bench.registry.verify().await;
    assert_eq!(codes(&findings), [(Severity::Error, "MISSING")], "{findings:?}");
}

#[tokio::test]
async fn a_damaged_record_stops_its_plugin_until_it_is_approved_again() {
    let (_dir, options) = kept();
    let bench = Bench::with(options.clone());
    let sha256 = install(&bench, upload("alpha 1.0.0")).await.unwrap().sha256;
    fs::write(options.records_dir.clone().unwrap().join(format!("{sha256}.json")), "{").unwrap();
    let again = Registry::open_with(bench.dir.path().to_owned(), bench.loader.clone(), options).unwrap();
    again.refresh().await;
    assert_eq!((again.list().len(), again.broken()[0].1.code), (0, "RECORD_DAMAGED"));
    assert!(again.audit(&[]).await.iter().any(|finding| finding.code == "RECORD_DAMAGED"));
    again.approve("alpha", "1.0.0", None).await.unwrap();
    assert!(again.list().len() == 1 && again.audit(&[]).await.is_empty());
}

#[tokio::test]
async fn dropped_in_files_are_recorded_and_forgotten_when_they_go() {
    let (_dir, options) = kept();
    let bench = Bench::with(options.clone());
    let records = || fs::read_dir(options.records_dir.clone().unwrap()).unwrap().count();
    bench.write("a.wasm", "alpha 1.0.0 One");
    bench.registry.refresh().await;
    assert_eq!((records(), bench.registry.installed()[0].origin.as_str()), (1, "drop-in"));
    bench.write("a.wasm", "alpha 1.0.0 Two");
    bench.registry.refresh().await;
    assert_eq!(records(), 1, "the first build is forgotten");
    bench.remove("a.wasm");
    bench.registry.refresh().await;
    assert_eq!(records(), 0);
}

#[tokio::test]
async fn an_audit_tells_connectors_that_run_bytes_which_are_gone_or_changed() {
    let bench = Bench::new();
    bench.write("a.wasm", "alpha 1.0.0 One");
    bench.write("b.wasm", "beta 1.0.0");
    bench.registry.refresh().await;
    let uses: Vec<PluginUse> = bench
        .registry
        .list()
        .iter()
        .flat_map(|plugin| {
            ["one", "two"].map(|name| PluginUse { connector: name.to_owned(), plugin: plugin.id().clone() })
        })
        .collect();
    assert!(bench.registry.audit(&uses).await.is_empty());
    bench.write("a.wasm", "alpha 1.0.0 Two");
    bench.remove("b.wasm");
    let findings = bench.registry.audit(&uses).await;
    assert_eq!(codes(&findings), [(Severity::Warning, "CHANGED"), (Severity::Warning, "NOT_INSTALLED")]);
    assert!(findings.iter().all(|finding| finding.connectors == ["one", "two"]), "{findings:?}");
}
