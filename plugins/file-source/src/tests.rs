use super::*;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use wharf_sdk::Limits;
use wharf_sdk::testkit::{Polled, SourceKit};

struct Fixture {
    dir: tempfile::TempDir,
    path: PathBuf,
    kit: SourceKit<FileSource>,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.txt");
    let kit = SourceKit::new([("file", path.to_str().unwrap()), ("topic", "lines")]);
    Fixture { dir, path, kit }
}

fn append(path: &PathBuf, text: &str) {
    fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

fn position(polled: &Polled) -> String {
    polled.offsets()[0].offset.clone()
}

/// Polls until rows come.
fn rows(kit: &mut SourceKit<FileSource>) -> Polled {
    (0..10).map(|_| kit.poll().unwrap()).find(|polled| polled.batch.rows > 0).unwrap()
}

#[test]
fn appended_lines_are_followed_and_an_open_line_waits_for_its_end() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "one\ntwo\r\nthr");
    kit.start().unwrap();
    let polled = kit.poll().unwrap();
    assert_eq!(polled.texts(), ["one", "two"]);
    assert_eq!((polled.next, position(&polled)), (Next::Idle, r#"{"position":9}"#.into()));
    assert_eq!(polled.batch.topics, ["lines"]);
    assert_eq!(polled.batch.checkpoints[0].row, 1);
    assert_eq!(kit.poll().unwrap().batch.rows, 0);
    append(&path, "ee\n");
    let polled = kit.poll().unwrap();
    assert_eq!((polled.texts(), position(&polled)), (vec!["three".to_owned()], r#"{"position":15}"#.into()));
}

#[test]
fn bytes_pass_as_they_are() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    fs::write(&path, b"\xff\x00\xfe\r\n\n").unwrap();
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().values(), [Some(b"\xff\x00\xfe".to_vec()), Some(vec![])]);
}

#[test]
fn it_goes_on_behind_what_was_committed() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "a\nb\nc\nd\n");
    kit.limit(Limits { max_rows: 2, max_bytes: 1000, max_wait: Duration::ZERO });
    kit.start().unwrap();
    let first = kit.poll().unwrap();
    assert_eq!((first.texts(), first.next), (vec!["a".to_owned(), "b".into()], Next::More));
    kit.commit(&first).unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["c", "d"]);
    kit.restart().unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["c", "d"]);
}

#[test]
fn many_lines_over_many_blocks_all_arrive_in_order() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    let text: String = (0..50_000).map(|n| format!("line {n} {}\n", "x".repeat(n % 90))).collect();
    fs::write(&path, &text).unwrap();
    kit.start().unwrap();
    let mut found = String::new();
    loop {
        let polled = kit.poll().unwrap();
        assert!(polled.batch.rows <= 10_000 && polled.batch.values.data.len() <= 1024 * 1024);
        if polled.batch.rows == 0 {
            break;
        }
        polled.texts().iter().for_each(|line| {
            found.push_str(line);
            found.push('\n');
        });
    }
    assert!(found == text, "what was read differs from what was written");
}

#[test]
fn a_file_that_does_not_exist_yet_is_waited_for_and_told_once() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().next, Next::Idle);
    kit.poll().unwrap();
    assert_eq!(kit.log().iter().filter(|(_, line)| line.contains("waiting for")).count(), 1);
    append(&path, "here\n");
    assert_eq!(kit.poll().unwrap().texts(), ["here"]);
}

#[test]
fn a_truncated_file_is_read_from_the_start() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "first\nsecond\nopen");
    kit.start().unwrap();
    kit.poll().unwrap();
    fs::write(&path, "new\n").unwrap();
    let polled = rows(&mut kit);
    assert_eq!((polled.texts(), position(&polled)), (vec!["new".to_owned()], r#"{"position":4}"#.into()));
    assert!(kit.log().iter().any(|(level, line)| *level == log::Level::Warn && line.contains("truncated")));
}

#[test]
fn a_cut_open_line_is_read_again() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "kept\nopen line");
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["kept"]);
    fs::write(&path, "kept\nx\n").unwrap();
    assert_eq!(rows(&mut kit).texts(), ["x"]);
}

