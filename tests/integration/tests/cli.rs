//! The command line: what it prints for people and for machines, and how it ends.

use std::fs;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;
use wharf_integration::{Rest, Worker, append, lines, read, wait_until, write};

/// A worker with a source `from` and a sink `to` that have moved two lines.
fn pipeline() -> (Worker, std::path::PathBuf, std::path::PathBuf) {
    let worker = Worker::start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, "one\ntwo\n");
    let file = format!("file={}", input.display());
    worker.wharf(&["connector", "create", "from", "connector.class=file-source", &file, "topic=lines"]).ok();
    let file = format!("file={}", output.display());
    worker.wharf(&["connector", "create", "to", "connector.class=file-sink", &file, "topics=lines"]).ok();
    worker.wait_for_text(&output, "one\ntwo\n");
    (worker, input, output)
}

#[test]
fn a_connector_is_created_looked_at_steered_and_deleted() {
    let (worker, input, output) = pipeline();
    let list = worker.wharf(&["connector", "list"]).ok().text();
    assert!(list.contains("from") && list.contains("to") && list.contains("RUNNING"), "{list}");
    let show = worker.wharf(&["connector", "show", "from"]).ok().text();
    assert!(show.contains("file-source") && show.contains(&*input.to_string_lossy()), "{show}");
    worker.wharf(&["connector", "pause", "from"]).ok();
    worker.wait_for_state("from", "PAUSED");
    worker.wharf(&["connector", "resume", "from"]).ok();
    worker.wait_for_state("from", "RUNNING");
    worker.wharf(&["connector", "restart", "from", "--tasks"]).ok();
    worker.wharf(&["connector", "restart", "from", "--task", "0"]).ok();
    append(&input, "three\n");
    worker.wait_for_text(&output, "one\ntwo\nthree\n");
    worker.wharf(&["connector", "stop", "from"]).ok();
    worker.wait_for_state("from", "STOPPED");
    let status = worker.wharf(&["connector", "status", "from"]).ok().text();
    assert!(status.contains("STOPPED"), "{status}");
    worker.wharf(&["connector", "delete", "from"]).ok();
    assert_eq!(worker.rest().get("/connectors").json, json!(["to"]));
}

