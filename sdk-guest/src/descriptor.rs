//! What a connector says of itself: its name, and the configuration keys it understands.

/// What a plugin does. Natively nothing asks: the exports say it.
#[cfg(target_family = "wasm")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads from an outside system.
    Source,
    /// Writes to an outside system.
    Sink,
    /// A source that is called over HTTP.
    WebhookSource,
}

/// How much a key matters to who fills in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Importance {
    High,
    #[default]
    Medium,
    Low,
}

/// How wide a form should draw a key's field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say all")]
pub enum Width {
    None,
    Short,
    #[default]
    Medium,
    Long,
}

/// What a value must look like. The last four also grant: a connector can reach exactly what the values of such keys
/// name, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// `true` or `false`
    Boolean,
    /// any text
    String,
    /// a whole number of 32 bits
    Int,
    /// a whole number of 16 bits
    Short,
    /// a whole number of 64 bits
    Long,
    /// a number
    Double,
    /// items separated by commas
    List,
    /// the name of a class or plugin
    Class,
    /// never shown, stored or logged in clear
    Password,
    /// `host:port` or a URL that the connector may connect to
    Endpoint,
    /// several endpoints separated by commas
    EndpointList,
    /// a file that the connector may read; it may not exist yet, but its directory does
    FileRead,
    /// a file that the connector may read, write and create, in a directory that exists
    FileWrite,
    /// a file or directory that the connector may read
    PathRead,
    /// a file or directory that the connector may read, write and create
    PathWrite,
}

/// One configuration key: a constructor that names the type, then what else there is to say.
///
/// ```
/// use wharf_sdk::ConfigKey;
/// let file = ConfigKey::file_read("file").required().doc("The file to read.");
/// let batch = ConfigKey::int("batch.size").default_value(500).doc("Rows in a batch, at most.");
/// # let _ = (file, batch);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigKey {
    pub(crate) name: String,
    pub(crate) value_type: ValueType,
    pub(crate) required: bool,
    pub(crate) default: Option<String>,
    pub(crate) importance: Importance,
    pub(crate) documentation: String,
    pub(crate) group: String,
    pub(crate) order: Option<i32>,
    pub(crate) width: Width,
    pub(crate) display_name: Option<String>,
    pub(crate) dependents: Vec<String>,
    pub(crate) allowed: Vec<String>,
}

macro_rules! constructors {
    ($($name:ident => $value_type:ident, $doc:literal;)*) => {
        impl ConfigKey {
            $(#[doc = $doc]
            pub fn $name(name: impl Into<String>) -> Self {
                Self::new(name, ValueType::$value_type)
            })*
        }
    };
}

constructors! {
    boolean => Boolean, "A key whose value is `true` or `false`.";
    string => String, "A key whose value is any text.";
    int => Int, "A key whose value is a whole number of 32 bits.";
    short => Short, "A key whose value is a whole number of 16 bits.";
    long => Long, "A key whose value is a whole number of 64 bits.";
    double => Double, "A key whose value is a number.";
    list => List, "A key whose value is a list of items separated by commas.";
    class => Class, "A key whose value names a class or plugin.";
    password => Password, "A key whose value is never shown, stored or logged in clear.";
    endpoint => Endpoint, "A key whose value, `host:port` or a URL, the connector may connect to.";
    endpoint_list => EndpointList, "A key whose values, endpoints separated by commas, the connector may connect to.";
    file_read => FileRead, "A key whose value names a file that the connector may read.";
    file_write => FileWrite, "A key whose value names a file that the connector may read, write and create.";
    path_read => PathRead, "A key whose value names a file or directory that the connector may read.";
    path_write => PathWrite, "A key whose value names a file or directory that the connector may read, write and create.";
}

impl ConfigKey {
    /// A key of the given type: optional, without a default, of medium importance.
    pub fn new(name: impl Into<String>, value_type: ValueType) -> Self {
        Self {
            name: name.into(),
            value_type,
            required: false,
            default: None,
            importance: Importance::default(),
            documentation: String::new(),
            group: String::new(),
            order: None,
            width: Width::default(),
            display_name: None,
            dependents: Vec::new(),
            allowed: Vec::new(),
        }
    }

    /// The key must be set. It is of high importance then.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self.importance = Importance::High;
        self
    }

    /// What holds where the key is not set. The SDK fills it in before the configuration struct is read, so the
    /// struct's field needs no default of its own.
    #[must_use]
    pub fn default_value(mut self, value: impl ToString) -> Self {
        self.default = Some(value.to_string());
        self
    }

    /// What the key does, in a sentence or two.
    #[must_use]
    pub fn doc(mut self, documentation: impl Into<String>) -> Self {
        self.documentation = documentation.into();
        self
    }

    /// How much the key matters.
    #[must_use]
    pub fn importance(mut self, importance: Importance) -> Self {
        self.importance = importance;
        self
    }

    /// The heading that a form shows the key under.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = group.into();
        self
    }

    /// The place within the group. Default: the order in which the keys are declared.
    #[must_use]
    pub fn order(mut self, order: i32) -> Self {
        self.order = Some(order);
        self
    }

    /// How wide a form should draw the field.
    #[must_use]
    pub fn width(mut self, width: Width) -> Self {
        self.width = width;
        self
    }

    /// What a form calls the key. Default: its name.
    #[must_use]
    pub fn display_name(mut self, name: impl Into<String>) -> Self {
        self.display_name = Some(name.into());
        self
    }

    /// Keys whose validity or visibility depends on this one.
    #[must_use]
    pub fn dependents<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.dependents = keys.into_iter().map(Into::into).collect();
        self
    }

    /// The only values that the host lets through.
    #[must_use]
    pub fn allowed<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.allowed = values.into_iter().map(Into::into).collect();
        self
    }
}

/// What a connector says of itself.
///
/// ```
/// use wharf_sdk::{ConfigKey, Descriptor};
/// let about = Descriptor::new("sensor-source", "0.1.0", "Reads a sensor.")
///     .alias("SensorSource")
///     .key(ConfigKey::endpoint("address").required().doc("Where the sensor is, `host:port`."));
/// # let _ = about;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) documentation: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) keys: Vec<ConfigKey>,
}

impl Descriptor {
    /// `name`: lower case letters, digits and hyphens; `version`: SemVer, usually `env!("CARGO_PKG_VERSION")`;
    /// `summary`: one sentence.
    pub fn new(name: impl Into<String>, version: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            documentation: String::new(),
            aliases: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// What a user should know, in Markdown; usually `include_str!("../README.md")`.
    #[must_use]
    pub fn documentation(mut self, markdown: impl Into<String>) -> Self {
        self.documentation = markdown.into();
        self
    }

    /// Another name that `connector.class` may be given.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// Adds a configuration key.
    #[must_use]
    pub fn key(mut self, key: ConfigKey) -> Self {
        self.keys.push(key);
        self
    }
}
