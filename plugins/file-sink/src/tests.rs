use super::*;
use std::fs;
use std::path::PathBuf;
use wharf_sdk::testkit::SinkKit;

struct Fixture {
    dir: tempfile::TempDir,
    path: PathBuf,
    kit: SinkKit<FileSink>,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.txt");
    let kit = SinkKit::new([("file", path.to_str().unwrap())]);
    Fixture { dir, path, kit }
}

#[test]
fn rows_are_appended_one_a_line() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    fs::write(&path, "before\n").unwrap();
    kit.start().unwrap();
    assert_eq!(kit.put_values(["one", "", "two"]).unwrap(), []);
    assert_eq!(kit.flush().unwrap(), Flushed::All);
    kit.put_values(["three"]).unwrap();
    kit.flush().unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "before\none\n\ntwo\nthree\n");
}

#[test]
fn a_row_without_a_value_is_an_empty_line() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    kit.start().unwrap();
    let batch = wharf_sdk::Batch { rows: 2, ..Default::default() };
    kit.put(&Delivery { batch, ..Delivery::default() }).unwrap();
    kit.flush().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"\n\n");
}

#[test]
fn a_torn_last_line_is_cut_and_never_glued_to_the_next() {
    let whole = "x".repeat(150_000);
    for (before, kept) in [
        ("a\nb\ntorn".to_owned(), "a\nb\n".to_owned()),
        (format!("{whole}\n{whole}"), format!("{whole}\n")),
        ("only torn".to_owned(), String::new()),
        ("whole\n".to_owned(), "whole\n".to_owned()),
    ] {
        let Fixture { dir: _dir, path, mut kit } = fixture();
        fs::write(&path, &before).unwrap();
        kit.start().unwrap();
        kit.put_values(["next"]).unwrap();
        kit.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{kept}next\n"));
        assert_eq!(kit.log().len(), usize::from(kept != before), "a cut is told");
    }
}

#[test]
fn what_was_not_flushed_when_a_task_dies_leaves_no_torn_line() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    kit.start().unwrap();
    let row = "y".repeat(700_000);
    for _ in 0..5 {
        kit.put_values([&row]).unwrap();
    }
    kit.restart().unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with('\n') && text.lines().all(|line| line == row));
    assert!(text.lines().count() >= 2, "a full buffer was written before the flush");
}

#[test]
fn a_stop_writes_what_is_buffered() {
    let Fixture { dir: _dir, path, mut kit } = fixture();
    kit.start().unwrap();
    kit.put_values(["last"]).unwrap();
    kit.stop();
    assert_eq!(fs::read_to_string(&path).unwrap(), "last\n");
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_a_new_one() {
    let Fixture { dir, path, mut kit } = fixture();
    kit.start().unwrap();
    kit.put_values(["old"]).unwrap();
    fs::rename(&path, dir.path().join("out.1")).unwrap();
    kit.flush().unwrap();
    kit.put_values(["new"]).unwrap();
    kit.flush().unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("out.1")).unwrap(), "old\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
}

#[test]
fn a_path_that_cannot_work_names_the_key_and_what_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no/such/out.txt");
    for (path, hint) in [(dir.path().to_path_buf(), "is a directory"), (missing, "create it")] {
        let failure = SinkKit::<FileSink>::new([("file", path.to_str().unwrap())]).start().unwrap_err();
        let Failure::InvalidConfig(problems) = failure else { panic!("{failure}") };
        assert!(problems[0].key == "file" && problems[0].message.contains(hint), "{problems:?}");
    }
}

#[test]
fn a_sink_without_a_file_says_what_to_set() {
    let failure = SinkKit::<FileSink>::new([("tasks.max", "1")]).start().unwrap_err();
    let Failure::InvalidConfig(problems) = failure else { panic!("{failure}") };
    assert!(problems[0].key == "file" && problems[0].message.contains("name the file"), "{problems:?}");
}

#[test]
fn one_file_has_one_writer() {
    assert_eq!(FileSink::tasks(&ConfigMap::new(), 8).unwrap().len(), 1);
}
