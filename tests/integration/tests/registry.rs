//! Plugins are installed, approved, checked and removed, over the real binary, its REST API and its command line.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use minisign::KeyPair;
use serde_json::{Value, json};
use wharf_integration::{Said, Setup, Worker, append, read, write};

/// The bytes of a first-party plugin.
fn plugin(name: &str) -> Vec<u8> {
    let worker = Setup::bare().plugin(name).prepare();
    read(&worker.plugins_dir().join(format!("{name}.wasm")))
}

/// The same plugin, but that it calls itself another version.
fn as_version(wasm: &[u8], version: &str) -> Vec<u8> {
    let old = b"0.1.0";
    assert_eq!(version.len(), old.len());
    let mut patched = wasm.to_vec();
    let mut places = 0;
    for at in 1..wasm.len() - old.len() {
        // Those behind an `@` are the contract's.
        if wasm[at..].starts_with(old) && wasm[at - 1] != b'@' {
            patched[at..at + old.len()].copy_from_slice(version.as_bytes());
            places += 1;
        }
    }
    assert!(places > 0, "the plugin does not say its version");
    patched
}

/// The same plugin with other bytes: a custom section at its end.
fn rebuilt(wasm: &[u8], mark: u8) -> Vec<u8> {
    [wasm, &[0, 6, 4, b't', b'e', b's', b't', mark]].concat()
}

fn save(worker: &Worker, name: &str, bytes: &[u8]) -> String {
    let path = worker.path(name);
    write(&path, bytes);
    path.to_string_lossy().into_owned()
}

fn refused(said: &Said, code: &str) {
    assert!(matches!(said.code, Some(1 | 3)), "{:?}: {}", said.code, said.text());
    assert!(said.stderr.contains(&format!("{code}: ")), "{}", said.stderr);
}

