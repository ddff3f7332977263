//! Asking who calls, and whether he may.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use wharf_core::access::{Gatekeeper, Principal, Verdict};
use wharf_core::audit::{AuditEvent, Auditor};

use super::changes::Changes;
use super::credential::{Sent, sent};
use super::table::{Needs, Reach, Rule, rule};
use super::{Buckets, Caller, out_of_reach};
use crate::error::ApiError;
use crate::listen::Peer;
use crate::{ApiOptions, Cors};

/// An address may fail so often at once, and so often a second over time, before it must wait.
const FAILURES: f64 = 10.0;
const FAILURES_PER_SECOND: f64 = 0.5;
/// When to come back where too many passwords are being verified.
const BUSY: Duration = Duration::from_secs(1);

struct Guard {
    gate: Option<Arc<dyn Gatekeeper>>,
    auditor: Option<Arc<dyn Auditor>>,
    failures: Buckets,
    changes: Changes,
    cors: Option<Cors>,
}

/// Puts the guard around all routes, and around what is answered where there is none.
pub(crate) fn guarded(inside: Router, options: &ApiOptions) -> Router {
    let guard = Guard {
        gate: options.access.clone(),
        auditor: options.auditor.clone(),
        failures: Buckets::new(FAILURES_PER_SECOND, FAILURES),
        changes: Changes::new(inside.clone(), options.auditor.clone()),
        cors: options.cors.clone(),
    };
    inside.layer(from_fn_with_state(Arc::new(guard), admit))
}

async fn admit(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let rule = rule(request.method(), route.as_deref(), request.uri().query());
    let peer = request.extensions().get::<Peer>().cloned();
    if rule.needs == Needs::Nothing {
        return next.run(request).await;
    }
    let principal = match guard.who(peer.as_ref(), request.headers()).await {
        Ok(principal) => principal,
        Err(refusal) => return *refusal,
    };
    let name = path_name(route.as_deref(), request.uri().path());
    if let Err(refusal) = may(&principal, &rule, name.as_deref()) {
        let detail = format!("{} {} was refused to `{}`", request.method(), request.uri().path(), principal.name());
        guard.denied(peer.as_ref().map(|peer| peer.address), &detail);
        return refusal.into_response();
    }
    let caller = Caller::new(principal.clone());
    request.extensions_mut().insert(caller.clone());
    request.extensions_mut().insert(principal);
    if rule.change.is_empty() {
        return next.run(request).await;
    }
    if guard.is_forged(request.headers()) {
        let message = "a page of another site may not change anything here: name it in `cors-allow-origins`";
        return ApiError::new(StatusCode::FORBIDDEN, message).into_response();
    }
    let guard = guard.clone();
    // What changes something is told also where the caller has gone away.
    let change = async move { guard.changes.run(rule, name, caller, peer, request, next).await };
    match tokio::spawn(change).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => ApiError::internal("the worker is shutting down").into_response(),
        },
    }
}

impl Guard {
    /// Who calls, or the answer that he gets instead.
    async fn who(&self, peer: Option<&Peer>, headers: &HeaderMap) -> Result<Principal, Box<Response>> {
        let Some(gate) = self.gate.as_ref().filter(|gate| !gate.is_open()) else { return Ok(Principal::anonymous()) };
        let address = peer.map(|peer| peer.address);
        match sent(headers) {
            Sent::Credential(credential) => {
                if let Some(principal) = gate.recognise(&credential) {
                    return Ok(principal);
                }
                self.patience(address)?;
                match gate.verify(&credential).await {
                    Verdict::Known(principal) => Ok(principal),
                    Verdict::Unknown => Err(self.unknown(address, "a credential that is nobody's")),
                    Verdict::Busy => {
                        Err(wait("too many passwords are being verified: try again in a moment".to_owned(), BUSY))
                    }
                }
            }
            Sent::Nonsense => {
                self.patience(address)?;
                Err(self.unknown(address, "an Authorization that cannot be read"))
            }
            Sent::Nothing => {
                let certificate = peer.and_then(|peer| peer.certificate.as_deref());
                match certificate.map(|name| (name, gate.certificate(name))) {
                    Some((_, Some(principal))) => Ok(principal),
                    Some((name, None)) => {
                        self.patience(address)?;
                        Err(self.unknown(address, &format!("the certificate of `{name}`, who has no role")))
                    }
                    // Whoever does not know yet that he must say who he is has not failed.
                    None => Err(unauthorized(
                        "this worker wants to know who you are: send a token (`Authorization: Bearer …`), or a name and \
                         password",
                    )),
                }
            }
        }
    }

    /// Whether a browser sends this for a page of a site that was not allowed to: it would send a password along, or
    /// find the door of its own machine open. Most such requests ask first, which CORS answers; some need not.
    fn is_forged(&self, headers: &HeaderMap) -> bool {
        let is_foreign = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
        is_foreign && !self.cors.as_ref().is_some_and(|cors| cors.allows(headers.get(header::ORIGIN)))
    }