#[test]
fn a_stored_position_past_the_end_starts_again() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "a long first line\n");
    kit.start().unwrap();
    let polled = kit.poll().unwrap();
    kit.commit(&polled).unwrap();
    fs::write(&path, "b\n").unwrap();
    kit.restart().unwrap();
    assert_eq!(rows(&mut kit).texts(), ["b"]);
}

#[test]
fn a_replaced_file_is_read_to_its_end_before_the_new_one() {
    let Fixture { dir, path, mut kit } = fixture();
    append(&path, "old 1\n");
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["old 1"]);
    let moved = dir.path().join("in.1");
    fs::rename(&path, &moved).unwrap();
    append(&path, "new 1\nnew 2\n");
    append(&moved, "old 2\nold 3 without end");
    assert_eq!(kit.poll().unwrap().texts(), ["old 2"]);
    let last = rows(&mut kit);
    assert_eq!((last.texts(), position(&last)), (vec!["old 3 without end".to_owned()], r#"{"position":0}"#.into()));
    let new = rows(&mut kit);
    assert_eq!((new.texts(), position(&new)), (vec!["new 1".to_owned(), "new 2".into()], r#"{"position":12}"#.into()));
}

#[test]
fn a_removed_file_is_waited_for() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "old\n");
    kit.start().unwrap();
    kit.poll().unwrap();
    fs::remove_file(&path).unwrap();
    kit.poll().unwrap();
    append(&path, "new\n");
    assert_eq!(rows(&mut kit).texts(), ["new"]);
}

#[test]
fn one_large_line_goes_alone() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    let large = "z".repeat(3 * 1024 * 1024);
    append(&path, &format!("small\n{large}\nlast\n"));
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["small"]);
    assert_eq!(kit.poll().unwrap().texts(), [large]);
    assert_eq!(kit.poll().unwrap().texts(), ["last"]);
}

#[test]
fn a_line_over_the_bound_stops_the_task_and_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.txt");
    fs::write(&path, "ok\n123456\n").unwrap();
    let file = path.to_str().unwrap();
    let mut kit = SourceKit::<FileSource>::new([("file", file), ("topic", "t"), ("max.line.bytes", "5")]);
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["ok"], "what comes before is not held back");
    let failure = kit.poll().unwrap_err();
    let told = |reason: &str| reason.contains("max.line.bytes") && reason.contains("after byte 3");
    assert!(matches!(&failure, Failure::Fatal(reason) if told(reason)), "{failure}");
}

#[test]
fn batch_size_bounds_the_rows_of_a_poll() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("in.txt");
    fs::write(&path, "1\n2\n3\n").unwrap();
    let file = path.to_str().unwrap();
    let mut kit = SourceKit::<FileSource>::new([("file", file), ("topic", "t"), ("batch.size", "2")]);
    kit.start().unwrap();
    assert_eq!(kit.poll().unwrap().texts(), ["1", "2"]);
    assert_eq!(kit.poll().unwrap().texts(), ["3"]);
}

#[test]
fn a_configuration_that_cannot_work_names_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let directory = dir.path().to_str().unwrap();
    for (pairs, key) in [
        (vec![("file", directory), ("topic", "t")], "file"),
        (vec![("topic", "t")], "file"),
        (vec![("file", "f"), ("topic", " ")], "topic"),
        (vec![("file", "f"), ("topic", "t"), ("batch.size", "0")], "batch.size"),
        (vec![("file", "f"), ("topic", "t"), ("batch.size", "ten")], "batch.size"),
    ] {
        let failure = SourceKit::<FileSource>::new(pairs).start().unwrap_err();
        let Failure::InvalidConfig(problems) = failure else { panic!("{failure}") };
        assert_eq!(problems[0].key, key);
    }
}

#[test]
fn only_offsets_of_its_own_shape_may_be_stored() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    append(&path, "one\ntwo\n");
    kit.start().unwrap();
    let at = |offset: &str| SourceOffset {
        partition: json!({"filename": path.to_str().unwrap()}).to_string(),
        offset: offset.into(),
    };
    assert!(kit.alter(&[at(r#"{"position":4}"#)]).is_ok());
    assert!(kit.alter(&[at("")]).is_ok());
    assert!(kit.alter(&[at(r#"{"position":-1}"#)]).unwrap_err().contains("non-negative"));
    let other = SourceOffset::new(json!({"filename": "of an earlier configuration"}), json!({"position": 1})).unwrap();
    assert!(kit.alter(&[other]).is_ok());
}
