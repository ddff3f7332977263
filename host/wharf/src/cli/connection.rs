//! How a worker is reached, and as whom.
//!
//! A [`Connection`] is all that a [`Client`](super::client::Client) needs to know. On the command line it comes from
//! `--url` and [`ConnectionArgs`]; whoever has these from elsewhere, such as a file of contexts, fills the struct himself.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};

/// What every command takes to be let in.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ConnectionArgs {
    /// The token to be let in with; `wharf token create` makes one
    #[arg(long, global = true, env = "WHARF_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// The name to be let in with; its password is taken from WHARF_PASSWORD
    #[arg(long, global = true, env = "WHARF_USER", value_name = "NAME")]
    pub(crate) user: Option<String>,
    /// A PEM file with certificates to trust beside the system's, where the worker speaks TLS
    #[arg(long, global = true, env = "WHARF_CA_FILE", value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to appear with, where the worker asks for one
    #[arg(long, global = true, env = "WHARF_CLIENT_CERTIFICATE", value_name = "FILE")]
    pub(crate) client_certificate: Option<PathBuf>,
    /// A PEM file with its private key
    #[arg(long, global = true, env = "WHARF_CLIENT_KEY", value_name = "FILE")]
    pub(crate) client_key: Option<PathBuf>,
}

/// Where a worker answers, whom to trust there, and as whom to appear.
#[derive(Clone, Default)]
pub(crate) struct Connection {
    /// `http://host:port` or `https://host:port`
    pub(crate) url: String,
    /// Sent as `Authorization: Bearer`; wins over `user`.
    pub(crate) token: Option<String>,
    /// Sent with `password` as `Authorization: Basic`.
    pub(crate) user: Option<String>,
    /// Of `user`.
    pub(crate) password: Option<String>,
    /// More certificates to trust, beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The client's own certificate.
    pub(crate) client_certificate: Option<PathBuf>,
    /// Its private key.
    pub(crate) client_key: Option<PathBuf>,
}

/// Shows where it leads and not what opens the door.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let has_secret = self.token.is_some() || self.password.is_some();
        f.debug_struct("Connection").field("url", &self.url).field("has_secret", &has_secret).finish_non_exhaustive()
    }
}

impl Connection {
    /// Without any credential.
    #[cfg(test)]
    pub(crate) fn to(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// From the command line and the environment.
    pub(crate) fn new(url: &str, args: &ConnectionArgs) -> Self {
        let ConnectionArgs { token, user, ca_file, client_certificate, client_key } = args.clone();
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            url: url.to_owned(),
            token: filled(token),
            user: filled(user),
            password: std::env::var("WHARF_PASSWORD").ok(),
            ca_file,
            client_certificate,
            client_key,
        }
    }

    /// The value of the `Authorization` header, where there is to be one.
    pub(super) fn authorization(&self) -> anyhow::Result<Option<String>> {
        if let Some(token) = &self.token {
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                bail!("the token holds characters that no token has: copy it again");
            }
            return Ok(Some(format!("Bearer {token}")));
        }
        let Some(user) = &self.user else { return Ok(None) };
        let Some(password) = &self.password else {
            bail!("there is no password for the user `{user}`: set WHARF_PASSWORD");
        };
        if user.contains(':') {
            bail!("`{user}` is no user's name: it holds a colon");
        }
        Ok(Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))))
    }

    /// The TLS side, where the URL asks for it; the system's roots take some milliseconds to read.
    pub(super) fn tls(&self) -> anyhow::Result<Option<TlsConfig>> {
        if !self.url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")) {
            return Ok(None);
        }
        let mut roots: Vec<Certificate<'static>> = Vec::new();
        for certificate in rustls_native_certs::load_native_certs().certs {
            roots.push(Certificate::from_der(&certificate).to_owned());
        }
        if let Some(path) = &self.ca_file {
            roots.extend(certificates(path, "--ca-file")?);
        }
        let client = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, "--client-certificate")?;
                Some(ClientCert::new_with_certs(&chain, private_key(key)?))
            }
            (None, None) => None,
            (Some(_), None) => bail!("a client certificate needs its private key: name it with --client-key"),
            (None, Some(_)) => bail!("a client key needs its certificate: name it with --client-certificate"),
        };
        let config = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .client_cert(client);
        Ok(Some(config.build()))
    }
}

fn certificates(path: &Path, flag: &str) -> anyhow::Result<Vec<Certificate<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.with_context(|| format!("read the certificates of {flag} from `{}`", path.display()))?;
    if found.is_empty() {
        bail!("`{}` of {flag} holds no certificate: name a PEM file with a line BEGIN CERTIFICATE", path.display());
    }
    Ok(found.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

fn private_key(path: &Path) -> anyhow::Result<PrivateKey<'static>> {
    let pem = std::fs::read(path);
    let pem = pem.with_context(|| format!("read the private key of --client-key from `{}`", path.display()))?;
    let key = PrivateKey::from_pem(&pem);
    key.with_context(|| format!("`{}` of --client-key holds no private key that can be read", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_wins_over_a_user_and_a_user_needs_a_password() {
        let mut connection = Connection { user: Some("ann".into()), ..Connection::to("http://x") };
        assert!(connection.authorization().unwrap_err().to_string().contains("set WHARF_PASSWORD"));
        connection.password = Some("pass:word".into());
        assert_eq!(connection.authorization().unwrap().as_deref(), Some("Basic YW5uOnBhc3M6d29yZA=="));
        connection.token = Some("wharf_x".into());
        assert_eq!(connection.authorization().unwrap().as_deref(), Some("Bearer wharf_x"));
        connection.token = Some("wharf_x\nHost: y".into());
        assert!(connection.authorization().is_err());
        assert!(Connection::to("http://x").authorization().unwrap().is_none());
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", Connection { token: Some("wharf_x".into()), ..Connection::to("http://x") });
        assert!(shown.contains("http://x") && !shown.contains("wharf_x"), "{shown}");
    }

    #[test]
    fn half_a_client_certificate_and_a_file_without_one_are_refused() {
        let connection = Connection { client_key: Some("/k".into()), ..Connection::to("https://x") };
        assert!(connection.tls().unwrap_err().to_string().contains("--client-certificate"));
        let own = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let connection = Connection { ca_file: Some(own.into()), ..Connection::to("https://x") };
        assert!(connection.tls().unwrap_err().to_string().contains("BEGIN CERTIFICATE"));
        assert!(Connection::to("http://x").tls().unwrap().is_none());
    }
}
