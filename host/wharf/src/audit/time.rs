//! Points in time as text.

use std::time::SystemTime;

use jiff::Timestamp;

/// RFC 3339 in UTC with milliseconds: `2026-01-31T23:59:59.999Z`. A clock beyond the year 9999 shows as 1970.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    format!("{:.3}", Timestamp::try_from(time).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn known_moments_are_written_as_they_are_known() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_234_567_890, "2009-02-13T23:31:30.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(1_999)), "1970-01-01T00:00:01.999Z");
    }

    #[test]
    fn days_follow_each_other() {
        let date = |days: u64| {
            let text = rfc3339(UNIX_EPOCH + Duration::from_secs(days * 86_400));
            let part = |range: std::ops::Range<usize>| text.get(range).unwrap().parse::<u64>().unwrap();
            (part(0..4), part(5..7), part(8..10))
        };
        let mut last = date(0);
        for days in 1..200_000 {
            let (year, month, day) = date(days);
            let is_next = (year, month, day) == (last.0, last.1, last.2 + 1)
                || (day == 1 && (year, month) == (last.0, last.1 + 1) && (28..=31).contains(&last.2))
                || ((year, month, day) == (last.0 + 1, 1, 1) && (last.1, last.2) == (12, 31));
            assert!(is_next, "{last:?} is followed by {:?}", (year, month, day));
            last = (year, month, day);
        }
    }
}
