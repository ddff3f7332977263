//! What `wharf plugin` takes.

use std::path::PathBuf;

use clap::Subcommand;

use super::key_value;

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// The plugins that the worker has found, and files that are none
    List,
    /// The configuration keys of a plugin, those of the worker included
    Config {
        /// The plugin, an alias, or a Java class that it stands in for
        plugin: String,
    },
    /// Say what is wrong with a configuration, by key, without creating anything; fails where something is
    Validate(ValidateArgs),
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
pub(crate) struct ValidateArgs {
    /// The plugin, an alias, or a Java class that it stands in for
    pub(crate) plugin: String,
    /// A file with the configuration: JSON, YAML, TOML or Java properties, `-` for stdin
    #[arg(long, short, value_name = "FILE")]
    pub(crate) file: Option<String>,
    /// Configuration keys; they win over those of the file
    #[arg(value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) keys: Vec<(String, String)>,
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
    /// A connector's configuration, of a test system: what it names is used. JSON, YAML, TOML, properties; `-` for stdin
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
