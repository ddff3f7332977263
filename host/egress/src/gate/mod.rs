//! The gate of one instance: everything it does over the network passes here.
//!
//! ```text
//!  lookup(name)        named by the configuration? ── lookups quota ── resolver ── drop what the ceiling forbids ── remember
//!  may_connect(addr)   named literally, or remembered with this port? ── ceiling
//!  dial(host, port)    both at once: one lookup, and the connection goes to an address that it answered
//! ```

pub mod codes;
mod dial;
mod learned;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use wharf_core::audit::{AuditEvent, Auditor, NoAudit};
use wharf_core::meter::Meter;

use crate::ceiling::{Ceiling, Refusal};
use crate::endpoint::{Endpoint, Host};
use crate::error::{Denial, EgressError};
use crate::http::Pool;
use crate::pace::Pace;
use crate::quota::{Permit, Quota, Quotas};
use crate::resolve::{Resolve, SystemResolver};
use crate::tls::TlsClient;
use learned::Learned;

/// Addresses of one answer that are looked at.
const ANSWERS: usize = 64;

/// Whom a gate is for: what audit events say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The connector's name.
    pub connector: String,
    /// The task's number, where there is one.
    pub task: Option<u32>,
    /// The plugin, `name@version`.
    pub plugin: String,
}

/// What a gate is made from.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// Whom it is for.
    pub subject: Subject,
    /// What the configuration names. Default: nothing.
    pub endpoints: Vec<Endpoint>,
    /// What the operator allows of it.
    pub ceiling: Arc<Ceiling>,
    /// How much at a time.
    pub quotas: Quotas,
    /// Who looks names up. Default: the system.
    pub resolver: Arc<dyn Resolve>,
    /// Whom to trust. Default: nobody.
    pub tls: TlsClient,
    /// Where denials are counted.
    pub meter: Arc<Meter>,
    /// Who is told of them.
    pub audit: Arc<dyn Auditor>,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self {
            subject: Subject::default(),
            endpoints: Vec::new(),
            ceiling: Arc::default(),
            quotas: Quotas::default(),
            resolver: Arc::new(SystemResolver),
            tls: TlsClient::default(),
            meter: Arc::default(),
            audit: Arc::new(NoAudit),
        }
    }
}