    /// Refuses an address that has failed too often.
    fn patience(&self, address: Option<SocketAddr>) -> Result<(), Box<Response>> {
        let Some(address) = address else { return Ok(()) };
        let looked = self.failures.look(address.ip(), Instant::now());
        looked.map_err(|after| wait(format!("too many failed attempts from {}: wait a while", address.ip()), after))
    }

    fn unknown(&self, address: Option<SocketAddr>, what: &str) -> Box<Response> {
        if let Some(address) = address {
            // It has just been looked whether there is room.
            self.failures.take(address.ip(), Instant::now()).ok();
        }
        self.denied(address, &format!("somebody showed {what}"));
        unauthorized("the token, or the name and password, is not known here")
    }

    fn denied(&self, address: Option<SocketAddr>, detail: &str) {
        let Some(auditor) = &self.auditor else { return };
        let from = address.map(|address| format!(", from {address}")).unwrap_or_default();
        auditor.record(AuditEvent {
            code: "access.denied".to_owned(),
            connector: String::new(),
            task: None,
            plugin: String::new(),
            detail: format!("{detail}{from}"),
        });
    }
}

/// Whether the principal may do what the rule is about; `name`: the connector of the path.
fn may(principal: &Principal, rule: &Rule, name: Option<&str>) -> Result<(), ApiError> {
    let refuse = |message| Err(ApiError::new(StatusCode::FORBIDDEN, message));
    if let Needs::Role(role) = rule.needs
        && principal.role() < role
    {
        return refuse(format!(
            "this needs the role `{role}`, and `{}` has the role `{}`",
            principal.name(),
            principal.role()
        ));
    }
    if !principal.is_limited() {
        return Ok(());
    }
    match (rule.reach, name) {
        (Reach::Common | Reach::Handler, _) => Ok(()),
        (Reach::Connector, Some(name)) if principal.may_touch(name) => Ok(()),
        (Reach::Connector, Some(name)) => Err(out_of_reach(principal, name)),
        (Reach::Whole, _) | (Reach::Connector, None) => refuse(format!(
            "this tells of all connectors, and `{}` may touch only {}",
            principal.name(),
            principal.connectors().join(", ")
        )),
    }
}

/// What stands, decoded, where the route has its first parameter, such as `{name}`.
fn path_name(route: Option<&str>, path: &str) -> Option<String> {
    let at = route?.split('/').position(|segment| segment.starts_with('{'))?;
    let decoded = percent_decode_str(path.split('/').nth(at)?).decode_utf8();
    decoded.ok().map(|name| name.into_owned())
}

fn unauthorized(message: &str) -> Box<Response> {
    let mut response = ApiError::new(StatusCode::UNAUTHORIZED, message).into_response();
    for scheme in ["Bearer realm=\"wharf\"", "Basic realm=\"wharf\", charset=\"UTF-8\""] {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    Box::new(response)
}

/// 429, and when to come back, in whole seconds.
fn wait(message: String, after: Duration) -> Box<Response> {
    let seconds = after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1);
    let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    Box::new(response)
}

/// Refuses requests of an address that sends too many; probes are let pass.
pub(crate) async fn calm(State(buckets): State<Arc<Buckets>>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    let is_probe = matches!(request.uri().path().trim_end_matches('/'), "/health" | "/livez" | "/readyz");
    match address.filter(|_| !is_probe).map(|address: IpAddr| (address, buckets.take(address, Instant::now()))) {
        Some((address, Err(after))) => *wait(format!("too many requests from {address}: send fewer"), after),
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use wharf_core::access::Role;

    use super::super::table::TABLE;
    use super::*;

    #[test]
    fn the_name_in_a_path_is_decoded() {
        let name = |route, path| path_name(Some(route), path);
        assert_eq!(name("/connectors/{name}/config", "/connectors/a%2Fb/config").as_deref(), Some("a/b"));
        assert_eq!(name("/connectors/{name}", "/connectors/%ff"), None);
        assert_eq!(name("/connectors", "/connectors"), None);
    }

    #[test]
    fn each_role_may_what_those_before_it_may() {
        for rule in TABLE {
            let may = |role| may(&Principal::new("p", role, vec!["*".into()]), rule, Some("c")).is_ok();
            let allowed = [Role::Read, Role::Operate, Role::Admin].map(may);
            assert!(allowed.is_sorted() && allowed[2], "{rule:?}");
        }
    }

    #[test]
    fn who_may_touch_some_connectors_learns_nothing_of_others() {
        let limited = Principal::new("p", Role::Admin, vec!["pg-*".into()]);
        for rule in TABLE {
            let (own, other) = (may(&limited, rule, Some("pg-1")), may(&limited, rule, Some("x")));
            match rule.reach {
                Reach::Connector => assert!(own.is_ok() && other.is_err(), "{rule:?}"),
                Reach::Whole => assert!(own.is_err() && other.is_err(), "{rule:?}"),
                Reach::Common | Reach::Handler => assert!(own.is_ok(), "{rule:?}"),
            }
        }
    }
}
