//! Who calls the REST API, and what he may do there.
//!
//! A caller is a [`Principal`]: a name, a [`Role`], and the connectors that he may touch. The listener turns what a
//! request carries, a [`Credential`] or the name in a client's certificate, into one by asking a [`Gatekeeper`]; what
//! each route needs is the API's own table.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;

use crate::config::Secret;

/// What a principal may do. Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look at everything that is shown, and validate configurations.
    Read,
    /// Pause, resume, stop and restart what is there.
    Operate,
    /// Everything: create, change and delete.
    Admin,
}

impl Role {
    /// `read`, `operate` or `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no role `{0}`: write read, operate or admin")]
pub struct NoSuchRole(String);

impl FromStr for Role {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        [Self::Read, Self::Operate, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| NoSuchRole(text.to_owned()))
    }
}

/// Whoever made a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(Arc<Known>);

#[derive(Debug, PartialEq, Eq)]
struct Known {
    name: String,
    role: Role,
    connectors: Vec<String>,
}

impl Principal {
    /// `connectors`: names, in which `*` stands for any characters, also for none; the connectors that he may touch.
    pub fn new(name: impl Into<String>, role: Role, connectors: Vec<String>) -> Self {
        Self(Arc::new(Known { name: name.into(), role, connectors }))
    }

    /// Whoever calls a worker that asks nobody who he is: he may do everything.
    pub fn anonymous() -> Self {
        Self::new("anonymous", Role::Admin, vec!["*".to_owned()])
    }

    /// What he is called in messages, in the audit and in a configuration's history.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What he may do.
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The patterns of the connectors that he may touch.
    pub fn connectors(&self) -> &[String] {
        &self.0.connectors
    }

    /// Whether there are connectors that he may not touch, or might be.
    pub fn is_limited(&self) -> bool {
        !self.0.connectors.iter().any(|pattern| pattern == "*")
    }

    /// Whether he may touch the connector of this name. Names are trimmed before they are used, so both forms must fit.
    pub fn may_touch(&self, connector: &str) -> bool {
        let fits = |name: &str| self.0.connectors.iter().any(|pattern| fits(pattern, name));
        fits(connector) && fits(connector.trim())
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters, also for none.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// What a request carries to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// `Authorization: Bearer`
    Token(Secret),
    /// `Authorization: Basic`
    Password {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
}

/// What came out of looking at a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is this principal's.
    Known(Principal),
    /// It is nobody's.
    Unknown,
    /// So many are being looked at that this one was not.
    Busy,
}

/// Knows who may come in.
#[async_trait]
pub trait Gatekeeper: Send + Sync + fmt::Debug {
    /// Whether nobody is asked who he is.
    fn is_open(&self) -> bool;

    /// Whose credential this is, as far as that can be said at once and without much work: a token, or a password that
    /// was verified a moment ago. `None` says nothing yet.
    fn recognise(&self, credential: &Credential) -> Option<Principal>;

    /// Whose credential this is. A password takes a while on purpose.
    async fn verify(&self, credential: &Credential) -> Verdict;

    /// Who appears with a client certificate, which was verified, of this common name.
    fn certificate(&self, common_name: &str) -> Option<Principal>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn roles_grow_and_are_read_as_they_are_written() {
        assert!(Role::Read < Role::Operate && Role::Operate < Role::Admin);
        for role in [Role::Read, Role::Operate, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        let refused = "root".parse::<Role>().unwrap_err().to_string();
        assert_eq!(refused, "there is no role `root`: write read, operate or admin");
    }

    #[test]
    fn a_principal_touches_what_fits_one_of_its_patterns() {
        let principal = Principal::new("p", Role::Admin, vec!["pg-*".into(), "exact".into()]);
        assert!(principal.is_limited());
        for name in ["pg-", "pg-orders", "exact", "pg-a b "] {
            assert!(principal.may_touch(name), "{name}");
        }
        for name in ["", "pg", "exact2", "PG-orders", " pg-orders", "x-pg-"] {
            assert!(!principal.may_touch(name), "{name}");
        }
        assert!(!Principal::anonymous().is_limited() && Principal::anonymous().may_touch("anything"));
        assert!(!Principal::new("p", Role::Admin, Vec::new()).may_touch("x"), "no pattern, no connector");
    }

    proptest! {
        #[test]
        fn a_pattern_without_a_star_fits_itself_alone(pattern in "[a-c]{0,4}", text in "[a-c]{0,4}") {
            prop_assert_eq!(fits(&pattern, &text), pattern == text);
        }

        #[test]
        fn a_star_fits_whatever_stands_in_its_place(left in "[a-c]{0,3}", middle in "[a-c*]{0,4}", right in "[a-c]{0,3}") {
            let (pattern, text) = (format!("{left}*{right}"), format!("{left}{middle}{right}"));
            prop_assert!(fits(&pattern, &text));
            let longer = format!("{text}!");
            prop_assert!(!fits(&pattern, &longer) || right.is_empty());
        }
    }
}
