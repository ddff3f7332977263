//! Offsets over REST: what they say is where a connector goes on, also after its worker died.

#![expect(clippy::indexing_slicing, reason = "this is a test")]

use serde_json::{Value, json};
use wharf_integration::{Worker, append, read};

fn offsets(worker: &Worker, name: &str) -> Value {
    worker.rest().get(&format!("/connectors/{name}/offsets")).expect(200).json["offsets"].clone()
}

fn patch(worker: &Worker, name: &str, offsets: &Value) -> wharf_integration::Answer {
    let body = json!({ "offsets": offsets }).to_string();
    worker.rest().send("PATCH", &format!("/connectors/{name}/offsets"), Some(body.as_bytes()))
}

fn stop(worker: &Worker, name: &str) {
    worker.rest().put_empty(&format!("/connectors/{name}/stop")).expect(204);
}

fn resume(worker: &Worker, name: &str) {
    worker.rest().put_empty(&format!("/connectors/{name}/resume")).expect(202);
    worker.wait_for_state(name, "RUNNING");
}

#[test]
fn a_source_goes_on_where_an_operator_says_also_after_a_kill() {
    let mut worker = Worker::start();
    let (input, output) = worker.copies("one\ntwo\nthree\n");
    let at = |position: u64| json!([{"partition": {"filename": input}, "offset": {"position": position}}]);
    worker.wait_until("the offset is shown", || offsets(&worker, "from") == at(14));
    stop(&worker, "from");
    assert_eq!(
        patch(&worker, "from", &at(4)).expect(200).json,
        json!({"message": "The offsets for this connector have been altered successfully"})
    );
    worker.kill();
    worker.start_again();
    assert_eq!(offsets(&worker, "from"), at(4));
    resume(&worker, "from");
    worker.wait_for_text(&output, "one\ntwo\nthree\ntwo\nthree\n");

    stop(&worker, "from");
    worker.rest().delete("/connectors/from/offsets").expect(200);
    worker.kill();
    worker.start_again();
    assert_eq!(offsets(&worker, "from"), json!([]));
    resume(&worker, "from");
    worker.wait_for_text(&output, "one\ntwo\nthree\ntwo\nthree\none\ntwo\nthree\n");
}

#[test]
fn a_sink_reads_on_where_an_operator_says_also_after_a_kill() {
    let mut worker = Worker::start();
    let (input, output) = worker.copies("one\ntwo\nthree\n");
    let at = |position: u64| json!([{"partition": {"kafka_partition": 0, "kafka_topic": "lines"}, "offset": {"kafka_offset": position}}]);
    worker.wait_until("the position is shown", || offsets(&worker, "to") == at(3));
    let refused = patch(&worker, "to", &at(1)).expect(400);
    assert!(refused.message().contains("must be in the STOPPED state"), "{}", refused.text);
    stop(&worker, "to");
    patch(&worker, "to", &at(1)).expect(200);
    worker.kill();
    worker.start_again();
    assert_eq!(offsets(&worker, "to"), at(1));
    resume(&worker, "to");
    worker.wait_for_text(&output, "one\ntwo\nthree\ntwo\nthree\n");
    stop(&worker, "to");
    patch(&worker, "to", &json!([{"partition": {"kafka_partition": 0, "kafka_topic": "lines"}, "offset": null}]))
        .expect(200);
    assert_eq!(offsets(&worker, "to"), json!([]));
    resume(&worker, "to");
    append(&input, "four\n");
    let again = "one\ntwo\nthree\ntwo\nthree\none\ntwo\nthree\nfour\n";
    worker.wait_for_text(&output, again);
    assert_eq!(read(&output), again.as_bytes());
}

#[test]
fn a_plugin_that_refuses_is_heard_and_nothing_is_altered() {
    let worker = Worker::start();
    let (input, _) = worker.copies("one\n");
    let before = json!([{"partition": {"filename": input}, "offset": {"position": 4}}]);
    worker.wait_until("the offset is shown", || offsets(&worker, "from") == before);
    stop(&worker, "from");
    let wrong = json!([
        {"partition": {"filename": "other"}, "offset": null},
        {"partition": {"filename": input}, "offset": {"position": -1}}
    ]);
    let refused = patch(&worker, "from", &wrong).expect(500);
    assert_eq!(refused.message(), "The value for the 'position' key in the offset should be a non-negative value");
    assert_eq!(offsets(&worker, "from"), before);
}
