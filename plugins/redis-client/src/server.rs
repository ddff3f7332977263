//! Where the server is and how to log in.

use std::fmt;
use std::time::Duration;

use wharf_sdk::net::{Endpoint, Tls};
use wharf_sdk::{ConfigKey, Descriptor, Importance, Problem};

/// The port where none is named.
const PORT: u16 = 6379;

/// The keys as they are configured.
#[derive(Clone, Default)]
pub struct ServerConfig {
    /// `redis.url`
    pub url: String,
    /// `redis.tls`
    pub tls: bool,
    /// `redis.tls.server.name`
    pub tls_server_name: Option<String>,
    /// `redis.username`
    pub username: Option<String>,
    /// `redis.password`
    pub password: Option<String>,
    /// `redis.database`
    pub database: Option<u32>,
    /// `redis.timeout.ms`
    pub timeout_ms: u32,
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password where it is refused for that.
        f.debug_struct("ServerConfig").field("tls", &self.tls).field("username", &self.username).finish_non_exhaustive()
    }
}

/// Adds the keys that say where the server is and how to log in.
pub fn keys(about: Descriptor) -> Descriptor {
    let group = "Redis";
    about
        .key(ConfigKey::endpoint("redis.url").required().group(group).doc(
            "The server: `host:port`, `redis://host:port/database`, or `rediss://…` for TLS. Without user and password: \
             they have keys of their own.",
        ))
        .key(ConfigKey::string("redis.username").group(group).doc("The user, where the server has several."))
        .key(ConfigKey::password("redis.password").group(group).doc("The password."))
        .key(ConfigKey::int("redis.database").group(group).doc("The number of the database; 0 where nothing says so."))
        .key(
            ConfigKey::boolean("redis.tls")
                .default_value(false)
                .group(group)
                .doc("Speak TLS. A URL that begins with `rediss` says so too."),
        )
        .key(
            ConfigKey::string("redis.tls.server.name")
                .group(group)
                .importance(Importance::Low)
                .doc("The name that the server's certificate must be for. Default: the host of `redis.url`."),
        )
        .key(
            ConfigKey::int("redis.timeout.ms")
                .default_value(5000)
                .group(group)
                .importance(Importance::Low)
                .doc("How long connecting, and an answer that is due, may take, in milliseconds."),
        )
}

/// Where the server is and how to log in.
#[derive(Clone)]
pub struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) database: u32,
    /// How long connecting, and an answer that is due, may take.
    pub timeout: Duration,
    /// `host:port`, for messages.
    pub address: String,
    /// What the server's own list of clients calls this one.
    pub name: String,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, tls, username, database, timeout, name, .. } = self;
        f.debug_struct("Server")
            .field("address", address)
            .field("tls", tls)
            .field("username", username)
            .field("database", database)
            .field("timeout", timeout)
            .field("name", name)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Reads the keys.
    ///
    /// # Errors
    /// All keys that cannot work, and what to write.
    pub fn new(config: &ServerConfig, name: &str) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, message: String| problems.push(Problem { key: key.to_owned(), message });
        let endpoint = Endpoint::parse(&config.url).unwrap_or_else(|message| {
            problem("redis.url", message);
            Endpoint { scheme: String::new(), credentials: None, host: String::new(), port: None, path: String::new() }
        });
        if !["", "redis", "rediss"].contains(&endpoint.scheme.as_str()) {
            problem("redis.url", "write host:port, redis://host:port, or rediss://host:port for TLS".to_owned());
        }
        if endpoint.credentials.is_some() {
            let message = "leave user and password out, and set redis.username and redis.password: an address is shown";
            problem("redis.url", message.to_owned());
        }
        let named = match endpoint.path.trim_matches('/') {
            "" => None,
            number => match number.parse::<u32>() {
                Ok(number) => Some(number),
                Err(_) => {
                    problem("redis.url", "after the host write nothing, or the number of a database".to_owned());
                    None
                }
            },
        };
        if let (Some(named), Some(database)) = (named, config.database)
            && named != database
        {
            problem("redis.database", format!("redis.url says {named}: name the database in one place"));
        }
        if config.username.is_some() && config.password.is_none() {
            problem("redis.password", "a user needs a password: set it".to_owned());
        }
        if config.timeout_ms < 10 {
            problem("redis.timeout.ms", "write a number of milliseconds from 10 up".to_owned());
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let secure = config.tls || endpoint.scheme == "rediss";
        let tls = Tls::On { server_name: config.tls_server_name.clone(), alpn: Vec::new() };
        Ok(Self {
            address: endpoint.address(PORT),
            port: endpoint.port.unwrap_or(PORT),
            host: endpoint.host,
            tls: if secure { tls } else { Tls::Off },
            username: config.username.clone(),
            password: config.password.clone(),
            database: config.database.or(named).unwrap_or(0),
            timeout: Duration::from_millis(config.timeout_ms.into()),
            // A client's name has no spaces.
            name: name.replace(|c: char| !c.is_ascii_graphic(), "-"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> ServerConfig {
        ServerConfig { url: url.to_owned(), timeout_ms: 1000, ..ServerConfig::default() }
    }

    #[test]
    fn an_address_a_url_and_tls_are_understood() {
        let plain = Server::new(&config("h:1"), "my name").unwrap();
        assert_eq!((plain.address.as_str(), plain.database, plain.name.as_str()), ("h:1", 0, "my-name"));
        assert_eq!(plain.tls, Tls::Off);
        let secure = Server::new(&config("rediss://h/3"), "").unwrap();
        assert_eq!((secure.address.as_str(), secure.database, &secure.tls), ("h:6379", 3, &Tls::on()));
        assert_eq!(Server::new(&ServerConfig { tls: true, ..config("h:1") }, "").unwrap().tls, Tls::on());
    }

    #[test]
    fn what_cannot_work_is_named_with_its_key_and_passwords_are_never_repeated() {
        let wrong = |config: ServerConfig| Server::new(&config, "").unwrap_err();
        assert_eq!(wrong(config("http://h"))[0].key, "redis.url");
        assert_eq!(wrong(config("redis://h/x"))[0].key, "redis.url");
        assert_eq!(wrong(ServerConfig { database: Some(1), ..config("redis://h/2") })[0].key, "redis.database");
        assert_eq!(wrong(ServerConfig { username: Some("me".into()), ..config("h:1") })[0].key, "redis.password");
        assert_eq!(wrong(ServerConfig { timeout_ms: 1, ..config("h:1") })[0].key, "redis.timeout.ms");
        let told = wrong(config("redis://me:secret@h"));
        assert!(told[0].message.contains("redis.password") && !format!("{told:?}").contains("secret"));
        let login = ServerConfig { password: Some("secret".into()), ..config("h:1") };
        assert!(!format!("{login:?} {:?}", Server::new(&login, "").unwrap()).contains("secret"));
    }
}