fn plugins(worker: &Worker) -> Vec<String> {
    let answer = worker.rest().get("/plugins").expect(200).json;
    let shown = answer["plugins"].as_array().unwrap().iter();
    shown.map(|it| format!("{}@{}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap())).collect()
}

fn broken(worker: &Worker) -> Vec<(String, String)> {
    let answer = worker.rest().get("/plugins").expect(200).json;
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    answer["broken"].as_array().unwrap().iter().map(|it| (text(it, "plugin"), text(it, "code"))).collect()
}

/// `.wasm` files in the plugins directory.
fn files(worker: &Worker) -> Vec<String> {
    let entries = fs::read_dir(worker.plugins_dir()).unwrap();
    let mut names: Vec<String> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

fn change(worker: &Worker, connector: &str) -> String {
    worker.status(connector)["connector"]["plugin_change"].as_str().unwrap_or_default().to_owned()
}

/// Puts a file in place at once, as somebody does who changes a plugin under the worker.
fn drop_in(worker: &Worker, name: &str, bytes: &[u8]) {
    let aside = worker.plugins_dir().join(format!(".{name}.aside"));
    write(&aside, bytes);
    fs::rename(aside, worker.plugins_dir().join(name)).unwrap();
}

fn key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn sign(pair: &KeyPair, bytes: &[u8], comment: &str) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some(comment), None).unwrap().into_string()
}

fn publisher(name: &str, pair: &KeyPair, plugins: &str) -> String {
    format!("[[plugins.publishers]]\nname = \"{name}\"\nkey = \"{}\"\nplugins = [\"{plugins}\"]\n", pair.pk.to_base64())
}

#[test]
fn versions_live_side_by_side_and_a_connector_takes_the_one_it_is_pinned_to() {
    let worker = Setup::bare().start();
    let first = plugin("file-source");
    let file = save(&worker, "one.wasm", &first);
    let said = worker.wharf(&["plugin", "install", &file]).ok();
    assert!(said.text().contains("installed file-source@0.1.0 as file-source-0.1.0.wasm"), "{}", said.text());
    let file = save(&worker, "two.wasm", &as_version(&first, "0.2.0"));
    let installed = worker.wharf(&["plugin", "install", &file, "--json"]).ok().json();
    assert_eq!((&installed["version"], &installed["origin"]), (&json!("0.2.0"), &json!("upload")));
    assert_eq!(plugins(&worker), ["file-source@0.1.0", "file-source@0.2.0"]);
    assert_eq!(files(&worker), ["file-source-0.1.0.wasm", "file-source-0.2.0.wasm"]);

    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config = |version: &str| json!({"connector.class": "file-source", "file": input, "topic": "t", "connector.plugin.version": version});
    worker.create("pinned", config("[0.1,0.2)"));
    worker.create("newest", json!({"connector.class": "file-source", "file": input, "topic": "t"}));
    for (name, version) in [("pinned", "0.1.0"), ("newest", "0.2.0")] {
        worker.wait_for_state(name, "RUNNING");
        let status = worker.status(name);
        assert_eq!(status["connector"]["version"], version);
        worker.wait_until("its task shows it too", || worker.status(name)["tasks"][0]["version"] == version);
    }
    let message = worker.rest().put("/connectors/other/config", &config("[3.0,)")).expect(400).text;
    assert!(message.contains("0.1.0") && message.contains("0.2.0"), "{message}");

    let listed = worker.wharf(&["plugin", "list", "--json"]).ok().json();
    assert_eq!(listed["plugins"][0]["used_by"], json!(["pinned"]));
    let shown = worker.wharf(&["plugin", "inspect", "file-source@0.1.0"]).ok().text();
    assert!(shown.contains("files: reading what `file` names") && shown.contains("unsigned"), "{shown}");
    // The records outlive the worker.
    let mut worker = worker;
    worker.kill();
    worker.start_again();
    let one = worker.rest().get("/plugins/file-source/0.2.0").expect(200).json;
    assert!(one["approved_at"].is_i64() && one["used_by"][0]["connector"] == "newest", "{one}");
}

#[test]
fn a_running_task_keeps_its_bytes_when_the_file_changes_and_a_restart_moves_on() {
    let worker = Worker::start();
    let (input, output) = worker.copies("one\n");
    let one = || worker.rest().get("/plugins/file-source/0.1.0").expect(200).json;
    let first = one()["sha256"].clone();
    assert_eq!((one()["used_by"][0]["sha256"].clone(), change(&worker, "from")), (first.clone(), String::new()));

    drop_in(&worker, "file-source.wasm", &rebuilt(&plugin("file-source"), 1));
    worker.wait_until("the change is seen", || change(&worker, "from").contains("changed on disk"));
    assert!(worker.log().contains("keep the old bytes until they are restarted"));
    let second = one()["sha256"].clone();
    assert_ne!(first, second);
    append(&input, "two\n");
    worker.wait_for_text(&output, "one\ntwo\n");
    assert_eq!(one()["used_by"], json!([{"connector": "from", "sha256": first}]));
    let audit = worker.wharf(&["plugin", "audit"]).ok().text();
    assert!(audit.contains("CHANGED") && audit.contains("used by from"), "{audit}");

    worker.rest().post_empty("/connectors/from/restart?includeTasks=true");
    worker.wait_until("the restart has moved on", || {
        one()["used_by"] == json!([{"connector": "from", "sha256": second}])
    });
    assert_eq!(change(&worker, "from"), "");
    append(&input, "three\n");
    worker.wait_for_text(&output, "one\ntwo\nthree\n");
}

#[test]
fn a_plugin_in_use_is_uninstalled_only_by_force_and_its_connector_runs_on() {
    let worker = Worker::start();
    let (input, output) = worker.copies("one\n");
    let said = worker.wharf(&["plugin", "uninstall", "file-source@0.1.0"]);
    refused(&said, "IN_USE");
    assert!(said.stderr.contains("used by from") && said.stderr.contains("--force"), "{}", said.stderr);
    let answer = worker.rest().delete("/plugins/file-source/0.1.0").expect(409);
    assert!(answer.message().starts_with("IN_USE: "), "{}", answer.text);

    let said = worker.wharf(&["plugin", "uninstall", "file-source@0.1.0", "--force"]).ok();
    assert!(said.text().contains("still running it, until they are restarted: from"), "{}", said.text());
    assert_eq!(files(&worker), ["file-sink.wasm"]);
    assert!(change(&worker, "from").contains("no longer there"));
    append(&input, "two\n");
    worker.wait_for_text(&output, "one\ntwo\n");
    refused(&worker.wharf(&["plugin", "uninstall", "file-source@0.1.0"]), "NOT_FOUND");
    worker.rest().post_empty("/connectors/from/restart?includeTasks=true");
    worker.wait_until("it has ended", || worker.status("from")["connector"]["state"] == "FAILED");
}

#[test]
fn where_unsigned_is_denied_only_what_a_pinned_publisher_signed_is_installed() {
    let (acme, other, stranger) = (key(), key(), key());
    let publishers = publisher("acme", &acme, "file-*") + &publisher("other", &other, "other-*");
    let worker = Setup::bare().config(&format!("[plugins]\nunsigned = \"deny\"\n{publishers}")).start();
    let wasm = plugin("file-source");
    let file = save(&worker, "file-source.wasm", &wasm);
    let with = |signature: &str| {
        let signature = save(&worker, "given.minisig", signature.as_bytes());
        worker.wharf(&["plugin", "install", &file, "--signature", &signature])
    };
    refused(&worker.wharf(&["plugin", "install", &file]), "UNSIGNED");
    refused(&with(&sign(&stranger, &wasm, "x")), "IDENTITY_MISMATCH");
    refused(&with(&sign(&other, &wasm, "x")), "IDENTITY_MISMATCH");
    refused(&with(&sign(&acme, &wasm, "plugin:file-source@9.9.9")), "IDENTITY_MISMATCH");
    refused(&with(&sign(&acme, &rebuilt(&wasm, 1), "x")), "BAD_SIGNATURE");
    refused(&with("no signature"), "BAD_SIGNATURE");
    assert!(files(&worker).is_empty());

    // A signature beside the file is taken without being asked for.
    save(&worker, "file-source.wasm.minisig", sign(&acme, &wasm, "plugin:file-source@0.1.0").as_bytes());
    let said = worker.wharf(&["plugin", "install", &file]).ok();
    assert!(said.text().contains("signed by acme"), "{}", said.text());
    assert_eq!(files(&worker), ["file-source-0.1.0.wasm", "file-source-0.1.0.wasm.minisig"]);
    assert!(worker.wharf(&["plugin", "verify"]).ok().text().contains("all is as it should be"));

    // What is dropped in passes the same checks.
    worker.install("file-sink");
    worker.wait_until("it is refused", || broken(&worker).iter().any(|(_, code)| code == "UNSIGNED"));
    let sink = read(&worker.plugins_dir().join("file-sink.wasm"));
    write(&worker.plugins_dir().join("file-sink.wasm.minisig"), sign(&acme, &sink, "x"));
    worker.wait_until("its signature is seen", || plugins(&worker).len() == 2);
}

#[test]
fn what_is_no_plugin_is_refused_with_its_code_and_leaves_nothing_behind() {
    let worker = Setup::bare().plugin("file-sink").config("[plugins]\nmax-bytes = 1000000\n").start();
    let wasm = plugin("file-source");
    let compiled = fs::read_dir(worker.data_dir().join("cache")).unwrap().next().unwrap().unwrap().path();
    let compiled = read(&compiled).split_off(32);
    for (name, bytes, code) in [
        ("module.wasm", b"\0asm\x01\0\0\0".to_vec(), "NOT_A_COMPONENT"),
        ("text.wasm", b"hello".to_vec(), "NOT_A_COMPONENT"),
        ("empty.wasm", Vec::new(), "NOT_A_COMPONENT"),
        ("empty-component.wasm", b"\0asm\x0d\0\x01\0".to_vec(), "UNSUPPORTED_WORLD"),
        ("half.wasm", wasm[..wasm.len() / 2].to_vec(), "BROKEN"),
        ("large.wasm", vec![0; 1_000_001], "TOO_LARGE"),
    ] {
        refused(&worker.wharf(&["plugin", "install", &save(&worker, name, &bytes)]), code);
    }
    let compiled = worker.wharf(&["plugin", "install", &save(&worker, "a.cwasm", &compiled)]);
    assert!(["NOT_A_COMPONENT", "TOO_LARGE"].iter().any(|code| compiled.stderr.contains(code)), "{}", compiled.stderr);
    let file = save(&worker, "good.wasm", &wasm);
    refused(&worker.wharf(&["plugin", "install", &file, "--sha256", &"0".repeat(64)]), "CORRUPT");
    let mut flipped = wasm.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let digest = worker.wharf(&["plugin", "inspect", &file, "--json"]).ok().json()["sha256"].clone();
    let flipped = save(&worker, "flipped.wasm", &flipped);
    refused(&worker.wharf(&["plugin", "install", &flipped, "--sha256", digest.as_str().unwrap()]), "CORRUPT");
    assert_eq!(files(&worker), ["file-sink.wasm"]);
    worker.wharf(&["plugin", "install", &file, "--sha256", digest.as_str().unwrap()]).ok();

    let other = save(&worker, "other.wasm", &rebuilt(&wasm, 1));
    refused(&worker.wharf(&["plugin", "install", &other]), "EXISTS");
    worker.wharf(&["plugin", "install", &other, "--replace"]).ok();
    assert_eq!(files(&worker), ["file-sink.wasm", "file-source-0.1.0.wasm"]);
}

#[test]
fn a_dropped_in_plugin_waits_for_its_approval_and_keeps_it_over_a_restart() {
    let mut worker = Setup::bare().config("[plugins]\nrequire-approval = true\n").start();
    worker.install("file-source");
    let waits = || vec![("file-source@0.1.0".to_owned(), "NOT_APPROVED".to_owned())];
    worker.wait_until("it is listed", || broken(&worker) == waits());
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "lines"});
    let answer = worker.rest().put("/connectors/from/config", &config).expect(400);
    assert!(answer.message().contains("wharf plugin approve file-source@0.1.0"), "{}", answer.text);
    refused(&worker.wharf(&["plugin", "approve", "file-source@0.1.0", "--sha256", &"0".repeat(64)]), "CORRUPT");
    refused(&worker.wharf(&["plugin", "approve", "file-source@0.9.0"]), "NOT_FOUND");
    worker.wharf(&["plugin", "approve", "file-source@0.1.0"]).ok();
    worker.rest().put("/connectors/from/config", &config).expect(201);
    worker.wait_for_state("from", "RUNNING");

    worker.kill();
    worker.start_again();
    worker.wait_for_state("from", "RUNNING");
    // What was approved are bytes: whoever changes the file has another plugin.
    drop_in(&worker, "file-source.wasm", &rebuilt(&plugin("file-source"), 1));
    worker.wait_until("the changed file waits", || broken(&worker) == waits());
    assert_eq!(worker.status("from")["connector"]["state"], "RUNNING", "its task keeps the approved bytes");
    let said = worker.wharf(&["plugin", "verify", "--json"]);
    assert_eq!((said.code, said.json()["findings"][0]["code"].clone()), (Some(1), json!("CORRUPT")));
}