/// The gate. Cheap to clone; clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    options: GateOptions,
    sockets: Quota,
    requests: Quota,
    lookups: Quota,
    pace: Pace,
    learned: Mutex<Learned>,
    pool: Pool,
    closed: AtomicBool,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("subject", &self.0.options.subject).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate for what the configuration names.
    pub fn new(options: GateOptions) -> Self {
        let Quotas { sockets, http_requests, lookups, bytes_per_second, .. } = options.quotas;
        Self(Arc::new(Inner {
            sockets: Quota::new(sockets),
            requests: Quota::new(http_requests),
            lookups: Quota::new(lookups),
            pace: Pace::new(bytes_per_second),
            learned: Mutex::default(),
            pool: Pool::default(),
            closed: AtomicBool::new(false),
            options,
        }))
    }

    /// A gate that lets nothing through, for an instance without capabilities.
    pub fn shut() -> Self {
        Self::new(GateOptions::default())
    }

    /// The instance is gone: nothing goes through any more, and unfinished requests fail rather than end.
    pub fn close(&self) {
        self.0.closed.store(true, Relaxed);
        self.0.pool.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.closed.load(Relaxed)
    }

    /// How fast bytes may move.
    pub fn pace(&self) -> &Pace {
        &self.0.pace
    }

    /// The quotas that are in force.
    pub fn quotas(&self) -> &Quotas {
        &self.0.options.quotas
    }

    pub(crate) fn tls(&self) -> &TlsClient {
        &self.0.options.tls
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    /// Counts a denial and tells the auditor of it; `detail` must hold no secret.
    pub fn deny(&self, code: &'static str, detail: String) -> Denial {
        let Subject { connector, task, plugin } = &self.0.options.subject;
        self.0.options.meter.denied(code);
        self.0.options.audit.record(AuditEvent {
            code: code.to_owned(),
            connector: connector.clone(),
            task: *task,
            plugin: plugin.clone(),
            detail: detail.clone(),
        });
        Denial { code, message: detail }
    }

    fn refuse(&self, what: &dyn fmt::Display, refusal: &Refusal) -> Denial {
        self.deny(refusal.code(), format!("{what} {refusal}"))
    }

    /// The right to a socket, which it must be held beside.
    ///
    /// # Errors
    /// When there are as many as are allowed.
    pub fn socket(&self) -> Result<Permit, EgressError> {
        self.permit(&self.0.sockets, codes::QUOTA_SOCKETS, "sockets")
    }

    pub(crate) fn request(&self) -> Result<Permit, EgressError> {
        self.permit(&self.0.requests, codes::QUOTA_REQUESTS, "HTTP requests")
    }

    fn permit(&self, quota: &Quota, code: &'static str, what: &str) -> Result<Permit, EgressError> {
        let full = || {
            let most = quota.most();
            EgressError::Quota(self.deny(code, format!("{most} {what} are open, which is as many as are allowed")))
        };
        quota.take().ok_or_else(full)
    }

    /// Looks up a name that the configuration names.
    ///
    /// # Errors
    /// When it does not, when all its addresses are forbidden, or when it has none.
    pub async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, EgressError> {
        let host = self.host(name)?;
        let ports = self.ports(&host);
        let mut found = Vec::new();
        for address in self.learn(&host, &ports).await? {
            if !found.contains(&address.ip()) {
                found.push(address.ip());
            }
        }
        Ok(found)
    }

    pub(crate) fn host(&self, text: &str) -> Result<Host, EgressError> {
        let unreadable = |_| {
            // As much of it as there can be of a name: it may be an attempt to get something out.
            let shown: String = text.chars().take(64).flat_map(char::escape_default).collect();
            let detail = format!("\"{shown}\" is no host, so the configuration cannot name it");
            EgressError::Denied(self.deny(codes::NAME, detail))
        };
        Host::parse(text).map_err(unreadable)
    }

    /// The ports that the configuration names for this host.
    fn ports(&self, host: &Host) -> Vec<u16> {
        let mut ports: Vec<u16> =
            self.0.options.endpoints.iter().filter(|endpoint| endpoint.host == *host).map(|it| it.port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// The addresses of a host that may be connected to with one of these ports; they are remembered.
    async fn learn(&self, host: &Host, ports: &[u16]) -> Result<Vec<SocketAddr>, EgressError> {
        let denied = |denial| Err(EgressError::Denied(denial));
        if self.is_closed() {
            return denied(self.deny(codes::NAME, "the instance is stopped".to_owned()));
        }
        let ceiling = &self.0.options.ceiling;
        let (name, answers) = match host {
            // An address that was learned is its own answer: some programs look up what they have.
            Host::Ip(address) if ports.is_empty() => {
                let learned = self.0.learned.lock().unwrap_or_else(PoisonError::into_inner);
                if learned.has_host(SocketAddr::new(*address, 0)) {
                    return Ok(vec![SocketAddr::new(*address, 0)]);
                }
                drop(learned);
                return denied(self.deny(codes::NAME, self.unnamed(host)));
            }
            Host::Name(_) if ports.is_empty() => return denied(self.deny(codes::NAME, self.unnamed(host))),
            Host::Ip(address) => (None, vec![*address]),
            Host::Name(name) => {
                let possible = ports.iter().map(|port| ceiling.check_name(name, *port));
                if let Some(Err(refusal)) = possible.min_by_key(Result::is_err) {
                    return denied(self.refuse(host, &refusal));
                }
                (Some(name.as_str()), self.resolve(name).await?)
            }
        };
        if answers.is_empty() {
            return Err(EgressError::NotFound(host.to_string()));
        }
        let (mut allowed, mut last) = (Vec::new(), None);
        for address in answers.into_iter().take(ANSWERS).map(|address| address.to_canonical()) {
            let mut refusal = None;
            let before = allowed.len();
            for port in ports {
                match ceiling.check(name, address, *port) {
                    Ok(()) => allowed.push(SocketAddr::new(address, *port)),
                    Err(why) => refusal = Some(why),
                }
            }
            if let Some(refusal) = refusal.filter(|_| allowed.len() == before) {
                let what = match name {
                    Some(name) => format!("{address}, an address of {name},"),
                    None => address.to_string(),
                };
                last = Some(self.refuse(&what, &refusal));
            }
        }
        let mut learned = self.0.learned.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.iter().for_each(|address| learned.add(*address));
        match last {
            Some(denial) if allowed.is_empty() => denied(denial),
            _ => Ok(allowed),
        }
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, EgressError> {
        let permit = self.permit(&self.0.lookups, codes::QUOTA_LOOKUPS, "name lookups")?;
        let most = self.quotas().connect_timeout;
        match tokio::time::timeout(most, self.0.options.resolver.resolve(name, permit)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(EgressError::Unreachable(name.to_owned(), format!("the lookup failed: {error}"))),
            Err(_) => Err(EgressError::TimedOut(format!("looking up {name}"), most.as_millis())),
        }
    }

    fn unnamed(&self, host: &Host) -> String {
        let named: Vec<String> = self.0.options.endpoints.iter().take(8).map(ToString::to_string).collect();
        if named.is_empty() {
            format!("{host}: the configuration names no endpoint")
        } else {
            format!("{host} is not among what the configuration names: {}", named.join(", "))
        }
    }

    /// Whether a socket may connect, or send, to this address: the configuration names it, or an allowed lookup answered
    /// it, and the ceiling lets it be.
    ///
    /// # Errors
    /// When it may not.
    pub fn may_connect(&self, address: SocketAddr) -> Result<(), Denial> {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let learned = self.0.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, known_host) = (learned.has(address), learned.has_host(address));
        drop(learned);
        let host = Host::Ip(address.ip());
        let named = self.ports(&host);
        if self.is_closed() {
            return Err(self.deny(codes::ADDRESS, "the instance is stopped".to_owned()));
        }
        if known {
            // It was judged together with its name.
            return Ok(());
        }
        if named.contains(&address.port()) {
            let checked = self.0.options.ceiling.check(None, address.ip(), address.port());
            return checked.map_err(|refusal| self.refuse(&address, &refusal));
        }
        if known_host || !named.is_empty() {
            let detail = format!("{address}: the configuration names this host with another port");
            return Err(self.deny(codes::PORT, detail));
        }
        let detail = format!("{address} is no address that the configuration names, nor one that a name in it led to");
        Err(self.deny(codes::ADDRESS, detail))
    }

    /// As [`Gate::may_connect`], for datagrams that arrive: strangers' are dropped without a word.
    pub fn knows(&self, address: SocketAddr) -> bool {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let learned = self.0.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let known = learned.has(address);
        drop(learned);
        known
            || (self.ports(&Host::Ip(address.ip())).contains(&address.port())
                && self.0.options.ceiling.check(None, address.ip(), address.port()).is_ok())
    }

    /// Whether a request of this scheme may go to this host and port: an endpoint that was written as an `http` or
    /// `https` URL takes no other.
    pub(crate) fn check_scheme(&self, scheme: &str, host: &Host, port: u16) -> Result<(), EgressError> {
        let mut named = self.0.options.endpoints.iter().filter(|it| it.host == *host && it.port == port).peekable();
        let is_other = |it: &Endpoint| matches!(it.scheme.as_deref(), Some(own @ ("http" | "https")) if own != scheme);
        if named.peek().is_none() || named.any(|it| !is_other(it)) {
            // Where it is not named at all, the dial says so.
            return Ok(());
        }
        let detail = format!("{scheme}://{host}:{port}: the configuration names this host with another scheme");
        Err(EgressError::Denied(self.deny(codes::SCHEME, detail)))
    }
}

#[cfg(test)]
mod tests;
