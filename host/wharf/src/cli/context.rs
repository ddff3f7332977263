//! `wharf context …`: workers by name, and which of them a command talks to.
//!
//! `contexts.toml` stands in `$XDG_CONFIG_HOME/wharf` (or `~/.config/wharf`), for its owner only, because it holds tokens:
//!
//! ```toml
//! current = "prod"
//! [contexts.prod]
//! url = "https://wharf.example.com:8083"
//! token = "…"
//! ca-file = "/etc/ssl/our-ca.pem"
//! ```
//!
//! Which worker: `--url`, else `--context`, else `WHARF_URL`, else `WHARF_CONTEXT`, else the current context, else this
//! machine. A URL that was named comes without the credentials of any context, so that they go to nobody else; flags and
//! environment variables for credentials win over a context's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::args::{ContextCommand, Global, SetContextArgs};
use super::connection::Connection;
use super::exit;
use super::output::Output;

const LOCAL: &str = "http://127.0.0.1:8083";

/// The file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Contexts {
    current: Option<String>,
    contexts: BTreeMap<String, Saved>,
}

/// A worker, and how it is reached.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Saved {
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_certificate: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_key: Option<PathBuf>,
}

/// Shows where it leads and not what opens the door.
impl std::fmt::Debug for Saved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saved").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Environment variables, as far as they matter here.
type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Which worker to talk to, and as whom.
///
/// # Errors
/// When the context is not known, or the file of contexts cannot be read.
pub(crate) fn connection(global: &Global) -> anyhow::Result<Connection> {
    choose(global, &environment, || Contexts::load(&path(&environment)?))
}

fn choose(
    global: &Global,
    env: Env<'_>,
    contexts: impl FnOnce() -> anyhow::Result<Contexts>,
) -> anyhow::Result<Connection> {
    let given = |url: &str| Connection::new(url, &global.connection);
    let named = match (&global.url, &global.context) {
        (Some(url), _) => return Ok(given(url)),
        (None, Some(name)) => Some(name.clone()),
        (None, None) => {
            if let Some(url) = env("WHARF_URL") {
                return Ok(given(&url));
            }
            env("WHARF_CONTEXT")
        }
    };
    let Contexts { current, mut contexts } = contexts()?;
    let Some(name) = named.or(current) else { return Ok(given(LOCAL)) };
    let Some(saved) = contexts.remove(&name) else { return Err(unknown(&name, &contexts)) };
    let mut connection = given(&saved.url);
    // Who names himself is not somebody else as well.
    if connection.token.is_none() && connection.user.is_none() {
        connection.token = saved.token;
        connection.user = saved.user;
        connection.password = connection.password.or(saved.password);
    }
    connection.ca_file = connection.ca_file.or(saved.ca_file);
    if connection.client_certificate.is_none() && connection.client_key.is_none() {
        connection.client_certificate = saved.client_certificate;
        connection.client_key = saved.client_key;
    }
    Ok(connection)
}

fn unknown(name: &str, contexts: &BTreeMap<String, Saved>) -> anyhow::Error {
    let known: Vec<&str> = contexts.keys().map(String::as_str).collect();
    let hint = match known.as_slice() {
        [] => format!("there are none; `wharf context set {name} --url URL` makes it"),
        known => format!("there are {}", known.join(", ")),
    };
    anyhow::Error::new(exit::Usage(format!("there is no context `{name}`: {hint}")))
}

fn path(env: Env<'_>) -> anyhow::Result<PathBuf> {
    let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let config = config.context("there is no place for contexts: set HOME or XDG_CONFIG_HOME")?;
    Ok(config.join("wharf").join("contexts.toml"))
}

