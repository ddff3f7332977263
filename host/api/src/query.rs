//! Query parameters, of which unknown ones are ignored and repeated ones kept.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use wharf_core::status::ConnectorStatus;

/// The decoded parameters in the order they were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// All values of a parameter; names are compared as they are.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether `what` is one of the values of `expand`.
    pub(crate) fn expands(&self, what: &str) -> bool {
        self.all("expand").any(|value| value == what)
    }

    /// A status with its details where `expand=details` asks for them, else as Kafka Connect gives it.
    pub(crate) fn detailed(&self, status: ConnectorStatus) -> ConnectorStatus {
        if self.expands("details") { status } else { status.without_details() }
    }

    /// Whether the first value is `true` in any case, as Java reads a boolean.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.first(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_parameters_are_kept_in_order() {
        let query = Query::parse("expand=status&x=1&expand=in%66o&expand");
        assert_eq!(query.all("expand").collect::<Vec<_>>(), ["status", "info", ""]);
    }

    #[test]
    fn a_flag_is_true_only_when_its_first_value_says_so() {
        assert!(Query::parse("includeTasks=TRUE&includeTasks=false").flag("includeTasks"));
        for query in ["", "includeTasks", "includeTasks=", "includeTasks=yes", "includetasks=true"] {
            assert!(!Query::parse(query).flag("includeTasks"), "{query}");
        }
    }

    #[test]
    fn odd_queries_are_no_errors() {
        assert_eq!(Query::parse("?&&=&a=%20&b&%zz").first("a"), Some(" "));
    }
}
