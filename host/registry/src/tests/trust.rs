//! Signatures, publishers and revocations, over files that are dropped in and files that are installed.

use minisign::KeyPair;
use wharf_core::plugin::{InstallRequest, PluginRegistry as _, SignatureState};

use super::installing::{install, upload};
use super::*;
use crate::{Policy, Publisher, Revoked, Unsigned};

fn key() -> KeyPair {
    KeyPair::generate_unencrypted_keypair().unwrap()
}

fn sign(pair: &KeyPair, text: &str, comment: &str) -> String {
    minisign::sign(Some(&pair.pk), &pair.sk, text.as_bytes(), Some(comment), None).unwrap().into_string()
}

fn publisher(name: &str, pair: &KeyPair, plugins: &[&str]) -> Publisher {
    let plugins = plugins.iter().map(|&it| it.to_owned()).collect();
    Publisher::new(name.to_owned(), &pair.pk.to_base64(), plugins).unwrap()
}

fn bench(policy: Policy) -> Bench {
    Bench::with(RegistryOptions { policy, ..RegistryOptions::default() })
}

fn signed(text: &str, signature: String) -> InstallRequest {
    InstallRequest { signature: Some(signature), ..upload(text) }
}

#[tokio::test]
async fn where_unsigned_is_denied_only_what_a_pinned_key_signed_is_even_loaded() {
    let (acme, stranger) = (key(), key());
    let publishers = vec![publisher("acme", &acme, &["acme-*"])];
    let bench = bench(Policy { unsigned: Unsigned::Deny, publishers, ..Policy::default() });
    let text = "acme-sink 1.0.0";
    assert_eq!(install(&bench, upload(text)).await, Err("UNSIGNED"));
    assert_eq!(install(&bench, signed(text, sign(&stranger, text, "x"))).await, Err("IDENTITY_MISMATCH"));
    assert_eq!(install(&bench, signed(text, sign(&acme, "acme-sink 1.0.1", "x"))).await, Err("BAD_SIGNATURE"));
    assert_eq!(install(&bench, signed(text, "garbage".to_owned())).await, Err("BAD_SIGNATURE"));
    assert_eq!(bench.loads(), 0);
    let installed = install(&bench, signed(text, sign(&acme, text, "x"))).await.unwrap();
    assert!(matches!(installed.signature, SignatureState::Verified { .. }), "{installed:?}");
    assert!(bench.dir.path().join("acme-sink-1.0.0.wasm.minisig").is_file());
    assert!(bench.registry.verify().await.is_empty());
}

#[tokio::test]
async fn a_pinned_name_is_its_publishers_whatever_unsigned_files_may_do() {
    let (acme, other) = (key(), key());
    let publishers = vec![publisher("acme", &acme, &["acme-*"]), publisher("other", &other, &["other-*"])];
    let bench = bench(Policy { publishers, ..Policy::default() });
    let text = "acme-sink 1.0.0";
    assert_eq!(install(&bench, upload(text)).await, Err("UNSIGNED"));
    assert_eq!(install(&bench, signed(text, sign(&other, text, "x"))).await, Err("IDENTITY_MISMATCH"));
    assert_eq!(install(&bench, signed(text, sign(&key(), text, "x"))).await, Err("IDENTITY_MISMATCH"));
    assert!(install(&bench, upload("free-sink 1.0.0")).await.is_ok());
    assert!(install(&bench, signed(text, sign(&acme, text, "plugin:acme-sink@1.0.0"))).await.is_ok());
}

#[tokio::test]
async fn a_signature_that_was_made_for_another_version_does_not_fit() {
    let acme = key();
    let bench = bench(Policy { publishers: vec![publisher("acme", &acme, &["*"])], ..Policy::default() });
    let text = "acme-sink 1.0.0";
    let request = signed(text, sign(&acme, text, "timestamp:1 plugin:acme-sink@2.0.0"));
    assert_eq!(install(&bench, request).await, Err("IDENTITY_MISMATCH"));
}

