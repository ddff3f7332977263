//! `wharf connector create -f`, `apply -f` and `edit`: configurations from files, and in an editor.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use serde_json::{Value, json};
use wharf_integration::{Worker, write};

#[test]
fn all_connectors_of_all_files_are_created() {
    let worker = Worker::start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, "one\n");
    let (from, to) = (worker.path("from.yaml"), worker.path("to.toml"));
    write(
        &from,
        format!("name: from\nconfig:\n  connector.class: file-source\n  file: {}\n  topic: lines\n", input.display()),
    );
    write(&to, format!("\"connector.class\" = \"file-sink\"\nfile = '{}'\ntopics = [\"lines\"]\n", output.display()));
    let (from, to) = (from.to_string_lossy().into_owned(), to.to_string_lossy().into_owned());
    worker.wharf(&["connector", "create", "-f", &from, "-f", &to]).ok();
    worker.wait_for_text(&output, "one\n");
    // Once more: they exist.
    let again = worker.wharf(&["connector", "create", "-f", &from]);
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("already exists: to change it, add --replace"), "{}", again.stderr);
    let said = worker.wharf(&["connector", "apply", "--json", "-f", &from]).ok().json();
    assert_eq!(said["name"], "from");
}

#[test]
fn a_slip_in_one_file_creates_nothing() {
    let worker = Worker::start();
    let (good, bad) = (worker.path("good.json"), worker.path("bad.json"));
    write(&good, json!({"connector.class": "file-source", "file": "/tmp/x", "topic": "t"}).to_string());
    write(&bad, "{\n\"connector.class\": \"file-source\",\n\"file\": null}");
    let (good, bad) = (good.to_string_lossy().into_owned(), bad.to_string_lossy().into_owned());
    let said = worker.wharf(&["connector", "create", "-f", &good, "-f", &bad]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("bad.json:3: `file` has no value"), "{}", said.stderr);
    assert_eq!(worker.rest().get("/connectors").json, json!([]));
}

#[test]
fn stdin_is_a_file_too() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let mut command = worker.command(&["connector", "apply", "-f", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let all: Vec<Value> = ["a", "b"]
        .map(|name| {
            json!({"name": name, "initial_state": "STOPPED",
            "config": {"connector.class": "file-source", "file": input, "topic": name}})
        })
        .into();
    write!(stdin, "{}", json!(all)).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(worker.rest().get("/connectors").json, json!(["a", "b"]));
    worker.wait_for_state("a", "STOPPED");
}

#[test]
fn a_configuration_is_changed_in_the_users_editor() {
    let worker = Worker::start();
    worker.reads("one\n");
    let editor = worker.path("editor.sh");
    write(&editor, "#!/bin/sh\nsed -i 's/\"lines\"/\"edited\"/' \"$1\"\n");
    fs::set_permissions(&editor, fs::Permissions::from_mode(0o755)).unwrap();
    let edit = |editor: &str| {
        let mut command = worker.command(&["connector", "edit", "from"]);
        let output = command.env("EDITOR", editor).env_remove("VISUAL").stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, said) = edit(&editor.to_string_lossy());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(worker.rest().get("/connectors/from/config").json["topic"], "edited");
    assert!(edit("true").1.contains("nothing was changed"));
    let (code, said) = edit("false");
    assert_eq!(code, Some(1));
    assert!(said.contains("set EDITOR"), "{said}");
}
