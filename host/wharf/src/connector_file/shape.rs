//! From a tree to connectors.

use std::collections::BTreeMap;

use wharf_core::Config;
use wharf_core::state::TargetState;

use super::node::{Node, Value};
use super::{Declared, Wrong};

/// The connectors of all documents of a file; `stem` is what one without a name is called.
pub(super) fn connectors(documents: Vec<Node>, stem: Option<&str>) -> Result<Vec<Declared>, Wrong> {
    let mut nodes = Vec::new();
    for document in documents {
        unfold(document, &mut nodes)?;
    }
    if nodes.is_empty() {
        return Err(Wrong::whole("it describes no connector: write connector.class and the keys of its plugin"));
    }
    // Several cannot all be called as the file is.
    let stem = stem.filter(|_| nodes.len() == 1);
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let mut found = Vec::with_capacity(nodes.len());
    for node in nodes {
        let line = node.line;
        let declared = connector(node, stem)?;
        if let Some(first) = lines.insert(declared.name.clone(), line) {
            let name = &declared.name;
            return Err(Wrong::at(
                line,
                format!("the connector `{name}` stands here a second time, after line {first}"),
            ));
        }
        found.push(declared);
    }
    Ok(found)
}

/// Lists, and maps with nothing but `connectors`, hold several.
fn unfold(node: Node, into: &mut Vec<Node>) -> Result<(), Wrong> {
    let line = node.line;
    match node.value {
        Value::List(items) => into.extend(items),
        Value::Map(mut entries) if is_several(&entries) => match entries.pop() {
            Some((_, Node { value: Value::List(items), .. })) => into.extend(items),
            _ => return Err(Wrong::at(line, "`connectors` must be a list")),
        },
        value @ Value::Map(_) => into.push(Node::new(line, value)),
        Value::Null => {}
        Value::Text(_) => {
            return Err(Wrong::at(line, "it is no configuration: write keys and values, such as connector.class"));
        }
    }
    Ok(())
}

fn is_several(entries: &[(String, Node)]) -> bool {
    matches!(entries, [(key, Node { value: Value::List(_), .. })] if key == "connectors")
}

fn connector(node: Node, stem: Option<&str>) -> Result<Declared, Wrong> {
    let line = node.line;
    let is_wrapped = node.get("config").is_some_and(|config| matches!(config.value, Value::Map(_)));
    let Value::Map(entries) = node.value else {
        return Err(Wrong::at(
            line,
            format!("a connector is a map of keys and values, and this is {}", node.value.kind()),
        ));
    };
    let (mut name, mut state, mut config) = (None, None, Config::new());
    if is_wrapped {
        for (key, node) in unique(entries)? {
            match (key.as_str(), node.value) {
                ("name", Value::Text(text)) => name = Some(text),
                ("initial_state", Value::Text(text)) => state = Some(target(&text, node.line)?),
                ("config", Value::Map(entries)) => flatten("", entries, &mut config)?,
                ("name" | "initial_state", Value::Null) => {}
                ("name" | "initial_state", other) => {
                    return Err(Wrong::at(node.line, format!("`{key}` is {}: write one text", other.kind())));
                }
                _ => {
                    let hint = "beside `config` stand `name` and `initial_state` only; put it into `config`";
                    return Err(Wrong::at(node.line, format!("there is no `{key}` here: {hint}")));
                }
            }
        }
    } else {
        flatten("", entries, &mut config)?;
    }
    let inner = config.remove("name").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let name = match (name, inner) {
        (Some(name), Some(inner)) if name != inner => {
            return Err(Wrong::at(line, format!("the connector is called `{name}`, and `{inner}` in its `config`")));
        }
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => {
            stem.map(str::to_owned).ok_or_else(|| Wrong::at(line, "the connector has no `name`: write one"))?
        }
    };
    // One without a name is no connector yet: what it is for may need no configuration.
    if config.is_empty() && !name.is_empty() {
        return Err(Wrong::at(line, format!("the connector `{name}` has no configuration: write connector.class")));
    }
    Ok(Declared { name, config, initial_state: state })
}

fn target(text: &str, line: usize) -> Result<TargetState, Wrong> {
    let known = [TargetState::Running, TargetState::Paused, TargetState::Stopped];
    known
        .into_iter()
        .find(|state| state.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| Wrong::at(line, format!("`initial_state` is `{text}`: write RUNNING, PAUSED or STOPPED")))
}

/// Each key once.
fn unique(entries: Vec<(String, Node)>) -> Result<Vec<(String, Node)>, Wrong> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, node) in &entries {
        if let Some(first) = lines.insert(key, node.line) {
            return Err(twice(key, node.line, first));
        }
    }
    Ok(entries)
}

fn twice(key: &str, line: usize, first: usize) -> Wrong {
    Wrong::at(line, format!("`{key}` stands here a second time, after line {first}: remove one of them"))
}

fn flatten(prefix: &str, entries: Vec<(String, Node)>, config: &mut Config) -> Result<(), Wrong> {
    for (key, node) in unique(entries)? {
        let key = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        let line = node.line;
        let text = match node.value {
            Value::Text(text) => text,
            Value::Map(entries) => {
                flatten(&key, entries, config)?;
                continue;
            }
            Value::List(items) => joined(&key, items)?,
            Value::Null => {
                return Err(Wrong::at(
                    line,
                    format!("`{key}` has no value: write one, \"\" for none, or leave it out"),
                ));
            }
        };
        if config.insert(key.clone(), text).is_some() {
            return Err(Wrong::at(line, format!("`{key}` stands here a second time, spelled another way: remove one")));
        }
    }
    Ok(())
}

/// A list as Kafka Connect writes it.
fn joined(key: &str, items: Vec<Node>) -> Result<String, Wrong> {
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item.value {
            Value::Text(text) if text.contains(',') => {
                let hint = "commas separate the items of a list: write the whole list as one text";
                return Err(Wrong::at(item.line, format!("`{key}` has the item `{text}`: {hint}")));
            }
            Value::Text(text) => texts.push(text),
            other => {
                let hint = "a list holds single values; write JSON as text in quotes";
                return Err(Wrong::at(item.line, format!("`{key}` is a list with {} in it: {hint}", other.kind())));
            }
        }
    }
    Ok(texts.join(","))
}