impl Contexts {
    fn load(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(anyhow!(error).context(format!("read the contexts in `{}`", path.display()))),
        };
        let contexts: Self =
            toml::from_str(&text).map_err(|error| anyhow!("`{}`: {}", path.display(), error.to_string().trim_end()))?;
        let mode = fs::metadata(path).map(|metadata| metadata.mode()).unwrap_or_default();
        let has_secret = contexts.contexts.values().any(|saved| saved.token.is_some() || saved.password.is_some());
        if has_secret && mode & 0o077 != 0 {
            let path = path.display();
            bail!("`{path}` holds tokens, and others than you may read it: run `chmod 600 {path}`");
        }
        Ok(contexts)
    }

    /// Whole or not at all, and for its owner only.
    fn save(&self, path: &Path) -> anyhow::Result<()> {
        let what = || format!("write the contexts to `{}`", path.display());
        let folder = path.parent().with_context(what)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(what)?;
        let half = path.with_extension(format!("toml.{}", std::process::id()));
        let open = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&half);
        let written = open.and_then(|mut file| {
            file.write_all(self.text().as_bytes())?;
            file.sync_all()
        });
        let done = written.and_then(|()| fs::rename(&half, path));
        if done.is_err() {
            fs::remove_file(&half).ok();
        }
        done.with_context(what)
    }

    /// The `toml` crate is built without its writer; the text of a JSON string is one of TOML too.
    fn text(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f");
        let mut text = String::from("# Written by `wharf context`. It holds tokens: keep it to yourself.\n");
        if let Some(current) = &self.current {
            text.push_str(&format!("current = {}\n", quoted(current)));
        }
        for (name, saved) in &self.contexts {
            text.push_str(&format!("\n[contexts.{}]\n", quoted(name)));
            let saved = serde_json::to_value(saved).unwrap_or_default();
            for (key, value) in saved.as_object().into_iter().flatten() {
                text.push_str(&format!("{key} = {}\n", quoted(value.as_str().unwrap_or_default())));
            }
        }
        text
    }
}

pub(crate) fn run(command: ContextCommand, global: &Global, output: &mut Output) -> anyhow::Result<()> {
    let path = path(&environment)?;
    let mut all = Contexts::load(&path)?;
    match command {
        ContextCommand::List => list(&all, output),
        ContextCommand::Current => {
            let Some(name) = global.context.clone().or_else(|| environment("WHARF_CONTEXT")).or(all.current) else {
                bail!("no context is in use: `wharf context use NAME` chooses one");
            };
            let url = all.contexts.get(&name).ok_or_else(|| unknown(&name, &all.contexts))?.url.clone();
            if output.json {
                return Ok(output.json(&json!({"name": name, "url": url}))?);
            }
            Ok(output.line(&name)?)
        }
        ContextCommand::Use { name } => {
            if !all.contexts.contains_key(&name) {
                return Err(unknown(&name, &all.contexts));
            }
            all.current = Some(name.clone());
            all.save(&path)?;
            said(&name, "in use", output)
        }
        ContextCommand::Set(SetContextArgs { name, make_current }) => {
            set(&mut all, &name, make_current, global)?;
            all.save(&path)?;
            said(&name, if make_current { "saved and in use" } else { "saved" }, output)
        }
        ContextCommand::Delete { name } => {
            if all.contexts.remove(&name).is_none() {
                return Err(unknown(&name, &all.contexts));
            }
            all.current = all.current.filter(|current| *current != name);
            all.save(&path)?;
            said(&name, "deleted", output)
        }
    }
}

fn said(name: &str, done: &str, output: &mut Output) -> anyhow::Result<()> {
    if output.json {
        return Ok(output.json(&json!({"name": name, "done": done}))?);
    }
    Ok(output.line(&format!("context {name} {done}"))?)
}

fn set(all: &mut Contexts, name: &str, make_current: bool, global: &Global) -> anyhow::Result<()> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(anyhow::Error::new(exit::Usage("a context needs a name of plain characters".to_owned())));
    }
    let mut saved = all.contexts.get(name).cloned().unwrap_or_default();
    if let Some(url) = &global.url {
        saved.url.clone_from(url);
    }
    if saved.url.is_empty() {
        return Err(anyhow::Error::new(exit::Usage(format!("where does `{name}` answer? Add --url URL"))));
    }
    let given = Connection::new(&saved.url, &global.connection);
    saved.token = given.token.or(saved.token);
    saved.password = given.password.filter(|_| given.user.is_some()).or(saved.password);
    saved.user = given.user.or(saved.user);
    // A relative path means another file in another directory.
    let absolute = |path: Option<PathBuf>| path.map(|path| std::path::absolute(&path)).transpose();
    saved.ca_file = absolute(given.ca_file)?.or(saved.ca_file);
    saved.client_certificate = absolute(given.client_certificate)?.or(saved.client_certificate);
    saved.client_key = absolute(given.client_key)?.or(saved.client_key);
    all.contexts.insert(name.to_owned(), saved);
    if make_current {
        all.current = Some(name.to_owned());
    }
    Ok(())
}

