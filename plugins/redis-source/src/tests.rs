//! Against a real server, asked and filled by `redis-cli`.

use std::thread;
use std::time::{Duration, Instant};

use redis_client::testing::RedisServer;
use wharf_sdk::testkit::{Polled, SourceKit};
use wharf_sdk::{Failure, Limits, SourceOffset};

use super::*;

type Kit = SourceKit<RedisSource>;

fn kit(server: &RedisServer, more: &[(&str, &str)]) -> Kit {
    kit_at(&server.address(), more)
}

fn kit_at(address: &str, more: &[(&str, &str)]) -> Kit {
    let mut config =
        vec![("redis.url".to_owned(), address.to_owned()), ("redis.timeout.ms".to_owned(), "2000".to_owned())];
    config.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    SourceKit::new(config)
}

fn started(server: &RedisServer, more: &[(&str, &str)]) -> Kit {
    let mut kit = kit(server, more);
    kit.start().unwrap();
    kit
}

/// Polls until there are rows.
#[track_caller]
fn rows(kit: &mut Kit) -> Polled {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let polled = kit.poll().unwrap();
        if polled.batch.rows > 0 {
            return polled;
        }
        assert!(Instant::now() < deadline, "no rows come");
    }
}

/// Polls until so many rows have come, and commits all of them.
#[track_caller]
fn all(kit: &mut Kit, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        let polled = rows(kit);
        texts.extend(polled.texts());
        kit.commit(&polled).unwrap();
    }
    texts
}

fn add(server: &RedisServer, stream: &str, numbers: std::ops::Range<u32>) {
    for number in numbers {
        server.cli(&["XADD", stream, "*", "value", &number.to_string(), "k", "key"]);
    }
}

