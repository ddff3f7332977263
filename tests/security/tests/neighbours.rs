//! What a hostile connector costs a neighbour that goes as fast as it can, and whether the worker still answers.
//!
//! It prints a table. Speed is judged by whoever reads it: that the neighbour moves all its rows and that REST answers is
//! what is asserted. The machine's cores are shared, so that a guest that computes takes what is its share of them;
//! `limits.cpu.percent` makes that smaller.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use wharf_integration::Setup;
use wharf_security_tests::{Attack, Neighbour};

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

#[test]
fn a_neighbour_moves_its_rows_beside_each_hostile_guest() {
    let setup = Setup::bare().plugin("hostile-source").plugin("generator-source").config(SETTINGS);
    let worker = Arc::new(setup.start());
    let mut neighbour = Neighbour::new(&worker);
    neighbour.stretch();
    let mut alone: Vec<f64> = (0..5).map(|_| neighbour.stretch().rows_per_second).collect();
    alone.sort_by(f64::total_cmp);
    let median = alone.get(2).copied().unwrap_or(1.0);
    let mut table = format!(
        "\nalone: {median:.0} rows/s\n{:<34}{:>12}{:>8}{:>16}\n",
        "beside", "rows/s", "share", "GET /connectors"
    );
    let mut row = |name: &str, attack: Attack| {
        let attack = attack.with("restart.max.failures", "1000000").with("restart.backoff.initial.ms", "1");
        let file = attack.file("mine.txt", "mine");
        let attack = attack.with("restart.backoff.max.ms", "5").with("read.file", file.to_string_lossy()).start();
        attack.worker().wait_until("the attack has begun", || {
            attack.worker().status(attack.name()).pointer("/tasks/0/state").is_some()
        });
        let mut best = neighbour.stretch();
        // The median of three would take longer; of two the better one says what is possible beside it.
        let again = neighbour.stretch();
        if again.rows_per_second > best.rows_per_second {
            best = again;
        }
        let share = 100.0 * best.rows_per_second / median;
        let millis = best.slowest_answer.as_secs_f64() * 1000.0;
        writeln!(table, "{name:<34}{:>12.0}{share:>7.0}%{millis:>13.1} ms", best.rows_per_second).ok();
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
