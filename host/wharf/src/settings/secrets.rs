//! `[secrets]`: what placeholders may stand for, and the key that seals what is stored.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::secrets::Allowed;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Files, and directories with files, that `${file:…}` may read.
    pub(crate) file_roots: Vec<PathBuf>,
    /// The same for `${dir:…}`.
    pub(crate) dir_roots: Vec<PathBuf>,
    /// Variables that `${env:…}` may read.
    pub(crate) env_allow: Vec<String>,
    /// The key that seals stored secrets.
    pub(crate) key_file: Option<PathBuf>,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &["secrets.file-roots", "secrets.dir-roots", "secrets.env-allow", "secrets.key-file"];

/// The section, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secrets {
    pub(crate) allowed: Allowed,
    /// Absolute.
    pub(crate) key_file: PathBuf,
}

/// Checks the section. `data_dir`: where the key is unless another place is named, and what no provider reads.
pub(super) fn resolve(raw: &Raw, data_dir: &Path, beside_file: impl Fn(PathBuf) -> PathBuf) -> anyhow::Result<Secrets> {
    let absolute = |key: &str, path: &PathBuf| {
        let path = beside_file(path.clone());
        std::path::absolute(&path).with_context(|| format!("find out where `{}` of `{key}` is", path.display()))
    };
    let roots = |key: &str, paths: &[PathBuf]| {
        let roots: anyhow::Result<Vec<_>> = paths.iter().map(|path| absolute(key, path)).collect();
        match roots?.into_iter().find(|root| root.parent().is_none()) {
            Some(_) => bail!("`{key}` has \"/\", which is everything: name the directories that hold secrets"),
            None => paths.iter().map(|path| absolute(key, path)).collect::<anyhow::Result<Vec<_>>>(),
        }
    };
    for name in &raw.env_allow {
        let plain = name.strip_suffix('*').unwrap_or(name);
        if plain.is_empty() || plain.contains(['*', '=', ' ']) {
            bail!("`secrets.env-allow` has \"{name}\": write the name of a variable, or the beginning of one and a *");
        }
    }
    let key_file = match &raw.key_file {
        Some(path) => absolute("secrets.key-file", path)?,
        None => data_dir.join("secret.key"),
    };
    let allowed = Allowed {
        file_roots: roots("secrets.file-roots", &raw.file_roots)?,
        dir_roots: roots("secrets.dir-roots", &raw.dir_roots)?,
        env: raw.env_allow.clone(),
        denied: vec![data_dir.to_owned(), key_file.clone()],
    };
    Ok(Secrets { allowed, key_file })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Secrets> {
        resolve(&toml::from_str(text).unwrap(), Path::new("/data"), |path| Path::new("/etc/wharf").join(path))
    }

    #[test]
    fn nothing_is_allowed_where_nothing_is_written() {
        let secrets = read("").unwrap();
        let denied = vec![PathBuf::from("/data"), PathBuf::from("/data/secret.key")];
        assert_eq!(secrets.allowed, Allowed { denied, ..Allowed::default() });
        assert_eq!(secrets.key_file, Path::new("/data/secret.key"));
    }

    #[test]
    fn every_key_arrives_and_paths_are_beside_the_file() {
        let text =
            "file-roots = [\"secrets\"]\ndir-roots = [\"/run/s\"]\nenv-allow = [\"DB_*\", \"X\"]\nkey-file = \"k\"";
        let Secrets { allowed, key_file } = read(text).unwrap();
        assert_eq!(allowed.file_roots, [Path::new("/etc/wharf/secrets")]);
        assert_eq!((allowed.dir_roots, allowed.env.len()), (vec![PathBuf::from("/run/s")], 2));
        assert_eq!(key_file, Path::new("/etc/wharf/k"));
        assert!(allowed.denied.contains(&key_file));
    }

    #[test]
    fn what_would_allow_everything_is_refused() {
        for (text, told) in [
            ("file-roots = [\"/\"]", "`secrets.file-roots` has \"/\""),
            ("dir-roots = [\"/\"]", "`secrets.dir-roots` has \"/\""),
            ("env-allow = [\"*\"]", "`secrets.env-allow` has \"*\""),
            ("env-allow = [\"A*B\"]", "`secrets.env-allow` has \"A*B\""),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(told), "{error}");
        }
    }
}