#[tokio::test]
async fn a_signature_beside_a_dropped_in_file_counts_and_may_come_later() {
    let acme = key();
    let publishers = vec![publisher("acme", &acme, &["*"])];
    let bench = bench(Policy { unsigned: Unsigned::Deny, publishers, ..Policy::default() });
    bench.write("a.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    assert_eq!((bench.broken(), bench.loads()), (vec![("a.wasm".to_owned(), "UNSIGNED")], 0));
    bench.write("a.wasm.minisig", &sign(&acme, "alpha 1.0.0", "x"));
    bench.registry.refresh().await;
    assert_eq!((bench.list(), bench.broken()), (vec!["alpha@1.0.0".to_owned()], vec![]));
    // A copy of what is loaded already is held against its own signature all the same.
    bench.write("b.wasm", "alpha 1.0.0");
    bench.registry.refresh().await;
    assert_eq!(bench.broken(), [("b.wasm".to_owned(), "UNSIGNED")]);
    bench.write("a.wasm.minisig", "damaged");
    bench.registry.refresh().await;
    assert!(bench.broken().contains(&("a.wasm".to_owned(), "BAD_SIGNATURE")) && bench.list().is_empty());
}

#[tokio::test]
async fn what_is_revoked_by_digest_or_by_name_does_not_run() {
    let digest = crate::scan::sha256(b"alpha 1.0.0");
    let revoked = vec![Revoked::Digest(digest), Revoked::Plugin("beta@2.0.0".to_owned())];
    let bench = bench(Policy { revoked, ..Policy::default() });
    bench.write("a.wasm", "alpha 1.0.0");
    bench.write("b.wasm", "beta 2.0.0");
    bench.write("c.wasm", "beta 1.0.0");
    bench.registry.refresh().await;
    assert_eq!(bench.list(), ["beta@1.0.0"]);
    assert_eq!(bench.broken(), [("a.wasm".to_owned(), "REVOKED"), ("b.wasm".to_owned(), "REVOKED")]);
    assert_eq!(install(&bench, upload("alpha 1.0.0")).await, Err("REVOKED"));
    assert_eq!(install(&bench, upload("beta 2.0.0 Other")).await, Err("REVOKED"));
    assert_eq!(bench.registry.approve("beta", "2.0.0", None).await.unwrap_err().code, "REVOKED");
    assert_eq!(bench.registry.audit(&[]).await.len(), 2);
}

#[tokio::test]
async fn bytes_that_are_not_loaded_any_more_are_still_called_what_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let options = RegistryOptions { records_dir: Some(dir.path().to_owned()), ..RegistryOptions::default() };
    let bench = Bench::with(options.clone());
    bench.write("a.wasm", "alpha 1.0.0 org.acme.AlphaSource");
    bench.registry.refresh().await;
    let policy = Policy { unsigned: Unsigned::Deny, ..Policy::default() };
    let options = RegistryOptions { policy, ..options };
    let again = Registry::open_with(bench.dir.path().to_owned(), bench.loader.clone(), options).unwrap();
    again.refresh().await;
    assert_eq!((again.list().len(), again.installed()[0].name.as_str()), (0, "alpha"));
    for class in ["alpha", "org.acme.AlphaSourceConnector"] {
        assert_eq!(again.refused(class).unwrap().code, "UNSIGNED", "{class}");
    }
    assert!(again.refused("beta").is_none());
    assert_eq!(again.approve("alpha", "1.0.0", None).await.unwrap_err().code, "UNSIGNED");
    again.uninstall("alpha", "1.0.0", vec![], false).await.unwrap();
    assert!(again.installed().is_empty());
}

#[tokio::test]
async fn where_unsigned_is_warned_of_it_runs_and_every_audit_says_so() {
    let bench = bench(Policy { unsigned: Unsigned::Warn, ..Policy::default() });
    bench.write("a.wasm", "alpha 1.0.0");
    let findings = bench.registry.audit(&[]).await;
    assert_eq!(
        (findings.len(), findings[0].code.as_str(), findings[0].plugin.as_str()),
        (1, "UNSIGNED", "alpha@1.0.0")
    );
    assert_eq!(bench.list(), ["alpha@1.0.0"]);
}
