//! `wharf topic …`

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use ureq::http::Method;
use wharf_drivers::{PartitionInfo, TopicInfo};

use super::args::{ReadArgs, TopicCommand, TopicSource};
use super::client::{Client, segment};
use super::files;
use super::output::{Output, bytes, count};

/// How many records are asked for at once; the worker's own bound.
const PAGE: u64 = 10_000;
/// How long `--follow` waits before it asks again.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn run(command: TopicCommand, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    match command {
        TopicCommand::List(source) => list(&source, client, output),
        TopicCommand::Describe { topic, source } => describe(&topic, &source, client, output),
        TopicCommand::Read(args) => read(&args, client, output),
        TopicCommand::Delete { topic } => delete(&topic, client, output),
    }
}

fn list(source: &TopicSource, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let topics: Vec<TopicInfo> = match &source.data_dir {
        Some(data) => files::list(data)?,
        None => serde_json::from_value(client.get("/topics")?).context("read the worker's list of topics")?,
    };
    if output.json {
        return Ok(output.json(&json!(topics))?);
    }
    if topics.is_empty() {
        return Ok(output.line("no topics; a source connector creates its topic with the first record")?);
    }
    let rows = topics.into_iter().map(|topic| {
        let records = topic.partitions.iter().map(records).sum();
        let size = topic.partitions.iter().filter_map(|partition| partition.bytes).sum();
        vec![topic.name, topic.partitions.len().to_string(), count(records), bytes(size)]
    });
    Ok(output.table(&["TOPIC", "PARTITIONS", "RECORDS", "SIZE"], rows.collect())?)
}

fn records(partition: &PartitionInfo) -> u64 {
    u64::try_from(partition.end - partition.start).unwrap_or(0)
}

fn find(topic: &str, source: &TopicSource, client: &Client) -> anyhow::Result<TopicInfo> {
    match &source.data_dir {
        Some(data) => files::describe(data, topic),
        None => serde_json::from_value(client.get(&format!("/topics/{}", segment(topic)))?)
            .context("read the worker's answer"),
    }
}

fn describe(topic: &str, source: &TopicSource, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let topic = find(topic, source, client)?;
    if output.json {
        return Ok(output.json(&json!(topic))?);
    }
    let rows = topic.partitions.iter().map(|partition| {
        let size = partition.bytes.map_or("-".to_owned(), bytes);
        let (start, end) = (partition.start.to_string(), partition.end.to_string());
        vec![partition.partition.to_string(), start, end, count(records(partition)), size]
    });
    Ok(output.table(&["PARTITION", "START", "END", "RECORDS", "SIZE"], rows.collect())?)
}

fn delete(topic: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    client.call(&Method::DELETE, &format!("/topics/{}", segment(topic)), None)?;
    if output.json {
        return Ok(output.json(&json!({"name": topic, "done": "deleted"}))?);
    }
    Ok(output.line(&format!("topic {topic} deleted"))?)
}

/// The partitions to read, each with where to begin.
fn starts(info: &TopicInfo, args: &ReadArgs) -> anyhow::Result<Vec<(u32, i64)>> {
    let wanted: Vec<_> = info
        .partitions
        .iter()
        .filter(|there| args.partition.is_none_or(|partition| partition == there.partition))
        .map(|there| {
            let from =
                args.from.map_or(there.start, |from| if from < 0 { there.end.saturating_add(from) } else { from });
            (there.partition, from.clamp(there.start, there.end))
        })
        .collect();
    if let (Some(partition), true) = (args.partition, wanted.is_empty()) {
        bail!("topic {} has no partition {partition}: it has {}, counted from 0", info.name, info.partitions.len());
    }
    Ok(wanted)
}

fn read(args: &ReadArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let info = find(&args.topic, &args.source, client)?;
    let mut at = starts(&info, args)?;
    if let Some(data) = &args.source.data_dir {
        return files::read(data, args, at, output);
    }
    let mut left = args.limit.unwrap_or(u64::MAX);
    loop {
        let mut moved = false;
        for (partition, next) in &mut at {
            while left > 0 {
                let found = page(&args.topic, *partition, *next, left.min(PAGE), client, output)?;
                let read = u64::try_from(found - *next).unwrap_or(0);
                if read == 0 {
                    break;
                }
                moved = true;
                *next = found;
                left = left.saturating_sub(read);
            }
        }
        output.flush()?;
        if left == 0 || !args.follow {
            return Ok(());
        }
        if !moved {
            sleep(PAUSE);
        }
    }
}

/// Prints one page and says where the next begins.
fn page(
    topic: &str,
    partition: u32,
    from: i64,
    limit: u64,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<i64> {
    let path = format!("/topics/{}/partitions/{partition}/records?from={from}&limit={limit}", segment(topic));
    let accept = if output.json { "application/json" } else { "text/plain" };
    let (body, next) = client.lines(&path, accept)?;
    if !output.json {
        output.bytes(&body)?;
        return Ok(next);
    }
    let records: Vec<Value> = serde_json::from_slice(&body).context("read the worker's answer")?;
    for record in &records {
        output.json(record)?;
    }
    Ok(next)
}
