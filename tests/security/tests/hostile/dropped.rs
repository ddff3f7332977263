//! Files in the plugins directory that must not be run.

use wharf_security_tests::{Dropped, fixture, patched, shared};

/// `hostile-describe`, told what to do.
#[track_caller]
fn describing(mode: &str) -> Dropped {
    let marker = |mode: &str| format!("{:48}", format!("HOSTILE-DESCRIBE:{mode}"));
    Dropped::bytes(mode, &patched(fixture("hostile-describe"), &marker(""), &marker(mode)))
}

#[test]
fn a_core_module_is_refused() {
    let message = Dropped::bytes("core", b"\0asm\x01\0\0\0").refused("NOT_A_COMPONENT");
    assert!(message.contains("core module"), "{message}");
}

#[test]
fn compiled_machine_code_is_refused() {
    let cache = shared().data_dir().join("cache");
    let file =
        std::fs::read_dir(cache).unwrap().flatten().map(|entry| entry.path()).find(|path| path.is_file()).unwrap();
    // Past the digest it is what wasmtime would run.
    let message = Dropped::bytes("compiled", &std::fs::read(file).unwrap()[32..]).refused("NOT_A_COMPONENT");
    assert!(message.contains(".cwasm"), "{message}");
}

#[test]
fn a_truncated_file_is_refused() {
    let whole = fixture("hostile-source");
    Dropped::bytes("truncated", &whole[..whole.len() / 2]).refused("BROKEN");
}

#[test]
fn a_file_with_changed_bytes_in_its_code_is_refused_or_harmless() {
    let mut wasm = fixture("hostile-source");
    let middle = wasm.len() / 2;
    wasm[middle..middle + 64].fill(0xff);
    Dropped::bytes("changed", &wasm).refused("BROKEN");
}

#[test]
fn text_is_refused() {
    Dropped::bytes("text", b"#!/bin/sh\nrm -rf /\n").refused("NOT_A_COMPONENT");
}

#[test]
fn a_file_of_200_megabytes_is_refused_unread() {
    let dropped = Dropped::sparse("large", b"\0asm\x0d\0\x01\0", 200 << 20);
    dropped.refused("TOO_LARGE");
    let io = std::fs::read_to_string(format!("/proc/{}/io", dropped.worker().pid().unwrap())).unwrap();
    let read: u64 = io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap();
    assert!(read < 200 << 20, "{read} bytes were read");
}

#[test]
fn an_unknown_import_is_refused_by_its_name() {
    let wasm = patched(fixture("hostile-source"), "wasi:random/random@", "evil:random/random@");
    let message = Dropped::bytes("unknown-import", &wasm).refused("CAPABILITY_DENIED");
    assert!(message.contains("evil:random/random@"), "{message}");
}

#[test]
fn another_version_of_the_contract_is_refused() {
    let mut wasm = fixture("hostile-source");
    for interface in ["connector", "lifecycle", "source", "host", "types"] {
        let from = format!("openmessaging:connect/{interface}@0.1.0");
        wasm = patched(wasm, &from, &from.replace("0.1.0", "0.9.0"));
    }
    let message = Dropped::bytes("other-contract", &wasm).refused("UNSUPPORTED_WORLD");
    assert!(message.contains("0.9.0") || message.contains("0.1"), "{message}");
}

#[test]
fn a_component_that_is_no_plugin_is_refused() {
    Dropped::bytes("empty-component", b"\0asm\x0d\0\x01\0").refused("UNSUPPORTED_WORLD");
}

#[test]
fn imports_beyond_the_descriptor_are_refused_by_their_name() {
    let message = Dropped::bytes("imports", &fixture("hostile-imports")).refused("CAPABILITY_DENIED");
    assert!(message.contains("openmessaging:connect/net@0.1.0"), "{message}");
}

#[test]
fn sockets_beyond_the_descriptor_are_refused_by_their_name() {
    let message = Dropped::bytes("undeclared", &fixture("net-undeclared")).refused("CAPABILITY_DENIED");
    assert!(message.contains("wasi:") || message.contains("openmessaging:connect/net"), "{message}");
}

#[test]
fn a_spin_in_describe_is_interrupted() {
    let message = describing("spin").refused("BROKEN");
    assert!(message.contains("deadline-exceeded"), "{message}");
}

#[test]
fn a_sleep_in_describe_is_given_up() {
    let message = describing("sleep").refused("BROKEN");
    assert!(message.contains("host-call-timeout"), "{message}");
}

#[test]
fn a_deep_recursion_in_describe_is_stopped() {
    let message = describing("recurse").refused("BROKEN");
    assert!(message.contains("trap"), "{message}");
}

#[test]
fn memory_that_is_filled_in_describe_comes_to_the_limit() {
    let message = describing("fill-memory").refused("BROKEN");
    assert!(message.contains("memory-limit"), "{message}");
}

#[test]
fn a_panic_in_describe_is_stopped() {
    let message = describing("trap").refused("BROKEN");
    assert!(message.contains("no words for it"), "{message}");
}

#[test]
fn a_name_that_is_a_path_is_refused() {
    let message = describing("name-is-a-path").refused("BROKEN");
    assert!(message.contains("../../evil"), "{message}");
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    describing("name-is-not-utf8").refused("BROKEN");
}

#[test]
fn two_gigabytes_of_summary_that_are_only_claimed_are_not_read() {
    let message = describing("claim-2-gigabytes").refused("BROKEN");
    assert!(message.contains("contract-violation"), "{message}");
}

#[test]
fn a_source_that_says_it_is_a_sink_is_refused() {
    describing("says-it-is-a-sink").refused("BROKEN");
}

#[test]
fn a_hundred_thousand_keys_are_refused() {
    describing("a-hundred-thousand-keys").refused("BROKEN");
}

#[test]
fn a_documentation_of_five_megabytes_is_refused() {
    describing("a-novel").refused("BROKEN");
}
