//! What each route needs: the one table.
//!
//! | column | means |
//! |---|---|
//! | method | `GET` stands for `HEAD` and `OPTIONS` too, here and in the API |
//! | route | as the router has it |
//! | role | who may: `Nobody` asks nothing at all |
//! | reach | what it means for a principal that may touch only some connectors |
//! | change | the rest of the audit's code, `change.…`; empty where nothing is changed |
//! | shows | which resource tells what was before and after; `{}` is the connector |
//!
//! A principal with patterns is refused what cannot be cut down to his connectors: topics and their records, the audit,
//! metrics, the loggers, plugins as Wharf shows them, which tells who uses them. A route that is not in the table needs
//! `admin` of somebody without patterns, unless there is no such route at all.
//!
//! Reading a connector's configuration, logs or sample of records is `read`: secrets are masked there. Validating is too,
//! though it makes the plugin look at the configuration that was sent.

use axum::http::Method;
use wharf_core::access::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Whoever reaches the port, without a credential.
    Nothing,
    /// Somebody with at least this role.
    Role(Role),
}

/// What a route means for a principal that may touch only some connectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It is about the connector `{name}` of its path.
    Connector,
    /// Its handler looks at each connector's name.
    Handler,
    /// It tells nothing of connectors.
    Common,
    /// It is not for him.
    Whole,
}

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) needs: Needs,
    pub(super) reach: Reach,
    pub(super) change: &'static str,
    pub(super) shows: &'static str,
}

const READ: Needs = Needs::Role(Role::Read);
const OPERATE: Needs = Needs::Role(Role::Operate);
const ADMIN: Needs = Needs::Role(Role::Admin);
const NOBODY: Needs = Needs::Nothing;

/// A route that only shows.
const fn look(route: &'static str, needs: Needs, reach: Reach) -> Rule {
    Rule { method: "GET", route, needs, reach, change: "", shows: "" }
}

/// A route that changes something.
const fn act(
    method: &'static str,
    route: &'static str,
    needs: Needs,
    reach: Reach,
    change: &'static str,
    shows: &'static str,
) -> Rule {
    Rule { method, route, needs, reach, change, shows }
}

const CONFIG: &str = "/connectors/{}/config";
const OFFSETS: &str = "/connectors/{}/offsets";

#[rustfmt::skip]
pub(super) const TABLE: &[Rule] = {
    use Reach::{Common, Connector, Handler, Whole};
    &[
        look("/", READ, Common),
        look("/health", NOBODY, Common),
        look("/livez", NOBODY, Common),
        look("/readyz", NOBODY, Common),
        look("/getClusterInfo", READ, Common),
        look("/openapi.json", READ, Common),
        look("/docs", READ, Common),
        look("/metrics", READ, Whole),
        look("/audit", READ, Whole),

        look("/connectors", READ, Handler),
        act("POST", "/connectors", ADMIN, Handler, "connector.create", CONFIG),
        look("/connectors/{name}", READ, Connector),
        act("POST", "/connectors/{name}", ADMIN, Connector, "connector.create", CONFIG),
        act("DELETE", "/connectors/{name}", ADMIN, Connector, "connector.delete", CONFIG),
        look("/connectors/{name}/config", READ, Connector),
        act("PUT", "/connectors/{name}/config", ADMIN, Connector, "connector.config", CONFIG),
        act("PATCH", "/connectors/{name}/config", ADMIN, Connector, "connector.config", CONFIG),
        look("/connectors/{name}/config/versions", READ, Connector),
        act("POST", "/connectors/{name}/config/rollback", ADMIN, Connector, "connector.rollback", CONFIG),
        look("/connectors/{name}/status", READ, Connector),
        look("/connectors/{name}/progress", READ, Connector),
        look("/connectors/{name}/usage", READ, Connector),
        look("/connectors/{name}/logs", READ, Connector),
        look("/connectors/{name}/inspect", READ, Connector),
        look("/connectors/{name}/topics", READ, Connector),
        act("PUT", "/connectors/{name}/topics/reset", OPERATE, Connector, "connector.topics-reset", ""),
        look("/connectors/{name}/offsets", READ, Connector),
        act("PATCH", "/connectors/{name}/offsets", ADMIN, Connector, "connector.offsets-alter", OFFSETS),
        act("DELETE", "/connectors/{name}/offsets", ADMIN, Connector, "connector.offsets-reset", OFFSETS),
        act("PUT", "/connectors/{name}/pause", OPERATE, Connector, "connector.pause", ""),
        act("PUT", "/connectors/{name}/resume", OPERATE, Connector, "connector.resume", ""),
        act("PUT", "/connectors/{name}/stop", OPERATE, Connector, "connector.stop", ""),
        act("POST", "/connectors/{name}/restart", OPERATE, Connector, "connector.restart", ""),
        look("/connectors/{name}/tasks", READ, Connector),
        look("/connectors/{name}/tasks-config", READ, Connector),
        look("/connectors/{name}/tasks/{task}/status", READ, Connector),
        act("POST", "/connectors/{name}/tasks/{task}/restart", OPERATE, Connector, "task.restart", ""),
        // Between Kafka Connect's workers; always refused.
        act("POST", "/connectors/{name}/tasks", ADMIN, Connector, "internal", ""),
        act("PUT", "/connectors/{name}/fence", ADMIN, Connector, "internal", ""),

        look("/connector-plugins", READ, Common),
        look("/connector-plugins/{name}/config", READ, Common),
        act("PUT", "/connector-plugins/{name}/config/validate", READ, Common, "", ""),

        look("/plugins", READ, Whole),
        act("POST", "/plugins", ADMIN, Whole, "plugin.install", ""),
        look("/plugins/verify", READ, Whole),
        look("/plugins/audit", READ, Whole),
        look("/plugins/{name}/{version}", READ, Whole),
        act("DELETE", "/plugins/{name}/{version}", ADMIN, Whole, "plugin.uninstall", ""),
        act("POST", "/plugins/{name}/{version}/approve", ADMIN, Whole, "plugin.approve", ""),

        look("/topics", READ, Whole),
        look("/topics/{topic}", READ, Whole),
        act("DELETE", "/topics/{topic}", ADMIN, Whole, "topic.delete", ""),
        look("/topics/{topic}/partitions/{partition}/records", READ, Whole),

        look("/admin/loggers", READ, Whole),
        look("/admin/loggers/{name}", READ, Whole),
        act("PUT", "/admin/loggers/{name}", ADMIN, Whole, "logger.level", "/admin/loggers/{}"),
    ]
};

