//! What a hostile connector costs a neighbour that goes as fast as it can, and whether the worker still answers.
//!
//! It prints a table. Speed is judged by whoever reads it: that the neighbour moves all its rows and that REST answers is
//! what is asserted. The machine's cores are shared, so that a guest that computes takes what is its share of them;
//! `limits.cpu.percent` makes that smaller.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use wharf_integration::Setup;
use wharf_security_tests::{Attack, Neighbour, Stretch};

/// Every mode that goes on once it has begun. Each is started again as soon as it was ended.
const MODES: &[&str] = &[
    "spin",
    "recurse",
    "exit",
    "fill-memory",
    "grow-for-ever",
    "allocate-tiny-for-ever",
    "sleep-for-ever",
    "read-the-clock-for-ever",
    "timers-for-ever",
    "randomness-by-the-gigabyte",
    "open-files-for-ever",
    "empty-for-ever",
    "retry-for-ever",
    "reconfigure-for-ever",
    "log-a-million",
    "log-escapes",
    "stdout-without-end",
    "metrics",
    "log-invalid-utf8",
    "spin-in-start",
    "spin-in-commit",
    "checkpoint-deep-json",
    "checkpoint-row-out-of-range",
    "ends-unsorted",
    "four-billion-rows",
    "topic-is-a-path",
    "claim-2-gigabytes",
    "claim-unaligned",
    "ten-million-strings",
    "huge-row",
];

/// Rows that take long to be written would measure the disk.
const SETTINGS: &str = "allowed-paths = [\"{files}\"]\n[limits]\nmemory-mb = 1024\noutput-mb = 16\n\
    [log]\nsync = \"interval\"\n";

/// The best of three stretches: what is possible, where other things on the machine do not get in the way.
fn best(neighbour: &mut Neighbour<'_>) -> Stretch {
    let first = neighbour.stretch();
    (0..2).map(|_| neighbour.stretch()).fold(first, |best, next| Stretch {
        rows_per_second: best.rows_per_second.max(next.rows_per_second),
        slowest_answer: best.slowest_answer.max(next.slowest_answer),
    })
}

#[test]
fn a_neighbour_moves_its_rows_beside_each_hostile_guest() {
    let setup = Setup::bare().plugin("hostile-source").plugin("generator-source").config(SETTINGS);
    let worker = Arc::new(setup.start());
    let mut neighbour = Neighbour::new(&worker);
    neighbour.stretch();
    let mut table =
        format!("\n{:<34}{:>14}{:>14}{:>8}{:>18}\n", "rows a second", "alone", "beside", "share", "GET /connectors");
    let mut row = |name: &str, attack: Attack| {
        // Just before, as a machine is not equally fast all the time.
        let alone = best(&mut neighbour).rows_per_second;
        let attack = attack.with("restart.max.failures", "1000000").with("restart.backoff.initial.ms", "1");
        let file = attack.file("mine.txt", "mine");
        let attack = attack.with("restart.backoff.max.ms", "5").with("read.file", file.to_string_lossy()).start();
        attack.worker().wait_until("the attack has begun", || {
            attack.worker().status(attack.name()).pointer("/tasks/0/state").is_some()
        });
        let beside = best(&mut neighbour);
        let (rows, millis) = (beside.rows_per_second, beside.slowest_answer.as_secs_f64() * 1000.0);
        writeln!(table, "{name:<34}{alone:>14.0}{rows:>14.0}{:>7.0}%{millis:>15.1} ms", 100.0 * rows / alone).ok();
        attack.worker().rest().get("/connectors").expect(200);
    };
    for mode in MODES {
        let attack = Attack::on(worker.clone(), "hostile-source", mode).with("limits.call.deadline.ms", "3000");
        row(
            mode,
            match *mode {
                "ten-million-strings" | "huge-row" => attack.with("limits.memory.mb", "1024"),
                _ => attack,
            },
        );
    }
    for (mode, percent) in [("spin", "50"), ("spin", "10"), ("empty-for-ever", "10")] {
        let attack = Attack::on(worker.clone(), "hostile-source", mode).with("limits.cpu.percent", percent);
        row(&format!("{mode}, {percent} % of a core"), attack);
    }
    // Past the capture of the test harness: the table is what this is for.
    std::io::stderr().write_all(table.as_bytes()).ok();
}
