//! How often an address may do something.
//!
//! A token bucket for each address: so many at once, and so many a second over time. IPv6 addresses count by their
//! network of 64 bits, since who has one has all of it. The table is bounded: when it is full, those who have been quiet
//! are forgotten, and if nobody has, newcomers share one bucket.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses that are remembered.
const MOST: usize = 4096;
/// How often a full table is looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Buckets {
    per_second: f64,
    burst: f64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    buckets: HashMap<IpAddr, Bucket>,
    swept: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Buckets {
    /// `burst` at once, and `per_second` over time; both more than zero.
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst, table: Mutex::default() }
    }

    /// Counts one.
    ///
    /// # Errors
    /// How long to wait, where there have been too many; then it is not counted.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.change(address, now, 1.0)
    }

    /// As [`Buckets::take`], but nothing is counted.
    pub(crate) fn look(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        self.change(address, now, 0.0)
    }

    fn change(&self, address: IpAddr, now: Instant, cost: f64) -> Result<(), Duration> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = network(address);
        if !table.buckets.contains_key(&key) && table.buckets.len() >= MOST {
            if table.swept.is_none_or(|swept| now.saturating_duration_since(swept) >= SWEEP) {
                table.swept = Some(now);
                table.buckets.retain(|_, bucket| self.filled(bucket, now) < self.burst);
            }
            if table.buckets.len() >= MOST {
                key = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
            }
        }
        let bucket = table.buckets.entry(key).or_insert(Bucket { left: self.burst, at: now });
        let left = self.filled(bucket, now);
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / self.per_second));
        }
        *bucket = Bucket { left: left - cost, at: now };
        Ok(())
    }

    fn filled(&self, bucket: &Bucket, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        (bucket.left + passed * self.per_second).min(self.burst)
    }
}

/// Whose bucket it is.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        short => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_at_once_and_so_many_over_time() {
        let (buckets, begin) = (Buckets::new(2.0, 3.0), Instant::now());
        let at = |ms: u64| buckets.take(address("10.0.0.1"), begin + Duration::from_millis(ms)).is_ok();
        assert_eq!([at(0), at(0), at(0), at(0)], [true, true, true, false]);
        assert_eq!([at(400), at(500), at(600), at(1000)], [false, true, false, true]);
        assert_eq!(
            [at(60_000), at(60_000), at(60_000), at(60_000)],
            [true, true, true, false],
            "no more than the burst"
        );
    }

    #[test]
    fn the_wait_that_is_told_suffices_and_looking_costs_nothing() {
        let (buckets, begin, ip) = (Buckets::new(0.5, 1.0), Instant::now(), address("10.0.0.1"));
        for _ in 0..5 {
            assert_eq!(buckets.look(ip, begin), Ok(()));
        }
        buckets.take(ip, begin).unwrap();
        let wait = buckets.look(ip, begin).unwrap_err();
        assert_eq!(wait, Duration::from_secs(2));
        assert_eq!(buckets.take(ip, begin + wait), Ok(()));
    }

    #[test]
    fn addresses_do_not_share_and_networks_do() {
        let (buckets, now) = (Buckets::new(1.0, 1.0), Instant::now());
        let take = |text: &str| buckets.take(address(text), now).is_ok();
        assert!(take("10.0.0.1") && take("10.0.0.2") && take("2001:db8::1") && take("2001:db8:0:1::1"));
        assert!(!take("::ffff:10.0.0.1") && !take("2001:db8::ffff:1"));
    }

    #[test]
    fn the_table_stays_small_and_forgets_the_quiet() {
        let (buckets, now) = (Buckets::new(1.0, 2.0), Instant::now());
        for number in 0..MOST as u32 * 2 {
            buckets.take(IpAddr::V4(number.into()), now).ok();
        }
        assert!(buckets.table.lock().unwrap().buckets.len() <= MOST + 1);
        assert!(buckets.take(address("203.0.113.1"), now).is_err(), "newcomers share what is left");
        assert!(buckets.take(address("203.0.113.1"), now + Duration::from_secs(10)).is_ok());
        assert!(buckets.table.lock().unwrap().buckets.len() < 10);
    }
}
