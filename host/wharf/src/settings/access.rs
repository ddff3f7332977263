//! `[access]`: who may use the REST API.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `tokens-file` | `access.toml` in the data directory | the file that `wharf token` writes |
//! | `client-certificates` | `"admin"` | the role of a client certificate that `tls.client-ca` accepts and the file does not name: `"none"`, `"read"`, `"operate"` or `"admin"` |

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Deserialize;
use wharf_api::listen::TlsFiles;
use wharf_core::access::Role;

use crate::access::{AccessFile, Door};

/// In the data directory.
const FILE: &str = "access.toml";

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// The file of tokens.
    pub(crate) tokens_file: Option<PathBuf>,
    /// The role of client certificates.
    pub(crate) client_certificates: Option<Certificates>,
}

/// The role of client certificates that the file does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Certificates {
    /// They are nobody's.
    None,
    /// They may look.
    Read,
    /// They may look, pause, resume, stop and restart.
    Operate,
    /// They may do everything.
    Admin,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &["access.tokens-file", "access.client-certificates"];

/// Where the file of tokens is. `data_dir` is absolute.
pub(super) fn file(raw: &Raw, data_dir: &Path, beside_file: impl Fn(PathBuf) -> PathBuf) -> PathBuf {
    raw.tokens_file.clone().map_or_else(|| data_dir.join(FILE), beside_file)
}

/// What a worker is told. It refuses to run where strangers could do what they like.
pub(super) fn resolve(
    raw: &Raw,
    file: PathBuf,
    listen: SocketAddr,
    tls: Option<&TlsFiles>,
    is_insecure: bool,
) -> anyhow::Result<Door> {
    let takes_certificates = tls.is_some_and(|tls| tls.clients.is_some());
    let certificates = match raw.client_certificates {
        Some(_) if !takes_certificates => {
            bail!("`access.client-certificates` has no effect without `client-ca` in [tls]: write it there");
        }
        Some(Certificates::None) => None,
        Some(Certificates::Read) => Some(Role::Read),
        Some(Certificates::Operate) => Some(Role::Operate),
        Some(Certificates::Admin) => Some(Role::Admin),
        None => takes_certificates.then_some(Role::Admin),
    };
    let is_local = listen.ip().is_loopback();
    let may_be_open = !takes_certificates && (is_local || is_insecure);
    let has_entries = AccessFile::read(&file)?.is_some_and(|file| !file.entries.is_empty());
    if !may_be_open && !takes_certificates && !has_entries {
        bail!(
            "`{listen}` can be reached from other machines, and nobody is asked who they are: whoever reaches it can \
             create connectors that read and write files. Make a token (`wharf token create NAME --role admin`), set \
             `client-ca` in [tls], listen on 127.0.0.1, or add --insecure where something else keeps strangers out"
        );
    }
    Ok(Door { file, certificates, may_be_open })
}

#[cfg(test)]
mod tests {
    use wharf_api::listen::ClientAuth;

    use super::*;

    fn tls(clients: bool) -> TlsFiles {
        let clients = clients.then(|| ("ca".into(), ClientAuth::Required));
        TlsFiles { certificate: "c".into(), key: "k".into(), clients }
    }

    fn door(text: &str, listen: &str, tls: Option<&TlsFiles>, file: &Path, insecure: bool) -> anyhow::Result<Door> {
        resolve(&toml::from_str(text).unwrap(), file.to_owned(), listen.parse().unwrap(), tls, insecure)
    }

    #[test]
    fn loopback_may_be_open_and_the_world_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let open = |listen, tls: Option<&TlsFiles>, insecure| {
            door("", listen, tls, &file, insecure).map(|door| door.may_be_open).map_err(|error| error.to_string())
        };
        assert_eq!(open("127.0.0.1:1", None, false), Ok(true));
        assert_eq!(open("[::1]:1", Some(&tls(false)), false), Ok(true));
        assert_eq!(open("127.0.0.1:1", Some(&tls(true)), false), Ok(false), "who asks for certificates asks");
        assert_eq!(open("0.0.0.0:1", None, true), Ok(true));
        assert_eq!(open("0.0.0.0:1", Some(&tls(true)), false), Ok(false));
        for tls in [None, Some(&tls(false))] {
            let refusal = open("0.0.0.0:1", tls, false).unwrap_err();
            assert!(refusal.contains("wharf token create") && refusal.contains("add --insecure"), "{refusal}");
        }
        let entry = "[[entry]]\nname = \"a\"\nrole = \"read\"\ncertificate = true";
        std::fs::write(&file, "").unwrap();
        open("0.0.0.0:1", None, false).unwrap_err();
        std::fs::write(&file, entry).unwrap();
        assert_eq!(open("0.0.0.0:1", None, false), Ok(false));
        std::fs::write(&file, "[[entry]").unwrap();
        open("127.0.0.1:1", None, false).unwrap_err();
    }

    #[test]
    fn certificates_may_do_everything_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let role = |text: &str| door(text, "0.0.0.0:1", Some(&tls(true)), &file, false).unwrap().certificates;
        assert_eq!((role(""), role("client-certificates = \"none\"")), (Some(Role::Admin), None));
        assert_eq!(role("client-certificates = \"read\""), Some(Role::Read));
        let refusal = door("client-certificates = \"read\"", "127.0.0.1:1", None, &file, false).unwrap_err();
        assert!(refusal.to_string().contains("`client-ca` in [tls]"));
    }

    #[test]
    fn the_file_is_in_the_data_directory_unless_it_is_named() {
        let beside = |path: PathBuf| Path::new("/etc/wharf").join(path);
        assert_eq!(file(&Raw::default(), Path::new("/data"), beside), Path::new("/data/access.toml"));
        let raw = Raw { tokens_file: Some("who.toml".into()), ..Raw::default() };
        assert_eq!(file(&raw, Path::new("/data"), beside), Path::new("/etc/wharf/who.toml"));
    }
}
