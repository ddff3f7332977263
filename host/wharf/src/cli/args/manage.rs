//! What `wharf logger`, `wharf config` and `wharf context` take.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::RunArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum LoggerCommand {
    /// The loggers whose level was set, and the root
    List,
    /// Set the level of a logger, and of those below it
    Set {
        /// The logger, such as wharf_runtime, or root
        logger: String,
        /// trace, debug, info, warn, error or off
        level: String,
        /// Of this worker, or of all workers
        #[arg(long, value_enum, default_value_t)]
        scope: Scope,
    },
}

/// Kafka Connect's `?scope=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Scope {
    /// This worker
    #[default]
    Worker,
    /// All workers
    Cluster,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// All keys of wharf.toml: the value in force, where it comes from, and what it means; secrets are not shown
    Show(Box<ShowArgs>),
    /// Say what is wrong with a settings file
    Check {
        /// The file [default: ./wharf.toml]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Only keys that begin with this, such as log or log.sync
    pub(crate) prefix: Option<String>,
    /// Print the tables of the documentation
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// All contexts; the one in use is marked
    List,
    /// Talk to this worker from now on
    Use {
        /// The context
        name: String,
    },
    /// Make a context of --url, --token, --user, --ca-file, --client-certificate and --client-key, or change these in one
    Set(SetContextArgs),
    /// Forget a context
    Delete {
        /// The context
        name: String,
    },
    /// The context in use
    Current,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SetContextArgs {
    /// The context
    pub(crate) name: String,
    /// And use it from now on
    #[arg(long = "use")]
    pub(crate) make_current: bool,
}
