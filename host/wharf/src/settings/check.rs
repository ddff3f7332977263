//! `wharf config check`: as much of what is wrong as can be told at once.

use std::path::Path;

use anyhow::Context as _;
use toml::Table;

use super::{Settings, keys, raw};
use crate::cli::RunArgs;

/// What is wrong with a settings file, each on its own; empty where a worker would take it.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn check(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read the settings `{}`", path.display()))?;
    let mut table: Table = match toml::from_str(&text) {
        Ok(table) => table,
        // Where the text itself is broken nothing more can be said.
        Err(error) => return Ok(vec![error.to_string().trim_end().to_owned()]),
    };
    let mut wrong = keys::check(&table);
    forget_unknown(&mut table);
    // One section after the other is taken away until the rest is right. An error that no section has by itself comes
    // from several, and the others cannot be told from it.
    while let Err(error) = resolve(&table, path) {
        wrong.push(error.clone());
        let alone = |key: &String| {
            let one: Table = table.get(key).map(|value| (key.clone(), value.clone())).into_iter().collect();
            resolve(&one, path).is_err_and(|found| found == error)
        };
        let Some(culprit) = table.keys().find(|key| alone(key)).cloned() else { break };
        table.remove(&culprit);
    }
    Ok(wrong)
}

fn resolve(table: &Table, path: &Path) -> Result<(), String> {
    let raw: raw::File =
        table.clone().try_into().map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())?;
    // What a flag says is not known here, and nothing is started.
    Settings::resolve(&RunArgs::default(), raw, Some(path)).map(drop).map_err(|error| format!("{error:#}"))
}

/// They have been told.
fn forget_unknown(table: &mut Table) {
    let is_known = |key: &str| keys::known().any(|known| known == key);
    let is_section = |key: &str| keys::known().any(|known| known.split_once('.').is_some_and(|(it, _)| it == key));
    table.retain(|key, value| match value {
        toml::Value::Table(section) if is_section(key) => {
            section.retain(|inner, _| is_known(&format!("{key}.{inner}")));
            true
        }
        _ => is_known(key) && !is_section(key),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wharf.toml");
        std::fs::write(&file, text).unwrap();
        check(&file).unwrap()
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let found = wrong(
            "lisen = \"x\"\nshutdown-timeout-ms = \"soon\"\n[log]\nsegment-bytes = 1\nsinc = 1\n[tasks]\nmax-in-flight = 0\n",
        );
        for expected in
            ["`lisen`", "`log.sinc`", "`log.segment-bytes` is 1", "`tasks.max-in-flight` is 0", "expected u64"]
        {
            assert!(found.iter().any(|text| text.contains(expected)), "{expected} is not in {found:?}");
        }
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn a_good_file_has_nothing_wrong_and_a_broken_one_says_where() {
        assert!(wrong("").is_empty());
        assert!(wrong("[log]\nsync = \"none\"\n").is_empty());
        assert!(wrong("a = 1\nb = \n")[0].contains("line 2"));
    }
}
