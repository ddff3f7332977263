//! `wharf token …`: who may use a worker's REST API.
//!
//! These commands write the worker's file; they need no worker, and one that runs follows within a second or two. They
//! must run as the user that the worker runs as, on its machine.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::{Value, json};
use wharf_core::access::{Principal, Role};

use super::output::Output;
use crate::access::{AccessFile, Entry, check_name, check_pattern, hash_password, new_token, token_digest};
use crate::settings::Settings;

/// A shorter password is guessed.
const LEAST_CHARS: usize = 8;
/// A longer one is a file.
const MOST_BYTES: u64 = 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print it; it is shown this once
    Create {
        /// Whose it is: what the audit will call its bearer
        #[arg(value_parser = name)]
        name: String,
        /// What it may do: read, operate or admin
        #[arg(long, value_parser = role, value_name = "ROLE")]
        role: Role,
        #[command(flatten)]
        reach: Reach,
        #[command(flatten)]
        place: Place,
    },
    /// All entries of the file: tokens, users and client certificates
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Forget an entry, with its token and its password
    Revoke {
        /// Whose
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Set the password of a user, which is read from stdin; a new user needs --role
    Password {
        /// The user
        #[arg(value_parser = name)]
        name: String,
        /// What the user may do: read, operate or admin
        #[arg(long, value_parser = role, value_name = "ROLE")]
        role: Option<Role>,
        #[command(flatten)]
        reach: Reach,
        #[command(flatten)]
        place: Place,
    },
}

/// Which connectors an entry may touch.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Reach {
    /// Only these connectors: names, in which `*` stands for anything, separated by commas [default: all]
    #[arg(long, value_delimiter = ',', value_parser = pattern, value_name = "PATTERN")]
    connectors: Vec<String>,
}

/// Where the file is.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Place {
    /// The worker's settings file [default: ./wharf.toml if it is there]
    #[arg(long, env = "WHARF_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The worker's data directory [default: ./wharf-data]
    #[arg(long, env = "WHARF_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    fn file(&self) -> anyhow::Result<PathBuf> {
        Settings::tokens_file(self.config.as_deref(), self.data_dir.as_deref())
    }
}

fn name(text: &str) -> Result<String, String> {
    check_name(text).map(|()| text.to_owned())
}

fn pattern(text: &str) -> Result<String, String> {
    check_pattern(text).map(|()| text.to_owned())
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|error: wharf_core::access::NoSuchRole| error.to_string())
}

pub(crate) fn run(command: TokenCommand, output: &mut Output) -> anyhow::Result<()> {
    match command {
        TokenCommand::Create { name, role, reach, place } => create(&name, role, reach, &place, output),
        TokenCommand::List { place } => list(&place, output),
        TokenCommand::Revoke { name, place } => revoke(&name, &place, output),
        TokenCommand::Password { name, role, reach, place } => password(&name, role, reach, &place, output),
    }
}

fn patterns(reach: Reach) -> Vec<String> {
    if reach.connectors.is_empty() { vec!["*".to_owned()] } else { reach.connectors }
}

fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

fn create(name: &str, role: Role, reach: Reach, place: &Place, output: &mut Output) -> anyhow::Result<()> {
    let token = new_token()?;
    let principal = Principal::new(name, role, patterns(reach));
    let path = place.file()?;
    AccessFile::change(&path, |file| {
        if file.find(name).is_some() {
            bail!("there is an entry `{name}` already: revoke it first, or take another name");
        }
        let token = Some(token_digest(&token));
        file.entries.push(Entry { principal, token, password: None, certificate: false, created: now() });
        Ok(())
    })?;
    if output.json {
        return Ok(output.json(&json!({"name": name, "role": role.as_str(), "token": token}))?);
    }
    Ok(output.line(&token)?)
}

