use std::time::Duration;

use super::*;

fn resolve(args: &RunArgs, text: &str) -> anyhow::Result<Settings> {
    Settings::resolve(args, raw::File::parse(text)?, None)
}

fn refusal(text: &str) -> String {
    format!("{:#}", resolve(&RunArgs::default(), text).unwrap_err())
}

#[test]
fn without_a_word_the_defaults_hold() {
    let settings = resolve(&RunArgs::default(), "").unwrap();
    assert_eq!(settings.listen, DEFAULT_LISTEN);
    assert_eq!(settings.data_dir, std::path::absolute("wharf-data").unwrap());
    assert_eq!(settings.plugins_dir, std::path::absolute("plugins").unwrap());
    assert_eq!(settings.allowed_paths, None);
    assert_eq!(settings.log, LogOptions::default());
    assert_eq!(settings.worker, WorkerOptions::default());
    // What the sandbox gives to everybody is what may be asked for.
    let (limits, ceiling) = (settings.limits, settings.ceiling);
    assert_eq!(ceiling.memory_bytes, Some(limits.memory_bytes));
    assert_eq!((ceiling.call_deadline, ceiling.rows_per_second), (Some(limits.call_deadline), None));
}

#[test]
fn every_key_of_the_file_arrives() {
    let text = r#"
        data-dir = "/d"
        plugins-dir = "/p"
        connectors-dir = "/c"
        listen = "127.0.0.1:1"
        allowed-paths = ["/a", "/b"]
        shutdown-timeout-ms = 7
        [log]
        segment-bytes = 2097152
        sync = "group"
        sync-window-ms = 3
        default-partitions = 4
        retention-bytes = 5
        retention-ms = 6
        [limits]
        memory-mb = 64
        call-deadline-ms = 100
        output-mb = 2
        log-lines-per-second = 9
        cpu-percent = 60
        rows-per-second = 61
        bytes-per-second = 62
        sockets = 63
        http-requests = 64
        network-bytes-per-second = 65
        [plugins]
        unsigned = "deny"
        require-approval = true
        revoked = ["evil@1.0.0"]
        allowed-hosts = ["get.example.com"]
        max-bytes = 1048576
        compile-timeout-ms = 5000
        [[plugins.publishers]]
        name = "acme"
        key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
        plugins = ["acme-*"]
        [restart]
        enabled = false
        backoff-initial-ms = 10
        backoff-max-ms = 20
        max-failures = 3
        window-ms = 1000
        [tasks]
        flush-interval-ms = 50
        max-in-flight = 2
        poll-max-rows = 100
        poll-max-bytes = 2048
    "#;
    let settings = resolve(&RunArgs::default(), text).unwrap();
    let ms = Duration::from_millis;
    assert_eq!((settings.data_dir.to_str(), settings.plugins_dir.to_str()), (Some("/d"), Some("/p")));
    assert_eq!(settings.connectors, Sources { files: Vec::new(), folder: Some("/c".into()) });
    assert_eq!(settings.listen.port(), 1);
    assert_eq!(settings.allowed_paths, Some(vec!["/a".into(), "/b".into()]));
    let log = &settings.log;
    assert_eq!(
        (log.segment_bytes, log.sync, log.default_partitions),
        (2 << 20, SyncPolicy::Group { window: ms(3) }, 4)
    );
    assert_eq!((log.retention_bytes, log.retention_age), (Some(5), Some(ms(6))));
    let limits = &settings.limits;
    assert_eq!((limits.memory_bytes, limits.call_deadline, limits.max_output_bytes), (64 << 20, ms(100), 2 << 20));
    assert_eq!((limits.log_lines_per_second, limits.cpu_percent), (9, Some(60)));
    let ceiling = TaskLimits {
        memory_bytes: Some(64 << 20),
        cpu_percent: Some(60),
        call_deadline: Some(ms(100)),
        rows_per_second: Some(61),
        bytes_per_second: Some(62),
        log_lines_per_second: Some(9),
        sockets: Some(63),
        http_requests: Some(64),
        network_bytes_per_second: Some(65),
    };
    assert_eq!(settings.ceiling, ceiling);
    let worker = &settings.worker;
    assert_eq!((worker.shutdown_timeout, worker.flush_interval, worker.max_in_flight), (ms(7), ms(50), 2));
    assert_eq!((worker.poll.max_rows, worker.poll.max_bytes), (100, 2048));
    assert_eq!((worker.restart.enabled, worker.restart.max_failures, worker.restart.window), (false, 3, ms(1000)));
    assert_eq!((worker.restart.backoff.initial, worker.restart.backoff.max), (ms(10), ms(20)));
}

