//! What is loaded and what is not, and the compile cache.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytes::Bytes;
use wharf_core::plugin::{Kind, LoadError, Loader};
use wharf_sandbox::{Limits, Sandbox, SandboxOptions};

use crate::guests::{POLL, sandbox, setup, short, wasm};

async fn refused(bytes: impl Into<Bytes>) -> LoadError {
    sandbox(short()).load(bytes.into()).await.unwrap_err()
}

#[tokio::test]
async fn a_plugin_is_known_by_name_version_and_digest() {
    let plugin = sandbox(short()).load(wasm("misbehaving-source")).await.unwrap();
    let id = plugin.id();
    assert_eq!((id.name.as_str(), id.version.as_str(), id.sha256.len()), ("misbehaving-source", "0.1.0", 64));
    assert_eq!(plugin.descriptor().kind, Kind::Source);
}

#[tokio::test]
async fn what_is_no_component_is_refused_with_advice() {
    let core = refused(&b"\0asm\x01\0\0\0"[..]).await;
    assert_eq!(core.code, "NOT_A_COMPONENT");
    assert!(core.message.contains("wasm32-wasip2"), "{core}");
    assert_eq!(refused(&b"#!/bin/sh"[..]).await.code, "NOT_A_COMPONENT");
    assert_eq!(refused(Bytes::new()).await.code, "NOT_A_COMPONENT");
    let text = refused(&b"(component)"[..]).await;
    assert_eq!(text.code, "NOT_A_COMPONENT");
}

#[tokio::test]
async fn compiled_code_is_never_taken_from_a_user() {
    let dir = tempfile::tempdir().unwrap();
    load_with_cache(dir.path()).await;
    // What the cache holds is real: past the digest it is what wasmtime would run.
    let artifact = fs::read(files(dir.path()).pop().unwrap()).unwrap().split_off(32);
    let error = refused(artifact).await;
    assert_eq!(error.code, "NOT_A_COMPONENT");
    assert!(error.message.contains(".cwasm"), "{error}");
}

#[tokio::test]
async fn a_component_that_is_no_plugin_and_one_that_is_torn_are_refused() {
    assert_eq!(refused(&b"\0asm\x0d\0\x01\0"[..]).await.code, "UNSUPPORTED_WORLD");
    let whole = wasm("misbehaving-source");
    assert_eq!(refused(whole.slice(..whole.len() / 2)).await.code, "BROKEN");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_not_even_looked_at() {
    let sandbox = sandbox(Limits { component_bytes: 1000, ..short() });
    assert_eq!(sandbox.load(wasm("misbehaving-source")).await.unwrap_err().code, "TOO_LARGE");
}

#[tokio::test]
async fn what_has_too_much_in_it_is_not_compiled() {
    let functions = sandbox(Limits { component_functions: 10, ..short() });
    assert_eq!(functions.load(wasm("misbehaving-source")).await.unwrap_err().code, "TOO_COMPLEX");
    let parts = sandbox(Limits { component_parts: 1, ..short() });
    assert_eq!(parts.load(wasm("misbehaving-source")).await.unwrap_err().code, "TOO_COMPLEX");
}

#[tokio::test]
async fn compiling_that_takes_too_long_is_given_up() {
    let sandbox = sandbox(Limits { compile_deadline: std::time::Duration::ZERO, ..short() });
    let error = sandbox.load(wasm("misbehaving-source")).await.unwrap_err();
    assert_eq!(error.code, "COMPILE_TIMEOUT");
    assert!(error.message.contains("compile-timeout-ms"), "{error}");
}

#[tokio::test]
async fn a_plugin_that_cannot_start_within_its_memory_says_so() {
    let sandbox = sandbox(Limits { memory_bytes: 1 << 16, ..short() });
    let error = sandbox.load(wasm("misbehaving-source")).await.unwrap_err();
    assert_eq!(error.code, "BROKEN");
    assert!(error.message.contains("memory-limit"), "{error}");
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

async fn load_with_cache(dir: &Path) {
    let options = SandboxOptions { cache_dir: Some(dir.to_owned()), limits: short(), ..SandboxOptions::default() };
    let plugin = Sandbox::new(options).unwrap().load(wasm("misbehaving-source")).await.unwrap();
    let mut task = plugin.start_source(setup(&[])).await.unwrap();
    assert_eq!(task.poll(POLL).await.unwrap().batch.rows, 1);
}

#[tokio::test]
async fn a_second_sandbox_takes_what_the_first_compiled() {
    let dir = tempfile::tempdir().unwrap();
    load_with_cache(dir.path()).await;
    let [file] = files(dir.path()).try_into().unwrap();
    let written = fs::metadata(&file).unwrap().ino();
    load_with_cache(dir.path()).await;
    assert_eq!(files(dir.path()), std::slice::from_ref(&file));
    // A file that was compiled anew would have been renamed into place: another file.
    assert_eq!(fs::metadata(&file).unwrap().ino(), written);
}

#[tokio::test]
async fn a_damaged_cache_is_compiled_anew() {
    let dir = tempfile::tempdir().unwrap();
    load_with_cache(dir.path()).await;
    let file = files(dir.path()).pop().unwrap();
    let good = fs::read(&file).unwrap();
    for damaged in [&good[..good.len() / 2], &b""[..], &[&good[..5000], &b"evil"[..], &good[5004..]].concat()] {
        fs::write(&file, damaged).unwrap();
        load_with_cache(dir.path()).await;
        assert_eq!(fs::read(&file).unwrap(), good);
    }
}
