//! The key that seals secrets in the store: a file of its own, made at the first start.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use wharf_store::Sealer;

/// The sealer with the key of the file, which is made where there is none.
pub(crate) fn sealer(path: &Path) -> anyhow::Result<Arc<Sealer>> {
    let key = match read(path)? {
        Some(key) => key,
        None => make(path).with_context(|| format!("make the key file `{}`", path.display()))?,
    };
    Ok(Arc::new(Sealer::new(&key)))
}

fn read(path: &Path) -> anyhow::Result<Option<[u8; Sealer::KEY_BYTES]>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("open the key file `{}`", path.display())),
    };
    let about = file.metadata().with_context(|| format!("look at the key file `{}`", path.display()))?;
    if about.permissions().mode() & 0o077 != 0 {
        bail!(
            "the key file `{}` may be read by others, and it opens every stored secret: run chmod 600 on it",
            path.display()
        );
    }
    let mut text = String::new();
    let read = file.take(1024).read_to_string(&mut text);
    read.with_context(|| format!("read the key file `{}`", path.display()))?;
    let key = STANDARD.decode(text.trim()).ok().and_then(|bytes| <[u8; Sealer::KEY_BYTES]>::try_from(bytes).ok());
    match key {
        Some(key) => Ok(Some(key)),
        None => bail!(
            "the key file `{}` holds no key: it is one line of base64 with {} bytes. Put the right file back; without it \
             stored secrets are lost, and a new one is made where the file is not there",
            path.display(),
            Sealer::KEY_BYTES
        ),
    }
}

/// Written beside, made durable, and then put in its place, so that a key is never there in part, nor secrets sealed with
/// one that a crash takes away.
fn make(path: &Path) -> anyhow::Result<[u8; Sealer::KEY_BYTES]> {
    let mut key = [0; Sealer::KEY_BYTES];
    SystemRandom::new().fill(&mut key).ok().context("the system gives no random bytes")?;
    let directory = path.parent().context("it has no directory")?;
    std::fs::create_dir_all(directory)?;
    let beside = path.with_extension("new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(directory)?.sync_all()?;
    tracing::info!(path = %path.display(), "a key that seals stored secrets is made; keep it as you keep the secrets");
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/secret.key");
        assert_eq!(read(&path).unwrap(), None);
        let made = make(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Some(made));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        sealer(&path).unwrap();
        assert_eq!(read(&path).unwrap(), Some(made));
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret.key");
        make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(sealer(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "c2hvcnQ=\n").unwrap();
        assert!(sealer(&path).unwrap_err().to_string().contains("holds no key"));
    }
}
