//! Connectors as they stand in files: JSON, YAML, TOML and Java properties.
//!
//! Each format is read into the same tree of [`node::Node`]s, whose scalars keep the spelling that the file gives them
//! (`1.50` stays `1.50`, `yes` stays `yes`), because configurations are text. [`shape`] then makes connectors of the tree:
//!
//! - a flat map is a configuration, and its connector is called what `name` says or else as the file is;
//! - `{name, config, initial_state}` is what `POST /connectors` takes;
//! - a list, several YAML documents, or a map with nothing but `connectors` hold several connectors.
//!
//! Maps within a configuration are keys with dots (`transforms: {a: {type: x}}` is `transforms.a.type`), lists of scalars
//! are lists as Kafka Connect writes them, with commas. Everything that is wrong is told with file, line and key.

mod json;
mod node;
mod shape;
#[cfg(test)]
mod tests;
mod toml;
mod yaml;

use std::io::Read as _;
use std::path::Path;

use wharf_core::Config;
use wharf_core::state::TargetState;

use crate::properties::{self, Property};
use node::{Node, Value};

/// No configuration is larger: what is, is another file by mistake.
const MAX_BYTES: u64 = 4 << 20;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Yaml,
    Toml,
    Properties,
}

/// A connector as a file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    /// What it is called; never empty.
    pub(crate) name: String,
    /// Its configuration, without `name`.
    pub(crate) config: Config,
    /// What it shall do when it is created; `None`: run.
    pub(crate) initial_state: Option<TargetState>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct FileError {
    /// As the user named it.
    pub(crate) file: String,
    /// Counted from 1; `None` where it is no matter of one line.
    pub(crate) line: Option<usize>,
    /// What is wrong, and what to write instead.
    pub(crate) message: String,
}

/// What is wrong, while the file's name is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    line: Option<usize>,
    message: String,
}

impl Wrong {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }

    fn whole(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    fn of(self, file: &str) -> FileError {
        FileError { file: file.to_owned(), line: self.line, message: self.message }
    }
}

impl Format {
    /// By the end of the file's name.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => Some(Self::Json),
            "yaml" | "yml" => Some(Self::Yaml),
            "toml" => Some(Self::Toml),
            "properties" => Some(Self::Properties),
            _ => None,
        }
    }

    /// By what the text looks like, where there is no name: JSON, properties, or else YAML.
    pub(crate) fn guess(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let plain = |line: &&str| !line.is_empty() && !line.starts_with(['#', '!', '%']) && *line != "---";
        let first = text.lines().map(str::trim).find(plain).unwrap_or_default();
        if first.starts_with(['{', '[']) {
            return Self::Json;
        }
        let key = first.split([':', '=']).next().unwrap_or_default();
        let separator = first.get(key.len()..).and_then(|rest| rest.chars().next());
        if separator == Some('=') && !key.trim_end().contains(' ') { Self::Properties } else { Self::Yaml }
    }
}

/// Reads the connectors of a file; `-` is stdin, whose format is guessed.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read(file: &str) -> Result<Vec<Declared>, FileError> {
    if file == "-" {
        let bytes = bounded(std::io::stdin().lock(), "stdin")?;
        return parse(&bytes, Format::guess(&bytes), "stdin");
    }
    read_path(Path::new(file))
}

/// Reads the connectors of a file.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn read_path(path: &Path) -> Result<Vec<Declared>, FileError> {
    let bytes = load(path)?;
    parse(&bytes, Format::of(path).unwrap_or_else(|| Format::guess(&bytes)), &path.display().to_string())
}

/// The bytes of a file that is not too large.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn load(path: &Path) -> Result<Vec<u8>, FileError> {
    let file = path.display().to_string();
    let opened = std::fs::File::open(path).map_err(|error| Wrong::whole(format!("open it: {error}")).of(&file))?;
    bounded(opened, &file)
}

/// Reads a configuration alone, and what its connector is called where the file says so.
///
/// # Errors
/// The first thing that is wrong, or that there are several.
pub(crate) fn read_one(file: &str) -> Result<(Config, Option<String>), FileError> {
    let (bytes, format, file) = if file == "-" {
        let bytes = bounded(std::io::stdin().lock(), "stdin")?;
        let format = Format::guess(&bytes);
        (bytes, format, "stdin")
    } else {
        let bytes = load(Path::new(file))?;
        let format = Format::of(Path::new(file)).unwrap_or_else(|| Format::guess(&bytes));
        (bytes, format, file)
    };
    // An empty name stands for none: no file can say so.
    let found = parse_named(&bytes, format, file, Some(""))?;
    let several = found.len();
    match found.into_iter().next() {
        Some(one) if several == 1 => Ok((one.config, Some(one.name).filter(|name| !name.is_empty()))),
        _ => Err(Wrong::whole(format!("it holds {several} connectors: name a file with one")).of(file)),
    }
}

/// Reads the connectors in the bytes of a file. A connector without a name is called as the file is, without its
/// extension.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn parse(bytes: &[u8], format: Format, file: &str) -> Result<Vec<Declared>, FileError> {
    let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).filter(|_| file != "stdin");
    parse_named(bytes, format, file, stem)
}

fn parse_named(bytes: &[u8], format: Format, file: &str, stem: Option<&str>) -> Result<Vec<Declared>, FileError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // What Java wrote before it knew better.
        Err(_) if format == Format::Properties => bytes.iter().map(|byte| char::from(*byte)).collect(),
        Err(error) => {
            let line = 1 + bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count();
            return Err(Wrong::at(line, "it is not UTF-8: save it as UTF-8").of(file));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let documents = match format {
        Format::Json => json::parse(text).map(|node| vec![node]),
        Format::Yaml => yaml::parse(text),
        Format::Toml => toml::parse(text).map(|node| vec![node]),
        Format::Properties => from_properties(text).map(|node| vec![node]),
    };
    documents.and_then(|documents| shape::connectors(documents, stem)).map_err(|wrong| wrong.of(file))
}

fn bounded(from: impl std::io::Read, file: &str) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = from.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Wrong::whole(format!("read it: {error}")).of(file))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Wrong::whole(format!("it is larger than {} MiB: is it another file?", MAX_BYTES >> 20)).of(file));
    }
    Ok(bytes)
}

fn from_properties(text: &str) -> Result<Node, Wrong> {
    let read = properties::read(text).map_err(|wrong| Wrong::at(wrong.line, wrong.message))?;
    let node = |it: Property| (it.key, Node::new(it.line, Value::Text(it.value)));
    Ok(Node::new(1, Value::Map(read.into_iter().map(node).collect())))
}
