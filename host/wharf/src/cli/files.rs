//! Reading topics from the files of a data directory, whether a worker runs on it or not.

use std::path::Path;
use std::thread::sleep;

use anyhow::{Context as _, anyhow};
use serde_json::json;
use wharf_api::Record;
use wharf_core::Delivery;
use wharf_drivers::TopicInfo;
use wharf_drivers::log::offline::{LogFiles, Reader};

use super::args::ReadArgs;
use super::output::Output;
use super::topic::PAUSE;

fn open(data: &Path) -> anyhow::Result<LogFiles> {
    Ok(LogFiles::open(data.join("log"))?)
}

/// All topics.
pub(crate) fn list(data: &Path) -> anyhow::Result<Vec<TopicInfo>> {
    let log = open(data)?;
    let mut topics = Vec::new();
    for name in log.list()? {
        topics.extend(log.describe(&name)?);
    }
    Ok(topics)
}

/// One topic.
pub(crate) fn describe(data: &Path, topic: &str) -> anyhow::Result<TopicInfo> {
    let log = open(data)?;
    let known = || log.list().map(|known| known.join(", ")).unwrap_or_default();
    log.describe(topic)?.with_context(|| match known() {
        known if known.is_empty() => format!("there is no topic `{topic}`, nor any other"),
        known => format!("there is no topic `{topic}`: there are {known}"),
    })
}

/// Prints values, one a line, from where each partition shall begin.
pub(crate) fn read(data: &Path, args: &ReadArgs, starts: Vec<(u32, i64)>, output: &mut Output) -> anyhow::Result<()> {
    let log = open(data)?;
    let reader = |(partition, from): (u32, i64)| {
        let from = u64::try_from(from).map_err(|_| anyhow!("position {from} is below 0"))?;
        Ok((partition, log.reader(&args.topic, partition, Some(from))?))
    };
    let mut readers = starts.into_iter().map(reader).collect::<anyhow::Result<Vec<(u32, Reader)>>>()?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    loop {
        let mut moved = false;
        for (partition, reader) in &mut readers {
            while left > 0 {
                let Some(rows) = reader.next_rows()? else { break };
                moved = true;
                left -= print(&rows, *partition, left, output)?;
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

/// Prints up to `most` rows and says how many.
fn print(rows: &Delivery, partition: u32, most: u64, output: &mut Output) -> anyhow::Result<u64> {
    let printed = u64::from(rows.batch.rows).min(most);
    let cells = &rows.batch.values;
    for row in 0..usize::try_from(printed)? {
        if output.json {
            output.json(&json!(Record::new(rows, row, partition)))?;
        } else {
            output.bytes(cells.cell(row).unwrap_or_default())?;
            output.bytes(b"\n")?;
        }
    }
    Ok(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_without_a_log_is_explained() {
        let data = tempfile::tempdir().unwrap();
        let error = list(data.path()).unwrap_err().to_string();
        assert!(error.contains("give the directory that `wharf run` uses"), "{error}");
    }
}
