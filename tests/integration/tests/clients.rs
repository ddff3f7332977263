//! Tools that operators own already speak to a worker as they do to Kafka Connect.
//!
//! They are other people's, installed from their registries by `cargo xtask clients`; what they do is in `tests/clients`.

#![expect(clippy::panic, reason = "this is a test")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use wharf_integration::{Worker, clients, read, write};

/// A client that is stuck is ended; far more than any needs.
const LIMIT: Duration = Duration::from_secs(280);
const ROWS: &str = "one\ntwo\nthree\n";

/// The folder of a kit's scripts.
fn scripts(kit: &str) -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let dir = root.join("../clients").join(kit);
    dir.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
}

/// Runs a client to its end, which must be a good one. What it said is shown where it is not.
#[track_caller]
fn run(worker: &Worker, command: &mut Command) -> String {
    let said = worker.path("client.log");
    let log = File::create(&said).and_then(|log| Ok((log.try_clone()?, log)));
    let (stdout, stderr) = log.unwrap_or_else(|error| panic!("open {}: {error}", said.display()));
    // Nothing of the user's proxies or caches: these clients talk to this machine.
    for name in
        ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "JAVA_TOOL_OPTIONS"]
    {
        command.env_remove(name);
    }
    command.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("run {command:?}: {error}"));
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap_or_else(|error| panic!("wait for {command:?}: {error}")) {
            break Some(status);
        }
        if begun.elapsed() > LIMIT {
            child.kill().ok();
            child.wait().ok();
            break None;
        }
        sleep(Duration::from_millis(20));
    };
    let text = String::from_utf8_lossy(&read(&said)).into_owned();
    assert!(status.is_some_and(|status| status.success()), "{command:?} ended with {status:?}:\n{text}");
    text
}

fn python(script: &str, worker: &Worker, part: &str, file: &Path) -> Command {
    let mut command = Command::new(clients("python").join("bin/python"));
    command.arg(scripts("python").join(script)).arg(worker.rest().base()).arg(part).arg(file);
    command
}

fn java(worker: &Worker, part: &str, file: &Path) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-cp"]).arg(clients("java").join("*")).arg(scripts("java").join("Cycle.java"));
    command.arg(worker.rest().base()).arg(part).arg(file);
    command
}

/// Lets a client do its part; afterwards nothing is left of its connector but the rows that it moved.
#[track_caller]
fn goes_through(topic: &str, client: impl Fn(&Worker, &Path) -> Command) {
    let worker = Worker::start();
    let file = worker.path("in.txt");
    write(&file, ROWS);
    let said = run(&worker, &mut client(&worker, &file));
    assert!(said.contains("ok   ") && !said.contains("FAIL"), "{said}");
    assert_eq!(worker.rest().get("/connectors").json, json!([]), "{said}");
    if !topic.is_empty() {
        assert_eq!(String::from_utf8_lossy(&worker.topic(topic)), ROWS);
    }
}

#[test]
fn the_java_client_that_akhq_uses_goes_through_the_life_of_a_connector() {
    goes_through("java", |worker, file| java(worker, "cycle", file));
}

#[test]
fn the_java_client_that_akhq_uses_validates_a_configuration() {
    goes_through("", |worker, file| java(worker, "validate", file));
}

#[test]
fn the_java_client_that_akhq_uses_asks_for_topics() {
    goes_through("java", |worker, file| java(worker, "topics", file));
}

#[test]
fn the_kc_command_goes_through_the_life_of_a_connector() {
    goes_through("kc", |worker, file| python("kc_cli.py", worker, "cycle", file));
}

#[test]
fn the_kc_command_validates_a_configuration() {
    goes_through("", |worker, file| python("kc_cli.py", worker, "validate", file));
}

#[test]
fn the_kc_command_asks_for_topics() {
    goes_through("kc", |worker, file| python("kc_cli.py", worker, "topics", file));
}

#[test]
fn the_kafka_connect_api_library_goes_through_the_life_of_a_connector() {
    goes_through("api", |worker, file| python("kafka_connect_api_lib.py", worker, "cycle", file));
}

#[test]
fn the_kafka_connect_api_library_changes_the_root_loggers_level() {
    goes_through("", |worker, file| python("kafka_connect_api_lib.py", worker, "loggers", file));
}

#[test]
fn the_client_of_bkkt_goes_through_the_life_of_a_connector() {
    goes_through("bkkt", |worker, file| python("bkkt_client.py", worker, "cycle", file));
}

#[test]
fn the_client_of_bkkt_reads_and_alters_offsets() {
    goes_through("bkkt", |worker, file| python("bkkt_client.py", worker, "offsets", file));
}

#[test]
fn the_client_of_bkkt_validates_a_configuration() {
    goes_through("", |worker, file| python("bkkt_client.py", worker, "validate", file));
}

/// Calls every operation of the description with data made from it, right and wrong, and with connectors that exist.
#[test]
fn schemathesis_finds_no_fault_of_the_worker_and_no_answer_that_is_not_described() {
    let worker = Worker::start();
    write(&worker.path("in.txt"), ROWS.repeat(20));
    let files = worker.path("in.txt").parent().map(Path::to_owned).unwrap_or_default();
    let folder = scripts("schemathesis");
    let mut command = Command::new(clients("schemathesis").join("bin/schemathesis"));
    command.current_dir(&files).arg("--no-color").arg("--config-file").arg(folder.join("schemathesis.toml"));
    command.arg("run").arg(format!("{}/openapi.json", worker.rest().base()));
    const CHECKS: &str =
        "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
    command.args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--seed", "6", "--max-examples", "30"]);
    command.args(["--request-timeout", "30", "--continue-on-failure", "--no-shrink"]);
    command.env("SCHEMATHESIS_HOOKS", folder.join("hooks.py"));
    command.env("WHARF_TEST_FILES", &files).env("WHARF_TEST_URL", worker.rest().base());
    let said = run(&worker, &mut command);
    let tested = said.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.trim().parse::<u32>().ok());
    assert!(tested.is_some_and(|count| count >= 35), "fewer operations than there are were tested:\n{said}");
    // It was no stranger that was tested.
    assert_eq!(worker.status("orders")["connector"]["state"], "RUNNING", "{said}");
}
