//! The certificate of a listener, and whom it lets speak.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::subject;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with the certificates.
    #[error("read the certificate `{}`: {reason}; name a PEM file, the server's certificate first", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file with the key.
    #[error("read the key `{}`: {reason}; name a PEM file with the private key", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file with the authorities of clients.
    #[error("read the clients' authorities `{}`: {reason}; name a PEM file with their certificates", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// They are no pair, or of a kind that is not supported.
    #[error("use the certificate with its key: {0}")]
    Pair(String),
}

/// Whether a client must show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// Who shows none is not spoken to.
    #[default]
    Required,
    /// Who shows none must be let in by something else. One that is shown must be right.
    Optional,
}

/// The files that TLS is set up from, all in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and then those between it and the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whose certificates are accepted of clients, and whether they must have one; `None`: none are asked for.
    pub clients: Option<(PathBuf, ClientAuth)>,
}

impl TlsFiles {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let clients = self.clients.iter().map(|(path, _)| path);
        [&self.certificate, &self.key].into_iter().chain(clients).map(PathBuf::as_path)
    }

    /// What tells that a file was changed: when it was, how long it is, and which file it is.
    fn stamps(&self) -> Vec<Option<(SystemTime, u64, u64)>> {
        use std::os::unix::fs::MetadataExt as _;
        let stamp = |path: &Path| {
            let about = std::fs::metadata(path).ok()?;
            Some((about.modified().ok()?, about.len(), about.ino()))
        };
        self.paths().map(stamp).collect()
    }

    fn config(&self) -> Result<ServerConfig, TlsError> {
        let path = &self.certificate;
        let chain = certificates(path).map_err(|reason| TlsError::Certificate { path: path.clone(), reason })?;
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| TlsError::Key { path: self.key.clone(), reason: error.to_string() })?;
        let pair = |error: tokio_rustls::rustls::Error| TlsError::Pair(error.to_string());
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(pair)?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some((path, auth)) => {
                let wrong = |reason: String| TlsError::Authorities { path: path.clone(), reason };
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path).map_err(wrong)? {
                    roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match auth {
                    ClientAuth::Required => verifier,
                    ClientAuth::Optional => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(error.to_string()))?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// At least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() { Err("there is no certificate in it".to_owned()) } else { Ok(found) }
}

/// TLS, ready for use. A listener that runs with it reads its files again when they change; while they are wrong the
/// last good ones stay in use. Connections keep what they began with.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.0.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or they do not belong together.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(files.config()?));
        Ok(Self(Arc::new(Inner { files, config })))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.config.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The common name of the certificate that a client showed.
    pub(super) fn common_name(connection: &ServerConnection) -> Option<Arc<str>> {
        subject::common_name(connection.peer_certificates()?.first()?).map(Arc::from)
    }

    /// Reads the files again whenever one has changed, for ever.
    pub(super) async fn follow(&self) {
        let mut known = self.stamps().await;
        loop {
            tokio::time::sleep(LOOK).await;
            let stamps = self.stamps().await;
            if stamps == known {
                continue;
            }
            // A certificate and its key are two files: whoever is between them finds a pair that does not fit, and the
            // next look finds the other one changed too.
            known = stamps;
            self.reload().await;
        }
    }

    async fn stamps(&self) -> Vec<Option<(SystemTime, u64, u64)>> {
        let inner = self.0.clone();
        // A blocking call that was given up is a worker that ends.
        tokio::task::spawn_blocking(move || inner.files.stamps()).await.unwrap_or_default()
    }

    async fn reload(&self) {
        let inner = self.0.clone();
        let Ok(read) = tokio::task::spawn_blocking(move || inner.files.config()).await else { return };
        match read {
            Ok(config) => {
                *self.0.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!(certificate = %self.0.files.certificate.display(), "the new certificate is in use");
            }
            Err(error) => tracing::error!(%error, "the new certificate cannot be used; the last good one stays"),
        }
    }
}
