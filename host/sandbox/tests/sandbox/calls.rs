//! What well-behaved tasks see: answers, failures, host functions, handles.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use wharf_core::plugin::{Flushed, Next, PollLimits};
use wharf_core::{Batch, Column, DeathKind, Delivery, Failure, Format, Headers, InstanceError, Origin, SourceOffset};
use wharf_sandbox::{Series, Value};

use crate::guests::{POLL, config, death, misbehaving, sandbox, setup, setup_counting, short, source, texts, wasm};
use wharf_core::plugin::Loader;

#[tokio::test]
async fn a_poll_brings_checked_rows() {
    let plugin = misbehaving(&sandbox(short())).await;
    let mut task = plugin.start_source(setup(&[("rows", "1000"), ("size", "100")])).await.unwrap();
    let polled = task.poll(POLL).await.unwrap();
    assert_eq!((polled.batch.rows, polled.batch.values.data.len(), polled.next), (1000, 100_000, Next::More));
    task.commit(vec![SourceOffset { partition: "{}".into(), offset: "{}".into() }]).await.unwrap();
    assert_eq!(task.alter(vec![]).await.unwrap(), Err("0 offsets refused".into()));
    task.pause().await.unwrap();
    task.resume().await.unwrap();
    task.stop().await.unwrap();
}

#[tokio::test]
async fn a_failure_of_the_plugin_s_own_leaves_it_alive() {
    let plugin = misbehaving(&sandbox(short())).await;
    let mut task = source(&plugin, "retry").await;
    for _ in 0..2 {
        let Err(InstanceError::Failed(Failure::Retriable(retry))) = task.poll(POLL).await else { panic!("no failure") };
        assert_eq!(retry.reason, "later");
    }
    let refused = plugin.start_source(setup(&[("mode", "fail-in-start")])).await.map(drop).unwrap_err();
    assert_eq!(refused, InstanceError::Failed(Failure::Fatal("no task 3 for you".into())));
}