#[test]
fn a_connector_is_created_from_a_file() {
    let worker = Worker::start();
    let (input, config) = (worker.path("in.txt"), worker.path("from.json"));
    write(&input, "one\n");
    write(&config, json!({"connector.class": "file-source", "file": input, "topic": "wrong"}).to_string());
    let config = config.to_string_lossy().into_owned();
    worker.wharf(&["connector", "create", "from", "--config", &config, "topic=right"]).ok();
    assert_eq!(worker.rest().get("/connectors/from/config").json["topic"], "right");
    let again = worker.wharf(&["connector", "create", "from", "--config", &config]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
    worker.wharf(&["connector", "create", "from", "--config", &config, "--replace"]).ok();
    assert_eq!(worker.rest().get("/connectors/from/config").json["topic"], "wrong");
}

#[test]
fn what_is_printed_for_machines_is_json() {
    let (worker, _, _) = pipeline();
    for args in [
        &["connector", "list", "--json"][..],
        &["connector", "show", "from", "--json"],
        &["connector", "status", "from", "--json"],
        &["plugin", "list", "--json"],
        &["topic", "list", "--json"],
        &["topic", "describe", "lines", "--json"],
    ] {
        let said = worker.wharf(args).ok();
        assert!(!said.json().is_null(), "{args:?}");
        assert!(!said.text().contains('\u{1b}'), "colours in {args:?}");
    }
    let plugin = worker.plugins_dir().join("file-source.wasm");
    let plugin = worker.wharf(&["plugin", "inspect", "--json", &plugin.to_string_lossy()]).ok().json();
    assert_eq!(plugin["name"], "file-source");
    assert_eq!(plugin["kind"], "source");
}

#[test]
fn tables_are_for_people_and_without_colours_where_there_is_no_terminal() {
    let (worker, _, _) = pipeline();
    for (args, words) in [
        (&["plugin", "list"][..], &["file-source", "file-sink"][..]),
        (&["topic", "list"], &["lines"]),
        (&["topic", "describe", "lines"], &["0", "2"]),
        (&["connector", "status", "from"], &["RUNNING", "from"]),
    ] {
        let text = worker.wharf(args).ok().text();
        assert!(!text.contains('\u{1b}'), "{text:?}");
        for word in words {
            assert!(text.contains(word), "{word} is not in {text}");
        }
    }
}

#[test]
fn a_topic_is_read_from_a_worker_and_from_its_files() {
    let (mut worker, input, output) = pipeline();
    append(&input, "three\nfour\n");
    worker.wait_for_text(&output, "one\ntwo\nthree\nfour\n");
    let data = worker.data_dir().to_string_lossy().into_owned();
    let reads = |worker: &Worker, source: &[&str]| {
        let read = |more: &[&str]| worker.wharf(&[&["topic", "read", "lines"], more, source].concat()).ok().text();
        assert_eq!(read(&[]), "one\ntwo\nthree\nfour\n");
        assert_eq!(read(&["--limit", "2"]), "one\ntwo\n");
        assert_eq!(read(&["--from", "2"]), "three\nfour\n");
        assert_eq!(read(&["--from", "-1"]), "four\n");
        assert_eq!(read(&["--from", "1", "--limit", "2"]), "two\nthree\n");
        assert_eq!(read(&["--partition", "0"]), "one\ntwo\nthree\nfour\n");
        assert_eq!(read(&["--from", "4"]), "");
    };
    reads(&worker, &[]);
    reads(&worker, &["--data-dir", &data]);
    worker.kill();
    reads(&worker, &["--data-dir", &data]);
    let list = worker.wharf(&["topic", "list", "--data-dir", &data]).ok().text();
    assert!(list.contains("lines"), "{list}");
}

#[test]
fn a_topic_that_does_not_exist_is_named() {
    let (worker, _, _) = pipeline();
    let data = worker.data_dir().to_string_lossy().into_owned();
    for (args, code) in [
        (&["topic", "read", "nope"][..], 3),
        (&["topic", "describe", "nope"], 3),
        (&["topic", "delete", "nope"], 3),
        (&["topic", "read", "nope", "--data-dir", &data], 1),
    ] {
        let said = worker.wharf(args);
        assert_eq!(said.code, Some(code), "{args:?}");
        assert!(said.stderr.contains("nope"), "{}", said.stderr);
    }
}

#[test]
fn a_topic_is_deleted() {
    let (worker, _, _) = pipeline();
    for name in ["from", "to"] {
        worker.wharf(&["connector", "delete", name]).ok();
    }
    worker.wharf(&["topic", "delete", "lines"]).ok();
    assert_eq!(worker.wharf(&["topic", "list", "--json"]).ok().json(), json!([]));
}

#[test]
fn without_a_worker_the_commands_say_how_to_get_one() {
    let mut worker = Worker::start();
    worker.kill();
    for args in [&["connector", "list"][..], &["plugin", "list"], &["topic", "list"]] {
        let said = worker.wharf(args);
        assert_eq!(said.code, Some(5));
        assert!(said.stderr.contains("wharf run") && said.stderr.contains("--url"), "{}", said.stderr);
        assert!(said.stdout.is_empty());
    }
}

#[test]
fn a_refusal_of_the_worker_is_passed_on() {
    let worker = Worker::start();
    let said = worker.wharf(&["connector", "create", "from", "connector.class=file-source", "file=/tmp/x"]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("topic"), "{}", said.stderr);
    let said = worker.wharf(&["connector", "status", "nope"]);
    assert_eq!(said.code, Some(3));
    assert!(said.stderr.contains("nope"), "{}", said.stderr);
}

#[test]
fn a_wrong_command_line_ends_with_code_2() {
    let worker = Worker::start();
    for args in [&["connector"][..], &["connector", "create"], &["nonsense"], &["run", "--listen", "nowhere"]] {
        assert_eq!(worker.wharf(args).code, Some(2), "{args:?}");
    }
    assert!(worker.wharf(&["--help"]).ok().text().contains("connector"));
    assert!(worker.wharf(&["--version"]).ok().text().starts_with("wharf "));
}

/// What `wharf run` says that cannot start.
#[track_caller]
fn refused_run(worker: &Worker, args: &[&str]) -> String {
    let said = worker.wharf(&[&["run", "--config", "wharf.toml"], args].concat());
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    said.stderr
}

#[test]
fn a_second_worker_on_one_data_directory_refuses() {
    let worker = Worker::start();
    let data = worker.data_dir().to_string_lossy().into_owned();
    let said = refused_run(&worker, &["--data-dir", &data, "--listen", &Worker::free_address()]);
    assert!(said.contains("already runs a worker") && said.contains("--data-dir"), "{said}");
    worker.rest().get("/health").expect(200);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let worker = Worker::start();
    let data = worker.path("other").to_string_lossy().into_owned();
    let said = refused_run(&worker, &["--data-dir", &data, "--listen", worker.listen()]);
    assert!(said.contains(worker.listen()), "{said}");
}

#[test]
fn a_wrong_key_in_the_settings_file_is_named() {
    let worker = Worker::start();
    let file = worker.path("wrong.toml");
    write(&file, "data_dir = \"x\"\n");
    let said = worker.wharf(&["run", "--config", &file.to_string_lossy()]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("wrong.toml") && said.stderr.contains("`data-dir`"), "{}", said.stderr);
}

#[test]
fn a_plain_run_works_in_an_empty_directory() {
    let worker = Worker::start();
    let empty = worker.path("empty");
    fs::create_dir(&empty).unwrap();
    let listen = Worker::free_address();
    let mut command = worker.command(&["run"]);
    command.current_dir(&empty).env("WHARF_LISTEN", &listen).stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let rest = Rest::new(&format!("http://{listen}"));
    let is_ready = || rest.try_send("GET", "/health", None).is_ok_and(|answer| answer.status == 200);
    let ready = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| wait_until("it is ready", is_ready)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready.is_ok());
    assert!(empty.join("wharf-data").is_dir());
}

#[test]
fn sigterm_and_sigint_end_a_worker_with_everything_committed() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut worker = Worker::start();
        let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
        write(&input, lines::text(0..50_000));
        worker.create_source("from", &input, "lines");
        worker.create_sink("to", &output, "lines");
        worker.wait_until("lines flow", || !read(&output).is_empty());
        assert_eq!(worker.end_by(signal).code(), Some(0));
        worker.start_again();
        worker.wait_until("all has arrived", || read(&output).len() >= lines::text(0..50_000).len());
        assert!(worker.terminate().success());
        // A worker that was allowed to finish repeats nothing.
        lines::exactly_once(&lines::numbers(&worker.topic("lines")).unwrap(), 50_000).unwrap();
        lines::exactly_once(&lines::numbers(&read(&output)).unwrap(), 50_000).unwrap();
    }
}
