//! The table of loggers, and what it lets through.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use wharf_core::loggers::{LogLevels, LoggerLevel, ROOT, TooManyLoggers};
use wharf_core::logs::LogLevel;

use super::filter::{Rules, Selected};
use super::names::{Meaning, OWN, canonical, is_below, meaning};

/// So many loggers can be set. Kafka Connect has no limit; nobody needs more.
const MOST: usize = 1_000;

/// What the loggers are set to. It holds until the worker ends.
#[derive(Debug)]
pub(crate) struct Levels {
    table: Mutex<Table>,
    selected: Selected,
}

#[derive(Debug, Clone)]
struct Table {
    root: Entry,
    /// Those that were set, by canonical name.
    loggers: BTreeMap<String, Entry>,
    /// Directives of `WHARF_LOG` for spans and fields, which are no loggers; they hold beside the table.
    spans: Vec<String>,
    /// Grows by one with each change.
    clock: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    level: LogLevel,
    last_modified: Option<i64>,
    /// When it was set, by the table's clock.
    set: u64,
}

impl Levels {
    /// Begins with `directives`, as `WHARF_LOG` has them: `info,wharf_runtime=debug`. They are known to be right.
    pub(super) fn new(directives: &str) -> Self {
        let table = Table::read(directives);
        let selected = Selected::new(table.rules(), !table.spans.is_empty());
        Self { table: Mutex::new(table), selected }
    }

    /// What the filters ask.
    pub(super) fn selected(&self) -> Selected {
        self.selected.clone()
    }
}

impl LogLevels for Levels {
    fn all(&self) -> BTreeMap<String, LoggerLevel> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let own =
            OWN.iter().map(|own| ((*own).to_owned(), LoggerLevel { level: table.effective(own), last_modified: None }));
        let set = table.loggers.iter().map(|(name, entry)| (name.clone(), entry.shown()));
        own.chain(set).chain([(ROOT.to_owned(), table.root.shown())]).collect()
    }

    fn get(&self, logger: &str) -> Option<LoggerLevel> {
        let name = canonical(logger);
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = table.entry(&name) {
            return Some(entry.shown());
        }
        let is_own = OWN.iter().any(|own| name == *own || is_below(&name, own));
        is_own.then(|| LoggerLevel { level: table.effective(&name), last_modified: None })
    }

    fn set(&self, logger: &str, level: LogLevel) -> Result<Vec<String>, TooManyLoggers> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = table.set(&canonical(logger), level, i64::try_from(now).unwrap_or(i64::MAX))?;
        // Under the lock, so that of two changes the later one holds.
        if !changed.is_empty() {
            self.selected.replace(table.rules());
        }
        Ok(changed)
    }
}

impl Table {
    fn read(directives: &str) -> Self {
        let entry = |level| Entry { level, last_modified: None, set: 0 };
        // Where targets are named and nothing for all others, these are silent.
        let mut table = Self { root: entry(LogLevel::Off), loggers: BTreeMap::new(), spans: Vec::new(), clock: 0 };
        for directive in split(directives) {
            if let Some(level) = read_level(directive) {
                table.root.level = level;
            } else if directive.contains('[') {
                table.spans.push(directive.to_owned());
            } else {
                let (target, level) = directive.split_once('=').unwrap_or((directive, "trace"));
                let level = read_level(level.trim()).unwrap_or(LogLevel::Trace);
                table.loggers.insert(canonical(target.trim()), entry(level));
            }
        }
        table
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        if name == ROOT { Some(&self.root) } else { self.loggers.get(name) }
    }

    /// What holds for a name that was not set: the nearest parent.
    fn effective(&self, name: &str) -> LogLevel {
        let parents = self.loggers.iter().filter(|(parent, _)| *parent == name || is_below(name, parent));
        parents.max_by_key(|(parent, _)| parent.len()).map_or(self.root, |(_, entry)| *entry).level
    }

    fn set(&mut self, name: &str, level: LogLevel, now: i64) -> Result<Vec<String>, TooManyLoggers> {
        if name != ROOT && !self.loggers.contains_key(name) && self.loggers.len() >= MOST {
            return Err(TooManyLoggers(MOST));
        }
        self.clock += 1;
        let entry = Entry { level, last_modified: Some(now), set: self.clock };
        let mut changed = Vec::new();
        if name == ROOT {
            if self.root.level != level {
                self.root = entry;
                changed.push(ROOT.to_owned());
            }
        } else if self.loggers.get(name).is_none_or(|now| now.level != level) {
            self.loggers.insert(name.to_owned(), entry);
            changed.push(name.to_owned());
        }
        for (child, now) in &mut self.loggers {
            if now.level != level && is_below(child, name) {
                *now = entry;
                changed.push(child.clone());
            }
        }
        changed.sort();
        Ok(changed)
    }

    fn rules(&self) -> Rules {
        let mut targets = BTreeMap::new();
        let (mut connectors, mut every_connector) = (BTreeMap::new(), None);
        let mut loggers: Vec<_> = self.loggers.iter().collect();
        // Two names may mean the same: Kafka's and Wharf's own. The one that was set last holds.
        loggers.sort_by_key(|(_, entry)| entry.set);
        for (name, entry) in loggers {
            let level = lets_through(entry.level);
            match meaning(name) {
                Meaning::Target(target) => {
                    targets.insert(target, level);
                }
                Meaning::Connector(connector) => {
                    connectors.insert(connector, level);
                }
                Meaning::Connectors => every_connector = Some(level),
                Meaning::Everything | Meaning::Nothing => {}
            }
        }
        let root = lets_through(self.root.level).to_string();
        let targets = targets.iter().map(|(target, level)| format!("{target}={level}"));
        let directives: Vec<_> = [root].into_iter().chain(targets).chain(self.spans.iter().cloned()).collect();
        // Each of them was read before; were one wrong all the same, the others would hold.
        let by_target = EnvFilter::builder().parse_lossy(directives.join(","));
        Rules { by_target, connectors, every_connector }
    }
}

impl Entry {
    fn shown(&self) -> LoggerLevel {
        LoggerLevel { level: self.level, last_modified: self.last_modified }
    }
}

/// Directives stand between commas, but a span's fields have commas too: `[span{a=1,b=2}]=debug`.
fn split(directives: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    let between = directives.split(move |char: char| {
        match char {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        char == ',' && depth == 0
    });
    between.map(str::trim).filter(|directive| !directive.is_empty()).collect()
}

/// A level of `WHARF_LOG`: a name or a number.
fn read_level(text: &str) -> Option<LogLevel> {
    LevelFilter::from_str(text).ok().map(|filter| match filter.into_level() {
        None => LogLevel::Off,
        Some(level) => level.as_str().parse().unwrap_or_default(),
    })
}

fn lets_through(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::All | LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
        // Nothing here is as serious as FATAL.
        LogLevel::Fatal | LogLevel::Off => LevelFilter::OFF,
    }
}

#[cfg(test)]
mod tests;
