//! What is answered for connectors and tasks that are not there.

use super::fakes::{World, source_config};

#[tokio::test(start_paused = true)]
async fn each_question_about_an_unknown_connector_has_its_own_words() {
    let world = World::new().await;
    let worker = &world.worker;
    let said = [
        worker.connector("x").await.unwrap_err(),
        worker.config("x").await.unwrap_err(),
        worker.tasks("x").await.unwrap_err(),
        worker.status("x").await.unwrap_err(),
        worker.task_status("x", 0).await.unwrap_err(),
        worker.pause("x").await.unwrap_err(),
        worker.restart("x").await.unwrap_err(),
        worker.restart_task("x", 0).await.unwrap_err(),
        worker.delete("x").await.unwrap_err(),
    ];
    let said: Vec<_> = said.iter().map(ToString::to_string).collect();
    let expected = [
        "Connector x not found",
        "Connector x not found",
        "Connector x not found",
        "No status found for connector x",
        "No status found for task x-0",
        "Unknown connector x",
        "Unknown connector: x",
        "Unknown connector: x",
        "Connector x not found",
    ];
    assert_eq!(said, expected);
}

#[tokio::test(start_paused = true)]
async fn a_command_is_carried_out_although_nobody_waits_for_it() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_noted("start c-0").await;
    {
        // Polled once, then dropped, as when a client hangs up.
        let mut stop = Box::pin(world.worker.stop("c"));
        assert!(futures_util::poll!(&mut stop).is_pending());
    }
    world.until_noted("stop c-0").await;
    world.until_noted("dropped c-0").await;
}
