//! Deletes old segments.
//!
//! Only whole segments, only from the front, and never the one that is written. Checkpoints of sources outlive the
//! segments they were in: they are in the snapshot beside the newest.

use std::sync::Weak;
use std::time::{Duration, SystemTime};

use super::core::Core;
use super::options::LogOptions;
use super::partition::Partition;
use super::segment::{self, Segment};

/// Looks for old segments again and again until the log is gone.
pub(crate) async fn run(core: Weak<Core>, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let Some(core) = core.upgrade().filter(|core| core.check().is_ok()) else { return };
        if let Err(error) = super::core::blocking(move || sweep(&core)).await {
            tracing::error!(%error, "retention stopped");
            return;
        }
    }
}

/// Deletes what is old enough now. Returns how many segments. Blocks.
pub(crate) fn sweep(core: &Core) -> usize {
    core.topics.partitions().iter().map(|partition| sweep_partition(partition, &core.options)).sum()
}

fn sweep_partition(partition: &Partition, options: &LogOptions) -> usize {
    let mut deleted = 0;
    while let [first, _, ..] = partition.segments.all().as_slice() {
        let too_much = options.retention_bytes.is_some_and(|max| partition.segments.bytes() > max);
        let too_old = options.retention_age.is_some_and(|max| age(first).is_some_and(|age| age > max));
        if partition.is_deleted() || !(too_much || too_old) {
            break;
        }
        // Out of the list first, so that nobody begins to read it; whoever reads it goes on reading the open file.
        let Some(segment) = partition.segments.pop_first() else { break };
        if let Err(error) = segment::delete(&segment.path) {
            tracing::warn!(%error, "an old segment stays for now");
            partition.segments.push_first(segment);
            break;
        }
        tracing::info!(
            topic = %partition.place.topic, partition = partition.place.number, segment = segment.base, "segment deleted"
        );
        deleted += 1;
    }
    deleted
}

fn age(segment: &Segment) -> Option<Duration> {
    let written = std::fs::metadata(&segment.path).and_then(|meta| meta.modified()).ok()?;
    SystemTime::now().duration_since(written).ok()
}
