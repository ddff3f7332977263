//! Which proxy a worker is asked through.
//!
//! The variables are those of curl: `http_proxy` for `http://`, `https_proxy` for `https://`, `all_proxy` for both where
//! the other is not set, `no_proxy` with the hosts that are asked directly (`example.com` stands for what is below it too,
//! `*` for all); each may be written in capitals. The HTTP client's own way, one proxy for both schemes, would send what
//! is for an `http://` worker through the proxy that was set for `https://`. A proxy is never right for a worker on this
//! machine: what it would reach at 127.0.0.1 is itself.

use std::net::{IpAddr, Ipv6Addr};

use anyhow::Context as _;
use ureq::Proxy;
use ureq::http::Uri;

/// The proxy for a worker's URL, from the variables that `env` reads.
///
/// # Errors
///
/// When a variable is set to what is no proxy's URL; it is named, its value is not shown: it may hold a password.
pub(crate) fn of(url: &str, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Proxy>> {
    if is_loopback(url) {
        return Ok(None);
    }
    let set = |name: &str| {
        let names = [name.to_owned(), name.to_ascii_uppercase()];
        names.into_iter().find_map(|name| env(&name).filter(|value| !value.is_empty()).map(|value| (name, value)))
    };
    let scheme = if url.to_ascii_lowercase().starts_with("https:") { "https_proxy" } else { "http_proxy" };
    let Some((name, value)) = set(scheme).or_else(|| set("all_proxy")) else { return Ok(None) };
    let invalid = || format!("{name} is not the URL of a proxy; write it as http://host:port, or unset it");
    let parsed = Proxy::new(&value).with_context(invalid)?;
    let mut proxy = Proxy::builder(parsed.protocol()).host(parsed.host()).port(parsed.port());
    if let Some(user) = parsed.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = parsed.password() {
        proxy = proxy.password(password);
    }
    let direct = set("no_proxy").map(|(_, hosts)| hosts).unwrap_or_default();
    for host in direct.split(',').map(str::trim).filter(|host| !host.is_empty()) {
        proxy = proxy.no_proxy(host);
        if !host.starts_with(['*', '.']) {
            proxy = proxy.no_proxy(&format!(".{host}"));
        }
    }
    proxy.build().map(Some).with_context(invalid)
}

/// Whether a URL leads to this machine: `localhost`, a name below it, 127.0.0.0/8, `[::1]`.
fn is_loopback(url: &str) -> bool {
    let Some(host) = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase)) else {
        return false;
    };
    let host = host.trim_end_matches('.');
    if host == "localhost" || host.ends_with(".localhost") {
        return true;
    }
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => {
            address == Ipv6Addr::LOCALHOST || address.to_ipv4_mapped().is_some_and(|address| address.is_loopback())
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(url: &str, env: &[(&str, &str)]) -> Option<String> {
        let find = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let proxy = of(url, find).unwrap()?;
        (!proxy.is_no_proxy(&url.parse().unwrap())).then(|| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn each_scheme_has_its_own_proxy_and_all_proxy_is_for_the_rest() {
        let env = [("HTTP_PROXY", "http://a:1"), ("https_proxy", "b:2"), ("ALL_PROXY", "http://c:3")];
        assert_eq!(chosen("http://w.example", &env), Some("a:1".to_owned()));
        assert_eq!(chosen("https://w.example", &env), Some("b:2".to_owned()));
        assert_eq!(chosen("https://w.example", &env[..1]), None);
        assert_eq!(chosen("https://w.example", &env[2..]), Some("c:3".to_owned()));
        let small_first = [("http_proxy", "http://a:1"), ("HTTP_PROXY", "http://b:2")];
        assert_eq!(chosen("http://w.example", &small_first), Some("a:1".to_owned()));
        assert_eq!(chosen("http://w.example", &[("http_proxy", "")]), None);
    }

    #[test]
    fn hosts_named_in_no_proxy_are_asked_directly() {
        for (direct, through) in [
            ("w.example", false),
            ("example", false),
            ("*", false),
            ("x, .example", false),
            ("other,ample", true),
            ("", true),
        ] {
            let env = [("http_proxy", "http://a:1"), ("NO_PROXY", direct)];
            assert_eq!(chosen("http://w.example:8083", &env).is_some(), through, "{direct}");
        }
        assert_eq!(chosen("http://localhost:8083", &[("http_proxy", "http://a:1")]), None);
    }

    #[test]
    fn what_is_no_proxy_is_named_and_not_shown() {
        let error =
            of("http://w.example", |name| (name == "ALL_PROXY").then(|| "ftp://u:pass@h".to_owned())).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("ALL_PROXY") && !text.contains("pass"), "{text}");
    }

    #[test]
    fn this_machine_has_many_names() {
        for url in [
            "http://127.0.0.1:8083",
            "http://127.1.2.3",
            "https://localhost:8083/",
            "http://LOCALHOST.:1",
            "http://a.localhost",
            "http://[::1]:8083",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://example.com", "http://localhost.example.com", "http://10.0.0.1", "http://[::2]", "no url"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
