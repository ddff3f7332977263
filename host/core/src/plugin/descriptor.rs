//! What a plugin says of itself.

use serde::{Deserialize, Serialize};

/// What a plugin does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PluginKind)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Reads from an outside system.
    Source,
    /// Writes to an outside system.
    Sink,
    /// Changes rows on their way.
    Transform,
    /// A source that is called over HTTP.
    WebhookSource,
}

impl Kind {
    /// As Kafka Connect writes it: `source`, `sink`, `transformation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source | Self::WebhookSource => "source",
            Self::Sink => "sink",
            Self::Transform => "transformation",
        }
    }
}

/// How much a key matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say all")]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// How wide a form should draw a key's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names say all")]
pub enum Width {
    None,
    Short,
    Medium,
    Long,
}

/// What a value must look like, and which capability follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValueType {
    /// `true` or `false`
    Boolean,
    /// text
    String,
    /// an integer of 32 bits
    Int,
    /// an integer of 16 bits
    Short,
    /// an integer of 64 bits
    Long,
    /// a floating point number
    Double,
    /// items separated by commas
    List,
    /// the name of a class or plugin
    Class,
    /// never shown in clear
    Password,
    /// `host:port` or a URL that may be connected to
    Endpoint,
    /// several endpoints separated by commas
    EndpointList,
    /// a file that may be read; it may not exist yet, but its directory does
    FileRead,
    /// a file that may be read, written and created, in a directory that exists
    FileWrite,
    /// a file or directory that may be read
    PathRead,
    /// a file or directory that may be read, written and created
    PathWrite,
}

impl ValueType {
    /// The name of this type in Kafka Connect's ConfigDef; endpoints and paths are strings and lists there.
    pub fn kafka_name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String | Self::Endpoint | Self::FileRead | Self::FileWrite | Self::PathRead | Self::PathWrite => {
                "STRING"
            }
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List | Self::EndpointList => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// One configuration key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfigKey {
    /// As written in a configuration: `batch.size`.
    pub name: String,
    /// What a value must look like.
    pub value_type: ValueType,
    /// There is no default, and the key must be set.
    pub required: bool,
    /// What holds where the key is not set.
    pub default: Option<String>,
    /// How much the key matters.
    pub importance: Importance,
    /// What it does, in a sentence or two.
    pub documentation: String,
    /// The heading it stands under; empty: none.
    pub group: String,
    /// The place in the group.
    pub order: i32,
    /// How wide a form should draw it.
    pub width: Width,
    /// What a form should call it.
    pub display_name: String,
    /// Keys whose validity or visibility depends on this one.
    pub dependents: Vec<String>,
    /// The only values allowed; empty: any of the type.
    pub allowed: Vec<String>,
}

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Lower case, digits and hyphens: `file-source`.
    pub name: String,
    /// SemVer.
    pub version: String,
    /// What it does.
    pub kind: Kind,
    /// One sentence.
    pub summary: String,
    /// Markdown.
    pub documentation: String,
    /// Other names for `connector.class`.
    pub aliases: Vec<String>,
    /// Its configuration keys.
    pub keys: Vec<ConfigKey>,
}

impl Descriptor {
    /// The name by which tools of Kafka Connect know the plugin: the Java class that it stands in for, or its own name.
    pub fn class(&self) -> &str {
        self.aliases.iter().find(|alias| alias.contains('.')).unwrap_or(&self.name)
    }

    /// What a tool of Kafka Connect takes for the class of the plugin's tasks.
    pub fn task_class(&self) -> String {
        let class = self.class();
        match class.strip_suffix("Connector") {
            Some(stem) if class.contains('.') => format!("{stem}Task"),
            _ => class.to_owned(),
        }
    }
}

/// What validation says of one key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checked {
    /// The key.
    pub key: String,
    /// The value as it will be used.
    pub value: Option<String>,
    /// Values worth suggesting.
    pub recommended: Vec<String>,
    /// Each says what to write instead.
    pub errors: Vec<String>,
    /// Whether a form should show the key.
    pub visible: bool,
}