#[test]
fn flags_win_over_the_file() {
    let args =
        RunArgs { data_dir: Some("/flag".into()), listen: Some("127.0.0.1:9".parse().unwrap()), ..RunArgs::default() };
    let settings = resolve(&args, "data-dir = \"/file\"\nplugins-dir = \"/p\"\nlisten = \"127.0.0.1:1\"").unwrap();
    assert_eq!(settings.data_dir.to_str(), Some("/flag"));
    assert_eq!(settings.plugins_dir.to_str(), Some("/p"));
    assert_eq!(settings.listen.port(), 9);
}

#[test]
fn connectors_come_from_files_that_are_named_and_from_a_folder() {
    let args = RunArgs {
        connector: vec!["/a.yaml".into(), "b.json".into()],
        connectors_dir: Some("/flag".into()),
        ..RunArgs::default()
    };
    let settings = resolve(&args, "connectors-dir = \"/file\"").unwrap();
    let files = vec!["/a.yaml".into(), std::path::absolute("b.json").unwrap()];
    assert_eq!(settings.connectors, Sources { files, folder: Some("/flag".into()) });
    let missing = Sources { files: vec!["/nowhere.yaml".into()], folder: None };
    assert!(missing.check().unwrap_err().to_string().contains("`/nowhere.yaml` is no file"));
    let missing = Sources { files: Vec::new(), folder: Some("/nowhere".into()) };
    assert!(missing.check().unwrap_err().to_string().contains("--connectors-dir"));
}

#[test]
fn paths_in_a_file_are_relative_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wharf.toml");
    std::fs::write(&file, "data-dir = \"data\"\nallowed-paths = [\"in\"]").unwrap();
    let settings = Settings::load(&RunArgs { config: Some(file.clone()), ..RunArgs::default() }).unwrap();
    assert_eq!(settings.data_dir, folder.path().join("data"));
    assert_eq!(settings.allowed_paths, Some(vec![folder.path().join("in")]));
    assert_eq!(settings.file, Some(file));
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let args = RunArgs { config: Some("/nonexistent/wharf.toml".into()), ..RunArgs::default() };
    assert!(
        format!("{:#}", Settings::load(&args).unwrap_err()).starts_with("read the settings `/nonexistent/wharf.toml`")
    );
}

#[test]
fn an_address_that_others_can_reach_needs_insecure() {
    assert!(refusal("listen = \"0.0.0.0:8083\"").contains("add --insecure"));
    let args = RunArgs { insecure: true, ..RunArgs::default() };
    assert_eq!(resolve(&args, "listen = \"0.0.0.0:8083\"").unwrap().listen.port(), 8083);
}

#[test]
fn addresses_are_read_in_their_usual_forms() {
    for (text, address) in [("localhost:1", "127.0.0.1:1"), (":1", "127.0.0.1:1"), ("[::1]:1", "[::1]:1")] {
        assert_eq!(parse_listen(text), Ok(address.parse().unwrap()));
    }
    for text in ["", "8083", "127.0.0.1", "host:1", "localhost:99999"] {
        assert!(parse_listen(text).unwrap_err().contains("127.0.0.1:8083"), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    assert!(refusal("[log]\nsegment-bytes = 1").contains("`log.segment-bytes` is 1: write at least 1048576"));
    assert!(refusal("[tasks]\nmax-in-flight = 0").contains("`tasks.max-in-flight` is 0: write at least 1"));
    assert!(refusal("[restart]\nbackoff-initial-ms = 5\nbackoff-max-ms = 1").contains("write a shorter one"));
    assert!(refusal("[limits]\ncpu-percent = 101").contains("`limits.cpu-percent` is 101: write at most 100"));
    assert!(refusal("[limits]\nrows-per-second = 0").contains("`limits.rows-per-second` is 0: write at least 1"));
    assert!(refusal("[log]\nsync-interval-ms = 5").contains("`log.sync-interval-ms` has no effect"));
    assert!(refusal("[log]\nsync = \"none\"\nsync-window-ms = 5").contains("`log.sync-window-ms` has no effect"));
    assert!(refusal("[log]\nsync = \"always\"").contains("unknown variant `always`"));
    assert!(refusal("listen = 8083").contains("invalid type"));
    assert!(refusal("lisen = \"x\"").contains("did you mean `listen`?"));
}

#[test]
fn the_interval_is_taken_with_its_policy() {
    let settings = resolve(&RunArgs::default(), "[log]\nsync = \"interval\"\nsync-interval-ms = 5").unwrap();
    assert_eq!(settings.log.sync, SyncPolicy::Interval(Duration::from_millis(5)));
}
