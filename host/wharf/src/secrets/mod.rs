//! Secrets: the config providers that placeholders ask, and the key that seals what is stored.
//!
//! | placeholder | value |
//! |---|---|
//! | `${file:/run/secrets/db.properties:password}` | a key of a Java properties file below `file-roots` |
//! | `${dir:/run/secrets/db:password}` | the whole of a file below `dir-roots`, as Kubernetes mounts secrets |
//! | `${env:DB_PASSWORD}` | a variable of the worker's environment that `env-allow` names |
//!
//! Each is off until the operator says what it may give: whoever may create connectors could otherwise read whatever the
//! worker can.

mod files;
mod key;
mod names;
mod properties;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::secret::{Placeholder, SecretResolver};

pub(crate) use key::sealer;

/// What providers may give.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Files, and directories with files, that `file` may read.
    pub(crate) file_roots: Vec<PathBuf>,
    /// The same for `dir`.
    pub(crate) dir_roots: Vec<PathBuf>,
    /// Variables that `env` may read: names, or beginnings of names followed by `*`.
    pub(crate) env: Vec<String>,
    /// Directories and files that nobody reads whatever is allowed: the worker's own.
    pub(crate) denied: Vec<PathBuf>,
}

/// The providers `file`, `dir` and `env`.
#[derive(Debug, Clone)]
pub(crate) struct Providers(Arc<Allowed>);

impl Providers {
    pub(crate) fn new(allowed: Allowed) -> Self {
        Self(Arc::new(allowed))
    }

    /// Runs what reads files away from the threads that must not wait.
    async fn blocking<T: Send + 'static>(
        &self,
        wanted: &[Placeholder],
        read: impl FnOnce(&Allowed, Vec<Placeholder>) -> T + Send + 'static,
    ) -> Option<T> {
        let (allowed, wanted) = (self.0.clone(), wanted.to_vec());
        tokio::task::spawn_blocking(move || read(&allowed, wanted)).await.ok()
    }
}

#[async_trait]
impl SecretResolver for Providers {
    async fn resolve(&self, wanted: &[Placeholder]) -> Vec<Result<String, String>> {
        let read = |allowed: &Allowed, wanted: Vec<Placeholder>| {
            let mut opened = BTreeMap::new();
            wanted.iter().map(|it| value(allowed, it, &mut opened)).collect()
        };
        self.blocking(wanted, read).await.unwrap_or_default()
    }

    async fn stamp(&self, wanted: &[Placeholder]) -> u64 {
        let read = |allowed: &Allowed, wanted: Vec<Placeholder>| {
            let mut hasher = DefaultHasher::new();
            wanted.iter().for_each(|it| stamp(allowed, it).hash(&mut hasher));
            hasher.finish()
        };
        self.blocking(wanted, read).await.unwrap_or_default()
    }
}

type Opened = BTreeMap<String, Result<properties::Properties, String>>;

/// The value of one placeholder. A properties file that several ask for is read once, so that they see the same one.
fn value(allowed: &Allowed, wanted: &Placeholder, opened: &mut Opened) -> Result<String, String> {
    let Placeholder { provider, path, key } = wanted;
    match provider.as_str() {
        "file" => {
            if allowed.file_roots.is_empty() {
                return Err(off("file", "file-roots", "the directories that it may read files of"));
            }
            let read = || files::read(path, &allowed.file_roots, &allowed.denied, "file-roots");
            let file = opened.entry(path.clone()).or_insert_with(|| properties::parse(&read()?));
            let file = file.as_ref().map_err(String::clone)?;
            file.get(key).cloned().ok_or_else(|| format!("the file has no key `{key}`: add it, or name another"))
        }
        "dir" => {
            if allowed.dir_roots.is_empty() {
                return Err(off("dir", "dir-roots", "the directories that it may read files of"));
            }
            files::read(&in_directory(path, key)?, &allowed.dir_roots, &allowed.denied, "dir-roots")
        }
        "env" => {
            if allowed.env.is_empty() {
                return Err(off("env", "env-allow", "the variables that it may read, like DB_*"));
            }
            if !path.is_empty() {
                return Err("a variable has a name and no path: write ${env:NAME}".to_owned());
            }
            if !names::allows(&allowed.env, key) {
                return Err(
                    "`env-allow` of [secrets] in wharf.toml does not name this variable: add it there".to_owned()
                );
            }
            std::env::var(key).map_err(|error| match error {
                std::env::VarError::NotPresent => "the worker was started without this variable: set it".to_owned(),
                std::env::VarError::NotUnicode(_) => "the variable is not UTF-8".to_owned(),
            })
        }
        _ => Err(format!("there is no config provider `{provider}`: there are file, dir and env")),
    }
}

