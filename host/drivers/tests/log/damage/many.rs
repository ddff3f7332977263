//! Several files damaged at once, at random.

use std::path::PathBuf;

use proptest::prelude::*;
use proptest::sample::Index;
use wharf_drivers::log::LogDriver;
use wharf_drivers::{Driver, DriverError};

use super::image::{ADDED, Image, added, look, options, runtime};
use crate::support::*;

/// What happens to a file.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Zero(Index, usize),
    Grow(Vec<u8>),
    Lose,
}

fn damage() -> impl Strategy<Value = (Index, Damage)> {
    let damage = prop_oneof![
        any::<Index>().prop_map(Damage::Cut),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (any::<Index>(), 1..300_usize).prop_map(|(at, len)| Damage::Zero(at, len)),
        prop::collection::vec(any::<u8>(), 1..300).prop_map(Damage::Grow),
        Just(Damage::Lose),
    ];
    (any::<Index>(), damage)
}

impl Damage {
    /// `false`: the file is gone.
    fn to(&self, bytes: &mut Vec<u8>) -> bool {
        let len = bytes.len();
        match self {
            Self::Cut(at) => bytes.truncate(at.index(len + 1)),
            Self::Flip(at, bit) if len > 0 => bytes[at.index(len)] ^= 1 << bit,
            Self::Zero(at, count) if len > 0 => {
                bytes.iter_mut().skip(at.index(len)).take(*count).for_each(|it| *it = 0)
            }
            Self::Flip(..) | Self::Zero(..) => {}
            Self::Grow(more) => bytes.extend_from_slice(more),
            Self::Lose => return false,
        }
        true
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn however_many_files_are_damaged_no_wrong_row_is_read_and_the_log_goes_on_or_says_why_not(
        damages in prop::collection::vec(damage(), 1..6), frames in 1..7_u64, closed: bool,
    ) {
        runtime().block_on(async {
            let image = Image::new(frames, closed).await;
            let paths: Vec<PathBuf> = image.files.keys().cloned().collect();
            let dir = image.written(|path, bytes| {
                let mut its = damages.iter().filter(|(which, _)| paths[which.index(paths.len())] == path);
                its.all(|(_, damage)| damage.to(bytes))
            });
            let log = match LogDriver::open(dir.path(), options()) {
                Ok(log) => log,
                Err(error) => {
                    prop_assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{}", error);
                    return Ok(());
                }
            };
            // Panics where a row is not the one that was written at its position.
            let found = look(&log, image.total).await;
            let end = found.start + found.rows;
            prop_assert!(end <= image.total, "{:?}", found);
            if let Some(error) = &found.error {
                prop_assert!(matches!(error, DriverError::Fatal(_)), "{:?}", error);
            }
            let done = match producer(&log, "s", 0).await.send(added()).await {
                Ok(done) => done.await.map(drop),
                Err(error) => Err(error),
            };
            match &done {
                Ok(()) => {}
                Err(DriverError::Fatal(text)) => prop_assert!(text.contains("cannot be used"), "{}", text),
                Err(other) => prop_assert!(false, "{:?}", other),
            }
            log.close().await.unwrap();
            drop(log);
            let log = LogDriver::open(dir.path(), options()).unwrap();
            let again = look(&log, end).await;
            if done.is_ok() {
                prop_assert_eq!(again.position, Some(ADDED));
            }
            match &again.error {
                None if done.is_ok() => prop_assert_eq!(again.start + again.rows, end + 1),
                None => {}
                // Also what nobody had to read before: bytes behind the last frame of an older segment.
                Some(DriverError::Fatal(_)) => prop_assert!(again.start + again.rows <= end, "{:?}", again),
                Some(other) => prop_assert!(false, "{:?}", other),
            }
            log.close().await.unwrap();
            Ok(())
        })?;
    }
}
