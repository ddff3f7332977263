//! What is refused, and with which words.

use wharf_core::Problem;
use wharf_core::state::TargetState;

use super::fakes::{World, config, source_config};
use crate::WorkerError;

async fn refused(world: &World, config: wharf_core::Config) -> WorkerError {
    let result = world.worker.create("c".to_owned(), config, TargetState::Running).await;
    assert_eq!(world.worker.connectors().await, Vec::<String>::new(), "nothing is left behind");
    result.unwrap_err()
}

fn problem(key: &str, message: &str) -> Option<Problem> {
    Some(Problem { key: key.to_owned(), message: message.to_owned() })
}

#[tokio::test(start_paused = true)]
async fn another_name_in_the_configuration_is_refused() {
    let world = World::new().await;
    let mut named = source_config();
    named.insert("name".to_owned(), "d".to_owned());
    let error = refused(&world, named).await;
    let message = "Connector name configuration (d) doesn't match connector name in the URL (c)";
    assert_eq!(error, WorkerError::BadRequest(message.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_missing_or_unknown_class_is_refused_in_the_words_of_kafka_connect() {
    let world = World::new().await;
    let error = refused(&world, config(&[("topic", "t")])).await;
    assert_eq!(error.to_string(), "Connector config {name=c, topic=t} contains no connector type");
    let error = refused(&world, config(&[("connector.class", "NoSuch")])).await;
    let message = error.to_string();
    assert!(matches!(error, WorkerError::BadRequest(_)));
    let begin = "Failed to find any class that implements Connector and which name matches NoSuch, available \
                 connectors are: PluginDesc{name='source'";
    assert!(message.starts_with(begin), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_version_names_those_there_are() {
    let world = World::new().await;
    let mut versioned = source_config();
    versioned.insert("connector.plugin.version".to_owned(), "9.9.9".to_owned());
    let message = refused(&world, versioned).await.to_string();
    assert!(message.contains("range [9.9.9,9.9.9], available versions: [1.2.3]"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_comes_at_once_and_each_key_once() {
    let world = World::new().await;
    *world.source.forbidden.lock().unwrap() = problem("file", "file: /etc/shadow is not allowed");
    *world.source.own_problem.lock().unwrap() = problem("speed", "must be less than 9");
    let mut wrong = source_config();
    wrong.insert("tasks.max".to_owned(), "0".to_owned());
    let error = refused(&world, wrong).await;
    let expected = "Connector configuration is invalid and contains the following 3 error(s):\n\
                    Invalid value 0 for configuration tasks.max: Value must be at least 1\n\
                    file: /etc/shadow is not allowed\n\
                    speed: must be less than 9\n\
                    You can also find the above list of errors at the endpoint \
                    `/connector-plugins/{connectorType}/config/validate`";
    assert_eq!(error.to_string(), expected);
    *world.source.own_problem.lock().unwrap() = problem("file", "file: is a directory");
    let message = refused(&world, source_config()).await.to_string();
    assert!(message.contains("1 error(s)") && message.contains("/etc/shadow"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_update_leaves_the_connector_as_it_was() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    let mut wrong = source_config();
    wrong.insert("tasks.max".to_owned(), "x".to_owned());
    let error = world.worker.put_config("c".to_owned(), wrong).await.unwrap_err();
    assert!(matches!(error, WorkerError::Invalid(_)));
    assert!(!world.worker.config("c").await.unwrap().contains_key("tasks.max"));
    assert_eq!(world.source.starts(), 1);
}
