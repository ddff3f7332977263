//! `openmessaging:connect/net`: connections and TLS from the host.

use wharf_core::limits::TaskLimits;

use super::{Names, open, servers, world};

#[tokio::test]
async fn the_host_connects_to_what_is_named() {
    let (named, other) = (servers::line("pong").await, servers::line("leak").await);
    let world = world(open(), Names::new(&[("db.example", &[&["127.0.0.1"]])])).await;
    let seen = world
        .run(
            &format!("db.example:{named},127.0.0.1:{named},127.0.0.1:1"),
            &[
                &format!("net:127.0.0.1:{named}"),
                &format!("net:DB.example.:{named}"),
                &format!("net:db.example:{other}"),
                "net:evil.example:80",
                "net:127.0.0.1:1",
                "net:not a host:80",
            ],
        )
        .await;
    assert_eq!(seen[..2], ["ok pong", "ok pong"]);
    assert!(seen[2].starts_with("err NetCode::Denied") && seen[3].starts_with("err NetCode::Denied"), "{seen:?}");
    assert!(seen[4].starts_with("err NetCode::Refused"), "{seen:?}");
    assert!(seen[5].starts_with("err NetCode::Denied"), "{seen:?}");
    assert_eq!(world.codes(), ["egress.port", "egress.name", "egress.name"]);
}

#[tokio::test]
async fn tls_is_spoken_by_the_host_and_trusts_what_the_connector_names() {
    let (port, pem) = servers::tls("pong").await;
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let target = format!("127.0.0.1:{port}");
    let lines = [format!("net-tls:{target}"), format!("net-starttls:{target}")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let world = world(open(), Names::default()).await;
    let trusting = [("target", target.as_str()), ("tls.ca.file", ca.to_str().unwrap())];
    assert_eq!(world.run_with(&trusting, TaskLimits::default(), &lines).await, ["ok pong", "ok pong"]);
    let seen = world.run(&target, &lines).await;
    assert!(seen.iter().all(|seen| seen.starts_with("err NetCode::Tls")), "{seen:?}");
    // The file is the host's to read, not the guest's.
    let read = world.plugin.check_capabilities(&crate::guests::config(&trusting));
    assert_eq!(read, []);
}

#[tokio::test]
async fn connections_are_counted_together_with_sockets() {
    let (port, _) = servers::silent().await;
    let world = world(open(), Names::default()).await;
    let target = format!("127.0.0.1:{port}");
    let limits = TaskLimits { sockets: Some(3), ..TaskLimits::default() };
    let lines = [format!("tcp-hold:{target}"), format!("net-flood:100:{target}"), format!("net-flood:2:{target}")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let seen = world.run_with(&[("target", &target)], limits, &lines).await;
    assert_eq!(seen[0], "ok");
    assert!(seen[1].starts_with("err 2 then NetCode::Quota"), "{seen:?}");
    assert_eq!(seen[2], "ok 2");
    assert_eq!(world.codes(), ["egress.quota.sockets"]);
}

#[tokio::test]
async fn a_long_answer_arrives_whole_and_its_end_is_seen() {
    let port = servers::sends(3_000_001).await;
    let world = world(open(), Names::default()).await;
    let seen = world.run(&format!("127.0.0.1:{port}"), &[&format!("net-read:127.0.0.1:{port}")]).await;
    assert_eq!(seen, ["ok 3000001"]);
}
