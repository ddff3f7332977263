//! Files that a crash, or somebody, left in a state that no worker leaves them in.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use wharf_integration::{Setup, append, lines, read};

use crate::scene::{CONFIG, Scene, text};

/// A worker that was killed with several segments on its disk.
fn killed() -> Scene {
    let mut scene = Scene::new(Setup::new().config(CONFIG));
    scene.connect();
    for _ in 0..6 {
        scene.feed(10_000);
        scene.arrive();
    }
    scene.worker.kill();
    assert!(scene.files("log").len() >= 4, "too few segments: {:?}", scene.files("log"));
    scene
}

fn last(scene: &Scene, extension: &str) -> PathBuf {
    scene.files(extension).pop().unwrap()
}

fn start(scene: &mut Scene) {
    scene.worker.start_again();
    scene.feed(1000);
}

#[test]
fn a_torn_tail_is_cut_and_told() {
    let mut scene = killed();
    let log = last(&scene, "log");
    let frame = read(&log);
    // The first frame of the file again, but for its end: it is not the one that belongs there, and not whole.
    append(&log, frame.get(..frame.len().min(900)).unwrap());
    start(&mut scene);
    let said = scene.worker.log_since_start();
    assert!(said.contains("cut a frame that is not whole") && said.contains(&*log.to_string_lossy()), "{said}");
    scene.is_whole();
}

#[test]
fn a_tail_of_zeros_is_cut() {
    let mut scene = killed();
    let log = OpenOptions::new().append(true).open(last(&scene, "log")).unwrap();
    log.set_len(log.metadata().unwrap().len() + (1 << 20)).unwrap();
    start(&mut scene);
    scene.is_whole();
}

#[test]
fn half_an_index_entry_is_no_obstacle() {
    let mut scene = killed();
    for path in scene.files("index").into_iter().chain(scene.files("timeindex")) {
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let len = file.metadata().unwrap().len();
        file.set_len(len.saturating_sub(7)).unwrap();
    }
    start(&mut scene);
    scene.is_whole();
}

#[test]
fn an_index_full_of_nonsense_is_no_obstacle() {
    let mut scene = killed();
    for path in scene.files("index").into_iter().chain(scene.files("timeindex")) {
        let len = read(&path).len();
        fs::write(&path, vec![0x5a; len]).unwrap();
    }
    start(&mut scene);
    scene.is_whole();
}

#[test]
fn lost_indexes_are_made_anew() {
    let mut scene = killed();
    let paths: Vec<PathBuf> = scene.files("index").into_iter().chain(scene.files("timeindex")).collect();
    paths.iter().for_each(|path| fs::remove_file(path).unwrap());
    start(&mut scene);
    scene.is_whole();
    assert!(paths.iter().all(|path| path.exists()), "{paths:?}");
}

#[test]
fn an_index_that_cannot_be_written_costs_speed_only() {
    let mut scene = killed();
    for path in [last(&scene, "index"), last(&scene, "timeindex")] {
        fs::remove_file(&path).unwrap();
        // Nobody can open it for writing, nor put a file in its place.
        fs::create_dir_all(path.join("x")).unwrap();
    }
    start(&mut scene);
    scene.is_whole();
    assert!(scene.worker.log().contains("reads of this segment begin more slowly"));
}

/// What a roll leaves that failed when the disk was full: the next file is there and empty.
#[test]
fn an_empty_segment_at_the_end_is_gone_on_with() {
    let mut scene = killed();
    let rows = scene.worker.topic("lines").iter().filter(|&&byte| byte == b'\n').count();
    File::create(scene.segments_dir().join(format!("{rows:020}.log"))).unwrap();
    start(&mut scene);
    scene.is_whole();
}

fn put_aside(path: &Path) -> PathBuf {
    let aside = path.with_extension("aside");
    fs::rename(path, &aside).unwrap();
    aside
}

#[test]
fn a_segment_missing_in_the_middle_stops_its_partition_and_says_which_rows_until_it_is_back() {
    let mut scene = killed();
    let middle = scene.files("log").remove(1);
    let aside = put_aside(&middle);
    start(&mut scene);
    for connector in ["from", "to"] {
        scene
            .worker
            .wait_until(&format!("{connector} is given up"), || text(&scene.task(connector), "/state") == "FAILED");
        let trace = text(&scene.task(connector), "/trace");
        assert!(trace.contains("are missing") && trace.contains(&*scene.segments_dir().to_string_lossy()), "{trace}");
    }
    // Other topics are none the worse.
    let (input, output) = (scene.worker.path("in2.txt"), scene.worker.path("out2.txt"));
    append(&input, lines::text(0..100));
    scene.worker.create_source("from2", &input, "others");
    scene.worker.create_sink("to2", &output, "others");
    scene.worker.wait_for_text(&output, lines::text(0..100));

    scene.worker.terminate();
    fs::rename(&aside, &middle).unwrap();
    scene.worker.start_again();
    scene.is_whole();
}

