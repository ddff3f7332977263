//! `wharf completions` and `wharf man`: made from the command line's own description.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use super::args::Args;
use super::output::Output;

pub(crate) fn completions(shell: Shell, output: &mut Output) -> anyhow::Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "wharf", &mut text);
    Ok(output.bytes(&text)?)
}

/// The page of `wharf` itself, or all pages into a directory.
pub(crate) fn man(dir: Option<&Path>, output: &mut Output) -> anyhow::Result<()> {
    let Some(dir) = dir else {
        let (_, page) = page(Args::command())?;
        return Ok(output.bytes(&page)?);
    };
    fs::create_dir_all(dir).with_context(|| format!("create the directory `{}`", dir.display()))?;
    let pages = pages()?;
    for (name, page) in &pages {
        let path = dir.join(name);
        fs::write(&path, page).with_context(|| format!("write `{}`", path.display()))?;
    }
    if output.json {
        let names: Vec<&String> = pages.iter().map(|(name, _)| name).collect();
        return Ok(output.json(&json!(names))?);
    }
    Ok(output.line(&format!("{} pages in {}", pages.len(), dir.display()))?)
}

/// All pages, by the names of their files: `wharf-connector-list.1`.
fn pages() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut root = Args::command().disable_help_subcommand(true);
    // A built command knows its whole name.
    root.build();
    let mut pages = Vec::new();
    walk(&root, &mut pages)?;
    Ok(pages)
}

fn walk(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> anyhow::Result<()> {
    pages.push(page(command.clone())?);
    let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    shown.into_iter().try_for_each(|inner| walk(inner, pages))
}

fn page(command: Command) -> anyhow::Result<(String, Vec<u8>)> {
    let man = clap_mangen::Man::new(command).manual("Wharf");
    let mut text = Vec::new();
    man.render(&mut text).context("write a page of the manual")?;
    Ok((man.get_filename(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["wharf.1", "wharf-run.1", "wharf-connector-offsets-set.1", "wharf-context-use.1"] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        for (name, page) in &pages {
            let text = String::from_utf8_lossy(page);
            assert!(text.contains(".SH NAME") && text.contains(".SH SYNOPSIS"), "{name}: {text}");
        }
    }
}
