//! Which workers are asked without a proxy.
//!
//! The HTTP client takes the first of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` (also in lower case) for every request,
//! and asks the hosts of `NO_PROXY` directly. A proxy is never right for a worker on this machine: what it would reach at
//! 127.0.0.1 is itself.

use std::net::{IpAddr, Ipv6Addr};

use ureq::http::Uri;

/// Whether a URL leads to this machine: `localhost`, a name below it, 127.0.0.0/8, `[::1]`.
pub(crate) fn is_loopback(url: &str) -> bool {
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
