//! A webhook source behind its trait.

use std::sync::Arc;

use wharf_core::plugin::{Kind, Loader, Plugin, WebhookRequest, WebhookTask};
use wharf_core::{DeathKind, Failure, InstanceError};

use crate::guests::{death, sandbox, setup, short, wasm};

async fn picky() -> (Arc<dyn Plugin>, Box<dyn WebhookTask>) {
    let plugin = sandbox(short()).load(wasm("picky-webhook")).await.unwrap();
    let task = plugin.start_webhook(setup(&[("topic", "t")])).await.unwrap();
    (plugin, task)
}

fn request(path: &str) -> WebhookRequest {
    WebhookRequest { method: "POST".into(), path: path.into(), body: "body".into(), ..WebhookRequest::default() }
}

#[tokio::test]
async fn a_request_brings_checked_rows_and_an_answer() {
    let (plugin, mut task) = picky().await;
    assert_eq!(plugin.descriptor().kind, Kind::WebhookSource);
    let handled = task.handle(request("/rows/3")).await.unwrap();
    assert_eq!((handled.batch.rows, handled.batch.values.data.as_ref()), (3, &b"bodybodybody"[..]));
    assert_eq!((handled.response.status, handled.response.body.as_ref()), (200, &b"3 rows"[..]));
    task.pause().await.unwrap();
    task.resume().await.unwrap();
    let retry = task.handle(request("/retry")).await;
    assert!(matches!(retry, Err(InstanceError::Failed(Failure::Retriable(_)))), "{retry:?}");
    let headers = task.handle(request("/headers")).await.unwrap().response.headers;
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-type", "x-good"]);
    task.stop().await.unwrap();
}

#[tokio::test]
async fn a_guest_that_breaks_a_rule_is_dead_with_its_class() {
    let classes = [
        ("/status/199", DeathKind::ContractViolation),
        ("/spin", DeathKind::DeadlineExceeded),
        ("/sleep/60000", DeathKind::HostCallTimeout),
        ("/trap", DeathKind::Trap),
    ];
    for (path, class) in classes {
        let (_plugin, mut task) = picky().await;
        assert_eq!(death(task.handle(request(path)).await).kind, class, "{path}");
        assert_eq!(death(task.handle(request("/rows/1")).await).kind, class, "nothing is asked of it any more");
    }
}

#[tokio::test]
async fn a_webhook_source_is_no_source_that_is_polled() {
    let (plugin, _task) = picky().await;
    let refused = death(plugin.start_source(setup(&[("topic", "t")])).await.map(drop));
    assert!(refused.message.contains("is a webhook source, not a source"), "{refused}");
}
