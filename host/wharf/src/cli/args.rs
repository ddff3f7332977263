//! What can be typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failed; the reason is on stderr
  2    the command line is wrong
  130  `wharf run` was told twice to stop, and stopped at once";

/// Moves records between systems and message queues through sandboxed connectors.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, after_help = EXIT_CODES, propagate_version = true, subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Where the worker answers
    #[arg(long, global = true, env = "WHARF_URL", default_value = "http://127.0.0.1:8083", value_name = "URL")]
    pub(crate) url: String,
    #[command(flatten)]
    pub(crate) connection: super::connection::ConnectionArgs,
    /// Print JSON for machines instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print no colours (also: NO_COLOR=1)
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

impl Global {
    /// Whether to print colours: only on a terminal, and not when told not to.
    pub(crate) fn color(&self) -> anstream::ColorChoice {
        let refused = self.no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if refused { anstream::ColorChoice::Never } else { anstream::ColorChoice::Auto }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a worker in this terminal until it is told to stop
    Run(RunArgs),
    /// Create, look at and steer connectors
    #[command(subcommand, visible_alias = "connectors")]
    Connector(ConnectorCommand),
    /// Install, approve, check and look at plugins
    #[command(subcommand, visible_alias = "plugins")]
    Plugin(PluginCommand),
    /// Look at topics and read their records
    #[command(subcommand, visible_alias = "topics")]
    Topic(TopicCommand),
    /// What plugins were denied, and which were ended
    Audit(AuditArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// Only of this connector
    #[arg(long, short, value_name = "NAME")]
    pub(crate) connector: Option<String>,
    /// Only with this code, such as kill.trap, or of this family, such as kill
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    /// At most so many, the newest; the worker remembers the last 1000 and audit.log in its data directory has more
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub(crate) limit: usize,
    /// Wait for more
    #[arg(long, short, action = ArgAction::SetTrue)]
    pub(crate) follow: bool,
}

/// Flags win over environment variables, those over `wharf.toml`, and that over the defaults.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct RunArgs {
    /// Where the log, offsets and configurations are kept [default: ./wharf-data]
    #[arg(long, env = "WHARF_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where plugins (.wasm) are found [default: ./plugins]
    #[arg(long, env = "WHARF_PLUGINS_DIR", value_name = "DIR")]
    pub(crate) plugins_dir: Option<PathBuf>,
    /// Where the REST API listens [default: 127.0.0.1:8083]
    #[arg(long, env = "WHARF_LISTEN", value_name = "ADDRESS:PORT", value_parser = crate::settings::parse_listen)]
    pub(crate) listen: Option<SocketAddr>,
    /// The settings file [default: ./wharf.toml if it is there]
    #[arg(long, env = "WHARF_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen on an address that other machines can reach, without any access control
    #[arg(long)]
    pub(crate) insecure: bool,
    /// How lines of the log are written; which ones: WHARF_LOG=debug, WHARF_LOG=wharf_runtime=trace
    #[arg(long, env = "WHARF_LOG_FORMAT", value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One object a line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Create a connector, and start it
    Create(CreateArgs),
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
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneConnector {
    /// The connector
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    /// The connector's name
    pub(crate) name: String,
    /// A JSON file with the configuration, `-` for stdin
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

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// The plugins that the worker has found, and files that are none
    List,
    /// Check a .wasm file, in any language, against the contract; no worker is needed
    Test(TestArgs),
    /// What a plugin can ask for and be told: of a .wasm file, which needs no worker, or of one that the worker has
    Inspect {
        /// The file, or NAME, or NAME@VERSION
        #[arg(value_name = "FILE|NAME[@VERSION]")]
        what: String,
    },
    /// Check a plugin and put it into the worker's plugins directory; it is approved by that
    Install(InstallArgs),
    /// Remove a plugin from the worker's plugins directory
    Uninstall {
        /// The plugin
        #[arg(value_name = "NAME@VERSION")]
        plugin: PluginRef,
        /// Also while connectors use it; they run on until they are restarted
        #[arg(long)]
        force: bool,
    },
    /// Let the bytes run that are in the worker's plugins directory now
    Approve {
        /// The plugin
        #[arg(value_name = "NAME@VERSION")]
        plugin: PluginRef,
        /// Only if they have this SHA-256
        #[arg(long, value_name = "DIGEST")]
        sha256: Option<String>,
    },
    /// Read every plugin again, and compare it with what was recorded, signed and approved; fails where one differs
    Verify,
    /// Hold what is installed and in use against the worker's policy; fails where it is broken
    Audit,
}

#[derive(Debug, clap::Args)]
pub(crate) struct InstallArgs {
    /// A .wasm file, or a URL that the worker fetches
    #[arg(value_name = "FILE|https://…")]
    pub(crate) what: String,
    /// The SHA-256 that it must have
    #[arg(long, value_name = "DIGEST")]
    pub(crate) sha256: Option<String>,
    /// Its minisign signature [default: what lies beside it with .minisig at the end of its name]
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Replace other bytes of the same name and version
    #[arg(long)]
    pub(crate) replace: bool,
}

/// `name@version`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PluginRef {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl std::str::FromStr for PluginRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('@') {
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(Self { name: name.to_owned(), version: version.to_owned() })
            }
            _ => Err("write NAME@VERSION, such as file-source@0.1.0".to_owned()),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The file
    #[arg(required_unless_present = "list")]
    pub(crate) file: Option<PathBuf>,
    /// A connector's configuration, JSON or properties, of a test system: what it names is used. `-` for stdin
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// Warnings are failures
    #[arg(long)]
    pub(crate) strict: bool,
    /// How long a call may take
    #[arg(long, value_name = "MS", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    pub(crate) deadline_ms: u64,
    /// Print the checks there are, and make none
    #[arg(long, conflicts_with_all = ["config", "strict"])]
    pub(crate) list: bool,
}

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

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as topic=lines".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn keys_of_a_connector_may_hold_equals_signs() {
        let line = ["wharf", "connector", "create", "c", "connector.class=FileStreamSource", "query=a=b"];
        let Command::Connector(ConnectorCommand::Create(create)) = Args::parse_from(line).command else {
            panic!("not a create command")
        };
        assert_eq!(create.keys[1], ("query".to_owned(), "a=b".to_owned()));
        assert!(Args::try_parse_from(["wharf", "connector", "create", "c", "topic"]).is_err());
    }

    #[test]
    fn a_plugin_is_named_with_its_version() {
        let line = ["wharf", "plugin", "approve", "file-source@0.1.0"];
        let Command::Plugin(PluginCommand::Approve { plugin, .. }) = Args::parse_from(line).command else {
            panic!("not an approval")
        };
        assert_eq!((plugin.name.as_str(), plugin.version.as_str()), ("file-source", "0.1.0"));
        assert!(Args::try_parse_from(["wharf", "plugin", "uninstall", "file-source"]).is_err());
    }

    #[test]
    fn global_flags_may_stand_anywhere() {
        let args = Args::parse_from(["wharf", "--json", "topic", "read", "t", "--from", "-5", "--url", "http://x:1"]);
        assert!(args.global.json);
        assert_eq!(args.global.url, "http://x:1");
        assert!(matches!(args.command, Command::Topic(TopicCommand::Read(ReadArgs { from: Some(-5), .. }))));
    }

    #[test]
    fn one_task_and_all_tasks_cannot_be_restarted_at_once() {
        assert!(Args::try_parse_from(["wharf", "connector", "restart", "c", "--tasks", "--task", "1"]).is_err());
    }
}
