//! What `wharf run` takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::ValueEnum;

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
    /// Start the connectors of a file, and follow it: JSON, YAML, TOML or Java properties; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) connector: Vec<PathBuf>,
    /// Start the connectors of all files in a directory, and follow them [default: ./connectors.d if it is there]
    #[arg(long, env = "WHARF_CONNECTORS_DIR", value_name = "DIR")]
    pub(crate) connectors_dir: Option<PathBuf>,
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
