//! What can be typed: one file for each family of commands.

mod connector;
mod manage;
mod plugin;
mod run;
mod topic;

use clap::{ArgAction, Parser, Subcommand};

pub(crate) use connector::{
    ConnectorCommand, CreateArgs, InspectArgs, LogsArgs, OffsetsCommand, PatchArgs, RestartArgs, SetOffsetsArgs,
};
pub(crate) use manage::{ConfigCommand, ContextCommand, LoggerCommand, Scope, SetContextArgs, ShowArgs};
pub(crate) use plugin::{InstallArgs, PluginCommand, PluginRef, TestArgs, ValidateArgs};
pub(crate) use run::{LogFormat, RunArgs};
pub(crate) use topic::{ReadArgs, TopicCommand, TopicSource};

use super::exit;

/// Moves records between systems and message queues through sandboxed connectors.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, after_help = exit::help(), propagate_version = true, subcommand_required = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Where the worker answers [env: WHARF_URL] [default: the context's, or http://127.0.0.1:8083]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The worker to talk to, by its name in `wharf context list` [env: WHARF_CONTEXT]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,
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
    /// What plugins were denied, which were ended, and who changed what
    Audit(AuditArgs),
    /// Say who may use the worker's REST API
    #[command(subcommand, visible_alias = "tokens")]
    Token(super::token::TokenCommand),
    /// What the worker logs, and how much of it
    #[command(subcommand, visible_alias = "loggers")]
    Logger(LoggerCommand),
    /// The workers that are alive
    Cluster,
    /// The worker's figures, as Prometheus reads them
    Metrics,
    /// What a worker is told by wharf.toml, the environment and flags
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Name workers, and choose the one to talk to
    #[command(subcommand, visible_alias = "contexts")]
    Context(ContextCommand),
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print this command's manual page, or write all of them
    Man {
        /// Write the pages of all commands into this directory
        dir: Option<std::path::PathBuf>,
    },
}

const COMPLETIONS: &str = "\
bash:  wharf completions bash > ~/.local/share/bash-completion/completions/wharf
zsh:   wharf completions zsh > a folder of $fpath, as _wharf
fish:  wharf completions fish > ~/.config/fish/completions/wharf.fish";

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

pub(super) fn key_value(text: &str) -> Result<(String, String), String> {
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
        assert_eq!(args.global.url.as_deref(), Some("http://x:1"));
        assert!(matches!(args.command, Command::Topic(TopicCommand::Read(ReadArgs { from: Some(-5), .. }))));
    }

    #[test]
    fn a_connector_comes_from_files_or_from_a_name_and_keys() {
        let line = ["wharf", "connector", "create", "-f", "a.yaml", "-f", "b.json"];
        let Command::Connector(ConnectorCommand::Create(create)) = Args::parse_from(line).command else {
            panic!("not a create command")
        };
        assert_eq!((create.name, create.file), (None, vec!["a.yaml".to_owned(), "b.json".to_owned()]));
        assert!(Args::try_parse_from(["wharf", "connector", "create"]).is_err());
        assert!(Args::try_parse_from(["wharf", "connector", "create", "c", "-f", "a.yaml"]).is_err());
    }

    #[test]
    fn what_is_patched_is_set_or_taken_away() {
        let line = ["wharf", "connector", "patch", "c", "a=b=c", "old-", "gone.key-"];
        let Command::Connector(ConnectorCommand::Patch(patch)) = Args::parse_from(line).command else {
            panic!("not a patch")
        };
        let expected = [("a", Some("b=c")), ("old", None), ("gone.key", None)];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        assert_eq!(patch.changes, expected);
        assert!(Args::try_parse_from(["wharf", "connector", "patch", "c", "key"]).is_err());
    }

    #[test]
    fn one_task_and_all_tasks_cannot_be_restarted_at_once() {
        assert!(Args::try_parse_from(["wharf", "connector", "restart", "c", "--tasks", "--task", "1"]).is_err());
    }
}
