//! Whom to trust, and as whom to appear.
//!
//! The roots are the system's and the operator's, read once; a connector may add its own, and may have a certificate. A
//! certificate is always checked: there is no setting that turns it off. Each connector has a client of its own, with its
//! own sessions, so that none resumes another's.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Sessions that a connector may resume.
const SESSIONS: usize = 16;

/// Why there is no TLS client. The messages end a sentence that begins with the file or its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// No certificate in what should hold some.
    #[error("holds no certificate that can be read: write PEM, with a line BEGIN CERTIFICATE ({0})")]
    Certificate(String),
    /// No private key.
    #[error("holds no private key that can be read: write PEM, with a line BEGIN PRIVATE KEY ({0})")]
    Key(String),
    /// Only one of the two.
    #[error("needs the other: a client certificate and its key go together")]
    Half,
    /// They do not fit.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

/// The operator's roots: made once, shared by all connectors.
#[derive(Clone, Default)]
pub struct TrustRoots(Arc<Roots>);

#[derive(Default)]
struct Roots {
    system: bool,
    extra: Vec<CertificateDer<'static>>,
    store: OnceLock<Arc<RootCertStore>>,
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustRoots").field("system", &self.0.system).field("extra", &self.0.extra.len()).finish()
    }
}

impl TrustRoots {
    /// `system`: trust what the system trusts. `extra`: PEM files of the operator's, already read.
    ///
    /// # Errors
    /// When one of them holds no certificate.
    pub fn new(system: bool, extra: &[Vec<u8>]) -> Result<Self, TlsError> {
        let extra: Result<Vec<_>, _> = extra.iter().map(|pem| certificates(pem)).collect();
        let extra = extra?.into_iter().flatten().collect();
        Ok(Self(Arc::new(Roots { system, extra, store: OnceLock::new() })))
    }

    /// Reads the system's roots the first time, which takes some milliseconds.
    fn store(&self) -> Arc<RootCertStore> {
        let made = self.0.store.get_or_init(|| {
            let mut store = RootCertStore::empty();
            if self.0.system {
                let found = rustls_native_certs::load_native_certs();
                for error in &found.errors {
                    tracing::warn!(%error, "some of the system's trust roots cannot be read");
                }
                store.add_parsable_certificates(found.certs);
            }
            store.add_parsable_certificates(self.0.extra.iter().cloned());
            Arc::new(store)
        });
        made.clone()
    }
}

/// What a connector brings itself, PEM.
#[derive(Clone, Default)]
pub struct TlsFiles {
    /// More roots.
    pub ca: Option<Vec<u8>>,
    /// Its own certificate, with those above it.
    pub certificate: Option<Vec<u8>>,
    /// The certificate's key.
    pub key: Option<Vec<u8>>,
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the key.
        let Self { ca, certificate, key } = self;
        let is = |it: &Option<Vec<u8>>| it.is_some();
        f.debug_struct("TlsFiles")
            .field("ca", &is(ca))
            .field("certificate", &is(certificate))
            .field("key", &is(key))
            .finish()
    }
}

/// The TLS client of one connector. Clones share its sessions. The default trusts nobody.
#[derive(Clone, Default)]
pub struct TlsClient(Arc<Client>);

#[derive(Default)]
struct Client {
    roots: TrustRoots,
    ca: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    config: OnceLock<Result<Arc<ClientConfig>, TlsError>>,
}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let identity = self.0.identity.is_some();
        f.debug_struct("TlsClient").field("roots", &self.0.roots).field("identity", &identity).finish_non_exhaustive()
    }
}

impl TlsClient {
    /// A client that trusts `roots` and what `own` adds.
    ///
    /// # Errors
    /// When a file does not hold what it should, or certificate and key do not fit. With the key that is to blame:
    /// `ca`, `certificate` or `key`.
    pub fn new(roots: &TrustRoots, own: &TlsFiles) -> Result<Self, (&'static str, TlsError)> {
        let ca = own.ca.as_deref().map(certificates).transpose().map_err(|error| ("ca", error))?.unwrap_or_default();
        let identity = match (&own.certificate, &own.key) {
            (None, None) => None,
            (Some(_), None) => return Err(("certificate", TlsError::Half)),
            (None, Some(_)) => return Err(("key", TlsError::Half)),
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate).map_err(|error| ("certificate", error))?;
                let key =
                    PrivateKeyDer::from_pem_slice(key).map_err(|error| ("key", TlsError::Key(error.to_string())))?;
                Some((chain, key))
            }
        };
        let client = Self(Arc::new(Client { roots: roots.clone(), ca, identity, config: OnceLock::new() }));
        if client.0.identity.is_some() {
            // So that a key which does not fit is told now.
            client.config().map_err(|error| ("key", error))?;
        }
        Ok(client)
    }

    /// Makes the configuration the first time.
    fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        self.0.config.get_or_init(|| self.0.make().map(Arc::new)).clone()
    }

    /// The configuration, offering these application protocols. Not to be called where blocking for some milliseconds
    /// is no good.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) async fn offering(&self, alpn: Vec<Vec<u8>>) -> Result<Arc<ClientConfig>, TlsError> {
        let config = match self.0.config.get() {
            Some(made) => made.clone()?,
            None => {
                let client = self.clone();
                let made = tokio::task::spawn_blocking(move || client.config()).await;
                made.map_err(|error| TlsError::Unusable(error.to_string()))??
            }
        };
        if alpn.is_empty() {
            return Ok(config);
        }
        let mut config = ClientConfig::clone(&config);
        config.alpn_protocols = alpn;
        Ok(Arc::new(config))
    }
}

impl Client {
    fn make(&self) -> Result<ClientConfig, TlsError> {
        let unusable = |error: rustls::Error| TlsError::Unusable(error.to_string());
        let mut roots = self.roots.store();
        if !self.ca.is_empty() {
            let mut more = RootCertStore::clone(&roots);
            more.add_parsable_certificates(self.ca.iter().cloned());
            roots = Arc::new(more);
        }
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(unusable)?,
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())).clone()
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::Certificate("there is none in it".to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::Certificate(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_certificate_is_told_by_its_key() {
        let roots = TrustRoots::default();
        let refused = |own| TlsClient::new(&roots, &own).map(drop).unwrap_err().0;
        assert_eq!(refused(TlsFiles { ca: Some(b"nothing".to_vec()), ..TlsFiles::default() }), "ca");
        assert_eq!(refused(TlsFiles { key: Some(b"nothing".to_vec()), ..TlsFiles::default() }), "key");
        let own = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
        let pem = own.cert.pem().into_bytes();
        assert_eq!(refused(TlsFiles { certificate: Some(pem.clone()), ..TlsFiles::default() }), "certificate");
        let unfit = other.signing_key.serialize_pem().into_bytes();
        assert_eq!(
            refused(TlsFiles { certificate: Some(pem.clone()), key: Some(unfit), ..TlsFiles::default() }),
            "key"
        );
        let key = own.signing_key.serialize_pem().into_bytes();
        let fits = TlsFiles { ca: Some(pem.clone()), certificate: Some(pem), key: Some(key) };
        assert!(TlsClient::new(&roots, &fits).is_ok());
    }

    #[test]
    fn what_is_shown_of_files_holds_no_key() {
        let files = TlsFiles { key: Some(b"s3cret".to_vec()), ..TlsFiles::default() };
        assert_eq!(format!("{files:?}"), "TlsFiles { ca: false, certificate: false, key: true }");
    }
}
