//! A guest that misbehaves is stopped and reported with its class, and started again or FAILED by policy; meanwhile
//! another connector moves on and REST answers.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, append, read, write};

/// Short limits, so that what is too long or too much is so soon.
const LIMITS: &str = "[limits]\ncall-deadline-ms = 300\nmemory-mb = 32\noutput-mb = 16\n";

/// A connector that behaves, to see that it is left alone.
struct Witness {
    input: std::path::PathBuf,
    output: std::path::PathBuf,
    lines: u32,
}

impl Witness {
    fn new(worker: &Worker) -> Self {
        let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
        write(&input, "");
        worker.create_source("witness-source", &input, "lines");
        worker.create_sink("witness-sink", &output, "lines");
        Self { input, output, lines: 0 }
    }

    /// A new line arrives.
    fn moves_on(&mut self, worker: &Worker) {
        self.lines += 1;
        let line = format!("line {}\n", self.lines);
        append(&self.input, &line);
        worker.wait_until("the other connector moves on", || read(&self.output).ends_with(line.as_bytes()));
    }
}

/// `tasks[0]` of the connector's status.
fn task(worker: &Worker, name: &str) -> Value {
    worker.status(name)["tasks"][0].clone()
}

/// Runs a guest that misbehaves in every instance, until it is given up as FAILED. The second start is the last.
fn fails_with(mode: &str, class: &str) {
    fails(LIMITS, &json!({"mode": mode}), class);
}

fn fails(limits: &str, misbehaviour: &Value, class: &str) {
    let worker = Setup::new().plugin("misbehaving-source").config(limits).start();
    let mut witness = Witness::new(&worker);
    witness.moves_on(&worker);
    let mut config = json!({"connector.class": "misbehaving-source", "topic": "bad", "restart.max.failures": "2",
        "restart.backoff.initial.ms": "10", "restart.backoff.max.ms": "20"});
    for (key, value) in misbehaviour.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    worker.create("bad", config);
    worker.wait_until("the guest was caught", || {
        worker.rest().get("/health").expect(200);
        task(&worker, "bad")["last_failure"]["class"].is_string()
    });
    assert_eq!(task(&worker, "bad")["last_failure"]["class"], class, "{}", worker.status("bad"));
    witness.moves_on(&worker);
    worker.wait_until("the task is given up", || task(&worker, "bad")["state"] == "FAILED");
    let failed = task(&worker, "bad");
    assert_eq!(failed["last_failure"]["class"], class, "{failed}");
    assert_eq!(
        failed["last_failure"]["restarts"], 1,
        "it was to be started once more before it was given up: {failed}"
    );
    assert!(failed["trace"].as_str().unwrap().contains(class), "{failed}");
    assert_eq!(worker.status("witness-source")["tasks"][0]["state"], "RUNNING");
    // An operator may try again, and may give up too.
    worker.rest().post_empty("/connectors/bad/tasks/0/restart").expect(204);
    witness.moves_on(&worker);
    worker.rest().delete("/connectors/bad").expect(204);
    witness.moves_on(&worker);
}

#[test]
fn a_guest_that_spins_is_interrupted() {
    fails_with("spin", "deadline-exceeded");
}

#[test]
fn a_guest_that_traps_is_reported_as_trapped() {
    fails_with("trap", "trap");
}

#[test]
fn a_guest_that_panics_is_reported_as_trapped_with_its_words() {
    fails_with("panic", "trap");
}

#[test]
fn a_guest_that_overflows_its_stack_is_reported_as_trapped() {
    fails_with("recurse", "trap");
}

#[test]
fn a_guest_that_wants_all_memory_is_stopped_at_its_limit() {
    fails_with("exhaust-memory", "memory-limit");
}

#[test]
fn a_guest_that_sleeps_in_a_host_call_is_stopped() {
    fails_with("sleep-forever", "host-call-timeout");
}

#[test]
fn a_guest_that_hands_over_nonsense_is_caught() {
    fails_with("bad-batch", "contract-violation");
    fails_with("bad-checkpoint", "contract-violation");
}

#[test]
fn a_guest_that_returns_a_gigabyte_is_refused_it() {
    // Memory and time enough to make it, so that it is the handing over that is refused.
    let limits = "[limits]\ncall-deadline-ms = 20000\nmemory-mb = 2048\noutput-mb = 16\n";
    fails(limits, &json!({"mode": "huge-batch", "size": 1_000_000}), "output-limit");
}

#[test]
fn a_guest_without_the_memory_for_a_gigabyte_does_not_even_make_it() {
    fails(LIMITS, &json!({"mode": "huge-batch", "size": 1_000_000}), "memory-limit");
}

#[test]
fn a_guest_that_hangs_while_it_starts_or_is_asked_for_its_configuration_is_interrupted() {
    let worker = Setup::new().plugin("misbehaving-source").config(LIMITS).start();
    let mut witness = Witness::new(&worker);
    let config = json!({"connector.class": "misbehaving-source", "topic": "bad", "mode": "spin-in-validate"});
    let answer = worker.rest().post("/connectors", &json!({"name": "bad", "config": config})).expect(500);
    assert!(answer.message().contains("misbehaving-source"), "{}", answer.message());
    witness.moves_on(&worker);
}

#[test]
fn many_guests_that_spin_at_once_leave_the_others_their_turn() {
    let worker = Setup::new().plugin("misbehaving-source").config(LIMITS).start();
    let mut witness = Witness::new(&worker);
    for number in 0..6 {
        let config = json!({"connector.class": "misbehaving-source", "topic": "bad", "mode": "spin",
            "restart.backoff.initial.ms": "1", "restart.backoff.max.ms": "1", "restart.max.failures": "1000000"});
        worker.create(&format!("bad-{number}"), config);
    }
    for number in 0..6 {
        worker.wait_until("each was caught more than once", || {
            task(&worker, &format!("bad-{number}"))["last_failure"]["restarts"].as_u64() >= Some(1)
        });
        witness.moves_on(&worker);
    }
}
