//! What is released has no points at which it could be killed.

use std::collections::BTreeSet;

use wharf_chaos_tests::AIMS;
use wharf_integration::{Binary, Setup, lines, write};

/// A kill at every point there is, and some nonsense.
fn everywhere() -> String {
    let points: BTreeSet<&str> = AIMS.iter().map(|aim| aim.point).collect();
    let kills: Vec<String> = points.into_iter().map(|point| format!("{point}=kill")).collect();
    format!("{};no.such.point=burn", kills.join(";"))
}

#[test]
fn the_released_worker_does_not_look_at_failpoints() {
    let mut worker = Setup::new().env("FAILPOINTS", &everywhere()).start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    let content = lines::text(0..1000);
    write(&input, &content);
    worker.create_source("from", &input, "lines");
    worker.create_sink("to", &output, "lines");
    worker.wait_for_text(&output, &content);
    assert!(worker.terminate().success());
}

#[test]
fn the_released_binary_does_not_even_contain_the_name() {
    let contains = |binary: Binary| {
        let bytes = std::fs::read(binary.path()).expect("the binary");
        bytes.windows(11).any(|window| window == b"FAILPOINTS:")
    };
    assert!(!contains(Binary::Wharf));
    // So that the test does not look for the wrong thing.
    assert!(contains(Binary::Chaos));
}

#[test]
fn the_worker_for_chaos_refuses_what_it_does_not_understand() {
    for (points, why) in [("no.such.point=kill", "no.such.point"), ("log.sync=burn", "burn")] {
        let mut worker = Setup::bare().binary(Binary::Chaos).env("FAILPOINTS", points).prepare();
        let said = worker.refuse_to_start();
        assert_eq!(said.code, Some(1));
        assert!(said.stderr.contains("FAILPOINTS") && said.stderr.contains(why), "{}", said.stderr);
    }
}
