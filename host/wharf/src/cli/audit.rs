//! `wharf audit`

use std::thread::sleep;

use anyhow::Context as _;
use wharf_core::audit::{AuditEvent, AuditRecord};

use super::args::AuditArgs;
use super::client::{Client, segment};
use super::output::Output;
use super::topic::PAUSE;

pub(crate) fn run(args: &AuditArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let answer = client.get(&path(args, after))?;
        let records: Vec<AuditRecord> = serde_json::from_value(answer).context("read the worker's answer")?;
        after = records.last().map(|record| record.number).or(after);
        for record in &records {
            if output.json {
                output.json(&serde_json::to_value(record)?)?;
            } else {
                output.line(&line(record))?;
            }
        }
        output.flush()?;
        if !args.follow {
            if records.is_empty() && !output.json {
                output.line("nothing was denied, ended or changed, as far as the worker remembers")?;
            }
            return Ok(());
        }
        sleep(PAUSE);
    }
}

fn path(args: &AuditArgs, after: Option<u64>) -> String {
    let mut path = format!("/audit?limit={}", args.limit);
    for (name, value) in [("connector", &args.connector), ("code", &args.code)] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={}", segment(value)));
        }
    }
    if let Some(after) = after {
        path.push_str(&format!("&after={after}"));
    }
    path
}

/// `2026-01-31T23:59:59.999Z kill.trap copy/0 file-source@1.0.0: poll trapped`
fn line(record: &AuditRecord) -> String {
    let AuditEvent { code, connector, task, plugin, detail } = &record.event;
    let task = task.map(|task| format!("/{task}")).unwrap_or_default();
    let more = record.suppressed.map(|count| format!(" ({count} like this)")).unwrap_or_default();
    let who = [format!("{connector}{task}"), plugin.clone()].into_iter().filter(|text| !text.is_empty());
    let who = who.collect::<Vec<_>>().join(" ");
    format!("{} {code} {who}: {detail}{more}", record.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_line() {
        let event = AuditEvent {
            code: "kill.trap".to_owned(),
            connector: "copy".to_owned(),
            task: Some(0),
            plugin: "p@1".to_owned(),
            detail: "poll trapped".to_owned(),
        };
        let mut record = AuditRecord { number: 1, time: "T".to_owned(), event, change: None, suppressed: None };
        assert_eq!(line(&record), "T kill.trap copy/0 p@1: poll trapped");
        (record.suppressed, record.event.task) = (Some(4), None);
        assert_eq!(line(&record), "T kill.trap copy p@1: poll trapped (4 like this)");
    }

    #[test]
    fn what_is_asked_for_is_in_the_path() {
        let args = AuditArgs { connector: Some("a/b&c".to_owned()), code: None, limit: 5, follow: true };
        assert_eq!(path(&args, Some(9)), "/audit?limit=5&connector=a%2Fb%26c&after=9");
    }
}
