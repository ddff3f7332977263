//! What a plugin could reach, and what it tried to.

use std::collections::BTreeMap;

use wharf_core::plugin::ValueType;

use crate::bench::Bench;
use crate::check::Found;

/// Imports that make no sense without an endpoint.
const NETWORK: [&str; 3] = ["wasi:sockets/", "wasi:http/", "openmessaging:connect/net@"];

pub(crate) fn imports(bench: &Bench, found: &mut Found) {
    let facts = bench.plugin.facts();
    if facts.imports.is_empty() {
        return found.skip("whoever loaded the plugin does not say what it imports");
    }
    let has_endpoint = bench
        .descriptor()
        .keys
        .iter()
        .any(|key| matches!(key.value_type, ValueType::Endpoint | ValueType::EndpointList));
    let network = facts.imports.iter().filter(|import| NETWORK.iter().any(|prefix| import.starts_with(prefix)));
    let network: Vec<&String> = network.collect();
    if has_endpoint && network.is_empty() {
        found.warn("it has a key for an endpoint, but imports nothing that could connect to one");
    }
    for import in network.iter().filter(|_| !has_endpoint) {
        found.fail(format!(
            "it imports {import}, but no key of its descriptor is an endpoint: give the key that names the host the type \
             `endpoint`, or leave out what connects"
        ));
    }
    found.note(format!("{} imports", facts.imports.len()));
}

/// After all that was done with it.
pub(crate) fn denials(bench: &Bench, found: &mut Found) {
    let mut seen: BTreeMap<String, (usize, String)> = BTreeMap::new();
    // An end by a limit is judged where it happened.
    for event in bench.denials().into_iter().filter(|event| !event.code.starts_with("kill.")) {
        seen.entry(event.code).or_insert((0, event.detail)).0 += 1;
    }
    for (code, (times, detail)) in seen {
        found.fail(format!("{code}, {times} times, such as: {detail}"));
    }
}
