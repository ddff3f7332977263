//! Guests that abuse what the host offers them: the log, metrics, randomness, stored offsets, the queue.

use serde_json::json;
use wharf_security_tests::{Attack, audit};

#[test]
fn a_million_log_lines_are_cut_to_the_rate_and_counted() {
    let attack = Attack::new("log-a-million").with("limits.log.lines.per.second", "20").start();
    assert_eq!(attack.seen(1), ["logged"]);
    attack.denied("log.suppressed", &["20"]);
    attack.worker().wait_until("the rest is counted", || {
        // The count comes with the next line, or with the end of the instance.
        attack.worker().rest().put_empty(&format!("/connectors/{}/stop", attack.name()));
        attack.worker().log().lines().any(|line| line.contains(attack.name()) && line.contains("suppressed"))
    });
    let log = attack.worker().log();
    let written = log.lines().filter(|line| line.contains("flood line") && line.contains(attack.name())).count();
    assert!(written < 10_000, "{written} of a million lines were written");
}

#[test]
fn escapes_and_forged_lines_in_the_log_are_taken_apart() {
    let attack = Attack::new("log-escapes").start();
    assert_eq!(attack.seen(1), ["logged"]);
    attack.denied("log.escaped", &[]);
    let log = attack.worker().log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("marker-ansi")).collect();
    assert!(!lines.is_empty());
    for line in &lines {
        assert!(line.contains(attack.name()), "a line of the guest that does not say whose it is: {line}");
        let evil = ['\u{1b}', '\u{7}', '\u{9b}', '\u{202e}', '\0', '\r'];
        assert!(!line.contains(evil), "{line:?}");
    }
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")), "a guest forged a line");
}

#[test]
fn a_log_line_that_is_not_utf8_ends_the_guest() {
    Attack::new("log-invalid-utf8").start().killed("contract-violation");
}

#[test]
fn an_output_line_without_end_is_cut() {
    let attack = Attack::new("stdout-without-end").start();
    assert_eq!(attack.seen(1), ["written"]);
    let longest = attack.worker().log().lines().map(str::len).max().unwrap();
    assert!(longest < 64 << 10, "a line of {longest} bytes");
}

#[test]
fn a_gigabyte_of_randomness_is_not_made() {
    let message = Attack::new("randomness-by-the-gigabyte").start().killed("contract-violation");
    assert!(message.contains("exceeds limit"), "{message}");
}

#[test]
fn the_offsets_of_another_connector_are_not_shown() {
    let victim = Attack::by("file-source", "offsets-of-a-victim");
    let input = victim.file("in.txt", "one\ntwo\n");
    let victim = victim.with("file", input.to_str().unwrap()).start();
    victim.seen(2);
    let partition = json!({"filename": input}).to_string();
    let spy = Attack::new("offsets").with("partition", partition).start();
    assert_eq!(spy.seen(1), ["None"]);
}

#[test]
fn neither_arguments_nor_environment_nor_directories_are_shown() {
    let attack = Attack::new("surroundings").start();
    assert_eq!(attack.seen(1), ["0 args, 0 variables, 0 directories"]);
}

#[test]
fn a_hundred_thousand_metrics_are_dropped() {
    let attack = Attack::new("metrics").start();
    assert_eq!(attack.seen(1), ["counted"]);
    attack.worker().rest().get("/connectors").expect(200);
}

#[test]
fn a_topic_that_is_a_path_does_not_leave_the_log() {
    let attack = Attack::new("topic-is-a-path").start();
    attack.failed("rejected");
    for place in ["escape", "../escape", "../../escape"] {
        assert!(!attack.worker().data_dir().join(place).exists(), "{place} was made");
    }
    assert!(audit::of(attack.worker(), attack.name(), "kill").is_empty(), "the guest is alive: its row is refused");
}
