//! Which variables of the environment may be read.

/// Whether one of `allowed` is the name, or its beginning followed by `*`.
pub(super) fn allows(allowed: &[String], name: &str) -> bool {
    allowed.iter().any(|it| match it.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => it == name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_end() {
        let allowed = ["DB_*".to_owned(), "TOKEN".to_owned()];
        assert!(["DB_PASSWORD", "DB_", "TOKEN"].into_iter().all(|name| allows(&allowed, name)));
        assert!(!["DB", "TOKENS", "token", "XDB_A", ""].into_iter().any(|name| allows(&allowed, name)));
    }
}
