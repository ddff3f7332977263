//! Which crate may know which. The tables below are the rule; `ARCHITECTURE.md` says why.
//!
//! The graph is the one that cargo resolved, over normal and build dependencies: what a crate uses in its tests only is
//! its own affair.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, MetadataCommand, PackageId};

/// Each crate of the workspace, and the others that it may depend on.
const KNOWS: &[(&str, &[&str])] = &[
    ("wharf-core", &[]),
    ("wharf-faults", &[]),
    ("wharf-egress", &["wharf-core"]),
    ("wharf-sandbox", &["wharf-core", "wharf-egress", "wharf-faults"]),
    ("wharf-conformance", &["wharf-core"]),
    ("wharf-drivers", &["wharf-core", "wharf-faults"]),
    ("wharf-store", &["wharf-core", "wharf-faults"]),
    ("wharf-registry", &["wharf-core", "wharf-faults"]),
    ("wharf-runtime", &["wharf-core", "wharf-drivers", "wharf-faults", "wharf-store"]),
    ("wharf-api", &["wharf-core", "wharf-drivers", "wharf-runtime"]),
    (
        "wharf",
        &[
            "wharf-api",
            "wharf-conformance",
            "wharf-core",
            "wharf-drivers",
            "wharf-egress",
            "wharf-faults",
            "wharf-registry",
            "wharf-runtime",
            "wharf-sandbox",
            "wharf-store",
        ],
    ),
    // It measures the parts in one process, and the binary from outside.
    ("wharf-bench", &["wharf", "wharf-core", "wharf-drivers", "wharf-runtime", "wharf-sandbox", "wharf-store"]),
    // It calls what takes input from strangers.
    ("wharf-fuzz-targets", &["wharf", "wharf-core", "wharf-drivers", "wharf-egress", "wharf-sandbox", "wharf-store"]),
    // They drive the built binary from outside.
    ("xtask", &[]),
    ("wharf-integration", &[]),
    ("wharf-chaos-tests", &["wharf-faults", "wharf-integration"]),
    ("wharf-security-tests", &["wharf-integration"]),
];

/// Dependencies with an owner: who may name them in its manifest. Whoever is listed does.
const NAMED_BY: &[(&str, &[&str])] = &[
    ("wasmtime", &["wharf-sandbox"]),
    ("wasmtime-wasi", &["wharf-sandbox"]),
    ("wasmtime-wasi-http", &["wharf-sandbox"]),
    ("cap-std", &["wharf-sandbox"]),
    ("sled", &["wharf-store"]),
    ("axum", &["wharf-api", "wharf"]),
    ("tower-http", &["wharf-api"]),
    ("clap", &["wharf", "wharf-bench", "xtask"]),
];

/// Dependencies that a crate must not have even through others.
const NEVER_REACHES: &[(&str, &[&str])] = &[
    ("wharf-core", IO),
    ("wharf-egress", &["sled", "axum", "wasmtime", "cap-std"]),
    ("wharf-conformance", &["sled", "axum", "wasmtime", "cap-std"]),
    ("wharf-sandbox", &["sled", "axum"]),
    ("wharf-drivers", &["sled", "axum", "wasmtime", "cap-std"]),
    ("wharf-store", &["axum", "hyper", "wasmtime", "cap-std"]),
    ("wharf-registry", &["sled", "axum", "hyper", "wasmtime", "cap-std"]),
    ("wharf-runtime", &["axum", "hyper", "wasmtime", "cap-std"]),
    ("wharf-api", &["wasmtime", "wasmtime-wasi", "cap-std"]),
    ("xtask", &["wasmtime", "sled", "axum", "tokio"]),
    ("wharf-integration", &["wasmtime", "sled", "axum", "tokio"]),
    ("wharf-chaos-tests", &["wasmtime", "sled", "axum", "tokio"]),
    ("wharf-security-tests", &["wasmtime", "sled", "axum", "tokio"]),
];

/// What does input and output, or is an engine of its own.
const IO: &[&str] =
    &["axum", "cap-std", "hyper", "libc", "mio", "rustix", "sled", "socket2", "tempfile", "tokio", "ureq", "wasmtime"];

#[test]
fn every_crate_knows_only_those_it_may_know() {
    let graph = Graph::load();
    let listed: BTreeSet<&str> = KNOWS.iter().map(|(name, _)| *name).collect();
    let members: BTreeSet<&str> = graph.members.iter().map(String::as_str).collect();
    assert_eq!(listed, members, "KNOWS must list every crate of the workspace");

    let mut wrong = Vec::new();
    for (name, may) in KNOWS {
        for other in graph.direct(name).filter(|other| members.contains(other) && !may.contains(other)) {
            wrong.push(format!("{name} must not depend on {other}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_dependency_with_an_owner_is_named_by_its_owner_only() {
    let graph = Graph::load();
    for (dependency, owners) in NAMED_BY {
        let found: BTreeSet<&str> = graph
            .members
            .iter()
            .map(String::as_str)
            .filter(|name| graph.direct(name).any(|one| one == *dependency))
            .collect();
        let owners: BTreeSet<&str> = owners.iter().copied().collect();
        assert_eq!(found, owners, "who names {dependency} (left) and who may (right)");
    }
}

#[test]
fn no_crate_reaches_what_it_must_not_even_through_others() {
    let graph = Graph::load();
    let mut wrong = Vec::new();
    for (name, never) in NEVER_REACHES {
        let reached = graph.reach(name);
        wrong.extend(never.iter().filter_map(|dependency| reached.get(*dependency)).map(|path| path.join(" -> ")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_sandbox_and_the_binary_reach_wasmtime() {
    let graph = Graph::load();
    let reaching: Vec<&str> =
        graph.members.iter().map(String::as_str).filter(|name| graph.reach(name).contains_key("wasmtime")).collect();
    assert_eq!(reaching, ["wharf", "wharf-bench", "wharf-fuzz-targets", "wharf-sandbox"]);
}

/// The resolved graph, by crate name: no name that matters here stands for two crates.
struct Graph {
    members: BTreeSet<String>,
    edges: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    fn load() -> Self {
        // Not the lock file's business to change because a test ran.
        let metadata = MetadataCommand::new().other_options(vec!["--locked".to_owned()]).exec().unwrap();
        let names: BTreeMap<&PackageId, String> =
            metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
        let members = metadata.workspace_members.iter().map(|id| names.get(id).unwrap().clone()).collect();
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in &metadata.resolve.as_ref().unwrap().nodes {
            let shipped = node
                .deps
                .iter()
                .filter(|dependency| dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development));
            let to = shipped.map(|dependency| names.get(&dependency.pkg).unwrap().clone());
            edges.entry(names.get(&node.id).unwrap().clone()).or_default().extend(to);
        }
        Self { members, edges }
    }

    /// What a crate names in its manifest.
    fn direct(&self, name: &str) -> impl Iterator<Item = &str> {
        self.edges.get(name).into_iter().flatten().map(String::as_str)
    }

    /// All that a crate reaches, each with a shortest path to it.
    fn reach<'a>(&'a self, name: &'a str) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut paths = BTreeMap::from([(name, vec![name])]);
        let mut next = VecDeque::from([name]);
        while let Some(at) = next.pop_front() {
            let path = paths.get(at).unwrap().clone();
            for to in self.direct(at) {
                if !paths.contains_key(to) {
                    paths.insert(to, path.iter().copied().chain([to]).collect());
                    next.push_back(to);
                }
            }
        }
        paths
    }
}
