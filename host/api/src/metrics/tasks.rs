//! What is measured of tasks beyond what Kafka Connect knows.

use wharf_core::figures::{Kind, Value};
use wharf_core::meter::Usage;
use wharf_runtime::{ConnectorFigures, TaskFigures, TaskProgress};

use super::text::{Families, Labels};

/// Adds the families of a connector's tasks.
pub(super) fn add(connector: &ConnectorFigures, families: &mut Families) {
    for task in &connector.tasks {
        let label = |name: &str, value: String| (name.to_owned(), value);
        let labels = vec![
            label("connector", connector.name.clone()),
            label("task", task.task.to_string()),
            label("plugin", task.plugin.clone()),
        ];
        add_usage(families, &labels, &task.usage);
        add_progress(families, &labels, &task.progress);
        add_measures(families, &labels, task);
    }
}

fn add_usage(families: &mut Families, labels: &Labels, usage: &Usage) {
    let mut add = |name, kind, help, value| families.add(name, kind, help, labels.clone(), value);
    let (memory, peak) = (Value::Whole(usage.memory_bytes), Value::Whole(usage.memory_peak_bytes));
    add("wharf_task_memory_bytes", Kind::Gauge, "Linear memory of the plugin's instance.", memory);
    add("wharf_task_memory_peak_bytes", Kind::Gauge, "The most that linear memory was at any time.", peak);
    let cpu = Value::Real(usage.cpu_seconds);
    add("wharf_task_cpu_seconds_total", Kind::Counter, "CPU time that the plugin's code took.", cpu);
    add("wharf_task_calls_total", Kind::Counter, "Calls into the plugin.", Value::Whole(usage.calls));
    let mut by = |name, help, label: &str, counts: &std::collections::BTreeMap<String, u64>| {
        for (what, count) in counts {
            let mut labels = labels.clone();
            labels.push((label.to_owned(), what.clone()));
            families.add(name, Kind::Counter, help, labels, Value::Whole(*count));
        }
    };
    by("wharf_task_kills_total", "Instances of the plugin that were ended, by class.", "reason", &usage.kills);
    by("wharf_task_denials_total", "What was denied to the plugin, by audit code.", "rule", &usage.denials);
}

fn add_progress(families: &mut Families, labels: &Labels, progress: &TaskProgress) {
    let counters = [
        ("wharf_task_rows_total", "Rows that the queue acknowledged or the plugin took.", progress.rows),
        ("wharf_task_bytes_total", "Bytes of their keys, values and headers.", progress.bytes),
        ("wharf_task_batches_total", "Batches that they came in.", progress.batches),
        ("wharf_task_skipped_rows_total", "Rows that were rejected and left out.", progress.skipped),
        ("wharf_task_dead_letters_total", "Rows that went to the dead letter queue.", progress.dead_letters),
        ("wharf_task_retries_total", "How often rows were tried again.", progress.retries),
        ("wharf_task_commits_total", "How often offsets or positions were committed.", progress.commits),
    ];
    for (name, help, count) in counters {
        families.add(name, Kind::Counter, help, labels.clone(), Value::Whole(count));
    }
    if let Some(lag) = progress.lag {
        let help = "Rows of the queue that a sink has yet to read.";
        families.add("wharf_task_lag_rows", Kind::Gauge, help, labels.clone(), Value::Whole(lag));
    }
}

fn add_measures(families: &mut Families, labels: &Labels, task: &TaskFigures) {
    let mut add = |name, kind, help, value| families.add(name, kind, help, labels.clone(), value);
    let help = "How long the task has made no progress although there is something to do; 0 while it moves on.";
    add("wharf_task_stalled_seconds", Kind::Gauge, help, Value::Real(task.stalled.as_secs_f64()));
    let restarts = Value::Whole(task.restarts.into());
    add("wharf_task_restarts_total", Kind::Counter, "How often the task was started again.", restarts);
    let rows = Value::Histogram(task.batch_rows.clone());
    add("wharf_task_batch_rows", Kind::Histogram, "Rows of a batch.", rows);
    let bytes = Value::Histogram(task.batch_bytes.clone());
    add("wharf_task_batch_bytes", Kind::Histogram, "Bytes of a batch's keys, values and headers.", bytes);
    for times in &task.stages {
        let mut labels = labels.clone();
        labels.push(("stage".to_owned(), times.stage.as_str().to_owned()));
        let help = "How long a stage of a batch takes.";
        families.add("wharf_task_stage_seconds", Kind::Histogram, help, labels, Value::Histogram(times.all.clone()));
    }
}