fn off(provider: &str, setting: &str, what: &str) -> String {
    format!("the provider `{provider}` is off: write {what} into `{setting}` of [secrets] in wharf.toml")
}

/// The path of a file in a directory; its name has no path in it.
fn in_directory(directory: &str, file: &str) -> Result<String, String> {
    if directory.is_empty() {
        return Err("write the directory and the name of a file in it: ${dir:/run/secrets/db:password}".to_owned());
    }
    if file.is_empty() || file == "." || file == ".." || file.contains('/') {
        return Err(format!("`{file}` is no name of a file: write ${{dir:directory:file}}"));
    }
    Ok(format!("{}/{file}", directory.trim_end_matches('/')))
}

/// What changes when the value may have.
fn stamp(allowed: &Allowed, wanted: &Placeholder) -> Option<files::Stamp> {
    match wanted.provider.as_str() {
        "file" => files::stamp(&wanted.path, &allowed.file_roots, &allowed.denied),
        "dir" => files::stamp(&in_directory(&wanted.path, &wanted.key).ok()?, &allowed.dir_roots, &allowed.denied),
        // The environment of a process does not change.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Placeholder {
        wharf_core::secret::placeholders(text).remove(0).1
    }

    async fn ask(allowed: &Allowed, text: &str) -> Result<String, String> {
        Providers::new(allowed.clone()).resolve(&[wanted(text)]).await.remove(0)
    }

    #[tokio::test]
    async fn each_provider_is_off_until_something_is_allowed() {
        for (text, setting) in
            [("${file:/a:b}", "`file-roots`"), ("${dir:/a:b}", "`dir-roots`"), ("${env:PATH}", "`env-allow`")]
        {
            let refusal = ask(&Allowed::default(), text).await.unwrap_err();
            assert!(refusal.contains("is off") && refusal.contains(setting), "{refusal}");
        }
        let refusal = ask(&Allowed::default(), "${vault:a:b}").await.unwrap_err();
        assert_eq!(refusal, "there is no config provider `vault`: there are file, dir and env");
    }

    #[tokio::test]
    async fn values_come_from_properties_whole_files_and_variables() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().to_str().unwrap().to_owned();
        std::fs::write(dir.path().join("db.properties"), "password = p\u{e4}ss\\u0021\nuser=me\n").unwrap();
        std::fs::write(dir.path().join("token"), "t0ken\n").unwrap();
        let allowed = Allowed {
            file_roots: vec![dir.path().into()],
            dir_roots: vec![dir.path().into()],
            env: vec!["PA*".into()],
            denied: Vec::new(),
        };
        assert_eq!(ask(&allowed, &format!("${{file:{root}/db.properties:password}}")).await.unwrap(), "p\u{e4}ss!");
        assert_eq!(ask(&allowed, &format!("${{dir:{root}:token}}")).await.unwrap(), "t0ken\n");
        assert_eq!(ask(&allowed, "${env:PATH}").await.unwrap(), std::env::var("PATH").unwrap());
        for (text, told) in [
            (format!("${{file:{root}/db.properties:nope}}"), "no key `nope`"),
            (format!("${{file:{root}/none:x}}"), "cannot be read"),
            (format!("${{dir:{root}:../token}}"), "no name of a file"),
            (format!("${{dir:{root}:none}}"), "cannot be read"),
            ("${env:HOME}".to_owned(), "does not name this variable"),
            ("${env:PATHOLOGICAL_NAME}".to_owned(), "started without"),
            ("${env:a:PATH}".to_owned(), "no path"),
        ] {
            let refusal = ask(&allowed, &text).await.unwrap_err();
            assert!(refusal.contains(told), "{text}: {refusal}");
        }
    }

    #[tokio::test]
    async fn a_replaced_file_has_another_stamp() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "one").unwrap();
        let allowed = Allowed { dir_roots: vec![dir.path().into()], ..Allowed::default() };
        let providers = Providers::new(allowed);
        let wanted = [wanted(&format!("${{dir:{}:token}}", dir.path().display()))];
        let before = providers.stamp(&wanted).await;
        assert_eq!(providers.stamp(&wanted).await, before);
        std::fs::write(dir.path().join("new"), "two").unwrap();
        std::fs::rename(dir.path().join("new"), &file).unwrap();
        assert_ne!(providers.stamp(&wanted).await, before);
    }
}