#[test]
fn a_revoked_plugin_runs_no_more_and_the_audit_says_so() {
    let mut worker = Worker::start();
    worker.copies("one\n");
    worker.wharf(&["plugin", "audit"]).ok();
    let sha256 = worker.rest().get("/plugins/file-source/0.1.0").expect(200).json["sha256"].clone();
    worker.kill();
    worker.set_config(&format!("[plugins]\nrevoked = [{sha256}, \"file-sink@0.1.0\"]\n"));
    worker.start_again();
    for connector in ["from", "to"] {
        worker.wait_until("it has failed", || {
            worker.status(connector)["connector"]["trace"].as_str().is_some_and(|trace| trace.contains("REVOKED"))
        });
    }
    let said = worker.wharf(&["plugin", "audit", "--json"]);
    let codes: Vec<Value> =
        said.json()["findings"].as_array().unwrap().iter().map(|finding| finding["code"].clone()).collect();
    assert_eq!((said.code, codes), (Some(1), vec![json!("REVOKED"), json!("REVOKED")]));
    refused(&worker.wharf(&["plugin", "approve", "file-sink@0.1.0"]), "REVOKED");
}

#[test]
fn verify_finds_a_file_that_was_tampered_with_and_a_record_that_was_damaged() {
    let mut worker = Setup::bare().start();
    let file = save(&worker, "a.wasm", &plugin("file-source"));
    let sha256 = worker.wharf(&["plugin", "install", &file, "--json"]).ok().json()["sha256"].clone();
    worker.wharf(&["plugin", "verify"]).ok();
    let path = worker.plugins_dir().join("file-source-0.1.0.wasm");
    let good = read(&path);
    write(&path, rebuilt(&good, 1));
    let said = worker.wharf(&["plugin", "verify"]);
    assert!(said.code == Some(1) && said.text().contains("file-source@0.1.0: CORRUPT"), "{}", said.text());
    // Where it is not even a plugin any more, the approved one is missing.
    write(&path, &good[..good.len() / 2]);
    let said = worker.wharf(&["plugin", "verify"]);
    assert!(said.code == Some(1) && said.text().contains("file-source@0.1.0: MISSING"), "{}", said.text());
    write(&path, &good);
    worker.wharf(&["plugin", "verify"]).ok();

    worker.kill();
    let record = worker.data_dir().join("plugins").join(format!("{}.json", sha256.as_str().unwrap()));
    write(&record, "{\"format\": 1");
    worker.start_again();
    assert_eq!(broken(&worker), [("file-source@0.1.0".to_owned(), "RECORD_DAMAGED".to_owned())]);
    let said = worker.wharf(&["plugin", "verify"]);
    assert!(said.code == Some(1) && said.text().contains("RECORD_DAMAGED"), "{}", said.text());
    worker.wharf(&["plugin", "approve", "file-source@0.1.0"]).ok();
    worker.wharf(&["plugin", "verify"]).ok();
}

