//! What allowed lookups have answered.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Addresses that are remembered; the oldest are forgotten, so that no resolver fills the memory.
const MOST: usize = 1024;

/// Addresses, each with a port, that a socket may connect to because an allowed name led there.
#[derive(Debug, Default)]
pub(super) struct Learned(VecDeque<SocketAddr>);

impl Learned {
    pub(super) fn add(&mut self, address: SocketAddr) {
        // What was learned again is the newest.
        self.0.retain(|known| *known != address);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(address);
    }

    pub(super) fn has(&self, address: SocketAddr) -> bool {
        self.0.contains(&address)
    }

    /// Whether the address is known, with whatever port.
    pub(super) fn has_host(&self, address: SocketAddr) -> bool {
        self.0.iter().any(|known| known.ip() == address.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut learned = Learned::default();
        let address = |n: u32| SocketAddr::new(std::net::Ipv4Addr::from(n).into(), 80);
        learned.add(address(0));
        (1..MOST as u32).for_each(|n| learned.add(address(n)));
        learned.add(address(0));
        learned.add(address(MOST as u32));
        assert!(learned.has(address(0)), "it was learned again");
        assert!(!learned.has(address(1)));
        assert_eq!(learned.0.len(), MOST);
    }
}
