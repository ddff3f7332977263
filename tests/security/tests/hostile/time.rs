//! Guests that take time, and some that take the stack.

use std::path::Path;

use wharf_security_tests::{Attack, audit};

#[test]
fn a_spin_in_poll_is_interrupted() {
    let message = Attack::new("spin").hurried().start().killed("deadline-exceeded");
    assert!(message.contains("poll computed for longer than"), "{message}");
}

#[test]
fn a_spin_in_validate_is_interrupted_and_the_configuration_refused() {
    let attack = Attack::new("spin-in-validate");
    let message = attack.refused(500);
    assert!(message.contains("hostile-source"), "{message}");
    attack.denied("kill.deadline-exceeded", &["validate"]);
}

#[test]
fn a_deep_recursion_in_validate_is_stopped_and_the_configuration_refused() {
    let attack = Attack::new("recurse-in-validate");
    attack.refused(500);
    attack.denied("kill.trap", &["validate"]);
}

#[test]
fn a_spin_while_the_work_is_split_is_interrupted() {
    let attack = Attack::new("spin-in-tasks");
    attack.post();
    attack.denied("kill.deadline-exceeded", &["tasks"]);
}

#[test]
fn ten_thousand_tasks_where_one_was_asked_for_are_refused() {
    let attack = Attack::new("ten-thousand-tasks");
    attack.post();
    attack.denied("kill.contract-violation", &["10000 tasks"]);
}

#[test]
fn a_spin_while_it_starts_is_interrupted() {
    // A start has a deadline of its own, of half a minute: once is enough.
    Attack::new("spin-in-start").with("restart.max.failures", "1").start().killed("deadline-exceeded");
}

#[test]
fn a_spin_in_commit_is_interrupted() {
    let message = Attack::new("spin-in-commit").hurried().start().killed("deadline-exceeded");
    assert!(message.contains("commit"), "{message}");
}

#[test]
fn a_spin_in_stop_is_interrupted_and_the_connector_deleted_all_the_same() {
    let attack = Attack::new("spin-in-stop").hurried().start();
    attack.seen(1);
    attack.worker().rest().delete(&format!("/connectors/{}", attack.name())).expect(204);
    audit::wait_for(attack.worker(), attack.name(), "kill.deadline-exceeded", &["on-stop"]);
    attack.worker().rest().get(&format!("/connectors/{}", attack.name())).expect(404);
}

#[test]
fn a_deep_recursion_is_stopped_at_the_end_of_the_stack() {
    // Which stack is full first, the guest's own in its memory or the one that wasm runs on, is up to the compiler.
    let message = Attack::new("recurse").start().killed("trap");
    assert!(message.contains("out of bounds") || message.contains("stack"), "{message}");
}

#[test]
fn an_exit_ends_the_guest_and_not_the_worker() {
    let message = Attack::new("exit").start().killed("trap");
    assert!(message.contains("exit code"), "{message}");
}

#[test]
fn a_sleep_for_ever_is_given_up() {
    Attack::new("sleep-for-ever").hurried().start().killed("host-call-timeout");
}

#[test]
fn a_sleep_past_the_end_of_the_clock_is_given_up() {
    Attack::new("sleep-past-the-end-of-time").hurried().start().killed("host-call-timeout");
}

#[test]
fn reading_the_clock_for_ever_is_interrupted() {
    Attack::new("read-the-clock-for-ever").hurried().start().killed("deadline-exceeded");
}

#[test]
fn a_flood_of_timers_is_cut_off() {
    let message = Attack::new("timers-for-ever").start().killed("contract-violation");
    assert!(message.contains("resource"), "{message}");
}

#[test]
fn a_flood_of_open_files_is_cut_off() {
    let attack = Attack::new("open-files-for-ever");
    let file = attack.file("mine.txt", "mine");
    let attack = attack.with("read.file", file.to_str().unwrap()).start();
    let message = attack.killed("contract-violation");
    assert!(message.contains("resource"), "{message}");
    let open = open_files(attack.worker().pid().unwrap(), &file);
    assert_eq!(open, 0, "what a dead guest had open is closed");
}

/// How often a process has this file open.
fn open_files(pid: u32, file: &Path) -> usize {
    let file = file.canonicalize().unwrap();
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    entries.flatten().filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file)).count()
}
