//! `wharf config …`: what a worker is told, and from where.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use wharf_core::secret::HIDDEN;

use super::args::{ConfigCommand, RunArgs, ShowArgs};
use super::exit::{Exit, Usage};
use super::output::Output;
use crate::settings::table::{self, Row};
use crate::settings::{DEFAULT_FILE, check, raw};

pub(crate) fn run(command: ConfigCommand, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Show(args) => show(&args, output).map(|()| Exit::Done.into()),
        ConfigCommand::Check { file } => run_check(file, output),
    }
}

fn run_check(file: Option<PathBuf>, output: &mut Output) -> anyhow::Result<ExitCode> {
    let file = file.unwrap_or_else(|| DEFAULT_FILE.into());
    let wrong = check::check(&file)?;
    let code = if wrong.is_empty() { Exit::Done } else { Exit::Failed };
    let name = file.display().to_string();
    if output.json {
        output.json(&json!({"file": name, "ok": wrong.is_empty(), "errors": wrong}))?;
        return Ok(code.into());
    }
    for error in &wrong {
        output.line(&format!("{name}: {error}"))?;
    }
    if wrong.is_empty() {
        output.line(&format!("{name} is as it should be"))?;
    }
    Ok(code.into())
}

fn show(args: &ShowArgs, output: &mut Output) -> anyhow::Result<()> {
    if args.markdown {
        for section in table::sections() {
            let title = if section.is_empty() { "wharf.toml" } else { section };
            output.line(&format!("### {title}\n\n{}", table::markdown(section)))?;
        }
        return Ok(());
    }
    let file = file(&args.run)?;
    let table = match &file {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("read the settings `{}`", path.display()))?;
            // What is unknown in it or makes no sense is said rather than left out.
            raw::File::parse(&text).with_context(|| format!("read the settings `{}`", path.display()))?;
            toml::from_str(&text).with_context(|| format!("read the settings `{}`", path.display()))?
        }
        None => toml::Table::new(),
    };
    let wanted = |key: &str| match &args.prefix {
        Some(prefix) => key.starts_with(prefix.as_str()),
        None => true,
    };
    let given = Given { args: &args.run, file: file.as_deref(), table: &table };
    let keys: Vec<&str> = table::keys_and_others().into_iter().filter(|key| wanted(key)).collect();
    if keys.is_empty() {
        let prefix = args.prefix.as_deref().unwrap_or_default();
        return Err(Usage(format!("no key begins with `{prefix}`: see `wharf config show`")).into());
    }
    if output.json {
        let all = keys.iter().map(|key| {
            let (value, from) = given.value(key);
            let row = table::find(key);
            json!({
                "key": key, "value": value, "from": from,
                "type": row.map(|row| row.kind), "unit": row.map(Row::unit).filter(|unit| !unit.is_empty()),
                "default": row.map(|row| row.default.text()), "doc": row.map(|row| row.doc),
            })
        });
        return Ok(output.json(&all.collect())?);
    }
    let rows = keys.iter().map(|key| {
        let (value, from) = given.value(key);
        let (unit, doc) = table::find(key).map_or(("", ""), |row| (row.unit(), row.doc));
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        vec![(*key).to_owned(), value, unit.to_owned(), from, doc.to_owned()]
    });
    Ok(output.table(&["KEY", "VALUE", "UNIT", "FROM", "MEANING"], rows.collect())?)
}

fn file(args: &RunArgs) -> anyhow::Result<Option<PathBuf>> {
    match &args.config {
        Some(path) if !path.exists() => anyhow::bail!("there is no settings file `{}`", path.display()),
        Some(path) => Ok(Some(path.clone())),
        None => Ok(Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists())),
    }
}

/// Everything that a worker is told.
struct Given<'a> {
    args: &'a RunArgs,
    file: Option<&'a Path>,
    table: &'a toml::Table,
}

impl Given<'_> {
    /// The value in force, and where it comes from.
    fn value(&self, key: &str) -> (Value, String) {
        let row = table::find(key);
        if let Some((value, (flag, env))) = self.of_args(key).zip(row.and_then(|row| row.flag)) {
            // They are merged by the time they come here; one that says what the other says is as good.
            let is_env = std::env::var(env).is_ok_and(|set| set == value);
            return (value.into(), if is_env { env } else { flag }.to_owned());
        }
        let found = match key.split_once('.') {
            Some((section, inner)) => self.table.get(section).and_then(|section| section.get(inner)),
            None => self.table.get(key),
        };
        match found {
            Some(_) if table::is_secret(key) => (HIDDEN.into(), self.file_name()),
            Some(found) => (serde_json::to_value(found).unwrap_or_default(), self.file_name()),
            None => {
                let default = match row.map(|row| row.default) {
                    Some(table::Preset::Is(text)) => parsed(text),
                    Some(table::Preset::Says(text)) => text.replace('`', "").into(),
                    None => Value::Null,
                };
                (default, "default".to_owned())
            }
        }
    }

    fn file_name(&self) -> String {
        self.file.map(|file| file.display().to_string()).unwrap_or_default()
    }

    /// What a flag or an environment variable says.
    fn of_args(&self, key: &str) -> Option<String> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        match key {
            "data-dir" => path(&self.args.data_dir),
            "plugins-dir" => path(&self.args.plugins_dir),
            "connectors-dir" => path(&self.args.connectors_dir),
            "listen" => self.args.listen.map(|listen| listen.to_string()),
            _ => None,
        }
    }
}

/// A default of the table, which is TOML.
fn parsed(text: &str) -> Value {
    let table: Option<toml::Table> = toml::from_str(&format!("it = {text}")).ok();
    let value = table.as_ref().and_then(|table| table.get("it"));
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_source_is_told() {
        let table = toml::from_str("listen = \"127.0.0.1:1\"\n[log]\nsegment-bytes = 2097152").unwrap();
        let args = RunArgs { data_dir: Some("/flag".into()), ..RunArgs::default() };
        let given = Given { args: &args, file: Some(Path::new("w.toml")), table: &table };
        let from = |key: &str| given.value(key);
        assert_eq!(from("data-dir"), ("/flag".into(), "--data-dir".to_owned()));
        assert_eq!(from("listen"), ("127.0.0.1:1".into(), "w.toml".to_owned()));
        assert_eq!(from("log.segment-bytes"), (2_097_152.into(), "w.toml".to_owned()));
        assert_eq!(from("log.sync"), ("group".into(), "default".to_owned()));
        assert_eq!(from("log.retention-ms"), ("keep all".into(), "default".to_owned()));
        assert_eq!(from("egress.allow"), (json!([]), "default".to_owned()));
    }
}
