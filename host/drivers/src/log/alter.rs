//! Altering where a source stands: one frame without rows, which holds as a whole or not at all.

use std::sync::Arc;

use tokio::sync::oneshot;
use wharf_core::offset::canonical;
use wharf_core::{Batch, SourceOffset};

use super::core::Core;
use super::fence::Fence;
use super::frame::{Frame, Marks};
use super::lock;
use super::partition::{Partition, Pending};
use super::producer::{closed, outcome};
use super::topic::now;
use crate::driver::DriverError;

/// Writes `offsets` where the newest checkpoints of the source are. `false`: there are none.
pub(crate) async fn alter(core: &Arc<Core>, source: &str, offsets: &[SourceOffset]) -> Result<bool, DriverError> {
    core.check()?;
    let at = offsets.iter().map(mark).collect::<Result<Vec<_>, _>>()?;
    // What a task that was cut off has under way must not come after what is written here.
    core.vacate(source).await;
    let Some(partition) = home(core, source)? else { return Ok(false) };
    if at.is_empty() {
        return Ok(true);
    }
    let marks = Marks { source: source.to_owned(), task: 0, sequence: core.next_sequence(), at };
    let frame = Frame::new(Batch::default(), Some(marks), now());
    let limit = u64::from(core.options.max_frame_bytes);
    let Some(frame) = frame.filter(|frame| frame.len() <= limit) else {
        return Err(DriverError::Rejected(format!(
            "these offsets need more than the {limit} bytes that a frame of the log may have: alter fewer at a time"
        )));
    };
    let (room, permits) = partition.room(frame.len());
    let room = room.acquire_many_owned(permits).await.map_err(|_| closed())?;
    let (done, wait) = oneshot::channel();
    let producer = Arc::new(Fence::default()).enter();
    partition.append(Pending { frame, done, producer, _permits: [Some(room), None] });
    outcome(wait.await)?;
    Ok(true)
}

/// The partition with the newest checkpoint of the source, of those that can be written.
fn home(core: &Core, source: &str) -> Result<Option<Arc<Partition>>, DriverError> {
    let partitions = core.topics.partitions().into_iter();
    let mut known: Vec<(u64, Arc<Partition>)> = partitions
        .filter_map(|partition| {
            let newest = lock(&partition.sources).newest_of(source)?;
            Some((newest, partition))
        })
        .collect();
    known.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    let mut refusal = None;
    for (_, partition) in known {
        match partition.check() {
            Ok(()) => return Ok(Some(partition)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    refusal.map_or(Ok(None), Err)
}

fn mark(at: &SourceOffset) -> Result<(String, Option<String>), DriverError> {
    let object = |text: &str| {
        canonical(text).ok_or_else(|| DriverError::Rejected(format!("`{text}` is no JSON object such as {{\"p\":1}}")))
    };
    let partition = object(&at.partition)?;
    if at.offset.is_empty() {
        return Ok((partition, None));
    }
    // Kept to the letter, as a source's own are.
    object(&at.offset)?;
    Ok((partition, Some(at.offset.clone())))
}