fn list(all: &Contexts, output: &mut Output) -> anyhow::Result<()> {
    let is_current = |name: &str| all.current.as_deref() == Some(name);
    if output.json {
        let contexts = all.contexts.iter().map(|(name, saved)| {
            let has_token = saved.token.is_some() || saved.password.is_some();
            json!({"name": name, "url": saved.url, "user": saved.user, "current": is_current(name),
                   "has_secret": has_token})
        });
        return Ok(output.json(&contexts.collect())?);
    }
    if all.contexts.is_empty() {
        return Ok(output.line("no contexts; make one with `wharf context set NAME --url URL`")?);
    }
    let rows = all.contexts.iter().map(|(name, saved)| {
        let mark = if is_current(name) { "*" } else { "" };
        let by = match saved {
            Saved { token: Some(_), .. } => "token".to_owned(),
            Saved { user: Some(user), .. } => format!("user {user}"),
            Saved { client_certificate: Some(_), .. } => "certificate".to_owned(),
            _ => "-".to_owned(),
        };
        vec![mark.to_owned(), name.clone(), saved.url.clone(), by]
    });
    Ok(output.table(&["", "NAME", "URL", "LET IN BY"], rows.collect())?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::cli::args::Args;
    use clap::Parser as _;

    fn saved(url: &str, token: Option<&str>) -> Saved {
        Saved { url: url.to_owned(), token: token.map(str::to_owned), ..Saved::default() }
    }

    fn contexts() -> Contexts {
        let contexts = [("a".to_owned(), saved("http://a", Some("ta"))), ("b".to_owned(), saved("http://b", None))];
        Contexts { current: Some("a".to_owned()), contexts: contexts.into() }
    }

    fn chosen(flags: &[&str], env: &[(&str, &str)]) -> anyhow::Result<(String, Option<String>)> {
        let args = Args::parse_from([&["wharf", "connector", "list"], flags].concat());
        let get = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let connection = choose(&args.global, &get, || Ok(contexts()))?;
        Ok((connection.url, connection.token))
    }

    #[test]
    fn what_is_nearer_wins() {
        let both = [("WHARF_URL", "http://env"), ("WHARF_CONTEXT", "b")];
        let found = |flags: &[&str], env: &[(&str, &str)]| chosen(flags, env).unwrap().0;
        assert_eq!(found(&["--url", "http://flag", "--context", "b"], &both), "http://flag");
        assert_eq!(found(&["--context", "a"], &both), "http://a");
        assert_eq!(found(&[], &both), "http://env");
        assert_eq!(found(&[], &both[1..]), "http://b");
        assert_eq!(found(&[], &[]), "http://a");
        let error = chosen(&["--context", "c"], &[]).unwrap_err();
        assert_eq!(error.to_string(), "there is no context `c`: there are a, b");
        assert_eq!(exit::Exit::of(&error), exit::Exit::Usage);
    }

    #[test]
    fn a_token_goes_to_its_own_worker_only() {
        assert_eq!(chosen(&[], &[]).unwrap(), ("http://a".to_owned(), Some("ta".to_owned())));
        assert_eq!(chosen(&["--url", "http://x"], &[]).unwrap().1, None);
        assert_eq!(chosen(&[], &[("WHARF_URL", "http://x")]).unwrap().1, None);
        assert_eq!(chosen(&["--token", "mine"], &[]).unwrap().1.as_deref(), Some("mine"));
    }

    #[test]
    fn the_file_is_read_as_it_was_written_and_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wharf").join("contexts.toml");
        let mut all = contexts();
        all.contexts.insert("odd \" name.\u{7f}".to_owned(), saved("http://\u{1}ü\\", None));
        all.save(&path).unwrap();
        assert_eq!(Contexts::load(&path).unwrap(), all);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Contexts::load(&path).unwrap_err().to_string().contains("chmod 600"));
        assert_eq!(Contexts::load(&folder.path().join("none")).unwrap(), Contexts::default());
    }

    #[test]
    fn a_context_is_made_and_changed_key_by_key() {
        let mut all = Contexts::default();
        let mut run = |flags: &[&str]| {
            let args = Args::parse_from([&["wharf", "context", "list"], flags].concat());
            set(&mut all, "new", true, &args.global).map(|()| all.contexts["new"].clone())
        };
        assert!(run(&[]).unwrap_err().to_string().contains("--url URL"));
        assert_eq!(run(&["--url", "http://n"]).unwrap().url, "http://n");
        let changed = run(&["--token", "t", "--ca-file", "ca.pem"]).unwrap();
        assert_eq!((changed.url.as_str(), changed.token.as_deref()), ("http://n", Some("t")));
        assert!(changed.ca_file.unwrap().is_absolute());
        assert_eq!(all.current.as_deref(), Some("new"));
    }
}
