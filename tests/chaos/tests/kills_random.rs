//! Kills at any moment: while a million lines go from a file through the log into a file, and while a worker starts.

use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::json;
use wharf_chaos_tests::verdict::{self, reached};
use wharf_chaos_tests::{Feeder, kill, seed};
use wharf_integration::{Setup, read};

const STARTS: u32 = 40;
const KILLS: u64 = 50;
const LINES: u64 = 1_000_000;

#[test]
fn fifty_kills_while_a_million_lines_move_lose_nothing_and_double_nothing_in_the_log() {
    let mut random = Rng::with_seed(seed());
    // Several segments and several commits between any two kills.
    let config = "[log]\nsegment-bytes = 1048576\n[tasks]\nflush-interval-ms = 30\n";
    let mut worker = Setup::new().config(config).start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    let feeder = Feeder::start(&input);
    worker.wait_until("there is a file to read", || input.exists());
    worker.create_source("from", &input, "lines");
    worker.create_sink("to", &output, "lines");

    let (mut moved, mut on_the_way, mut starting) = (0, 0, 0);
    for number in 0..KILLS {
        let before = reached(&output);
        feeder.allow((number + 1) * LINES / (KILLS + 1));
        if number > 0 && random.u8(0..5) == 0 {
            // While it starts: opening the log, reading offsets, instantiating plugins, first rows.
            starting += 1;
            worker.launch();
            thread::sleep(Duration::from_micros(random.u64(0..120_000)));
        } else {
            if number > 0 {
                worker.start_again();
            }
            worker.wait_until("lines move", || reached(&output) > before || feeder.rests());
            thread::sleep(Duration::from_micros(random.u64(0..150_000)));
        }
        kill(&mut worker);
        moved += u64::from(reached(&output) > before);
        on_the_way += u64::from(reached(&output) < feeder.written());
    }
    println!("{moved} kills came after lines had moved, {on_the_way} hit lines on their way, {starting} a start");
    assert!(moved * 2 > KILLS, "most kills came before anything moved: {moved} of {KILLS}");
    assert!(on_the_way * 2 > KILLS, "most kills hit nothing on its way: {on_the_way} of {KILLS}");

    feeder.allow(LINES);
    worker.start_again();
    worker.wait_until("the last line has arrived", || reached(&output) == LINES);
    assert_eq!(feeder.stop(), LINES);
    assert!(worker.terminate().success());
    let again = verdict::of_lines(&worker.topic("lines"), &read(&output), LINES, KILLS as usize);
    println!("{} lines came again in the sink's file", again.expect("nothing lost, doubled, torn or out of order"));
}

#[test]
fn a_worker_that_is_killed_at_one_start_after_the_other_keeps_what_it_has_stored() {
    let mut random = Rng::with_seed(seed());
    let mut worker = Setup::bare().plugin("blackhole-sink").start();
    for number in 0..STARTS {
        // Something new in the store, so that opening it is work.
        let config = json!({"connector.class": "blackhole-sink", "topics": "t", "number": number});
        let status = worker.rest().put("/connectors/to/config", &config).status;
        assert_eq!(status, if number == 0 { 201 } else { 200 });
        kill(&mut worker);
        for _ in 0..2 {
            worker.launch();
            thread::sleep(Duration::from_micros(random.u64(1000..10_000)));
            kill(&mut worker);
        }
        worker.start_again();
        let stored = worker.rest().get("/connectors/to/config").expect(200).json;
        assert_eq!(stored.get("number"), Some(&json!(number.to_string())));
    }
}
