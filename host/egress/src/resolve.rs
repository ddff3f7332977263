//! From a name to addresses.

use std::fmt;
use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::quota::Permit;

/// Looks names up. Tests answer what they like.
#[async_trait]
pub trait Resolve: Send + Sync + fmt::Debug {
    /// The addresses of `name`, which is normalised and no address; empty: there are none. `permit` is to be kept as long
    /// as the lookup takes anything from this machine, also when its answer is no longer waited for.
    ///
    /// # Errors
    /// When the question could not be answered.
    async fn resolve(&self, name: &str, permit: Permit) -> io::Result<Vec<IpAddr>>;
}

/// Asks the system, as every other program on this machine does: `/etc/hosts`, `/etc/resolv.conf`, search domains.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str, permit: Permit) -> io::Result<Vec<IpAddr>> {
        let name = name.to_owned();
        // The system's call cannot be interrupted: it holds a thread until it is done, and so it holds the permit.
        let looking = tokio::spawn(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map(Iterator::collect::<Vec<_>>);
            drop(permit);
            found
        });
        let found = looking.await.map_err(io::Error::other)?;
        match found {
            Ok(found) => Ok(found.into_iter().map(|address| address.ip()).collect()),
            // What the system says of a name that is not there has no kind of its own.
            Err(error) if is_no_such_name(&error) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

fn is_no_such_name(error: &io::Error) -> bool {
    let text = error.to_string();
    ["Name or service not known", "No address associated", "nodename nor servname"].iter().any(|it| text.contains(it))
}
