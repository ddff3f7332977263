//! Against a real server, looked at with `redis-cli`.

use std::time::Duration;

use redis_client::testing::RedisServer;
use wharf_sdk::testkit::SinkKit;
use wharf_sdk::{BatchBuilder, Limits, Origin};

use super::*;

type Kit = SinkKit<RedisSink>;

fn kit_at(address: &str, more: &[(&str, &str)]) -> Kit {
    let mut config =
        vec![("redis.url".to_owned(), address.to_owned()), ("redis.timeout.ms".to_owned(), "2000".to_owned())];
    config.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    SinkKit::new(config)
}

fn started(server: &RedisServer, more: &[(&str, &str)]) -> Kit {
    let mut kit = kit_at(&server.address(), more);
    kit.start().unwrap();
    kit
}

/// Rows of a topic `t` with a key and a value each; an empty key or value stands for none.
fn delivery(rows: &[(&str, &str)]) -> Delivery {
    let limits = Limits { max_rows: 10_000, max_bytes: 10_000_000, max_wait: Duration::ZERO };
    let mut batch = BatchBuilder::new(limits);
    for (key, value) in rows {
        let mut row = if value.is_empty() { batch.push_absent() } else { batch.push(value.as_bytes()) };
        if !key.is_empty() {
            row = row.key(key.as_bytes());
        }
        row.header("h", b"x");
    }
    let batch = batch.finish().unwrap();
    let positions = (0..i64::from(batch.rows)).collect();
    Delivery { batch, origins: vec![Origin { first_row: 0, topic: "t".into(), partition: 0 }], positions }
}

fn codes(rejections: &[Rejection]) -> Vec<(u32, &str)> {
    rejections.iter().map(|rejection| (rejection.row, rejection.code.as_str())).collect()
}

#[test]
fn rows_become_entries_of_a_stream_with_key_value_and_headers() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("target", "out:${topic}"), ("headers", "true")]);
    assert_eq!(kit.put(&delivery(&[("k", "v"), ("", "w"), ("k", "")])).unwrap(), []);
    kit.flush().unwrap();
    let lines = server.lines(&["--raw", "XRANGE", "out:t", "-", "+"]);
    let without_ids: Vec<_> = lines.iter().filter(|line| !line.contains('-')).collect();
    assert_eq!(without_ids, ["key", "k", "value", "v", "header.h", "x", "value", "w", "header.h", "x"]);
}

#[test]
fn members_of_json_become_fields_and_what_has_none_is_rejected() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("value.format", "json")]);
    let rows = [("", r#"{"a":"x","n":1.5,"o":{"p":[]}}"#), ("", "7"), ("", "{}"), ("", r#"{"b":null}"#)];
    assert_eq!(codes(&kit.put(&delivery(&rows)).unwrap()), [(1, "not-an-object"), (2, "no-fields")]);
    let lines = server.lines(&["--raw", "XRANGE", "t", "-", "+"]);
    let without_ids: Vec<_> = lines.iter().filter(|line| !line.contains('-')).collect();
    assert_eq!(without_ids, ["a", "x", "n", "1.5", "o", r#"{"p":[]}"#, "b", "null"]);
}

#[test]
fn a_stream_is_trimmed() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("stream.maxlen", "3"), ("stream.maxlen.exact", "true")]);
    kit.put_values((0..10).map(|number| number.to_string())).unwrap();
    assert_eq!(server.cli(&["XLEN", "test"]), "3");
}

#[test]
fn lists_grow_at_the_end_that_is_named() {
    let server = RedisServer::start();
    started(&server, &[("mode", "lists")]).put_values(["a", "b"]).unwrap();
    assert_eq!(server.cli(&["LRANGE", "test", "0", "-1"]), "a\nb");
    started(&server, &[("mode", "lists"), ("list.end", "left"), ("target", "l")]).put_values(["a", "b"]).unwrap();
    assert_eq!(server.cli(&["LRANGE", "l", "0", "-1"]), "b\na");
}

#[test]
fn strings_are_set_and_deleted_and_may_expire() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("mode", "strings"), ("ttl.ms", "100000")]);
    assert_eq!(codes(&kit.put(&delivery(&[("a", "1"), ("b", "2"), ("", "3"), ("b", "")])).unwrap()), [(2, "no-key")]);
    assert_eq!(server.cli(&["GET", "t:a"]), "1");
    assert_eq!(server.cli(&["EXISTS", "t:b"]), "0");
    assert!(server.cli(&["PTTL", "t:a"]).parse::<i64>().unwrap() > 0);
}