#[test]
fn links_and_names_that_lead_elsewhere_do_no_harm() {
    let worker = Setup::bare().start();
    let victim = worker.path("victim");
    write(&victim, "precious");
    let link = worker.plugins_dir().join("file-source-0.1.0.wasm");
    std::os::unix::fs::symlink(&victim, &link).unwrap();
    worker.wait_until("the link is no plugin", || broken(&worker).len() == 1);
    let file = save(&worker, "a.wasm", &plugin("file-source"));
    refused(&worker.wharf(&["plugin", "install", &file]), "EXISTS");
    worker.wharf(&["plugin", "install", &file, "--replace"]).ok();
    assert_eq!(read(&victim), b"precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    for path in
        ["/plugins/..%2F..%2Ffiles%2Fvictim/1.0.0", "/plugins/%2Fetc/passwd", "/plugins/a%5Cb/1", "/plugins/ä/1"]
    {
        worker.rest().delete(path).expect(404);
        worker.rest().post_empty(&format!("{path}/approve")).expect(404);
        worker.rest().get(path).expect(404);
    }
    worker.rest().delete("/plugins/%2e%2e/1.0.0").expect(400);
    // The plugin calls itself by a path: patched over its own name, which has as many letters.
    let evil = plugin("file-source");
    let at = evil.windows(16).position(|it| it == b"file-source0.1.0").unwrap();
    let mut evil = evil.clone();
    evil[at..at + 11].copy_from_slice(b"../../evil/");
    let said = worker.wharf(&["plugin", "install", &save(&worker, "evil.wasm", &evil)]);
    assert!(said.code == Some(1) && said.stderr.contains("its name is"), "{}", said.stderr);
    assert_eq!(files(&worker), ["file-source-0.1.0.wasm"]);
    assert_eq!(read(&victim), b"precious");
}

/// Answers each request for one of these paths with these bytes, and any other with 404.
fn serve(pages: Vec<(String, Vec<u8>)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The whole head is read: what is left unread when a connection closes resets it.
            let head = BufReader::new(&stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
            let head: Vec<_> = head.collect();
            let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            let page = pages.iter().find(|(known, _)| *known == path).map(|(_, bytes)| bytes.as_slice());
            let status = if page.is_some() { "200 OK" } else { "404 Not Found" };
            let bytes = page.unwrap_or_default();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            // The worker may have hung up: what is too large it does not read.
            let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(bytes)).is_err();
        }
    });
    base
}

