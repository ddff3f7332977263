//! Whether a `connector.class` means a plugin, and which one was probably meant.

use wharf_core::Descriptor;

/// How well a class fits a plugin; the better fit wins over the higher version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Equal but for the Java package or `Connector` at the end.
    Loose,
    /// The plugin's name or an alias, to the letter.
    Exact,
}

/// How `class` fits the plugin, `None` where it does not.
pub(crate) fn fit(descriptor: &Descriptor, class: &str) -> Option<Fit> {
    fit_of(names(descriptor), class)
}

/// The same for a plugin of which only the name and the aliases are known.
pub(crate) fn fit_of<'a>(mut names: impl Iterator<Item = &'a str> + Clone, class: &str) -> Option<Fit> {
    if class.is_empty() {
        return None;
    }
    if names.clone().any(|name| name == class) {
        return Some(Fit::Exact);
    }
    names.any(|name| stem(name) == stem(class)).then_some(Fit::Loose)
}

/// The name of `descriptors` that is least unlike `class`, where it is alike enough to be what was meant. It is spelt
/// as it should be written.
pub(crate) fn nearest<'a>(descriptors: impl Iterator<Item = &'a Descriptor>, class: &str) -> Option<&'a str> {
    let wanted = stem(class).to_lowercase();
    let distance = |name: &str| strsim::damerau_levenshtein(&stem(name).to_lowercase(), &wanted);
    let (distance, name) = descriptors.flat_map(names).map(|name| (distance(name), name)).min()?;
    let letters = wanted.chars().count();
    // A third of the letters may be wrong, and one or two in any case that leaves something right.
    (distance <= (letters / 3).max(2) && distance < letters).then_some(name)
}

fn names(descriptor: &Descriptor) -> impl Iterator<Item = &str> + Clone {
    std::iter::once(descriptor.name.as_str()).chain(descriptor.aliases.iter().map(String::as_str))
}

/// The last part of a Java class name, without `Connector` at its end.
fn stem(class: &str) -> &str {
    let simple = class.rsplit('.').next().unwrap_or(class);
    simple.strip_suffix("Connector").filter(|stem| !stem.is_empty()).unwrap_or(simple)
}

#[cfg(test)]
mod tests {
    use wharf_core::plugin::Kind;

    use super::*;

    fn descriptor(name: &str, aliases: &[&str]) -> Descriptor {
        Descriptor {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            kind: Kind::Source,
            summary: String::new(),
            documentation: String::new(),
            aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
            keys: Vec::new(),
        }
    }

    #[test]
    fn a_java_class_is_known_by_its_last_part_with_or_without_connector() {
        let plugin = descriptor("file-source", &["FileStreamSource"]);
        for class in ["file-source", "FileStreamSource"] {
            assert_eq!(fit(&plugin, class), Some(Fit::Exact), "{class}");
        }
        for class in ["FileStreamSourceConnector", "org.apache.kafka.connect.file.FileStreamSourceConnector"] {
            assert_eq!(fit(&plugin, class), Some(Fit::Loose), "{class}");
        }
        for class in ["", "Connector", "filestreamsource", "FileStream", "FileStreamSourceConnectorConnector", "a.b."] {
            assert_eq!(fit(&plugin, class), None, "{class}");
        }
        let long = descriptor("s3", &["org.acme.S3SinkConnector"]);
        assert_eq!(fit(&long, "S3Sink"), Some(Fit::Loose));
    }

    #[test]
    fn a_slip_of_the_pen_finds_what_was_meant() {
        let plugins = [descriptor("file-source", &["FileStreamSource"]), descriptor("file-sink", &["FileStreamSink"])];
        let near = |class| nearest(plugins.iter(), class);
        assert_eq!(near("file-sorce"), Some("file-source"));
        assert_eq!(near("filestreamsink"), Some("FileStreamSink"));
        assert_eq!(near("org.apache.FileStreemSourceConnector"), Some("FileStreamSource"));
        assert_eq!(near("NoSuch"), None);
        assert_eq!(near(""), None);
        assert_eq!(nearest([].iter(), "file-source"), None);
    }
}