fn counted(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

const STREAM: [(&str, &str); 3] = [("streams", "s"), ("topic", "t"), ("value.format", "field")];
const GROUP: [(&str, &str); 4] = [("streams", "s"), ("topic", "t"), ("value.format", "field"), ("group", "g")];

#[test]
fn a_stream_is_read_from_its_start_and_after_a_crash_from_the_last_commit() {
    let server = RedisServer::start();
    add(&server, "s", 0..5);
    let mut kit = started(&server, &STREAM);
    assert_eq!(all(&mut kit, 5), counted(0..5));
    add(&server, "s", 5..8);
    assert_eq!(rows(&mut kit).texts(), counted(5..8));
    kit.restart().unwrap();
    assert_eq!(all(&mut kit, 3), counted(5..8));
    kit.restart().unwrap();
    assert_eq!(kit.poll().unwrap().batch.rows, 0);
    let last = server.cli(&["--json", "XREVRANGE", "s", "+", "-", "COUNT", "1"]);
    let offset = kit.offset(r#"{"stream":"s"}"#).unwrap();
    let id = offset.strip_prefix(r#"{"id":""#).and_then(|rest| rest.strip_suffix(r#""}"#)).unwrap();
    assert!(last.contains(id), "{last} {id}");
}

#[test]
fn rows_carry_fields_key_headers_time_and_topic() {
    let server = RedisServer::start();
    server.cli(&["XADD", "eu:orders", "1700000000000-5", "id", "7", "note", "a \"b\""]);
    let more = [("streams", "eu:orders"), ("topic.prefix", "redis."), ("key.field", "id")];
    let polled = rows(&mut started(&server, &more));
    assert_eq!(polled.texts(), [r#"{"id":"7","note":"a \"b\""}"#]);
    assert_eq!(polled.keys(), [Some(b"7".to_vec())]);
    assert_eq!(polled.batch.topics, ["redis.eu.orders"]);
    assert_eq!(polled.batch.timestamps, [1_700_000_000_000]);
    assert_eq!(polled.batch.headers.names, ["redis.stream", "redis.id"]);
    assert_eq!(polled.batch.headers.cells.cell(1), Some(&b"1700000000000-5"[..]));
}

#[test]
fn several_streams_are_read_at_once_each_with_its_own_offset() {
    let server = RedisServer::start();
    add(&server, "a", 0..3);
    add(&server, "b", 10..13);
    let more = [("streams", "a,b"), ("value.format", "field")];
    let mut kit = started(&server, &more);
    let mut texts = all(&mut kit, 6);
    texts.sort_unstable();
    assert_eq!(texts, ["0", "1", "10", "11", "12", "2"]);
    assert!(kit.offset(r#"{"stream":"a"}"#).is_some() && kit.offset(r#"{"stream":"b"}"#).is_some());
}

#[test]
fn a_stream_begun_at_its_end_shows_only_what_comes_then() {
    let server = RedisServer::start();
    add(&server, "s", 0..5);
    let mut kit = started(&server, &[("streams", "s"), ("value.format", "field"), ("start", "latest")]);
    assert_eq!(kit.poll().unwrap().batch.rows, 0);
    add(&server, "s", 5..7);
    assert_eq!(all(&mut kit, 2), counted(5..7));
}

#[test]
fn a_large_backlog_comes_in_batches_that_keep_their_bounds() {
    let server = RedisServer::start();
    let text = "x".repeat(1000);
    server.cli(&[
        "EVAL",
        "for i = 1, 3000 do redis.call('XADD', 's', '*', 'value', i .. ':' .. ARGV[1]) end",
        "0",
        &text,
    ]);
    for config in [&STREAM[..], &GROUP] {
        let mut kit = started(&server, config);
        kit.limit(Limits { max_rows: 700, max_bytes: 100_000, max_wait: Duration::ZERO });
        let mut next = 1;
        while next <= 3000 {
            let polled = rows(&mut kit);
            assert!(polled.batch.rows <= 700 && polled.batch.values.data.len() <= 100_000);
            for text in polled.texts() {
                assert!(text.starts_with(&format!("{next}:")), "{next}");
                next += 1;
            }
            kit.commit(&polled).unwrap();
        }
    }
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('0'));
}

#[test]
fn a_group_acknowledges_only_what_is_committed_and_gives_the_rest_again() {
    let server = RedisServer::start();
    add(&server, "s", 0..6);
    let mut kit = started(&server, &GROUP);
    kit.limit(Limits { max_rows: 4, max_bytes: 1000, max_wait: Duration::ZERO });
    let first = rows(&mut kit);
    let second = rows(&mut kit);
    assert_eq!((first.texts(), second.texts()), (counted(0..4), counted(4..6)));
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('6'));
    kit.commit(&first).unwrap();
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('2'));
    // Twice, as the host may.
    kit.commit(&first).unwrap();
    kit.restart().unwrap();
    assert_eq!(all(&mut kit, 2), counted(4..6));
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('0'));
    add(&server, "s", 6..8);
    assert_eq!(all(&mut kit, 2), counted(6..8));
}

#[test]
fn a_group_and_its_stream_are_made_where_they_are_missing() {
    let server = RedisServer::start();
    let mut kit = started(&server, &GROUP);
    assert_eq!(kit.poll().unwrap().batch.rows, 0);
    assert_eq!(server.cli(&["TYPE", "s"]), "stream");
    // And again, when somebody deletes them.
    server.cli(&["DEL", "s"]);
    assert!(matches!(kit.poll(), Err(Failure::Retriable(_))));
    add(&server, "s", 0..2);
    assert_eq!(all(&mut kit, 2), counted(0..2));
}

#[test]
fn what_a_dead_consumer_left_behind_is_taken_over() {
    let server = RedisServer::start();
    add(&server, "s", 0..3);
    server.cli(&["XGROUP", "CREATE", "s", "g", "0"]);
    server.cli(&["XREADGROUP", "GROUP", "g", "dead", "COUNT", "2", "STREAMS", "s", ">"]);
    let mut config = GROUP.to_vec();
    config.push(("claim.idle.ms", "1"));
    let mut kit = started(&server, &config);
    let mut texts = all(&mut kit, 3);
    texts.sort_unstable();
    assert_eq!(texts, counted(0..3));
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('0'));
}

#[test]
fn a_pending_entry_that_was_deleted_is_acknowledged_and_skipped() {
    let server = RedisServer::start();
    add(&server, "s", 0..2);
    let mut kit = started(&server, &GROUP);
    rows(&mut kit);
    let ids = server.lines(&["--raw", "XRANGE", "s", "-", "+", "COUNT", "1"]);
    server.cli(&["XDEL", "s", &ids[0]]);
    kit.restart().unwrap();
    assert_eq!(all(&mut kit, 1), ["1"]);
    kit.poll().unwrap();
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('0'));
}

#[test]
fn entries_in_flight_are_not_given_twice_when_the_connection_breaks() {
    let server = RedisServer::start();
    add(&server, "s", 0..3);
    let mut kit = started(&server, &GROUP);
    let first = rows(&mut kit);
    server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(matches!(kit.poll(), Err(Failure::Retriable(_))));
    add(&server, "s", 3..5);
    let second = rows(&mut kit);
    assert_eq!(second.texts(), counted(3..5));
    kit.commit(&first).unwrap();
    kit.commit(&second).unwrap();
    assert!(server.cli(&["XPENDING", "s", "g"]).starts_with('0'));
}

#[test]
fn a_poll_waits_for_what_comes_and_returns_in_time() {
    let server = RedisServer::start();
    for config in [&STREAM[..], &GROUP, &[("mode", "lists"), ("lists", "l")], &[("mode", "pubsub"), ("channels", "c")]]
    {
        let mut kit = started(&server, config);
        kit.limit(Limits { max_rows: 10, max_bytes: 1000, max_wait: Duration::from_millis(60) });
        let begun = Instant::now();
        assert_eq!(kit.poll().unwrap().batch.rows, 0);
        // Neither at once nor much later; the upper bound is only so tight as to catch a wait without end.
        assert!(begun.elapsed() >= Duration::from_millis(40) && begun.elapsed() < Duration::from_secs(5), "{config:?}");
    }
    let mut kit = started(&server, &STREAM);
    kit.limit(Limits { max_rows: 10, max_bytes: 1000, max_wait: Duration::from_secs(20) });
    thread::scope(|scope| {
        scope.spawn(|| add(&server, "s", 0..1));
        assert_eq!(kit.poll().unwrap().texts(), counted(0..1));
    });
}

#[test]
fn an_operator_moves_a_group_and_a_wrong_offset_is_refused() {
    let server = RedisServer::start();
    add(&server, "s", 0..3);
    let mut kit = started(&server, &GROUP);
    assert_eq!(all(&mut kit, 3), counted(0..3));
    let alter = |kit: &mut Kit, partition: &str, offset: &str| {
        kit.alter(&[SourceOffset { partition: partition.to_owned(), offset: offset.to_owned() }])
    };
    assert!(alter(&mut kit, r#"{"stream":"other"}"#, "").is_err());
    assert!(alter(&mut kit, r#"{"stream":"s"}"#, r#"{"id":"x"}"#).unwrap_err().contains("1526919030474-0"));
    alter(&mut kit, r#"{"stream":"s"}"#, "").unwrap();
    kit.restart().unwrap();
    assert_eq!(all(&mut kit, 3), counted(0..3));
}

const LIST: [(&str, &str); 3] = [("mode", "lists"), ("lists", "jobs"), ("topic", "t")];

fn push(server: &RedisServer, numbers: std::ops::Range<u32>) {
    for number in numbers {
        server.cli(&["RPUSH", "jobs", &number.to_string()]);
    }
}

#[test]
fn a_list_is_emptied_and_what_is_not_committed_comes_again_after_a_crash() {
    let server = RedisServer::start();
    push(&server, 0..5);
    let mut kit = started(&server, &LIST);
    kit.limit(Limits { max_rows: 3, max_bytes: 1000, max_wait: Duration::ZERO });
    let first = rows(&mut kit);
    let second = rows(&mut kit);
    assert_eq!((first.texts(), second.texts()), (counted(0..3), counted(3..5)));
    assert_eq!(
        (server.cli(&["LLEN", "jobs"]), server.cli(&["LLEN", "jobs:processing:test"])),
        ("0".into(), "5".into())
    );
    kit.commit(&first).unwrap();
    assert_eq!(server.cli(&["LRANGE", "jobs:processing:test", "0", "-1"]), "3\n4");
    kit.restart().unwrap();
    push(&server, 5..7);
    assert_eq!(all(&mut kit, 4), counted(3..7));
    assert_eq!(server.cli(&["LLEN", "jobs:processing:test"]), "0");
    assert_eq!(kit.offset(r#"{"list":"jobs"}"#).unwrap(), r#"{"taken":7}"#);
}

#[test]
fn elements_that_were_safe_before_a_crash_but_not_yet_removed_do_not_come_again() {
    let server = RedisServer::start();
    push(&server, 0..4);
    let mut kit = started(&server, &LIST);
    kit.limit(Limits { max_rows: 2, max_bytes: 1000, max_wait: Duration::ZERO });
    let first = rows(&mut kit);
    assert_eq!(first.texts(), counted(0..2));
    rows(&mut kit);
    kit.commit(&first).unwrap();
    // As if the offset was stored and the worker died before the task was told: nothing is removed yet.
    server.cli(&["LPUSH", "jobs:processing:test", "1", "0"]);
    server.cli(&["SET", "jobs:processing:test:count", "0"]);
    kit.restart().unwrap();
    assert_eq!(all(&mut kit, 2), counted(2..4));
}

#[test]
fn elements_in_flight_are_not_given_twice_when_the_connection_breaks() {
    let server = RedisServer::start();
    push(&server, 0..3);
    let mut kit = started(&server, &LIST);
    let first = rows(&mut kit);
    server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(matches!(kit.poll(), Err(Failure::Retriable(_))));
    push(&server, 3..5);
    let second = rows(&mut kit);
    assert_eq!(second.texts(), counted(3..5));
    kit.commit(&second).unwrap();
    assert_eq!(server.cli(&["LLEN", "jobs:processing:test"]), "0");
    kit.commit(&first).unwrap();
}

#[test]
fn a_server_that_lost_its_data_does_not_make_new_elements_vanish() {
    let server = RedisServer::start();
    push(&server, 0..3);
    let mut kit = started(&server, &LIST);
    let lost = rows(&mut kit);
    server.cli(&["FLUSHALL"]);
    server.cli(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    assert!(kit.poll().is_err());
    push(&server, 3..5);
    let new = rows(&mut kit);
    assert_eq!(new.texts(), counted(3..5));
    kit.commit(&lost).unwrap();
    assert_eq!(server.cli(&["LRANGE", "jobs:processing:test", "0", "-1"]), "3\n4");
    kit.commit(&new).unwrap();
    assert_eq!(server.cli(&["LLEN", "jobs:processing:test"]), "0");
}

#[test]
fn several_lists_have_their_turn() {
    let server = RedisServer::start();
    server.cli(&["LPUSH", "a", "1", "2"]);
    server.cli(&["LPUSH", "b", "3"]);
    let mut kit =
        started(&server, &[("mode", "lists"), ("lists", "a,b"), ("list.end", "right"), ("topic.prefix", "q-")]);
    let polled = rows(&mut kit);
    assert_eq!(polled.texts(), ["1", "2", "3"]);
    assert_eq!(polled.batch.topics, ["q-a", "q-b"]);
    assert_eq!(polled.offsets().len(), 2);
}

#[test]
fn what_is_published_while_somebody_listens_becomes_rows() {
    let server = RedisServer::start();
    let more = [("mode", "pubsub"), ("channels", "a"), ("patterns", "news.*")];
    let mut kit = started(&server, &more);
    kit.poll().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.cli(&["PUBLISH", "a", "one"]) != "1" {
        assert!(Instant::now() < deadline, "nobody listens");
    }
    server.cli(&["PUBLISH", "news.tech", "two"]);
    server.cli(&["PUBLISH", "other", "three"]);
    let mut texts = Vec::new();
    let mut topics = Vec::new();
    while texts.len() < 2 {
        let polled = rows(&mut kit);
        texts.extend(polled.texts());
        topics.extend(polled.batch.topics.clone());
        assert!(polled.batch.checkpoints.is_empty());
    }
    assert_eq!(texts, ["one", "two"]);
    assert_eq!(topics, ["a", "news.tech"]);
}

#[test]
fn a_server_that_is_down_is_waited_for_and_one_that_comes_back_is_read_on() {
    let mut server = RedisServer::start();
    add(&server, "s", 0..2);
    let mut kit = started(&server, &GROUP);
    assert_eq!(all(&mut kit, 2), counted(0..2));
    server.kill();
    assert!(matches!(kit.poll(), Err(Failure::Retriable(_))));
    // A start does not fail for it either.
    kit.restart().unwrap();
    assert!(matches!(kit.poll(), Err(Failure::Retriable(_))));
    server.start_again();
    add(&server, "s", 2..4);
    assert_eq!(all(&mut kit, 2), counted(2..4));
}

#[test]
fn a_wrong_password_is_a_problem_of_its_key_and_a_right_one_works() {
    let server = RedisServer::with(&["--requirepass", "secret"]);
    let failed = kit(&server, &[("streams", "s"), ("redis.password", "wrong")]).start().unwrap_err();
    assert!(matches!(&failed, Failure::InvalidConfig(problems) if problems[0].key == "redis.password"), "{failed:?}");
    let failed = kit(&server, &STREAM).start().unwrap_err();
    assert!(matches!(&failed, Failure::InvalidConfig(problems) if problems[0].key == "redis.password"), "{failed:?}");
    kit(&server, &[("streams", "s"), ("redis.password", "secret")]).start().unwrap();
}

#[test]
fn a_key_of_another_type_is_told() {
    let server = RedisServer::start();
    server.cli(&["SET", "s", "text"]);
    for config in [&STREAM[..], &GROUP, &[("mode", "lists"), ("lists", "s")]] {
        let failed = started(&server, config).poll().unwrap_err();
        assert!(matches!(&failed, Failure::InvalidConfig(problems) if problems[0].key == "mode"), "{failed:?}");
    }
}

#[test]
fn what_cannot_work_is_named_with_its_key() {
    let problem = |more: &[(&str, &str)]| {
        let problems = kit_at("h:1", more).validate();
        problems.first().map(|problem| problem.key.clone()).unwrap_or_default()
    };
    assert_eq!(problem(&[("streams", "a,b")]), "");
    assert_eq!(problem(&[]), "streams");
    assert_eq!(problem(&[("streams", "a,a")]), "streams");
    assert_eq!(problem(&[("mode", "lists"), ("streams", "a")]), "streams");
    assert_eq!(problem(&[("mode", "lists")]), "lists");
    assert_eq!(problem(&[("mode", "pubsub")]), "channels");
    assert_eq!(problem(&[("mode", "pubsub"), ("patterns", "a*")]), "");
    assert_eq!(problem(&[("mode", "lists"), ("lists", "l"), ("group", "g")]), "group");
    assert_eq!(problem(&[("streams", "a"), ("topic", "t"), ("topic.prefix", "p")]), "topic.prefix");
    assert_eq!(problem(&[("streams", "a"), ("batch.size", "0")]), "batch.size");
}

#[test]
fn streams_lists_and_channels_are_shared_out_among_the_tasks() {
    let split = |pairs: &[(&str, &str)], max| {
        let config: ConfigMap = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        RedisSource::tasks(&config, max).unwrap()
    };
    let parts = split(&[("streams", "a, b,c"), ("topic", "t")], 2);
    let streams: Vec<_> = parts.iter().map(|part| part["streams"].as_str()).collect();
    assert_eq!(streams, ["a,c", "b"]);
    assert!(parts.iter().all(|part| part["topic"] == "t"));
    assert_eq!(split(&[("streams", "a")], 5).len(), 1);
    let parts = split(&[("mode", "pubsub"), ("channels", "a"), ("patterns", "p*")], 2);
    assert_eq!((parts[0]["channels"].as_str(), parts[0]["patterns"].as_str()), ("a", ""));
    assert_eq!((parts[1]["channels"].as_str(), parts[1]["patterns"].as_str()), ("", "p*"));
}
