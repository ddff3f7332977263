//! What `wharf connector` takes.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand};

use super::key_value;

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Create a connector, or all that files describe, and start them
    Create(CreateArgs),
    /// Create or change all connectors that files describe
    Apply(ApplyArgs),
    /// Change a connector's configuration in your editor ($VISUAL, $EDITOR)
    Edit(OneConnector),
    /// All connectors and their states
    List,
    /// Configuration and tasks of a connector
    Show(OneConnector),
    /// What a connector and its tasks are doing, and how far they have come
    Status(OneConnector),
    /// Let the tasks do nothing until `resume`; they keep what they hold
    Pause(OneConnector),
    /// Let a paused or stopped connector go on
    Resume(OneConnector),
    /// End the tasks; configuration and offsets are kept
    Stop(OneConnector),
    /// Start a connector, or tasks of it, again
    Restart(RestartArgs),
    /// End the tasks and forget the configuration
    Delete(OneConnector),
    /// The configuration alone
    Config(OneConnector),
    /// Set some keys of a connector and take others away
    Patch(PatchArgs),
    /// How far a connector has come in the outside system or in its topics, and where it shall go on
    #[command(subcommand)]
    Offsets(OffsetsCommand),
    /// What a connector and its plugin log
    Logs(LogsArgs),
    /// A sample of the records that pass through a connector
    Inspect(InspectArgs),
    /// The configurations that a connector had, newest first
    Versions(OneConnector),
    /// Give a connector the configuration that it had before
    Rollback {
        /// The connector
        name: String,
        /// Its number in `wharf connector versions`
        version: u64,
    },
    /// The tasks and their configurations
    Tasks(OneConnector),
    /// The topics that a connector has written to or read from
    Topics {
        /// The connector
        name: String,
        /// Forget those so far
        #[arg(long)]
        reset: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneConnector {
    /// The connector
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// The connector's name
    #[arg(required_unless_present = "file")]
    pub(crate) name: Option<String>,
    /// Create all connectors of a file: JSON, YAML, TOML or Java properties, `-` for stdin; may be repeated
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["name", "config", "keys"])]
    pub(crate) file: Vec<String>,
    /// A file with the configuration of NAME, `-` for stdin
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Change the connector if it exists
    #[arg(long)]
    pub(crate) replace: bool,
    /// Configuration keys; they win over those of the file
    #[arg(value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) keys: Vec<(String, String)>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApplyArgs {
    /// JSON, YAML, TOML or Java properties, `-` for stdin; may be repeated
    #[arg(long, short, value_name = "FILE", required = true)]
    pub(crate) file: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PatchArgs {
    /// The connector
    pub(crate) name: String,
    /// Keys to set, and, with a minus behind them, keys to take away
    #[arg(value_name = "KEY=VALUE|KEY-", required = true, value_parser = change)]
    pub(crate) changes: Vec<(String, Option<String>)>,
}

/// `key=value`, or `key-`.
fn change(text: &str) -> Result<(String, Option<String>), String> {
    match (text.split_once('='), text.strip_suffix('-')) {
        (Some((key, value)), _) if !key.is_empty() => Ok((key.to_owned(), Some(value.to_owned()))),
        (None, Some(key)) if !key.is_empty() => Ok((key.to_owned(), None)),
        _ => Err("write KEY=VALUE to set a key, KEY- to take it away".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum OffsetsCommand {
    /// The offsets
    Get(OneConnector),
    /// Set offsets of a connector that is stopped
    Set(SetOffsetsArgs),
    /// Forget the offsets of a connector that is stopped
    Reset {
        /// The connector
        name: String,
        /// Only of this partition, as `offsets get` shows it
        #[arg(long, value_name = "JSON")]
        partition: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetOffsetsArgs {
    /// The connector
    pub(crate) name: String,
    /// The partition, such as {"filename":"/in.txt"} or {"kafka_topic":"t","kafka_partition":0}
    #[arg(long, value_name = "JSON", requires = "offset", required_unless_present = "file")]
    pub(crate) partition: Option<String>,
    /// Its offset, such as {"position":100} or {"kafka_offset":5}; null forgets it
    #[arg(long, value_name = "JSON", requires = "partition")]
    pub(crate) offset: Option<String>,
    /// What `offsets get --json` printed, altered; `-` for stdin
    #[arg(long, short, value_name = "FILE", conflicts_with_all = ["partition", "offset"])]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LogsArgs {
    /// The connector
    pub(crate) name: String,
    /// Wait for more
    #[arg(long, short, action = ArgAction::SetTrue)]
    pub(crate) follow: bool,
    /// Only lines of this level and above: trace, debug, info, warn, error
    #[arg(long, short, value_name = "LEVEL")]
    pub(crate) level: Option<String>,
    /// Only of this task
    #[arg(long, value_name = "N")]
    pub(crate) task: Option<u32>,
    /// At most so many of the last lines
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub(crate) limit: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InspectArgs {
    /// The connector
    pub(crate) name: String,
    /// End after so many records
    #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
    pub(crate) limit: u32,
    /// End after so many seconds
    #[arg(long, value_name = "S", default_value_t = 30)]
    pub(crate) seconds: u32,
    /// Fields whose values are not shown, separated by commas
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    pub(crate) mask: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestartArgs {
    /// The connector
    pub(crate) name: String,
    /// Its tasks too
    #[arg(long)]
    pub(crate) tasks: bool,
    /// Only what has FAILED
    #[arg(long)]
    pub(crate) only_failed: bool,
    /// This task alone
    #[arg(long, value_name = "N", conflicts_with_all = ["tasks", "only_failed"])]
    pub(crate) task: Option<u32>,
}