/// A path that no route has: whoever is somebody is told that it is not there.
const NO_ROUTE: Rule = look("", READ, Reach::Common);
/// A route that the table does not know.
const UNLISTED: Rule = act("", "", ADMIN, Reach::Whole, "other", "");
/// OpenMessaging's `GET` that creates, where it is switched on.
const LEGACY: Rule = act("GET", "/connectors/{name}", ADMIN, Reach::Connector, "connector.create", CONFIG);

/// What a request needs. `route`: the one that was found, if there was one.
pub(super) fn rule(method: &Method, route: Option<&str>, query: Option<&str>) -> Rule {
    let Some(route) = route else { return NO_ROUTE };
    let only_looks = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if matches!(*method, Method::GET | Method::HEAD) && is_same(route, LEGACY.route) && query.is_some_and(names_config)
    {
        return LEGACY;
    }
    let method = if only_looks { "GET" } else { method.as_str() };
    let listed = TABLE.iter().find(|rule| rule.method == method && is_same(rule.route, route));
    let known = TABLE.iter().find(|rule| is_same(rule.route, route));
    match (listed, known) {
        (Some(rule), _) => *rule,
        // Another method of a route that is known: `OPTIONS` of one that only changes, or one that is answered with 405.
        (None, Some(rule)) if only_looks => look(rule.route, READ, rule.reach),
        _ if only_looks => Rule { change: "", ..UNLISTED },
        _ => UNLISTED,
    }
}

/// Whether two routes are one: what their parameters are called makes no difference.
fn is_same(left: &str, right: &str) -> bool {
    let is_parameter = |segment: &str| segment.starts_with('{') && !segment.starts_with("{*");
    let (mut left, mut right) = (left.split('/'), right.split('/'));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if one == other || is_parameter(one) && is_parameter(other) => {}
            _ => return false,
        }
    }
}

