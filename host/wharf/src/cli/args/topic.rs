//! What `wharf topic` and `wharf audit` take.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum TopicCommand {
    /// All topics
    List(TopicSource),
    /// The partitions of a topic
    Describe {
        /// The topic
        topic: String,
        #[command(flatten)]
        source: TopicSource,
    },
    /// Print the values of a topic, one a line
    Read(ReadArgs),
    /// Delete a topic and its records
    Delete {
        /// The topic
        topic: String,
    },
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TopicSource {
    /// Read the files of this data directory instead of asking a worker
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReadArgs {
    /// The topic
    pub(crate) topic: String,
    /// Only this partition
    #[arg(long, short, value_name = "N")]
    pub(crate) partition: Option<u32>,
    /// Begin at this position; a negative one counts from the end [default: the oldest record]
    #[arg(long, value_name = "POSITION", allow_negative_numbers = true)]
    pub(crate) from: Option<i64>,
    /// Print at most so many records
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Wait for more at the end
    #[arg(long, short, action = ArgAction::SetTrue)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) source: TopicSource,
}