#[tokio::test]
async fn a_plugin_reads_stored_offsets_and_asks_for_reconfiguration() {
    let plugin = misbehaving(&sandbox(short())).await;
    let reconfigured = Arc::default();
    let mut task = plugin.start_source(setup_counting(&[("mode", "offsets")], &reconfigured)).await.unwrap();
    let seen = texts(&task.poll(POLL).await.unwrap());
    assert_eq!(seen, [r#"Some("offset of {\"p\":1}")"#, "None"]);
    assert_eq!(reconfigured.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn metrics_are_bounded_and_gone_with_the_instance() {
    let sandbox = sandbox(short());
    let plugin = misbehaving(&sandbox).await;
    let mut task = source(&plugin, "metrics").await;
    task.poll(POLL).await.unwrap();
    task.poll(POLL).await.unwrap();
    let live = sandbox.metrics();
    assert_eq!((live.len(), live[0].connector.as_str(), live[0].task), (1, "c", 3));
    let snapshot = live[0].snapshot();
    let polls = Series { name: "polls".into(), labels: vec![("a".into(), "1".into())] };
    assert_eq!(snapshot.iter().find(|(series, _)| *series == polls).unwrap().1, Value::Counter(4));
    assert_eq!(snapshot.len(), short().metric_series);
    drop(live);
    task.stop().await.unwrap();
    // The store is dropped by the actor, a moment after its last answer.
    while !sandbox.metrics().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_of_the_host_s_environment_is_seen() {
    let plugin = misbehaving(&sandbox(short())).await;
    let seen = texts(&source(&plugin, "environment").await.poll(POLL).await.unwrap());
    assert_eq!(seen, ["0 args, 0 variables"]);
}

#[tokio::test]
async fn a_poll_whose_future_was_dropped_loses_no_rows() {
    let plugin = misbehaving(&sandbox(short())).await;
    let mut task = source(&plugin, "polls").await;
    // Polled once, so that the command is sent, and dropped. Now and then the answer is there at once.
    let mut row = 1;
    while let Some(polled) = futures_poll_once(&mut Box::pin(task.poll(POLL))).await {
        assert_eq!(texts(&polled.unwrap()), [row.to_string()]);
        row += 1;
    }
    task.pause().await.unwrap();
    assert_eq!(texts(&task.poll(POLL).await.unwrap()), [row.to_string()]);
    assert_eq!(texts(&task.poll(POLL).await.unwrap()), [(row + 1).to_string()]);
}

#[tokio::test]
async fn after_another_call_was_dropped_the_task_starts_anew() {
    let plugin = misbehaving(&sandbox(short())).await;
    let mut task = source(&plugin, "ok").await;
    while let Some(answer) = futures_poll_once(&mut Box::pin(task.commit(vec![]))).await {
        answer.unwrap();
    }
    assert_eq!(death(task.commit(vec![]).await).kind, DeathKind::Gone);
    assert_eq!(death(task.pause().await).kind, DeathKind::Gone);
}

async fn futures_poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn dropping_a_handle_stops_a_guest_in_the_middle_of_a_call() {
    let limits = wharf_sandbox::Limits::default();
    let sandbox = sandbox(limits);
    let plugin = misbehaving(&sandbox).await;
    for mode in ["spin", "sleep-forever"] {
        let mut task = source(&plugin, mode).await;
        let mut poll = Box::pin(task.poll(POLL));
        assert!(futures_poll_once(&mut poll).await.is_none());
        drop(poll);
        assert_eq!(sandbox.metrics().len(), 1);
        drop(task);
        // Without the abort this would take the default deadline of 30 s; the test's own patience is the runner's.
        while !sandbox.metrics().is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_source_is_no_sink() {
    let plugin = misbehaving(&sandbox(short())).await;
    let died = death(plugin.start_sink(setup(&[])).await.map(drop));
    assert!(died.message.contains("not a sink"), "{died}");
}

#[tokio::test]
async fn validation_and_tasks_are_answered_without_a_task() {
    let plugin = misbehaving(&sandbox(short())).await;
    let checked = plugin.validate(&config(&[("mode", "bad")])).await.unwrap();
    assert_eq!((checked[0].key.as_str(), checked[0].errors[0].as_str()), ("mode", "write ok"));
    assert_eq!(plugin.tasks(&config(&[("rows", "1")]), 5).await.unwrap(), vec![config(&[("rows", "1")]); 2]);
    assert_eq!(death(plugin.tasks(&config(&[("mode", "no-tasks")]), 5).await).kind, DeathKind::ContractViolation);
    let refused = plugin.tasks(&config(&[("mode", "bad")]), 1).await.map(drop).unwrap_err();
    assert!(matches!(refused, InstanceError::Failed(Failure::InvalidConfig(_))));
    let spun = plugin.validate(&config(&[("mode", "spin-in-validate")])).await;
    assert_eq!(death(spun).kind, DeathKind::DeadlineExceeded);
    plugin.destroyed(setup(&[])).await.unwrap();
}

#[tokio::test]
async fn a_sink_takes_every_kind_of_column() {
    let plugin = sandbox(short()).load(wasm("blackhole-sink")).await.unwrap();
    let mut task = plugin.start_sink(setup(&[("topics", "t")])).await.unwrap();
    let column = |cells: &[Option<&[u8]>]| cells.iter().copied().collect::<Column>();
    let batch = Batch {
        rows: 2,
        keys: column(&[Some(b"k"), None]),
        values: column(&[Some(b"value"), Some(b"")]),
        value_format: Format::Text,
        headers: Headers {
            row_ends: vec![1, 1],
            names: vec!["h".into()],
            name_of: vec![0],
            cells: column(&[Some(b"1")]),
        },
        timestamps: vec![1, 2],
        operations: vec![wharf_core::Operation::Create, wharf_core::Operation::Delete],
        schemas: vec![wharf_core::Schema {
            id: "s".into(),
            version: Some(1),
            language: "avro".into(),
            definition: "{}".into(),
        }],
        value_schema_of: vec![0, Batch::NO_SCHEMA],
        ..Batch::default()
    };
    let origins = vec![Origin { first_row: 0, topic: "t".into(), partition: 0 }];
    let delivery = Arc::new(Delivery { batch, origins, positions: vec![5, 6] });
    delivery.check().unwrap();
    assert_eq!(task.assigned(vec![]).await.unwrap(), []);
    assert_eq!(task.put(delivery.clone()).await.unwrap(), []);
    assert_eq!(task.put(Arc::new(Delivery::default())).await.unwrap(), []);
    assert_eq!(task.flush().await.unwrap(), Flushed::All);
    task.revoked(vec![]).await.unwrap();
    task.stop().await.unwrap();
}

#[tokio::test]
async fn a_guest_may_wait_as_long_as_the_poll_grants() {
    let plugin = misbehaving(&sandbox(short())).await;
    let mut task = source(&plugin, "wait").await;
    // Longer than the call deadline, which begins where the wait ends.
    let wait = 3 * short().call_deadline;
    let polled = task.poll(PollLimits { max_wait: wait, ..POLL }).await.unwrap();
    assert_eq!(polled.batch.rows, 1);
}
