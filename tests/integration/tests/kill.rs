//! A worker is killed while lines flow: the log holds each line exactly once, the sink's file at least once, none torn.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "what helps a test may fail and speak like a test")]

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use wharf_integration::{Setup, lines, read};

const KILLS: u32 = 10;

#[test]
fn ten_kills_while_lines_flow_lose_nothing_and_double_nothing_in_the_log() {
    ten_kills("");
}

#[test]
fn ten_kills_between_segments_and_commits_lose_nothing_and_double_nothing_in_the_log() {
    // A new segment and several commits between any two kills.
    ten_kills("[log]\nsegment-bytes = 1048576\n[tasks]\nflush-interval-ms = 30\n");
}

fn ten_kills(config: &str) {
    let mut random = Random::new();
    let mut worker = Setup::new().config(config).start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    let done = AtomicBool::new(false);
    let count = thread::scope(|scope| {
        let writer = scope.spawn(|| keep_writing(&input, &done));
        worker.wait_until("there is a file to read", || input.exists());
        worker.create_source("from", &input, "lines");
        worker.create_sink("to", &output, "lines");
        // However this ends, the writer must end too.
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..KILLS {
                let before = length(&output);
                worker.wait_until("lines flow", || length(&output) > before);
                // Not to wait for something, but to hit another moment each time.
                thread::sleep(Duration::from_micros(random.below(200_000)));
                worker.kill();
                worker.start_again();
            }
        }));
        done.store(true, Ordering::Release);
        let count = writer.join();
        if let Err(panic) = killed {
            std::panic::resume_unwind(panic);
        }
        count.unwrap()
    });
    let last = format!("{}\n", lines::line(count - 1));
    worker.wait_until("the last line has arrived", || ends_with(&output, last.as_bytes()));
    assert!(worker.terminate().success());

    assert!(count > 10_000, "too few lines to mean anything: {count}");
    let log = lines::numbers(&worker.topic("lines")).unwrap();
    lines::exactly_once(&log, count).unwrap();
    let file = lines::numbers(&read(&output)).unwrap();
    lines::at_least_once(&file, count).unwrap();
}

/// Appends numbered lines until it is told to stop; gives back how many. Some writes end inside a line.
fn keep_writing(path: &Path, done: &AtomicBool) -> u64 {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut count = 0;
    while !done.load(Ordering::Acquire) {
        let text = lines::text(count..count + 500);
        let (first, second) = text.as_bytes().split_at(text.len() / 2 + 7);
        file.write_all(first).unwrap();
        file.write_all(second).unwrap();
        count += 500;
        // About ten megabytes a second: as many lines as a busy log has.
        thread::sleep(Duration::from_millis(3));
    }
    count
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |data| data.len())
}

fn ends_with(path: &Path, end: &[u8]) -> bool {
    use std::os::unix::fs::FileExt;
    let mut tail = vec![0; end.len()];
    let Some(from) = length(path).checked_sub(end.len() as u64) else { return false };
    std::fs::File::open(path).is_ok_and(|file| file.read_exact_at(&mut tail, from).is_ok()) && tail == end
}

/// A small generator (splitmix64) whose seed is printed, so that a failure can be played again.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let given = std::env::var("WHARF_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            now.as_nanos() as u64
        });
        println!("WHARF_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}
