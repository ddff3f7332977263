//! `[tls]`: the REST API's certificate, and whose certificates it asks for.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `certificate`, `key` | none | PEM files; with them the API speaks TLS only |
//! | `client-ca` | none | a PEM file with the authorities whose certificates are accepted of clients (mTLS) |
//! | `client-auth` | `"required"` | `"required"`: who shows none is not spoken to. `"optional"`: he must be let in by a token |

use std::path::PathBuf;

use anyhow::bail;
use serde::Deserialize;
use wharf_api::listen::{ClientAuth, TlsFiles};

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// The server's certificate and those between it and the root.
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key.
    pub(crate) key: Option<PathBuf>,
    /// The authorities of clients.
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate.
    pub(crate) client_auth: Option<Auth>,
}

/// Whether a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Auth {
    /// It must.
    Required,
    /// It need not.
    Optional,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &["tls.certificate", "tls.key", "tls.client-ca", "tls.client-auth"];

/// The files; `None` where no TLS is spoken.
pub(super) fn resolve(raw: &Raw, beside_file: impl Fn(PathBuf) -> PathBuf) -> anyhow::Result<Option<TlsFiles>> {
    let auth = match raw.client_auth {
        Some(Auth::Optional) => ClientAuth::Optional,
        Some(Auth::Required) | None => ClientAuth::Required,
    };
    if raw.client_auth.is_some() && raw.client_ca.is_none() {
        bail!("`tls.client-auth` has no effect without authorities: write `client-ca` beside it");
    }
    let (certificate, key) = match (&raw.certificate, &raw.key) {
        (Some(certificate), Some(key)) => (beside_file(certificate.clone()), beside_file(key.clone())),
        (None, None) if raw.client_ca.is_some() => {
            bail!("`tls.client-ca` has no effect without TLS: write `certificate` and `key` beside it")
        }
        (None, None) => return Ok(None),
        (Some(_), None) => bail!("`tls.certificate` needs its private key: write `key` beside it"),
        (None, Some(_)) => bail!("`tls.key` needs its certificate: write `certificate` beside it"),
    };
    let clients = raw.client_ca.clone().map(|path| (beside_file(path), auth));
    Ok(Some(TlsFiles { certificate, key, clients }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> anyhow::Result<Option<TlsFiles>> {
        resolve(&toml::from_str(text).unwrap(), |path| PathBuf::from("/etc/wharf").join(path))
    }

    #[test]
    fn every_key_arrives() {
        assert_eq!(parsed("").unwrap(), None);
        let text = "certificate = \"c.pem\"\nkey = \"/k.pem\"\nclient-ca = \"ca.pem\"";
        let files = TlsFiles {
            certificate: "/etc/wharf/c.pem".into(),
            key: "/k.pem".into(),
            clients: Some(("/etc/wharf/ca.pem".into(), ClientAuth::Required)),
        };
        assert_eq!(parsed(text).unwrap(), Some(files));
        let optional = parsed(&format!("{text}\nclient-auth = \"optional\"")).unwrap().unwrap();
        assert_eq!(optional.clients.unwrap().1, ClientAuth::Optional);
    }

    #[test]
    fn half_of_it_is_refused() {
        for (text, told) in [
            ("certificate = \"c\"", "write `key` beside it"),
            ("key = \"k\"", "write `certificate` beside it"),
            ("client-ca = \"a\"", "write `certificate` and `key` beside it"),
            ("client-auth = \"optional\"", "write `client-ca` beside it"),
        ] {
            assert!(parsed(text).unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
