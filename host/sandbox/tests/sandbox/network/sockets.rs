//! `wasi:sockets`, as the standard library uses it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use wharf_core::limits::TaskLimits;
use wharf_egress::Ceiling;

use super::{Names, POLL, open, servers, world};

fn all_denied(seen: &[String]) -> bool {
    seen.iter().all(|seen| seen.starts_with("err PermissionDenied") || seen.starts_with("err "))
}

#[tokio::test]
async fn a_socket_connects_to_what_is_named_and_to_nothing_else() {
    let world = world(open(), Names::default()).await;
    let (named, other) = (servers::line("pong").await, servers::line("leak").await);
    let tried = [format!("tcp:127.0.0.1:{named}"), format!("tcp:127.0.0.1:{other}"), format!("tcp:127.0.0.2:{named}")];
    let tried: Vec<&str> = tried.iter().map(String::as_str).collect();
    let seen = world.run(&format!("127.0.0.1:{named}"), &tried).await;
    assert_eq!(seen[0], "ok pong");
    assert!(seen[1..].iter().all(|seen| seen.starts_with("err PermissionDenied")), "{seen:?}");
    assert_eq!(world.codes(), ["egress.port", "egress.address"]);
    assert_eq!(world.meter.usage().denials["egress.port"], 1);
    // Nothing named: nothing reached.
    assert!(all_denied(&world.run("", &tried).await));
}

#[tokio::test]
async fn a_name_leads_to_its_address_and_other_names_are_not_even_asked_for() {
    let port = servers::line("pong").await;
    let names = Names::new(&[("db.example", &[&["127.0.0.1"]]), ("secret.evil.example", &[&["127.0.0.1"]])]);
    let world = world(open(), names).await;
    let seen = world
        .run(
            &format!("db.example:{port}"),
            &[
                &format!("tcp:127.0.0.1:{port}"),
                "lookup:db.example",
                &format!("tcp:db.example:{port}"),
                &format!("tcp:127.0.0.1:{port}"),
                "lookup:secret.evil.example",
                &format!("tcp:secret.evil.example:{port}"),
                "lookup:localhost",
            ],
        )
        .await;
    // An address is no way round the name, until the name has led to it.
    assert!(seen[0].starts_with("err PermissionDenied"), "{seen:?}");
    assert_eq!(seen[1..4], ["ok 127.0.0.1", "ok pong", "ok pong"]);
    assert!(seen[4..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    assert_eq!(world.codes(), ["egress.address", "egress.name", "egress.name", "egress.name"]);
}

#[tokio::test]
async fn a_name_that_turns_to_this_machine_is_dropped() {
    let port = servers::line("leak").await;
    let rebind: &[&[&str]] = &[&["192.0.2.1", "8.8.8.8"], &["127.0.0.1"], &["::ffff:169.254.169.254"]];
    let world = world(Ceiling::default(), Names::new(&[("rebind.example", rebind)])).await;
    let lines = [
        "lookup:rebind.example",
        &format!("tcp:rebind.example:{port}"),
        &format!("tcp:127.0.0.1:{port}"),
        "lookup:rebind.example",
    ];
    let seen = world.run(&format!("rebind.example:{port}"), &lines).await;
    assert_eq!(seen[0], "ok 8.8.8.8");
    assert!(seen[1..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    assert_eq!(world.codes(), ["egress.range", "egress.range", "egress.address", "egress.range"]);
}

#[tokio::test]
async fn nobody_listens_and_nobody_binds() {
    let world = world(open(), Names::default()).await;
    let lines = [
        "listen:127.0.0.1:0",
        "listen:0.0.0.0:0",
        "listen:0.0.0.0:8080",
        "udp-bind:127.0.0.1:0",
        "udp-bind:0.0.0.0:53",
    ];
    let seen = world.run("127.0.0.1:1", &lines).await;
    assert!(seen.iter().all(|seen| seen.starts_with("err PermissionDenied")), "{seen:?}");
    let codes = world.codes();
    assert_eq!(codes.len(), lines.len(), "{codes:?}");
    assert!(codes.iter().all(|code| code == "egress.bind" || code == "egress.listen"), "{codes:?}");
    assert!(codes.iter().any(|code| code == "egress.listen"));
}

#[tokio::test]
async fn datagrams_go_where_connections_go() {
    let world = world(open(), Names::default()).await;
    let (named, other) = (servers::udp().await, servers::udp().await);
    let seen = world
        .run(&format!("127.0.0.1:{named}"), &[&format!("udp:127.0.0.1:{named}"), &format!("udp:127.0.0.1:{other}")])
        .await;
    assert_eq!(seen[0], "ok pong");
    assert!(seen[1].starts_with("err PermissionDenied"), "{seen:?}");
    assert_eq!(world.codes(), ["egress.port"]);
}

#[tokio::test]
async fn sockets_are_counted_and_come_back_with_the_end_of_the_instance() {
    let world = world(open(), Names::default()).await;
    let (port, connected) = servers::silent().await;
    let (target, flood) = (format!("127.0.0.1:{port}"), format!("tcp-flood:100:127.0.0.1:{port}"));
    let limits = TaskLimits { sockets: Some(3), ..TaskLimits::default() };
    let pairs = [("targets", target.as_str()), ("try", flood.as_str())];
    let mut task = world.start(&pairs, limits).await.unwrap();
    // What a flood opened is given back at its end, so that the second gets as far.
    for _ in 0..2 {
        let seen = crate::guests::texts(&task.poll(POLL).await.unwrap());
        assert!(seen[0].starts_with("err 3 then "), "{seen:?}");
    }
    assert_eq!(world.codes(), ["egress.quota.sockets", "egress.quota.sockets"]);
    let hold = format!("tcp-hold:127.0.0.1:{port}");
    let mut held = world.start(&[("targets", &target), ("try", &hold)], TaskLimits::default()).await.unwrap();
    assert_eq!(crate::guests::texts(&held.poll(POLL).await.unwrap()), ["ok"]);
    drop((task, held));
    // The other side sees all of them end.
    while connected.load(Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_operators_quota_is_the_most_a_connector_gets() {
    let world = world(open(), Names::default()).await;
    let (port, _) = servers::silent().await;
    let limits = TaskLimits { sockets: Some(1000), ..TaskLimits::default() };
    let target = format!("127.0.0.1:{port}");
    let seen = world.run_with(&[("target", &target)], limits, &[&format!("tcp-flood:200:{target}")]).await;
    assert!(seen[0].starts_with("err 64 then "), "{seen:?}");
}

#[tokio::test]
async fn a_paced_connection_carries_the_same_bytes() {
    let world = world(open(), Names::default()).await;
    let port = servers::line("pong").await;
    let target = format!("127.0.0.1:{port}");
    let limits = TaskLimits { network_bytes_per_second: Some(100), ..TaskLimits::default() };
    let tcp = format!("tcp:{target}");
    let seen = world.run_with(&[("target", &target)], limits, &[tcp.as_str(); 12]).await;
    assert!(seen.iter().all(|seen| seen == "ok pong"), "{seen:?}");
}
