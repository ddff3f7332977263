//! The exports of the world `source-plugin`, made of a [`Source`].

use wharf_bindings_source::exports::openmessaging::connect::source as exported;

use super::convert::conversions;
use super::exports::exports;
use super::rows::rows_out;
use crate::batch::Limits;
use crate::drive;
use crate::offset::SourceOffset;
use crate::source::{Next, Source};

conversions!(wharf_bindings_source);
rows_out!();

exports!(Source, Kind::Source, SourceSlot, SourceComponent, validate_source, start_source, destroyed_source);

impl<S: SourceSlot> exported::Guest for SourceComponent<S> {
    fn poll(max_rows: u32, max_bytes: u32, max_wait_ms: u32) -> Result<exported::Polled, types::Failure> {
        let limits = Limits { max_rows, max_bytes, max_wait: Duration::from_millis(max_wait_ms.into()) };
        let (batch, next) = running::<S, _>(|task| drive::poll(task, limits))?;
        let next = match next {
            Next::More => exported::Next::More,
            Next::Idle => exported::Next::Idle,
            Next::Finished => exported::Next::Finished,
        };
        Ok(exported::Polled { batch: batch_out(batch), next })
    }

    fn commit(offsets: Vec<types::SourceOffset>) -> Result<(), types::Failure> {
        running::<S, _>(|task| task.commit(&offsets_in(offsets)))
    }

    fn alter(offsets: Vec<types::SourceOffset>) -> Result<(), String> {
        S::with(|task| match task {
            Some(task) => task.alter(&offsets_in(offsets)),
            None => Err(drive::not_started().to_string()),
        })
    }
}

fn offsets_in(offsets: Vec<types::SourceOffset>) -> Vec<SourceOffset> {
    let one = |types::SourceOffset { partition, offset }| SourceOffset { partition, offset };
    offsets.into_iter().map(one).collect()
}
