//! What a component imports and exports, before any of it runs.
//!
//! The import list of a component is a truthful manifest: what is not on it cannot be called.
//!
//! | import | granted |
//! |---|---|
//! | `wasi:io`, `wasi:cli`, `wasi:clocks`, `wasi:random` | always: no arguments, no environment, stdout and stderr go to the log |
//! | `wasi:filesystem` | always, but with nothing in it beyond the paths of the configuration |
//! | `openmessaging:connect/host` and `types`, track 0.1 | always |
//! | `wasi:sockets`, `wasi:http/types` and `outgoing-handler`, `openmessaging:connect/net` | where the descriptor has a key of type `endpoint` or `endpoint-list`; they reach what those keys name |
//! | anything else | never: `wasi:http/incoming-handler` among it, since the host owns all listeners |

use wharf_core::plugin::{Kind, LoadError};

const WASI: [&str; 5] = ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:random/", "wasi:filesystem/"];
const CONTRACT: &str = "openmessaging:connect/";
const TRACK: &str = "@0.1.";
const SOCKETS: &str = "wasi:sockets/";
const HTTP: [&str; 2] = ["wasi:http/types@", "wasi:http/outgoing-handler@"];
const NET: &str = "openmessaging:connect/net@0.1.";

fn error(code: &'static str, message: String) -> LoadError {
    LoadError { code, message }
}

fn is_network(import: &str) -> bool {
    import.starts_with(SOCKETS) || import.starts_with(NET) || HTTP.iter().any(|prefix| import.starts_with(prefix))
}

/// Refuses the first import that connects, for a plugin whose descriptor has no key that would say where to.
pub(crate) fn check_network<'a>(imports: impl IntoIterator<Item = &'a str>) -> Result<(), LoadError> {
    match imports.into_iter().find(|import| is_network(import)) {
        None => Ok(()),
        Some(import) => Err(error(
            "CAPABILITY_DENIED",
            format!(
                "the plugin imports {import}, but its descriptor has no key that says where it connects to: declare a key of \
                 type endpoint or endpoint-list, or leave out what connects (std::net, an HTTP client)"
            ),
        )),
    }
}

/// Refuses the first import that no plugin may have.
pub(crate) fn check<'a>(imports: impl IntoIterator<Item = &'a str>) -> Result<(), LoadError> {
    for import in imports {
        if WASI.iter().any(|prefix| import.starts_with(prefix)) || is_network(import) {
            continue;
        }
        if let Some(name) = import.strip_prefix(CONTRACT) {
            if ["host", "types"]
                .iter()
                .any(|known| name.strip_prefix(known).is_some_and(|rest| rest.starts_with(TRACK)))
            {
                continue;
            }
            return Err(error(
                "UNSUPPORTED_WORLD",
                format!(
                    "the plugin imports {import}, which this version does not have: build it against {CONTRACT}host@0.1"
                ),
            ));
        }
        let hint = if import.starts_with("wasi:http/") {
            "of wasi:http a plugin may import types and outgoing-handler; requests come in through the world webhook-plugin"
        } else {
            "a plugin may import wasi:io, wasi:cli, wasi:clocks, wasi:random, wasi:filesystem, wasi:sockets, wasi:http and \
             openmessaging:connect/host and net"
        };
        return Err(error("CAPABILITY_DENIED", format!("the plugin imports {import}, which is not granted: {hint}")));
    }
    Ok(())
}

