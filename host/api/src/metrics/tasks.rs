//! What the worker counts of its tasks.

use wharf_core::meter::Usage;
use wharf_runtime::{TaskProgress, Worker};

use super::text::{Families, Kind, Labels, Value};

/// Adds the families of all tasks. A connector that is deleted meanwhile is left out.
pub(super) async fn add(worker: &Worker, families: &mut Families) {
    for name in worker.connectors().await {
        let (Ok(progress), Ok(usage)) = (worker.progress(&name).await, worker.usage(&name).await) else { continue };
        for task in usage.tasks {
            let label = |name: &str, value: String| (name.to_owned(), value);
            let labels = vec![
                label("connector", name.clone()),
                label("task", task.task.to_string()),
                label("plugin", task.plugin),
            ];
            add_usage(families, &labels, &task.usage);
            if let Some(progress) = progress.tasks.iter().find(|progress| progress.task == task.task) {
                add_progress(families, &labels, progress);
            }
        }
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
