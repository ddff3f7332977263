use super::*;

fn event(code: &str, connector: &str, detail: &str) -> AuditEvent {
    AuditEvent {
        code: code.to_owned(),
        connector: connector.to_owned(),
        task: Some(1),
        plugin: "p@1".to_owned(),
        detail: detail.to_owned(),
    }
}

fn lines(path: &Path) -> Vec<AuditRecord> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn all(limit: usize) -> AuditQuery {
    AuditQuery { limit, ..AuditQuery::default() }
}

#[test]
fn what_is_recorded_is_in_the_file_and_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::start(folder.path()).unwrap();
    log.record(event("kill.trap", "a", "one"));
    log.record(event("egress.name", "b", "two"));
    log.close();
    let written = lines(&folder.path().join("audit.log"));
    let details: Vec<_> = written.iter().map(|record| (record.number, record.event.detail.as_str())).collect();
    assert_eq!(details, [(1, "one"), (2, "two")]);
    assert_eq!(log.recent(&all(10)), written);
    assert_eq!(log.recent(&all(1))[0].event.detail, "two", "the newest");
    let of_b = log.recent(&AuditQuery { connector: Some("b".to_owned()), ..all(10) });
    assert_eq!((of_b.len(), of_b[0].number), (1, 2));
}

#[test]
fn a_detail_cannot_forge_another_line_or_move_a_cursor() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::start(folder.path()).unwrap();
    log.record(event("egress.name", "c", "x\"}\n{\"code\":\"forged\"}\r\u{1b}[31m\u{202e}\u{9b}"));
    log.close();
    let text = std::fs::read_to_string(folder.path().join("audit.log")).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert!(text.trim_end().chars().all(|char| !char.is_control() && char != '\u{202e}'), "{text:?}");
    assert_eq!(lines(&folder.path().join("audit.log"))[0].event.code, "egress.name");
}

#[test]
fn a_flood_is_written_in_part_and_counted_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::start(folder.path()).unwrap();
    for _ in 0..100_000 {
        log.record(event("egress.name", "c", "again"));
    }
    log.close();
    let written = lines(&folder.path().join("audit.log"));
    let suppressed: u64 = written.iter().filter_map(|record| record.suppressed).sum();
    let single = written.iter().filter(|record| record.suppressed.is_none()).count() as u64;
    assert_eq!(single + suppressed, 100_000);
    assert!(written.len() < 1_000, "{}", written.len());
    assert_eq!(log.recent(&all(RECENT)), written);
}

#[test]
fn memory_holds_the_latest_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::start(folder.path()).unwrap();
    for number in 0..RECENT + 10 {
        log.record(event("kill.trap", &format!("c{number}"), "x"));
    }
    let recent = log.recent(&all(usize::MAX));
    assert_eq!((recent.len(), recent[0].number, recent[RECENT - 1].number), (RECENT, 11, RECENT as u64 + 10));
}

#[test]
fn where_the_disk_fails_nobody_waits_and_what_is_missing_is_told_once_it_works() {
    let folder = tempfile::tempdir().unwrap();
    // A directory stands where the file should be.
    std::fs::create_dir(folder.path().join("audit.log")).unwrap();
    let log = AuditLog::start(folder.path()).unwrap();
    for number in 0..5 {
        log.record(event("kill.trap", &format!("c{number}"), "x"));
    }
    log.close();
    assert_eq!(log.recent(&all(10)).len(), 5, "memory has them all the same");
    std::fs::remove_dir(folder.path().join("audit.log")).unwrap();
    log.record(event("kill.trap", "d", "y"));
    log.close();
    let written = lines(&folder.path().join("audit.log"));
    let codes: Vec<_> = written.iter().map(|record| record.event.code.as_str()).collect();
    assert_eq!(codes, ["kill.trap", "audit.lost"]);
    assert!(written[1].event.detail.starts_with("5 records could not be written"), "{}", written[1].event.detail);
}

#[test]
fn what_finds_no_room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (writer, records) = sync_channel(2);
    let shared = Arc::new(Shared::default());
    let log = AuditLog { shared: shared.clone(), writer };
    // Nobody takes them yet.
    for number in 0..7 {
        log.record(event("kill.trap", &format!("c{number}"), "x"));
    }
    assert_eq!(shared.lost.load(Relaxed), 5);
    drop(log);
    Writer { shared, file: Rotating::new(folder.path().join("audit.log")), missing: 0 }.run(&records);
    let written = lines(&folder.path().join("audit.log"));
    assert_eq!(written.len(), 3);
    assert!(written[2].event.detail.starts_with("5 records"), "{}", written[2].event.detail);
}

#[test]
fn changes_that_were_done_are_all_written_and_those_refused_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let log = AuditLog::start(folder.path()).unwrap();
    let change = |status| Change {
        who: "ann".to_owned(),
        from: "127.0.0.1:5".to_owned(),
        method: "PUT".to_owned(),
        path: "/connectors/c/pause".to_owned(),
        status,
        before: None,
        after: None,
    };
    for _ in 0..100 {
        log.record_change(event("change.connector.pause", "c", "done"), change(202));
        log.record_change(event("change.connector.pause", "c", "refused"), change(404));
    }
    log.close();
    let written = lines(&folder.path().join("audit.log"));
    let done = written.iter().filter(|record| record.change.as_ref().is_some_and(Change::is_done));
    assert_eq!(done.count(), 100);
    let refused = written.iter().filter(|record| record.event.detail == "refused" && record.suppressed.is_none());
    assert!(refused.count() < 50);
    assert_eq!(log.recent(&all(RECENT)), written);
}
