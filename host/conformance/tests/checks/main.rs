//! Each check against plugins that keep the contract and plugins that break it.
//!
//! The fakes are native and implement the traits of `wharf-core`. A fake has at most one fault, and a fault is called like
//! the check that must find it: see [`fake`].

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail like a test")]

mod fake;
mod sink;
mod source;
mod webhook;

use wharf_conformance::{Options, Report, Status, checks, run};
use wharf_core::Config;
use wharf_core::plugin::Kind;

use fake::Fake;

const KINDS: [Kind; 3] = [Kind::Source, Kind::Sink, Kind::WebhookSource];

fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn options() -> Options {
    Options { config: Some(config(&[("file", "/tmp/x"), ("topic", "t")])), ..Options::default() }
}

async fn report(kind: Kind, fault: &'static str, options: Options) -> Report {
    run(&Fake::new(kind, fault), "wasm".into(), options).await
}

/// Status and reasons of one check.
fn seen(report: &Report, id: &str) -> (Status, String) {
    let outcome = report.outcome(id).unwrap_or_else(|| panic!("{id} was not made: {report}"));
    (outcome.status, outcome.reasons.join("; "))
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_keeps_the_contract_passes_every_check() {
    let mut made = Vec::new();
    for kind in KINDS {
        let report = report(kind, "", Options { strict: true, ..options() }).await;
        let wrong: Vec<_> = report.checks.iter().filter(|outcome| outcome.status != Status::Passed).collect();
        assert!(wrong.is_empty() && report.passed(), "{kind:?}: {report}");
        made.extend(report.checks.into_iter().map(|outcome| outcome.id));
    }
    for check in checks() {
        assert!(made.iter().any(|id| id == check.id), "no fake passes {}", check.id);
    }
}

#[tokio::test(start_paused = true)]
async fn every_check_finds_the_fault_that_it_is_there_for() {
    for kind in KINDS {
        for check in checks().into_iter().filter(|check| check.only.is_none_or(|only| only == kind)) {
            let report = report(kind, check.id, options()).await;
            let (status, reasons) = seen(&report, check.id);
            assert_eq!(status, Status::Failed, "{kind:?} with the fault {}: {report}", check.id);
            assert!(!reasons.is_empty() && !report.passed(), "{report}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_configuration_the_rest_is_checked_and_the_report_says_how_to_give_one() {
    for kind in KINDS {
        let report = report(kind, "", Options::default()).await;
        assert!(report.passed(), "{report}");
        for check in checks().into_iter().filter(|check| check.only.is_none_or(|only| only == kind)) {
            let skipped = seen(&report, check.id).0 == Status::Skipped;
            // Without an instance that lives there is no memory to measure.
            assert_eq!(skipped, check.needs_config || check.id == "limits.memory", "{}", check.id);
        }
        assert!(report.hint.as_ref().unwrap().contains("--config"), "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_plugin_fails_with_the_code_of_the_loader() {
    let report = report(Kind::Source, "load.loads", options()).await;
    assert_eq!((report.checks.len(), report.plugin.as_ref()), (1, None));
    assert!(seen(&report, "load.loads").1.starts_with("NOT_A_COMPONENT: "), "{report}");
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_task_is_not_tried_where_none_can_be_started() {
    let report = report(Kind::Source, "lifecycle.starts", options()).await;
    assert_eq!(seen(&report, "source.resume"), (Status::Skipped, "because lifecycle.starts failed".to_owned()));
    assert_eq!(seen(&report, "keys.names").0, Status::Passed);
}

#[tokio::test(start_paused = true)]
async fn warnings_fail_only_where_they_should() {
    let (lax, strict) = (options(), Options { strict: true, ..options() });
    let lax = report(Kind::Source, "no documentation", lax).await;
    assert_eq!((seen(&lax, "describe.texts").0, lax.passed()), (Status::Warned, true));
    let strict = report(Kind::Source, "no documentation", strict).await;
    assert_eq!((seen(&strict, "describe.texts").0, strict.passed()), (Status::Failed, false));
}

#[tokio::test(start_paused = true)]
async fn a_sink_needs_no_topics_and_a_class_is_known() {
    let options = Options { config: Some(config(&[("file", "/tmp/x"), ("topic", "t")])), ..Options::default() };
    let report = report(Kind::Sink, "", options).await;
    assert_eq!(seen(&report, "config.given").0, Status::Passed, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_report_is_read_back_from_json() {
    let report = report(Kind::Source, "source.resume", options()).await;
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value.pointer("/plugin/kind").unwrap(), "source");
    assert_eq!(value.pointer("/summary/failed").unwrap(), 1);
    assert_eq!(value.pointer("/checks/0/id").unwrap(), "load.loads");
    assert_eq!(value.pointer("/checks/0/status").unwrap(), "passed");
}

/// What the check `source.resume` says of a source with this trait.
async fn resumed(how: &'static str) -> (Status, String) {
    seen(&report(Kind::Source, how, options()).await, "source.resume")
}

#[tokio::test(start_paused = true)]
async fn a_lost_row_is_named_with_the_checkpoint_it_is_behind() {
    let (status, reasons) = resumed("source.resume").await;
    assert_eq!(status, Status::Failed);
    assert!(reasons.starts_with(r#"from {"position":1} of {"part":0}: row 1 should be "row 1""#), "{reasons}");
    assert!(reasons.contains(r#"but "row 2" came"#), "{reasons}");
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_again_are_a_warning() {
    let (status, reasons) = resumed("repeats").await;
    assert_eq!(status, Status::Warned);
    assert!(reasons.contains("1 rows before the checkpoint come again"), "{reasons}");
}

#[tokio::test(start_paused = true)]
async fn a_source_without_checkpoints_fails_and_one_that_is_never_the_same_is_skipped() {
    assert_eq!(resumed("no checkpoints").await.0, Status::Failed);
    let (status, reasons) = resumed("never the same").await;
    assert_eq!(status, Status::Skipped);
    assert!(reasons.contains("the first difference at row 0"), "{reasons}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_never_finished_is_compared_as_far_as_it_goes() {
    assert_eq!(resumed("idle").await.0, Status::Passed);
    assert_eq!(resumed("endless").await.0, Status::Passed);
}

#[tokio::test(start_paused = true)]
async fn several_partitions_may_come_in_another_order_but_lose_nothing() {
    assert_eq!(resumed("two partitions").await.0, Status::Passed);
    let (status, reasons) = resumed("two partitions, one is lost").await;
    assert_eq!(status, Status::Failed);
    assert!(reasons.contains("is lost"), "{reasons}");
}

#[tokio::test(start_paused = true)]
async fn retriable_failures_are_tried_again_as_by_a_worker() {
    for kind in KINDS {
        let report = report(kind, "retriable", options()).await;
        assert!(report.passed(), "{report}");
        if kind == Kind::WebhookSource {
            assert!(seen(&report, "webhook.answers").1.contains("`handle` failed (retriable: not now)"), "{report}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_gives_up_for_one_row_is_told_to_reject_it() {
    let report = report(Kind::Sink, "fatal", options()).await;
    let (status, reasons) = seen(&report, "sink.tombstones");
    assert_eq!(status, Status::Warned, "{report}");
    assert!(reasons.contains("reject the row"), "{reasons}");
}
