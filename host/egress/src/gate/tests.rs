use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::endpoint::parse_list;

/// Answers from a list, one entry after the other; the last for ever.
#[derive(Debug, Default)]
struct Scripted(Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>);

impl Scripted {
    fn new(answers: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let read = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        let map = answers.iter().map(|(name, lists)| ((*name).to_owned(), lists.iter().map(read).collect())).collect();
        Arc::new(Self(Mutex::new(map)))
    }
}

#[async_trait]
impl Resolve for Scripted {
    async fn resolve(&self, name: &str, _permit: Permit) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.0.lock().unwrap();
        let Some(list) = answers.get_mut(name) else { return Ok(vec![]) };
        Ok(if list.len() > 1 { list.remove(0) } else { list[0].clone() })
    }
}

/// Never answers.
#[derive(Debug)]
struct Silent(Mutex<Vec<Permit>>);

#[async_trait]
impl Resolve for Silent {
    async fn resolve(&self, _: &str, permit: Permit) -> io::Result<Vec<IpAddr>> {
        self.0.lock().unwrap().push(permit);
        std::future::pending().await
    }
}

#[derive(Debug, Default)]
struct Events(Mutex<Vec<AuditEvent>>);

impl Auditor for Events {
    fn record(&self, event: AuditEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Events {
    fn codes(&self) -> Vec<String> {
        self.0.lock().unwrap().drain(..).map(|event| event.code).collect()
    }
}

struct World {
    gate: Gate,
    events: Arc<Events>,
    meter: Arc<Meter>,
}

fn world(endpoints: &str, ceiling: Ceiling, resolver: Arc<dyn Resolve>) -> World {
    let (events, meter) = (Arc::new(Events::default()), Arc::new(Meter::default()));
    let gate = Gate::new(GateOptions {
        subject: Subject { connector: "c".into(), task: Some(2), plugin: "p@1.0.0".into() },
        endpoints: parse_list(endpoints).unwrap(),
        ceiling: Arc::new(ceiling),
        quotas: Quotas { sockets: 2, lookups: 2, connect_timeout: Duration::from_secs(5), ..Quotas::default() },
        resolver,
        meter: meter.clone(),
        audit: events.clone(),
        ..GateOptions::default()
    });
    World { gate, events, meter }
}

fn code<T: fmt::Debug>(answer: Result<T, EgressError>) -> &'static str {
    match answer {
        Err(EgressError::Denied(denial) | EgressError::Quota(denial)) => denial.code,
        other => panic!("not denied: {other:?}"),
    }
}

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn only_names_of_the_configuration_are_looked_up() {
    let resolver = Scripted::new(&[("db.example", &[&["8.8.8.8"]]), ("other.example", &[&["8.8.4.4"]])]);
    let world = world("DB.example.:5432", Ceiling::default(), resolver);
    assert_eq!(world.gate.lookup("db.EXAMPLE").await, Ok(vec![[8, 8, 8, 8].into()]));
    for name in
        ["other.example", "secret.attacker.example", "x.db.example", "example", "localhost", "", "a b", "8.8.4.4"]
    {
        assert_eq!(code(world.gate.lookup(name).await), codes::NAME, "{name}");
    }
    assert_eq!(world.events.codes(), [codes::NAME; 8]);
    assert_eq!(world.meter.usage().denials[codes::NAME], 8);
    // What was learned is its own answer.
    assert_eq!(world.gate.lookup("8.8.8.8").await, Ok(vec![[8, 8, 8, 8].into()]));
}

#[tokio::test]
async fn an_event_says_who_and_what() {
    let world = world("", Ceiling::default(), Scripted::new(&[]));
    assert_eq!(code(world.gate.lookup("evil\u{1b}[31m").await), codes::NAME);
    let event = world.events.0.lock().unwrap().remove(0);
    assert_eq!((event.connector.as_str(), event.task, event.plugin.as_str()), ("c", Some(2), "p@1.0.0"));
    assert!(event.detail.contains("evil\\u{1b}[31m"), "{}", event.detail);
}

#[tokio::test]
async fn a_socket_connects_only_to_what_an_allowed_lookup_answered() {
    let resolver = Scripted::new(&[("db", &[&["8.8.8.8", "2606:4700::1"]])]);
    let world = world("db:5432, 9.9.9.9:53", Ceiling::default(), resolver);
    assert_eq!(world.gate.may_connect(at("8.8.8.8:5432")).unwrap_err().code, codes::ADDRESS);
    world.gate.lookup("db").await.unwrap();
    assert_eq!(world.gate.may_connect(at("8.8.8.8:5432")), Ok(()));
    assert_eq!(world.gate.may_connect(at("[2606:4700::1]:5432")), Ok(()));
    assert_eq!(world.gate.may_connect(at("[::ffff:8.8.8.8]:5432")), Ok(()));
    assert_eq!(world.gate.may_connect(at("8.8.8.8:22")).unwrap_err().code, codes::PORT);
    assert_eq!(world.gate.may_connect(at("8.8.4.4:5432")).unwrap_err().code, codes::ADDRESS);
    // Named literally: no lookup is needed.
    assert_eq!(world.gate.may_connect(at("9.9.9.9:53")), Ok(()));
    assert_eq!(world.gate.may_connect(at("9.9.9.9:54")).unwrap_err().code, codes::PORT);
    assert!(world.gate.knows(at("9.9.9.9:53")) && !world.gate.knows(at("9.9.9.9:54")));
}

#[tokio::test]
async fn a_name_that_turns_to_a_private_address_leads_nowhere() {
    let forbidden: &[&[&str]] = &[&["8.8.8.8"], &["127.0.0.1"], &["169.254.169.254"], &["::ffff:169.254.169.254"]];
    let world = world("rebind.example:443", Ceiling::default(), Scripted::new(&[("rebind.example", forbidden)]));
    world.gate.lookup("rebind.example").await.unwrap();
    for _ in 1..forbidden.len() {
        assert_eq!(code(world.gate.lookup("rebind.example").await), codes::RANGE);
    }
    for address in ["127.0.0.1:443", "169.254.169.254:443", "[::1]:443"] {
        assert_eq!(world.gate.may_connect(at(address)).unwrap_err().code, codes::ADDRESS, "{address}");
    }
}

#[tokio::test]
async fn of_a_mixed_answer_only_the_allowed_part_is_told() {
    let resolver = Scripted::new(&[("mixed", &[&["10.0.0.1", "8.8.8.8", "64:ff9b::a9fe:a9fe"]])]);
    let world = world("mixed:443", Ceiling { private: false, ..Ceiling::default() }, resolver);
    assert_eq!(world.gate.lookup("mixed").await, Ok(vec![[8, 8, 8, 8].into()]));
    assert_eq!(world.events.codes(), [codes::RANGE, codes::RANGE]);
    assert!(world.gate.may_connect(at("10.0.0.1:443")).is_err());
}

#[tokio::test]
async fn the_operators_lists_stand_above_the_configuration() {
    let resolver = Scripted::new(&[("a.internal", &[&["8.8.8.8"]]), ("b.example", &[&["8.8.8.8"]])]);
    let deny = vec!["*.internal".parse().unwrap(), "9.0.0.0/8".parse().unwrap()];
    let world =
        world("a.internal:1,b.example:1,9.9.9.9:1,127.0.0.1:1", Ceiling { deny, ..Ceiling::default() }, resolver);
    assert_eq!(code(world.gate.lookup("a.internal").await), codes::CEILING);
    assert!(world.gate.lookup("b.example").await.is_ok());
    assert_eq!(world.gate.may_connect(at("9.9.9.9:1")).unwrap_err().code, codes::CEILING);
    assert_eq!(world.gate.may_connect(at("127.0.0.1:1")).unwrap_err().code, codes::RANGE);
}

#[tokio::test]
async fn an_exact_pair_admits_that_pair_only() {
    let allow = vec!["127.0.0.1:6379".parse().unwrap()];
    let ceiling = Ceiling { allow, ..Ceiling::default() };
    let world = world("127.0.0.1:6379,127.0.0.1:22,127.0.0.2:6379", ceiling, Scripted::new(&[]));
    assert_eq!(world.gate.may_connect(at("127.0.0.1:6379")), Ok(()));
    assert!(world.gate.may_connect(at("127.0.0.1:22")).is_err());
    assert!(world.gate.may_connect(at("127.0.0.2:6379")).is_err());
}

#[tokio::test]
async fn a_name_without_addresses_is_not_found_rather_than_denied() {
    let world = world("gone:1", Ceiling::default(), Scripted::new(&[]));
    assert_eq!(world.gate.lookup("gone").await, Err(EgressError::NotFound("gone".into())));
    assert_eq!(world.events.codes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_hangs_ends_and_many_of_them_are_too_many() {
    let silent = Arc::new(Silent(Mutex::default()));
    let world = world("slow:1", Ceiling::default(), silent);
    for _ in 0..2 {
        assert!(matches!(world.gate.lookup("slow").await, Err(EgressError::TimedOut(_, 5000))));
    }
    // The threads behind them are still held.
    assert_eq!(code(world.gate.lookup("slow").await), codes::QUOTA_LOOKUPS);
}

#[tokio::test]
async fn sockets_are_counted_and_given_back() {
    let world = world("", Ceiling::default(), Scripted::new(&[]));
    let first = world.gate.socket().unwrap();
    let _second = world.gate.socket().unwrap();
    assert_eq!(code(world.gate.socket()), codes::QUOTA_SOCKETS);
    drop(first);
    assert!(world.gate.socket().is_ok());
}

#[tokio::test]
async fn a_closed_gate_lets_nothing_through() {
    let world = world("9.9.9.9:1,db:1", Ceiling::default(), Scripted::new(&[("db", &[&["8.8.8.8"]])]));
    world.gate.lookup("db").await.unwrap();
    world.gate.close();
    assert!(world.gate.lookup("db").await.is_err());
    assert!(world.gate.may_connect(at("9.9.9.9:1")).is_err());
    assert!(world.gate.may_connect(at("8.8.8.8:1")).is_err());
}

#[tokio::test]
async fn a_url_endpoint_takes_no_other_scheme() {
    let world = world("https://a/x,b:80,http://b:80", Ceiling::default(), Scripted::new(&[]));
    let host = |name: &str| Host::parse(name).unwrap();
    assert!(world.gate.check_scheme("https", &host("a"), 443).is_ok());
    assert_eq!(code(world.gate.check_scheme("http", &host("a"), 443)), codes::SCHEME);
    assert!(world.gate.check_scheme("https", &host("b"), 80).is_ok());
}

#[tokio::test]
async fn two_gates_share_nothing() {
    let resolver = Scripted::new(&[("db", &[&["8.8.8.8"]])]);
    let (one, other) = (world("db:1", Ceiling::default(), resolver.clone()), world("", Ceiling::default(), resolver));
    one.gate.lookup("db").await.unwrap();
    assert_eq!(other.gate.may_connect(at("8.8.8.8:1")).unwrap_err().code, codes::ADDRESS);
}

#[test]
fn codes_are_stable_and_different() {
    let mut codes = codes::ALL.to_vec();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), codes::ALL.len());
    assert!(codes.iter().all(|code| code.starts_with("egress.")));
}