/// What the component is, by the interfaces it exports.
pub(crate) fn kind<'a>(exports: impl IntoIterator<Item = &'a str>) -> Result<Kind, LoadError> {
    let exports: Vec<&str> = exports
        .into_iter()
        .filter_map(|export| export.strip_prefix(CONTRACT)?.split_once(TRACK))
        .map(|(interface, _)| interface)
        .collect();
    let unsupported = |message: &str| Err(error("UNSUPPORTED_WORLD", message.into()));
    for required in ["connector", "lifecycle"] {
        if !exports.contains(&required) {
            return unsupported(&format!(
                "the component exports no {CONTRACT}{required}@0.1, so it is no plugin: build it against one of the worlds of \
                 openmessaging:connect@0.1"
            ));
        }
    }
    let parts = [
        ("source", Kind::Source),
        ("sink", Kind::Sink),
        ("transform", Kind::Transform),
        ("webhook", Kind::WebhookSource),
    ];
    let found: Vec<Kind> = parts.into_iter().filter(|(name, _)| exports.contains(name)).map(|(_, kind)| kind).collect();
    match found.as_slice() {
        [kind @ (Kind::Source | Kind::Sink)] => Ok(*kind),
        [Kind::Transform] => unsupported("the plugin is a transform, which this version of Wharf does not run yet"),
        [Kind::WebhookSource] => {
            unsupported("the plugin is a webhook source, which this version of Wharf does not run yet")
        }
        [] => unsupported(
            "the plugin exports neither a source nor a sink: export openmessaging:connect/source@0.1 or …/sink@0.1",
        ),
        _ => unsupported(
            "the plugin exports more than one of source, sink, transform and webhook: make one plugin of each",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [&str; 2] = ["openmessaging:connect/connector@0.1.0", "openmessaging:connect/lifecycle@0.1.0"];

    fn with<'a>(more: &[&'a str]) -> Vec<&'a str> {
        BASE.iter().copied().chain(more.iter().copied()).collect()
    }

    #[test]
    fn what_the_standard_library_imports_is_granted() {
        let imports = [
            "wasi:io/poll@0.2.6",
            "wasi:cli/environment@0.2.6",
            "wasi:filesystem/types@0.2.6",
            "openmessaging:connect/types@0.1.0",
            "openmessaging:connect/host@0.1.3",
        ];
        assert_eq!(check(imports), Ok(()));
    }

    #[test]
    fn an_import_that_is_not_granted_is_named() {
        for import in [
            "wasi:http/incoming-handler@0.2.0",
            "wasi:http/proxy@0.2.0",
            "wasi:keyvalue/store@0.2.0",
            "wasi:tls/client@0.2.0",
            "evil:host/run",
            "wasi:iota/x",
        ] {
            let refused = check(["wasi:io/poll@0.2.6", import]).unwrap_err();
            assert_eq!(refused.code, "CAPABILITY_DENIED");
            assert!(refused.message.contains(import), "{}", refused.message);
        }
    }

    #[test]
    fn what_connects_is_granted_to_a_plugin_that_says_where_to() {
        for import in [
            "wasi:sockets/tcp@0.2.6",
            "wasi:sockets/ip-name-lookup@0.2.3",
            "wasi:http/types@0.2.4",
            "wasi:http/outgoing-handler@0.2.4",
            "openmessaging:connect/net@0.1.0",
        ] {
            assert_eq!(check([import]), Ok(()), "{import}");
            let refused = check_network(["wasi:io/poll@0.2.6", import]).unwrap_err();
            assert_eq!(refused.code, "CAPABILITY_DENIED");
            assert!(
                refused.message.contains(import) && refused.message.contains("endpoint-list"),
                "{}",
                refused.message
            );
        }
        assert_eq!(check_network(["wasi:io/poll@0.2.6"]), Ok(()));
        assert_eq!(check(["openmessaging:connect/net@0.2.0"]).unwrap_err().code, "UNSUPPORTED_WORLD");
    }

    #[test]
    fn another_track_of_the_contract_is_not_ours() {
        assert_eq!(check(["openmessaging:connect/host@0.2.0"]).unwrap_err().code, "UNSUPPORTED_WORLD");
        assert_eq!(check(["openmessaging:connect/hostess@0.1.0"]).unwrap_err().code, "UNSUPPORTED_WORLD");
        assert_eq!(kind(["openmessaging:connect/connector@0.2.0"]).unwrap_err().code, "UNSUPPORTED_WORLD");
    }

    #[test]
    fn a_plugin_is_exactly_one_thing() {
        assert_eq!(kind(with(&["openmessaging:connect/source@0.1.0"])), Ok(Kind::Source));
        assert_eq!(kind(with(&["openmessaging:connect/sink@0.1.0"])), Ok(Kind::Sink));
        assert!(kind(with(&[])).is_err());
        assert!(kind(with(&["openmessaging:connect/transform@0.1.0"])).is_err());
        assert!(kind(with(&["openmessaging:connect/source@0.1.0", "openmessaging:connect/sink@0.1.0"])).is_err());
        assert!(kind(["openmessaging:connect/source@0.1.0"]).is_err());
    }
}
