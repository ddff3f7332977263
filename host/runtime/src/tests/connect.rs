//! What Kafka Connect's clients ask beside the life of connectors.

use wharf_core::Problem;
use wharf_core::config::{ConfigInfos, ConfigValueInfo};
use wharf_core::state::State;
use wharf_store::Store as _;

use super::fakes::{Poll, Put, World, pass, sink_config, source_config};
use crate::{ConfigPatch, WorkerError};

fn patch(pairs: &[(&str, Option<&str>)]) -> ConfigPatch {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
}

fn value<'a>(infos: &'a ConfigInfos, key: &str) -> &'a ConfigValueInfo {
    &infos.configs.iter().find(|config| config.value.name == key).expect("the key").value
}

const MISSING_NAME: &str = "Missing required configuration \"name\" which has no default value.";

#[tokio::test(start_paused = true)]
async fn a_validation_says_all_that_creating_would_and_makes_nothing() {
    let world = World::new().await;
    *world.source.forbidden.lock().unwrap() =
        Some(Problem { key: "file".to_owned(), message: "/etc/shadow is not allowed".to_owned() });
    *world.source.own_problem.lock().unwrap() =
        Some(Problem { key: "speed".to_owned(), message: "must be less than 9".to_owned() });
    let config = patch(&[("connector.class", Some("source")), ("tasks.max", Some("0")), ("speed", Some("9"))]);
    let infos = world.worker.validate("source", &config).await.unwrap();
    assert_eq!((infos.name.as_str(), infos.error_count), ("source", 4));
    assert_eq!(value(&infos, "name").errors, [MISSING_NAME]);
    assert_eq!(
        value(&infos, "tasks.max").errors,
        ["Invalid value 0 for configuration tasks.max: Value must be at least 1"]
    );
    assert_eq!(value(&infos, "file").errors, ["file: /etc/shadow is not allowed"]);
    assert_eq!(value(&infos, "speed").errors, ["speed: must be less than 9"]);
    assert_eq!(value(&infos, "connector.plugin.version").value.as_deref(), Some("1.2.3"));
    assert_eq!(world.worker.connectors().await, Vec::<String>::new());
    assert_eq!(world.source.starts(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_validation_for_another_plugin_or_none_is_refused() {
    let world = World::new().await;
    let refusal = async |path: &str, config: &[(&str, Option<&str>)]| {
        let error = world.worker.validate(path, &patch(config)).await.unwrap_err();
        assert!(matches!(error, WorkerError::BadRequest(_)));
        error.to_string()
    };
    let message = refusal("sink", &[("connector.class", Some("source"))]).await;
    assert_eq!(message, "Included connector type source does not match request type sink");
    let message = refusal("source", &[("name", Some("v")), ("db.password", Some("hunter2"))]).await;
    assert_eq!(message, "Connector config {db.password=[hidden], name=v} contains no connector type");
    let message = refusal("NoSuch", &[("connector.class", Some("NoSuch"))]).await;
    assert!(message.contains("available connectors are: PluginDesc{name='source'"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_null_and_a_version_that_is_not_there_are_errors_by_key() {
    let world = World::new().await;
    let config = [("connector.class", Some("source")), ("name", Some("v")), ("topic", Some("t"))];
    let nulls = [&config[..], &[("tasks.max", None), ("foo", None)]].concat();
    let infos = world.worker.validate("source", &patch(&nulls)).await.unwrap();
    let null = "Null value can not be supplied as the configuration value.";
    let range = "Invalid value null for configuration tasks.max: Value must be non-null";
    assert_eq!(value(&infos, "tasks.max").errors, [range, null]);
    assert_eq!((value(&infos, "foo").errors.clone(), infos.error_count), (vec![null.to_owned()], 3));

    let versioned = [&config[..], &[("connector.plugin.version", Some("9.9.9"))]].concat();
    let infos = world.worker.validate("source", &patch(&versioned)).await.unwrap();
    let message = "Plugin source not found that matches the version range [9.9.9,9.9.9], available versions: [1.2.3]";
    assert_eq!((value(&infos, "connector.class").errors.clone(), infos.error_count), (vec![message.to_owned()], 2));
    assert_eq!(value(&infos, "connector.plugin.version").recommended_values, ["1.2.3"]);
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_plugin_end_with_those_of_its_kind() {
    let world = World::new().await;
    let names = async |plugin: &str| {
        let keys = world.worker.plugin_keys(plugin, None).await.unwrap();
        keys.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    assert!(names("sink").await.contains(&"topics".to_owned()));
    assert!(!names("source").await.contains(&"topics".to_owned()));
    let unknown = world.worker.plugin_keys("nope", None).await.unwrap_err();
    assert_eq!(unknown, WorkerError::NotFound("Unknown plugin nope.".to_owned()));
    let version = world.worker.plugin_keys("source", Some("[7,8)")).await.unwrap_err().to_string();
    let message = "Plugin source not found that matches the version range [7,8), available versions: [1.2.3]";
    assert_eq!(version, message);
}

#[tokio::test(start_paused = true)]
async fn a_patch_changes_adds_and_removes_keys_and_an_invalid_one_changes_nothing() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    let change = patch(&[("k", Some("v")), ("tasks.max", Some("2")), ("not.there", None)]);
    let info = world.worker.patch_config("c", change, None).await.unwrap();
    assert_eq!((info.config["k"].as_str(), info.config["tasks.max"].as_str()), ("v", "2"));
    let info = world.worker.patch_config("c", patch(&[("k", None)]), None).await.unwrap();
    assert!(!info.config.contains_key("k") && info.config.contains_key("topic"));
    let refused = world.worker.patch_config("c", patch(&[("tasks.max", Some("0"))]), None).await.unwrap_err();
    assert!(refused.to_string().contains("contains the following 1 error(s)"), "{refused}");
    let refused = world.worker.patch_config("c", patch(&[("name", None)]), None).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("1 error(s):\n{MISSING_NAME}\n")), "{refused}");
    let refused = world.worker.patch_config("c", patch(&[("connector.class", None)]), None).await.unwrap_err();
    assert!(refused.to_string().contains("contains no connector type"), "{refused}");
    assert_eq!(world.worker.config("c").await.unwrap(), info.config);
    let renamed = world.worker.patch_config("c", patch(&[("name", Some("d"))]), None).await.unwrap();
    assert_eq!((renamed.name.as_str(), renamed.config["name"].as_str()), ("c", "d"));
    let unknown = world.worker.patch_config("x", patch(&[]), None).await.unwrap_err();
    assert_eq!(unknown, WorkerError::NotFound("Connector x not found".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn no_patch_is_lost_among_many_at_the_same_time() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    let patches: Vec<_> = (0..16)
        .map(|number| {
            let worker = world.worker.clone();
            let change = ConfigPatch::from([(format!("k{number}"), Some(number.to_string()))]);
            tokio::spawn(async move { worker.patch_config("c", change, None).await })
        })
        .collect();
    for patched in patches {
        patched.await.unwrap().unwrap();
    }
    let config = world.worker.config("c").await.unwrap();
    assert!((0..16).all(|number| config.get(&format!("k{number}")) == Some(&number.to_string())), "{config:?}");
    let restarted = world.restarted().await;
    assert_eq!(restarted.config("c").await.unwrap(), config);
}

#[tokio::test(start_paused = true)]
async fn topics_are_those_that_were_used_and_are_known_after_a_restart() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(1), Poll::Rows(2)]);
    world.create("c", source_config()).await;
    world.until_noted(r#"commit {"n":3} c-0"#).await;
    assert_eq!(world.worker.active_topics("c").await, ["t"]);
    assert_eq!(world.worker.active_topics("nope").await, [""; 0]);
    world.driver.fill("t", 0..2);
    world.create("s", sink_config(&[("topics", "t,u")])).await;
    world.until_noted("position t 5").await;
    assert_eq!(world.worker.active_topics("s").await, ["t"], "nothing was read from u");
    world.worker.shutdown().await;
    let restarted = world.restarted().await;
    assert_eq!(restarted.active_topics("c").await, ["t"]);
    restarted.reset_topics("c").await.unwrap();
    assert_eq!((restarted.active_topics("c").await, restarted.active_topics("s").await.len()), (Vec::new(), 1));
    restarted.delete("s").await.unwrap();
    assert_eq!(restarted.active_topics("s").await, [""; 0]);
    let left = world.store.list(wharf_store::Bucket::Meta, "topic-used").await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test(start_paused = true)]
async fn a_topic_that_was_reset_is_noted_again_when_it_is_used_again() {
    let world = World::new().await;
    world.sink.puts([Put::Hang(std::time::Duration::ZERO)]);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_task("s", State::Running).await;
    world.until_noted("position t 3").await;
    world.worker.reset_topics("s").await.unwrap();
    pass(2).await;
    assert_eq!(world.worker.active_topics("s").await, [""; 0]);
    world.driver.fill("t", 3..4);
    world.until_noted("position t 4").await;
    assert_eq!(world.worker.active_topics("s").await, ["t"]);
}