/// As after retention: there is no telling the two apart.
#[test]
fn a_first_segment_that_is_missing_is_missed_by_nobody_who_has_read_it() {
    let mut scene = killed();
    let mut segments = scene.files("log");
    let (first, second) = (segments.remove(0), segments.remove(0));
    fs::remove_file(&first).unwrap();
    start(&mut scene);
    scene.arrive();
    // Who reads from the beginning begins with the first row that is left.
    let all = scene.worker.path("all.txt");
    scene.worker.create_sink("again", &all, "lines");
    let left = scene.worker.topic("lines");
    scene.worker.wait_for_text(&all, &left);
    let base: u64 = second.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let numbers = lines::numbers(&left).unwrap();
    assert_eq!(numbers.first(), Some(&base));
    assert!(numbers.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b)), "each once, in order");
    assert_eq!(numbers.last(), Some(&60_999));
}

#[test]
fn a_last_segment_that_is_missing_is_told_and_the_source_sends_its_rows_again() {
    let mut scene = killed();
    // Ended in good order, so that it is known where the log ended.
    scene.worker.start_again();
    scene.worker.terminate();
    fs::remove_file(last(&scene, "log")).unwrap();
    start(&mut scene);
    let said = scene.worker.log_since_start();
    assert!(said.contains("rows that were acknowledged are missing at the end of the log"), "{said}");
    scene.is_whole();
}

#[test]
fn when_all_segments_are_missing_nothing_is_written_over_what_may_come_back() {
    let mut scene = killed();
    scene.worker.start_again();
    scene.worker.terminate();
    let aside: Vec<(PathBuf, PathBuf)> = scene.files("log").into_iter().map(|path| (put_aside(&path), path)).collect();
    start(&mut scene);
    scene.worker.wait_until("the source is given up", || text(&scene.task("from"), "/state") == "FAILED");
    let trace = text(&scene.task("from"), "/trace");
    assert!(
        trace.contains("all segment files in") && trace.contains(&*scene.segments_dir().to_string_lossy()),
        "{trace}"
    );
    scene.worker.terminate();
    aside.iter().for_each(|(aside, path)| fs::rename(aside, path).unwrap());
    scene.worker.start_again();
    scene.is_whole();
}

#[test]
fn damage_in_front_of_acknowledged_rows_is_told_with_file_and_place_and_nothing_is_cut() {
    let mut scene = killed();
    let log = scene.files("log").remove(0);
    let mut bytes = read(&log);
    let at = bytes.len() / 2;
    bytes.get_mut(at..at + 16).unwrap().fill(0x5a);
    fs::write(&log, &bytes).unwrap();
    start(&mut scene);
    // Who has read past it is not concerned.
    scene.arrive();
    let all = scene.worker.path("all.txt");
    scene.worker.create_sink("again", &all, "lines");
    scene.worker.wait_until("the sink is given up", || text(&scene.task("again"), "/state") == "FAILED");
    let trace = text(&scene.task("again"), "/trace");
    assert!(trace.contains("is damaged at byte") && trace.contains(&*log.to_string_lossy()), "{trace}");
    assert_eq!(read(&log), bytes);
}

#[test]
fn half_a_commit_in_a_groups_journal_is_cut() {
    let mut scene = killed();
    let groups = scene.worker.data_dir().join("log/groups");
    for journal in fs::read_dir(groups).unwrap() {
        let path = journal.unwrap().path();
        let whole = read(&path);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(whole.get(..whole.len().min(20)).unwrap()).unwrap();
    }
    start(&mut scene);
    scene.is_whole();
    assert!(scene.worker.log().contains("cut a commit that is not whole"));
}

#[test]
fn a_store_that_is_damaged_is_refused_with_what_to_do_and_taken_again_from_a_backup() {
    let mut scene = Scene::new(Setup::new().config(CONFIG));
    scene.connect();
    scene.feed(1000);
    scene.arrive();
    scene.worker.terminate();
    let db = scene.worker.data_dir().join("store/db");
    let backup = read(&db);
    let mut bytes = backup.clone();
    bytes.truncate(bytes.len() / 8);
    bytes.iter_mut().skip(2000).for_each(|byte| *byte ^= 0x5a);
    fs::write(&db, &bytes).unwrap();
    let said = scene.worker.refuse_to_start();
    assert_eq!(said.code, Some(1));
    let place = scene.worker.data_dir().join("store");
    assert!(
        said.stderr.contains(&*place.to_string_lossy()) && said.stderr.contains("put back a backup"),
        "{}",
        said.stderr
    );
    fs::write(&db, &backup).unwrap();
    scene.worker.start_again();
    assert_eq!(scene.worker.rest().get("/connectors").json, json!(["from", "to"]));
    scene.feed(1000);
    scene.is_whole();
}