#[test]
fn hashes_have_a_field_for_each_row_or_for_each_member() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("mode", "hashes")]);
    kit.put(&delivery(&[("a", "1"), ("b", "2"), ("a", "")])).unwrap();
    assert_eq!(server.cli(&["HGETALL", "t"]), "b\n2");
    let mut kit = started(&server, &[("mode", "hashes"), ("value.format", "json"), ("target", "u:${key}")]);
    kit.put(&delivery(&[("1", r#"{"name":"x"}"#), ("2", r#"{"name":"y"}"#), ("1", "")])).unwrap();
    assert_eq!((server.cli(&["EXISTS", "u:1"]), server.cli(&["HGET", "u:2", "name"])), ("0".into(), "y".into()));
}

#[test]
fn messages_reach_who_listens() {
    let server = RedisServer::start();
    let mut listener = started_listener(&server);
    started(&server, &[("mode", "pubsub"), ("target", "c")]).put_values(["hello"]).unwrap();
    let reply = listener.poll_reply(Duration::from_secs(10)).unwrap().unwrap().to_vec();
    let value = redis_client::parse(&reply).unwrap();
    assert_eq!(value.items().last().and_then(redis_client::Value::text), Some("hello"));
}

fn started_listener(server: &RedisServer) -> redis_client::Client {
    let config =
        redis_client::ServerConfig { url: server.address(), timeout_ms: 5000, ..redis_client::ServerConfig::default() };
    let server = redis_client::Server::new(&config, "listener").unwrap();
    let mut client = redis_client::Client::open(&server).unwrap();
    client.call(&[b"SUBSCRIBE", b"c"]).unwrap();
    client
}

#[test]
fn a_row_that_the_server_refuses_is_rejected_and_the_others_are_written() {
    let server = RedisServer::start();
    server.cli(&["SET", "t:b", "text"]);
    let more = [("mode", "lists"), ("target", "${topic}:${key}"), ("batch.size", "2")];
    let mut kit = started(&server, &more);
    let rejections = kit.put(&delivery(&[("a", "1"), ("b", "2"), ("c", "3"), ("b", "4"), ("c", "5")])).unwrap();
    assert_eq!(codes(&rejections), [(1, "wrong-type"), (3, "wrong-type")]);
    assert_eq!((server.cli(&["LLEN", "t:a"]), server.cli(&["LLEN", "t:c"])), ("1".into(), "2".into()));
}

#[test]
fn a_server_that_is_full_is_waited_for_from_the_first_row_that_found_no_room() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("mode", "strings"), ("batch.size", "2")]);
    kit.put(&delivery(&[("a", "1")])).unwrap();
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let Err(Failure::Retriable(retry)) = kit.put(&delivery(&[("a", ""), ("", "no key"), ("b", "2"), ("c", "3")]))
    else {
        panic!("the server is full")
    };
    // The row without a key could not be told of with the failure, so the retry begins there.
    assert_eq!(retry.at_row, Some(1));
    assert!(retry.reason.contains("OOM"), "{}", retry.reason);
    assert_eq!(server.cli(&["EXISTS", "t:a"]), "0");
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    let rest = delivery(&[("", "no key"), ("b", "2"), ("c", "3")]);
    let rest = Delivery { positions: vec![1, 2, 3], ..rest };
    assert_eq!(codes(&kit.put(&rest).unwrap()), [(0, "no-key")]);
    assert_eq!((server.cli(&["GET", "t:b"]), server.cli(&["GET", "t:c"])), ("2".into(), "3".into()));
}

#[test]
fn a_server_that_is_down_is_waited_for() {
    let mut server = RedisServer::start();
    let mut kit = started(&server, &[("mode", "lists")]);
    kit.put_values(["a"]).unwrap();
    server.kill();
    assert!(matches!(kit.put_values(["b"]), Err(Failure::Retriable(_))));
    kit.restart().unwrap();
    assert!(matches!(kit.put_values(["b"]), Err(Failure::Retriable(_))));
    server.start_again();
    kit.put_values(["b"]).unwrap();
    assert_eq!(server.cli(&["LRANGE", "test", "0", "-1"]), "a\nb");
}

#[test]
fn rows_are_done_only_when_enough_replicas_have_them() {
    let server = RedisServer::start();
    // Half of it the server waits for replicas, and its answer has the other half to come, also on a busy machine.
    let mut kit = started(&server, &[("replicas.min", "1"), ("redis.timeout.ms", "2000")]);
    kit.put_values(["a"]).unwrap();
    assert!(matches!(kit.flush(), Err(Failure::Retriable(retry)) if retry.reason.contains("0 replicas")));
}

#[test]
fn many_rows_go_in_pipelines_and_keep_their_order() {
    let server = RedisServer::start();
    let mut kit = started(&server, &[("mode", "lists"), ("target", "l")]);
    let long = "x".repeat(500);
    kit.put_values((0..5000).map(|number| format!("{number}:{long}"))).unwrap();
    let lines = server.lines(&["LRANGE", "l", "0", "-1"]);
    assert_eq!(lines.len(), 5000);
    assert!(lines.iter().enumerate().all(|(at, line)| line.starts_with(&format!("{at}:"))));
}

#[test]
fn what_cannot_work_is_named_with_its_key() {
    let problem = |more: &[(&str, &str)]| {
        let problems = kit_at("h:1", more).validate();
        problems.first().map(|problem| problem.key.clone()).unwrap_or_default()
    };
    assert_eq!(problem(&[]), "");
    assert_eq!(problem(&[("target", "${nothing}")]), "target");
    assert_eq!(problem(&[("mode", "strings"), ("target", "${topic}")]), "target");
    assert_eq!(problem(&[("mode", "lists"), ("value.format", "json")]), "value.format");
    assert_eq!(problem(&[("hash.field", "${key}")]), "hash.field");
    assert_eq!(problem(&[("tombstones", "delete")]), "tombstones");
    assert_eq!(problem(&[("ttl.ms", "5")]), "ttl.ms");
    assert_eq!(problem(&[("mode", "lists"), ("stream.maxlen", "5")]), "stream.maxlen");
    assert_eq!(problem(&[("redis.url", "redis://u:p@h")]), "redis.url");
}
