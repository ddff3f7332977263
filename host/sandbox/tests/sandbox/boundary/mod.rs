//! Batches of any kind over the boundary, both ways, through real guests: `tests/fixtures/echo-sink` answers with what
//! it was given, and `tests/fixtures/echo-source` hands over what it is told, right or wrong.

mod batches;
mod spelled;

use std::cell::RefCell;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use tokio::runtime::Runtime;
use wharf_core::plugin::{Loader, Next, Plugin};
use wharf_core::{Batch, DeathKind, Failure, InstanceError};
use wharf_sandbox::Limits;

use crate::guests::{POLL, sandbox, setup, wasm};

/// So many cases, unless PROPTEST_CASES says otherwise.
fn runner(usual: u32) -> TestRunner {
    let config = Cases::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { usual };
    TestRunner::new(Cases { cases, failure_persistence: None, ..config })
}

#[test]
fn a_delivery_of_any_kind_arrives_in_the_guest_as_it_left_the_host() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.block_on(async {
        let plugin = sandbox(Limits::default()).load(wasm("echo-sink")).await.unwrap();
        plugin.start_sink(setup(&[("topics", "t")])).await.unwrap()
    });
    let task = RefCell::new(task);
    let outcome = runner(1000).run(&batches::deliveries(), |delivery| {
        prop_assert_eq!(delivery.check(), Ok(()));
        let delivery = Arc::new(delivery);
        let answer = runtime.block_on(task.borrow_mut().put(delivery.clone()));
        let Err(InstanceError::Failed(Failure::Fatal(answer))) = answer else {
            return Err(TestCaseError::fail(format!("no echo: {answer:?}")));
        };
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        prop_assert_eq!(answer, spelled::delivery(&delivery));
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// What comes of a batch that a guest hands over.
async fn handed_over(plugin: &Arc<dyn Plugin>, batch: &Batch) -> Result<Batch, InstanceError> {
    let spelled = spelled::batch(batch).to_string();
    let mut task = plugin.start_source(setup(&[("batch", &spelled)])).await.unwrap();
    let polled = task.poll(POLL).await?;
    assert_eq!(polled.next, Next::Idle);
    Ok(polled.batch)
}

fn over_the_boundary(usual: u32, batches: impl Strategy<Value = Batch>) {
    let runtime = Runtime::new().unwrap();
    let plugin = runtime.block_on(sandbox(Limits::default()).load(wasm("echo-source"))).unwrap();
    let outcome = runner(usual).run(&batches, |batch| {
        match (batch.check(), runtime.block_on(handed_over(&plugin, &batch))) {
            (Ok(()), Ok(polled)) => prop_assert_eq!(polled, batch),
            (Err(wrong), Err(InstanceError::Died(death))) => {
                prop_assert_eq!(death.kind, DeathKind::ContractViolation);
                prop_assert!(death.message.contains(&wrong.to_string()), "{} for {}", death, wrong);
            }
            (checked, answer) => prop_assert!(false, "{:?}, and {:?} came", checked, answer),
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn a_batch_of_any_kind_arrives_in_the_host_as_it_left_the_guest() {
    over_the_boundary(500, batches::deliveries().prop_map(|delivery| delivery.batch));
}

#[test]
fn lists_that_do_not_fit_together_end_the_instance_with_a_message_that_names_the_list() {
    over_the_boundary(1000, batches::disturbed());
}