#[test]
fn a_url_is_installed_from_with_the_signature_beside_it_and_only_from_where_it_may() {
    let acme = key();
    let wasm = plugin("file-source");
    let base = serve(vec![
        ("/a.wasm".to_owned(), wasm.clone()),
        ("/a.wasm.minisig".to_owned(), sign(&acme, &wasm, "x").into_bytes()),
        ("/large.wasm".to_owned(), vec![0; 2_000_000]),
    ]);
    let allowed = "[plugins]\nallowed-hosts = [\"127.0.0.1\"]\nmax-bytes = 1000000\n";
    let worker = Setup::bare().config(&format!("{allowed}{}", publisher("acme", &acme, "file-*"))).start();
    let install = |url: &str| worker.wharf(&["plugin", "install", url]);
    refused(&install(&format!("{base}/none.wasm")), "DOWNLOAD_FAILED");
    refused(&install(&format!("{base}/large.wasm")), "TOO_LARGE");
    refused(&install("https://example.com/a.wasm"), "HOST_DENIED");
    refused(&install("http://example.com/a.wasm"), "BAD_URL");
    refused(&install(&base.replace("http://", "http://me:secret@")), "BAD_URL");
    let said = install(&format!("{base}/a.wasm")).ok();
    assert!(said.text().contains("signed by acme"), "{}", said.text());
    let one = worker.rest().get("/plugins/file-source/0.1.0").expect(200).json;
    assert_eq!(one["origin"], format!("{base}/a.wasm"));
    worker.rest().post("/plugins", &json!({"url": 1})).expect(400);
    let other = PathBuf::from("nowhere.wasm");
    assert_eq!(worker.wharf(&["plugin", "install", &other.to_string_lossy()]).code, Some(1));
}
