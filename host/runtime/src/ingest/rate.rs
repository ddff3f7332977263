//! So many in a second.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket that holds what one second brings, and fills evenly.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(per_second: u32) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self { per_second, tokens: per_second, filled: Instant::now() }
    }

    /// Takes one, or says when there will be one.
    pub(super) fn take(&mut self) -> Result<(), Duration> {
        let now = Instant::now();
        let since = now.duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + since * self.per_second).min(self.per_second);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / self.per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_second_brings_so_many_and_a_quiet_time_no_more_than_that() {
        let mut bucket = Bucket::new(4);
        let count = |bucket: &mut Bucket| (0..100).take_while(|_| bucket.take().is_ok()).count();
        assert_eq!(count(&mut bucket), 4);
        let wait = bucket.take().unwrap_err();
        assert_eq!(wait, Duration::from_millis(250));
        tokio::time::advance(wait).await;
        assert_eq!(count(&mut bucket), 1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(count(&mut bucket), 4);
    }
}
