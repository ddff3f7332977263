//! What the log measures of itself.

use wharf_core::figures::{Figure, Kind, Value};

use super::core::Core;

/// So many topics are shown for themselves: more would make a page of metrics that nobody can read.
const TOPICS: usize = 500;

/// The figures of the log.
pub(crate) fn of(core: &Core) -> Vec<Figure> {
    let topics = core.topics.all();
    let partitions = topics.iter().map(|topic| topic.partitions.len() as u64).sum();
    let bytes = topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.segments.bytes()).sum();
    let mut figures = vec![
        Figure::new("wharf_log_topics", Kind::Gauge, "Topics of the embedded log.", Value::Whole(topics.len() as u64)),
        Figure::new("wharf_log_partitions", Kind::Gauge, "Their partitions.", Value::Whole(partitions)),
        Figure::new("wharf_log_bytes", Kind::Gauge, "Bytes of their segments.", Value::Whole(bytes)),
        Figure::new(
            "wharf_log_sync_seconds",
            Kind::Histogram,
            "How long the disk takes to make rows durable.",
            Value::Histogram(core.topics.syncs.buckets()),
        ),
    ];
    for topic in topics.iter().take(TOPICS) {
        let sum = |of: fn(&super::partition::Partition) -> u64| topic.partitions.iter().map(|it| of(it)).sum();
        let written = Value::Whole(sum(|partition| partition.end()));
        let bytes = Value::Whole(sum(|partition| partition.segments.bytes()));
        let all = [
            ("wharf_topic_rows_total", Kind::Counter, "Rows that were ever written to the topic.", written),
            ("wharf_topic_bytes", Kind::Gauge, "Bytes of the topic's segments.", bytes),
        ];
        figures.extend(all.into_iter().map(|(name, kind, help, value)| Figure {
            labels: vec![("topic".to_owned(), topic.name.to_string())],
            ..Figure::new(name, kind, help, value)
        }));
    }
    figures
}
