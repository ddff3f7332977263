//! TLS: a certificate that is replaced, and clients that show theirs.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use wharf_integration::{Said, Setup, Worker, write};

use crate::caller::token;

struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self(Issuer::new(params, key), pem)
    }

    /// Certificate and key.
    fn signs(&self, common_name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

fn config(more: &str) -> String {
    format!("[tls]\ncertificate = \"{{files}}/cert.pem\"\nkey = \"{{files}}/key.pem\"\n{more}")
}

fn put(worker: &Worker, (certificate, key): &(String, String)) {
    write(&worker.path("key.pem"), key);
    write(&worker.path("cert.pem"), certificate);
}

/// Starts it; the harness asks for its health over plain HTTP, which it does not speak.
fn launch(worker: &mut Worker) {
    worker.launch();
    worker.wait_until("it is ready", || worker.log_since_start().contains("wharf is ready at https://"));
}

/// `wharf connector list` over TLS.
fn list(worker: &Worker, more: &[&str]) -> Said {
    let url = format!("https://localhost:{}", worker.listen().rsplit(':').next().unwrap());
    let words = ["connector", "list", "--url", &url];
    worker.wharf(&[&words[..], more].concat())
}

#[test]
fn a_certificate_that_is_replaced_is_taken_and_a_bad_one_is_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let mut worker = Setup::bare().config(&config("")).prepare();
    put(&worker, &old.signs("server"));
    let [old_ca, new_ca] = [("old-ca.pem", &old), ("new-ca.pem", &new)].map(|(name, authority)| {
        write(&worker.path(name), &authority.1);
        worker.path(name).to_string_lossy().into_owned()
    });
    launch(&mut worker);
    list(&worker, &["--ca-file", &old_ca]).ok();
    let distrusted = list(&worker, &["--ca-file", &new_ca]);
    assert!(distrusted.stderr.contains("--ca-file"), "{}", distrusted.stderr);

    write(&worker.path("cert.pem"), "no certificate");
    worker.wait_until("the worker complains", || worker.log().contains("the new certificate cannot be used"));
    list(&worker, &["--ca-file", &old_ca]).ok();

    put(&worker, &new.signs("server"));
    worker.wait_until("the new one is taken", || list(&worker, &["--ca-file", &new_ca]).code == Some(0));
    assert_eq!(list(&worker, &["--ca-file", &old_ca]).code, Some(1));
    assert!(worker.terminate().success());
}

#[test]
fn clients_are_known_by_their_certificates() {
    let (server, clients, strangers) = (Authority::new("s"), Authority::new("c"), Authority::new("x"));
    let mut worker = Setup::bare()
        .config(&config("client-ca = \"{files}/clients.pem\"\n[access]\nclient-certificates = \"none\"\n"))
        .prepare();
    put(&worker, &server.signs("server"));
    write(&worker.path("ca.pem"), &server.1);
    write(&worker.path("clients.pem"), &clients.1);
    for (name, (certificate, key)) in
        [("ann", clients.signs("ann")), ("bob", clients.signs("bob")), ("eve", strangers.signs("ann"))]
    {
        write(&worker.path(&format!("{name}.pem")), certificate);
        write(&worker.path(&format!("{name}.key")), key);
    }
    std::fs::create_dir_all(worker.data_dir()).unwrap();
    write(&worker.data_dir().join("access.toml"), "[[entry]]\nname = \"ann\"\nrole = \"read\"\ncertificate = true\n");
    launch(&mut worker);
    let ca = worker.path("ca.pem").to_string_lossy().into_owned();
    let by = |name: &str, more: &[&str]| {
        let [certificate, key] = ["pem", "key"].map(|end| worker.path(&format!("{name}.{end}")).display().to_string());
        let words = ["--ca-file", &ca, "--client-certificate", &certificate, "--client-key", &key];
        list(&worker, &[&words[..], more].concat())
    };
    by("ann", &[]).ok();
    assert!(by("bob", &[]).stderr.contains("not known here"), "he has no role");
    assert_eq!(by("eve", &[]).code, Some(1), "another authority's");
    assert_eq!(list(&worker, &["--ca-file", &ca]).code, Some(1), "none at all");
    let plain = token_beside(&worker);
    worker.wait_until("a token helps who has a certificate and no role", || {
        by("bob", &["--token", &plain]).code == Some(0)
    });
    assert!(worker.terminate().success());
}

/// The harness cannot ask a worker that speaks TLS whether it knows a token.
fn token_beside(worker: &Worker) -> String {
    let data = worker.data_dir();
    let words = ["token", "create", "ci", "--role", "read", "--data-dir"];
    worker.wharf(&[&words[..], &[&data.to_string_lossy()]].concat()).ok().text().trim().to_owned()
}

#[test]
fn where_certificates_are_optional_a_token_will_do() {
    let (server, clients) = (Authority::new("s"), Authority::new("c"));
    let more = "client-ca = \"{files}/clients.pem\"\nclient-auth = \"optional\"\n";
    let mut worker = Setup::bare().config(&config(more)).prepare();
    put(&worker, &server.signs("server"));
    write(&worker.path("ca.pem"), &server.1);
    write(&worker.path("clients.pem"), &clients.1);
    let plain = token(&worker, "ci", "read", "*");
    launch(&mut worker);
    let ca = worker.path("ca.pem").to_string_lossy().into_owned();
    list(&worker, &["--ca-file", &ca, "--token", &plain]).ok();
    let refused = list(&worker, &["--ca-file", &ca]);
    assert!(refused.stderr.contains("wants to know who you are"), "{}", refused.stderr);
}
