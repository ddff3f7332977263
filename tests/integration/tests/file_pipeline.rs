//! What a file holds arrives in another file, through the source, the log and the sink.

use std::fs;

use serde_json::json;
use wharf_integration::{Setup, Worker, append, lines, read, write};

/// A worker that moves `in.txt` to `out.txt`.
fn pipeline(content: impl AsRef<[u8]>) -> (Worker, std::path::PathBuf, std::path::PathBuf) {
    let worker = Worker::start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, content);
    worker.create_source("from", &input, "lines");
    worker.create_sink("to", &output, "lines");
    (worker, input, output)
}

#[test]
fn every_byte_of_every_line_arrives() {
    let mut content = Vec::new();
    // Every byte but the line feed and the carriage return, in lines of each length up to 300; empty ones too.
    for length in 0..300_u32 {
        content
            .extend((0..length).map(|at| (at.wrapping_mul(7) + length) as u8).filter(|byte| !b"\r\n".contains(byte)));
        content.push(b'\n');
    }
    let (worker, _, output) = pipeline(&content);
    worker.wait_for_text(&output, &content);
    assert_eq!(worker.topic("lines"), content);
}

#[test]
fn many_lines_arrive_exactly_once_and_in_order() {
    let content = lines::text(0..200_000);
    let (worker, _, output) = pipeline(&content);
    worker.wait_until("all has arrived", || read(&output).len() >= content.len());
    assert!(read(&output) == content.as_bytes(), "the files differ");
}

#[test]
fn a_long_line_arrives_whole() {
    let content = format!("{}\nshort\n", "long ".repeat(60_000));
    let (worker, _, output) = pipeline(&content);
    worker.wait_for_text(&output, &content);
}

#[test]
fn lines_that_are_appended_follow() {
    let (worker, input, output) = pipeline("one\n");
    let mut content = b"one\n".to_vec();
    for number in 0..20 {
        worker.wait_for_text(&output, &content);
        let line = format!("line {number}\n");
        append(&input, &line);
        content.extend_from_slice(line.as_bytes());
    }
    worker.wait_for_text(&output, &content);
}

#[test]
fn a_line_may_end_with_cr_lf() {
    let (worker, _, output) = pipeline("one\r\ntwo\nth\rree\r\n\r\n");
    worker.wait_for_text(&output, "one\ntwo\nth\rree\n\n");
}

#[test]
fn a_last_line_without_its_end_waits_for_it() {
    let (worker, input, output) = pipeline("one\ntw");
    worker.wait_for_text(&output, "one\n");
    append(&input, "o\nthree");
    worker.wait_for_text(&output, "one\ntwo\n");
    append(&input, "\n");
    worker.wait_for_text(&output, "one\ntwo\nthree\n");
}

#[test]
fn a_file_that_is_truncated_is_read_from_its_start() {
    let (worker, input, output) = pipeline("one\ntwo\nthree\n");
    worker.wait_for_text(&output, "one\ntwo\nthree\n");
    write(&input, "four\n");
    worker.wait_for_text(&output, "one\ntwo\nthree\nfour\n");
}

#[test]
fn a_file_that_is_replaced_is_read_from_its_start() {
    let (worker, input, output) = pipeline("one\n");
    worker.wait_for_text(&output, "one\n");
    let other = worker.path("other.txt");
    // Longer than the old one, so that its length does not give it away.
    write(&other, "two\nthree\nfour\n");
    fs::rename(&other, &input).unwrap();
    worker.wait_for_text(&output, "one\ntwo\nthree\nfour\n");
}

#[test]
fn two_files_go_to_two_topics_and_one_sink_takes_both() {
    let worker = Worker::start();
    let (a, b, output) = (worker.path("a.txt"), worker.path("b.txt"), worker.path("out.txt"));
    write(&a, lines::text(0..1000));
    write(&b, lines::text(1000..2000));
    worker.create_source("from-a", &a, "topic-a");
    worker.create_source("from-b", &b, "topic-b");
    worker.create_sink("to", &output, "topic-a,topic-b");
    worker.wait_until("both have arrived", || read(&output).len() >= lines::text(0..2000).len());
    let mut numbers = lines::numbers(&read(&output)).unwrap();
    numbers.sort_unstable();
    lines::exactly_once(&numbers, 2000).unwrap();
}

/// A worker on which new topics have four partitions, with the plugins to fill and to empty them.
fn four_partitions() -> Worker {
    let setup = Setup::new().plugin("generator-source").plugin("blackhole-sink");
    setup.config("[log]\ndefault-partitions = 4\n").start()
}

/// 5000 different rows with 100 different keys.
fn generate(worker: &Worker) {
    let config = json!({"connector.class": "generator-source", "topic": "rows", "count": 5000, "key.space": 100});
    worker.create("from", config);
}

#[test]
fn one_task_takes_all_partitions_of_a_topic() {
    let worker = four_partitions();
    let output = worker.path("out.txt");
    worker.create_sink("to", &output, "rows");
    generate(&worker);
    let lines = || String::from_utf8_lossy(&read(&output)).lines().map(str::to_owned).collect::<Vec<_>>();
    worker.wait_until("all has arrived", || lines().len() >= 5000);
    let mut lines = lines();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 5000);
    let partitions = worker.rest().get("/topics/rows").expect(200).json["partitions"].as_array().map_or(0, Vec::len);
    assert_eq!(partitions, 4);
}

#[test]
fn the_partitions_of_a_topic_are_shared_among_the_tasks_of_a_sink() {
    let worker = four_partitions();
    worker.create("to", json!({"connector.class": "blackhole-sink", "tasks.max": "2", "topics": "rows"}));
    worker.wait_for_state("to", "RUNNING");
    generate(&worker);
    let rows = || -> Vec<u64> {
        let progress = worker.rest().get("/connectors/to/progress").json;
        let tasks = progress["tasks"].as_array().cloned().unwrap_or_default();
        tasks.iter().map(|task| task["rows"].as_u64().unwrap_or_default()).collect()
    };
    worker.wait_until("all has arrived", || rows().iter().sum::<u64>() >= 5000);
    let rows = rows();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.iter().sum::<u64>(), 5000);
    assert!(rows.iter().all(|&rows| rows > 0), "one task has done all the work: {rows:?}");
}

#[test]
fn a_source_takes_up_where_it_was_when_its_worker_comes_back() {
    let (mut worker, input, output) = pipeline("one\n");
    worker.wait_for_text(&output, "one\n");
    assert!(worker.terminate().success());
    append(&input, "two\n");
    worker.start_again();
    worker.wait_for_text(&output, "one\ntwo\n");
    assert_eq!(worker.topic("lines"), b"one\ntwo\n");
}
