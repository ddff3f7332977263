//! Many clients command one connector at once: no answer is a failure of the worker, nobody waits for ever, and what
//! was accepted last is what holds, also after a restart.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "this is a test")]

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharf_integration::{Answer, Rest, Worker, read, write};

const CLIENTS: u64 = 16;
const STEPS: u32 = 40;
/// For all of it. Generous: what is looked for is a wait that never ends.
const DEADLINE: Duration = Duration::from_secs(240);

/// A plan that is the same at each run: xorshift.
struct Dice(u64);

impl Dice {
    fn of(client: u64) -> Self {
        Self(0x9E37_79B9_7F4A_7C15 ^ ((client + 1) * 0x0100_0000_01B3))
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn config(input: &Path, topic: &str) -> Value {
    json!({"connector.class": "file-source", "file": input, "topic": topic})
}

/// One request, and the answers that it may get.
fn step(rest: &Rest, dice: &mut Dice, input: &Path) -> (&'static str, Answer, &'static [u16]) {
    let topic = format!("topic{}", dice.roll(3));
    match dice.roll(11) {
        0 | 1 => {
            let body = json!({"name": "c", "config": config(input, &topic)});
            ("POST", rest.post("/connectors", &body), &[201, 409])
        }
        2 | 3 => ("PUT config", rest.put("/connectors/c/config", &config(input, &topic)), &[200, 201, 409]),
        4 => ("pause", rest.put_empty("/connectors/c/pause"), &[202, 404, 409]),
        5 => ("resume", rest.put_empty("/connectors/c/resume"), &[202, 404, 409]),
        6 => ("stop", rest.put_empty("/connectors/c/stop"), &[204, 404, 409]),
        7 => ("restart", rest.post_empty("/connectors/c/restart"), &[204, 404, 409]),
        8 => {
            let path = "/connectors/c/restart?includeTasks=true&onlyFailed=false";
            ("restart with tasks", rest.post_empty(path), &[202, 404, 409])
        }
        9 => ("reset offsets", rest.delete("/connectors/c/offsets"), &[200, 400, 404, 409]),
        _ => ("DELETE", rest.delete("/connectors/c"), &[204, 404, 409]),
    }
}

/// All clients at once, until each is through with its plan.
fn storm(worker: &Worker, input: &Path) {
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            // A client with connections of its own.
            let (rest, input): (Rest, PathBuf) = (Rest::new(worker.rest().base()), input.to_owned());
            thread::spawn(move || {
                let mut dice = Dice::of(client);
                for number in 0..STEPS {
                    let (what, answer, allowed) = step(&rest, &mut dice, &input);
                    let (status, text) = (answer.status, &answer.text);
                    assert!(allowed.contains(&status), "client {client}, step {number}, {what}: {status} {text}");
                }
            })
        })
        .collect();
    while !clients.iter().all(thread::JoinHandle::is_finished) {
        assert!(begun.elapsed() < DEADLINE, "clients wait for ever: {}", worker.status("c"));
        thread::sleep(Duration::from_millis(5));
    }
    for client in clients {
        client.join().unwrap();
    }
}

fn target(worker: &Worker, verb: &str, status: u16) {
    worker.rest().put_empty(&format!("/connectors/c/{verb}")).expect(status);
}

/// What a worker says of the connector is this, now and after a restart.
fn holds(worker: &mut Worker, input: &Path, topic: &str, state: &str, tasks: usize) {
    for _ in 0..2 {
        worker.wait_until("the connector is as it was told to be", || {
            let status = worker.status("c");
            let listed = status["tasks"].as_array().map_or(&[][..], Vec::as_slice);
            let are_so = listed.iter().all(|task| task["state"] == state);
            status["connector"]["state"] == state && listed.len() == tasks && are_so
        });
        let mut expected = config(input, topic);
        expected["name"] = json!("c");
        assert_eq!(worker.rest().get("/connectors/c/config").expect(200).json, expected);
        assert_eq!(worker.rest().get("/connectors").json, json!(["c"]));
        assert!(worker.terminate().success());
        worker.start_again();
    }
}

#[test]
fn sixteen_clients_lose_nothing_of_what_was_accepted_last() {
    let mut worker = Worker::start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, "one\ntwo\n");
    storm(&worker, &input);

    let put = worker.rest().put("/connectors/c/config", &config(&input, "last"));
    assert!([200, 201].contains(&put.status), "{}", put.text);
    target(&worker, "stop", 204);
    holds(&mut worker, &input, "last", "STOPPED", 0);
    target(&worker, "resume", 202);
    holds(&mut worker, &input, "last", "RUNNING", 1);
    target(&worker, "pause", 202);
    holds(&mut worker, &input, "last", "PAUSED", 1);

    // And it works: whatever was read in the storm, what is written now arrives.
    target(&worker, "resume", 202);
    worker.wait_for_state("c", "RUNNING");
    worker.create_sink("to", &output, "last");
    wharf_integration::append(&input, "three\n");
    worker.wait_until("the new line arrives", || read(&output).ends_with(b"three\n"));
}

#[test]
fn a_connector_whose_last_command_was_to_delete_it_is_gone() {
    let mut worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    storm(&worker, &input);

    let gone = worker.rest().delete("/connectors/c");
    assert!([204, 404].contains(&gone.status), "{}", gone.text);
    for _ in 0..2 {
        assert_eq!(worker.rest().get("/connectors").json, json!([]));
        worker.rest().get("/connectors/c").expect(404);
        worker.rest().get("/connectors/c/status").expect(404);
        assert!(worker.terminate().success());
        worker.start_again();
    }
    worker.rest().post("/connectors", &json!({"name": "c", "config": config(&input, "t")})).expect(201);
    worker.wait_for_state("c", "RUNNING");
}