/// Whether a query has the parameter `config`, also where its name is percent-encoded.
fn names_config(query: &str) -> bool {
    let name = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        percent_encoding::percent_decode_str(&name).decode_utf8_lossy().into_owned()
    };
    query.split('&').any(|pair| name(pair) == "config")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// The routes that the sources of this crate add, with their methods.
    fn routes() -> BTreeSet<(String, String)> {
        fn sources(folder: &Path, all: &mut String) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, all);
                } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("table.rs") {
                    all.push_str(&std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut text = String::new();
        sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut text);
        let mut found = BTreeSet::new();
        for call in text.split(".route(").skip(1) {
            let Some((route, rest)) = call.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"')) else {
                continue;
            };
            // What belongs to this call: up to the bracket that closes it.
            let mut depth = 1;
            let end = rest.find(|char| {
                depth += match char {
                    '(' => 1,
                    ')' => -1,
                    _ => 0,
                };
                depth == 0
            });
            let handlers = rest.get(..end.unwrap_or(rest.len())).unwrap();
            for method in ["get", "post", "put", "patch", "delete"] {
                let is_named = handlers.match_indices(&format!("{method}(")).any(|(at, _)| {
                    !handlers.get(..at).unwrap().ends_with(|char: char| char.is_alphanumeric() || char == '_')
                });
                if is_named {
                    found.insert((method.to_uppercase(), route.to_owned()));
                }
            }
        }
        found
    }

    #[test]
    fn every_route_of_the_router_is_in_the_table() {
        let routes = routes();
        assert!(routes.contains(&("PUT".into(), "/connectors/{name}/pause".into())), "the routes are found");
        assert!(routes.contains(&("DELETE".into(), "/plugins/{name}/{version}".into())), "also on several lines");
        let missing: Vec<_> = routes
            .iter()
            .filter(|(method, route)| !TABLE.iter().any(|rule| rule.method == method && is_same(rule.route, route)))
            .collect();
        assert!(missing.is_empty(), "add to the table: {missing:?}");
    }

    #[test]
    fn the_table_says_everything_once_and_makes_sense() {
        let mut seen = BTreeSet::new();
        for rule in TABLE {
            assert!(seen.insert((rule.method, rule.route)), "twice: {rule:?}");
            assert_eq!(rule.reach == Reach::Connector, rule.route.starts_with("/connectors/{name}"), "{rule:?}");
            let is_validation = rule.route.ends_with("/validate");
            assert_eq!(rule.change.is_empty(), rule.method == "GET" || is_validation, "{rule:?}");
            // Whoever may only look can change nothing, and whoever may operate only what his role is for.
            let lifecycle = ["pause", "resume", "stop", "restart", "topics/reset"];
            match rule.needs {
                OPERATE => assert!(lifecycle.iter().any(|verb| rule.route.ends_with(verb)), "{rule:?}"),
                ADMIN => assert!(rule.method != "GET"),
                _ => assert!(rule.method == "GET" || is_validation, "{rule:?}"),
            }
        }
        let open = TABLE.iter().filter(|rule| rule.needs == Needs::Nothing).map(|rule| rule.route);
        assert_eq!(open.collect::<Vec<_>>(), ["/health", "/livez", "/readyz"]);
    }

    #[test]
    fn what_is_not_listed_needs_admin_and_what_is_not_there_only_somebody() {
        let of = |method: Method, route: Option<&str>| rule(&method, route, None);
        assert_eq!(of(Method::DELETE, Some("/new")).needs, ADMIN);
        assert_eq!((of(Method::GET, Some("/new")).needs, of(Method::GET, Some("/new")).change), (ADMIN, ""));
        assert_eq!(
            (of(Method::PUT, Some("/connectors")).needs, of(Method::PUT, Some("/connectors")).change),
            (ADMIN, "other")
        );
        assert_eq!(of(Method::DELETE, None).needs, READ);
        assert_eq!(of(Method::OPTIONS, Some("/connectors/{name}/pause")).needs, READ);
        assert_eq!(of(Method::HEAD, Some("/health")).needs, NOBODY);
    }

    #[test]
    fn what_a_parameter_is_called_makes_no_difference() {
        assert!(is_same("/a/{name}", "/a/{logger}") && is_same("/", "/"));
        assert!(!is_same("/a/{name}", "/a/b") && !is_same("/a", "/a/{name}") && !is_same("/{*rest}", "/{name}"));
    }

    #[test]
    fn a_get_that_creates_is_no_get() {
        let of = |query: &str| rule(&Method::GET, Some("/connectors/{name}"), Some(query)).needs;
        assert_eq!((of("config={}"), of("x=1&c%6Fnfig=%7B%7D"), of("config")), (ADMIN, ADMIN, ADMIN));
        assert_eq!((of(""), of("expand=config"), of("configs=1")), (READ, READ, READ));
    }
}
