//! The last log lines of each connector: what the worker and the connector's plugin said of it, for those who watch.
//!
//! Whoever keeps the lines is a [`LogBook`]; whoever shows them asks it for the last ones or for a [`LogFeed`]. A book keeps
//! only so much of each connector. Lines are numbered for each connector from 1, without a gap, so that a reader who is
//! too slow can be told how many lines it has missed.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// How serious a line is, by Kafka Connect's names. Wharf's own lines are from `TRACE` to `ERROR`; the others only set
/// what a logger lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Lets everything through.
    All,
    /// The smallest steps.
    Trace,
    /// What helps to find a fault.
    Debug,
    /// What an operator may want to know.
    #[default]
    Info,
    /// What an operator should look at.
    Warn,
    /// What failed.
    Error,
    /// What ends a worker. No line of Wharf's has it, so a logger of this level is silent.
    Fatal,
    /// Lets nothing through.
    Off,
}

impl LogLevel {
    /// As it is written: `INFO`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Off => "OFF",
        }
    }

    const EACH: [Self; 8] =
        [Self::All, Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal, Self::Off];
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A level that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no log level `{0}`: write TRACE, DEBUG, INFO, WARN, ERROR, FATAL, OFF or ALL")]
pub struct UnknownLevel(pub String);

impl FromStr for LogLevel {
    type Err = UnknownLevel;

    /// In any case, with spaces around it.
    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        let found = Self::EACH.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(text.trim()));
        found.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// A line that was logged of a connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Grows by one with each line of the connector, from 1, as long as the worker lives.
    pub number: u64,
    /// When, as RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// How serious it is.
    pub level: LogLevel,
    /// The task, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<u32>,
    /// Who logged it: `wharf_runtime::task::sink`; `wharf::plugin` is the connector's plugin itself.
    pub logger: String,
    /// What was said.
    pub message: String,
    /// What was said beside it, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub fields: Map<String, Value>,
}

/// Which lines of a connector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// At least this serious; default `INFO`.
    pub level: LogLevel,
    /// Only of this task.
    pub task: Option<u32>,
    /// Only those after this number.
    pub after: Option<u64>,
    /// At most so many, the newest.
    pub limit: usize,
}

impl LogQuery {
    /// Whether a line is asked for; `after` and `limit` aside.
    pub fn takes(&self, line: &LogLine) -> bool {
        line.level >= self.level && self.task.is_none_or(|task| line.task == Some(task))
    }
}

/// What a reader that follows a connector is told.
#[derive(Debug, Clone, PartialEq)]
pub enum LogNews {
    /// A line.
    Line(LogLine),
    /// It was too slow: so many lines are not kept any more, of all levels and tasks.
    Lost(u64),
}

/// Follows a connector: first what is kept and asked for, then what comes.
#[async_trait]
pub trait LogFeed: Send + fmt::Debug {
    /// Waits for the next line. It never ends by itself. Cancel-safe.
    async fn next(&mut self) -> LogNews;
}

/// Keeps the last lines of each connector.
pub trait LogBook: Send + Sync + fmt::Debug {
    /// The newest lines that are asked for, the oldest first.
    fn recent(&self, connector: &str, query: &LogQuery) -> Vec<LogLine>;

    /// Follows a connector. With `after`: from behind that line, or from the oldest where there is no such line yet, as after a
    /// restart of the worker. Without: from the last `limit` lines on. Whoever reads slowly holds nothing up.
    fn follow(&self, connector: &str, query: LogQuery) -> Box<dyn LogFeed>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_any_case_and_ordered_by_severity() {
        assert_eq!(" info ".parse(), Ok(LogLevel::Info));
        assert!(LogLevel::All < LogLevel::Trace && LogLevel::Warn < LogLevel::Error && LogLevel::Fatal < LogLevel::Off);
        assert!("bogus".parse::<LogLevel>().unwrap_err().to_string().contains("`bogus`: write TRACE"));
        for level in LogLevel::EACH {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
            assert_eq!(level.as_str().parse(), Ok(level));
        }
    }

    #[test]
    fn a_query_takes_lines_that_are_serious_enough_and_of_the_task() {
        let line = |level, task| LogLine {
            number: 1,
            time: String::new(),
            level,
            task,
            logger: String::new(),
            message: String::new(),
            fields: Map::new(),
        };
        let query = LogQuery { task: Some(1), ..LogQuery::default() };
        assert!(query.takes(&line(LogLevel::Warn, Some(1))) && query.takes(&line(LogLevel::Info, Some(1))));
        assert!(!query.takes(&line(LogLevel::Debug, Some(1))) && !query.takes(&line(LogLevel::Warn, None)));
        assert!(LogQuery::default().takes(&line(LogLevel::Error, None)));
    }
}