fn list(place: &Place, output: &mut Output) -> anyhow::Result<()> {
    let path = place.file()?;
    let file = AccessFile::read(&path)?.unwrap_or_default();
    let known_by = |entry: &Entry| {
        let kinds = [
            ("token", entry.token.is_some()),
            ("password", entry.password.is_some()),
            ("certificate", entry.certificate),
        ];
        kinds.into_iter().filter(|(_, has)| *has).map(|(kind, _)| kind).collect::<Vec<_>>()
    };
    if output.json {
        let entries = file.entries.iter().map(|entry| {
            let Entry { principal, created, .. } = entry;
            let (role, connectors) = (principal.role().as_str(), principal.connectors());
            json!({"name": principal.name(), "role": role, "connectors": connectors, "known-by": known_by(entry),
                "created": created})
        });
        return Ok(output.json(&Value::Array(entries.collect()))?);
    }
    if file.entries.is_empty() {
        let path = path.display();
        return Ok(output.line(&format!("nobody is in {path}; `wharf token create NAME --role admin` makes a token"))?);
    }
    let rows = file.entries.iter().map(|entry| {
        let Entry { principal, created, .. } = entry;
        let (name, role) = (principal.name().to_owned(), principal.role().to_string());
        vec![name, role, principal.connectors().join(","), known_by(entry).join(","), created.clone()]
    });
    Ok(output.table(&["NAME", "ROLE", "CONNECTORS", "KNOWN BY", "CREATED"], rows.collect())?)
}

fn revoke(name: &str, place: &Place, output: &mut Output) -> anyhow::Result<()> {
    AccessFile::change(&place.file()?, |file| {
        let before = file.entries.len();
        file.entries.retain(|entry| entry.principal.name() != name);
        if file.entries.len() == before {
            bail!("there is no entry `{name}`: `wharf token list` shows those there are");
        }
        Ok(())
    })?;
    if output.json {
        return Ok(output.json(&json!({"name": name, "done": "revoked"}))?);
    }
    Ok(output.line(&format!("{name} is revoked; a worker that runs follows within two seconds"))?)
}

fn password(name: &str, role: Option<Role>, reach: Reach, place: &Place, output: &mut Output) -> anyhow::Result<()> {
    let path = place.file()?;
    let hash = hash_password(&read_password()?)?;
    AccessFile::change(&path, |file| {
        let Some(entry) = file.entries.iter_mut().find(|entry| entry.principal.name() == name) else {
            let Some(role) = role else { bail!("`{name}` is new: say what they may do with --role") };
            let principal = Principal::new(name, role, patterns(reach));
            let entry = Entry { principal, token: None, password: Some(hash), certificate: false, created: now() };
            file.entries.push(entry);
            return Ok(());
        };
        let old = &entry.principal;
        let connectors = if reach.connectors.is_empty() { old.connectors().to_vec() } else { reach.connectors };
        entry.principal = Principal::new(name, role.unwrap_or_else(|| old.role()), connectors);
        entry.password = Some(hash);
        Ok(())
    })?;
    if output.json {
        return Ok(output.json(&json!({"name": name, "done": "password set"}))?);
    }
    Ok(output.line(&format!("the password of {name} is set; a worker that runs follows within two seconds"))?)
}

/// The first line of stdin.
fn read_password() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        bail!("the password is read from stdin, where it is not shown: `wharf token password NAME < FILE`");
    }
    let mut text = String::new();
    std::io::stdin().take(MOST_BYTES).read_to_string(&mut text).context("read the password from stdin")?;
    check_password(text.lines().next().unwrap_or_default())
}

fn check_password(password: &str) -> anyhow::Result<String> {
    if password.chars().count() < LEAST_CHARS {
        bail!("the password is too short: write at least {LEAST_CHARS} characters on the first line of stdin");
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: TokenCommand,
    }

    fn parsed(words: &[&str]) -> Result<TokenCommand, String> {
        let line = Line::try_parse_from(["token"].iter().chain(words));
        line.map(|line| line.command).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_is_made_with_a_role_and_patterns() {
        let words = ["create", "ci", "--role", "operate", "--connectors", "pg-*,files"];
        let Ok(TokenCommand::Create { name, role, reach, .. }) = parsed(&words) else { panic!("it is not understood") };
        assert_eq!((name.as_str(), role), ("ci", Role::Operate));
        assert_eq!(reach.connectors, ["pg-*", "files"]);
    }

    #[test]
    fn what_cannot_be_right_is_refused_before_anything_is_written() {
        assert!(parsed(&["create", "ci"]).unwrap_err().contains("--role"));
        assert!(parsed(&["create", "ci", "--role", "root"]).unwrap_err().contains("write read, operate or admin"));
        assert!(parsed(&["create", "a:b", "--role", "read"]).unwrap_err().contains("cannot be a name"));
        assert!(check_password("1234567").is_err() && check_password("12345678").is_ok());
    }
}
