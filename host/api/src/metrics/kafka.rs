//! What Kafka Connect measures too, under the names that its JMX beans get in Prometheus.
//!
//! There is no one way to name them: each configuration of jmx_exporter makes its own. Here it is `kafka_connect_`, the
//! bean's type and the attribute, as jmx_exporter does it by itself, and with it Confluent's published configuration and
//! Strimzi's metrics reporter. Attributes that are texts are labels of a series that is 1, as in Confluent's.
//!
//! Averages, maxima and rates are of the last 30 to 60 seconds, as in Kafka, and `NaN` where nothing happened in
//! them. What means nothing on one worker (rebalances, a leader, transactions) is not there.

use wharf_core::figures::{Kind, Value};
use wharf_core::recent::Summary;
use wharf_core::state::State;
use wharf_core::trace::Stage;
use wharf_runtime::{ConnectorFigures, Flow, Starts, TaskFigures, WorkerFigures};

use super::text::{Families, Labels};

/// Series of one bean.
struct Bean<'a> {
    families: &'a mut Families,
    kind: &'static str,
    labels: Labels,
}

impl Bean<'_> {
    fn add(&mut self, attribute: &str, kind: Kind, help: &str, value: Value) {
        let name = format!("kafka_connect_{}_{attribute}", self.kind);
        self.families.add(&name, kind, help, self.labels.clone(), value);
    }

    fn gauge(&mut self, attribute: &str, help: &str, value: f64) {
        self.add(attribute, Kind::Gauge, help, Value::Real(value));
    }

    fn whole(&mut self, attribute: &str, help: &str, value: u64) {
        self.add(attribute, Kind::Gauge, help, Value::Whole(value));
    }

    fn total(&mut self, attribute: &str, help: &str, value: u64) {
        self.add(attribute, Kind::Counter, help, Value::Whole(value));
    }

    /// A total, and what it grows by in a second.
    fn flow(&mut self, what: &str, help: &str, flow: Flow) {
        self.total(&format!("{what}_total"), help, flow.total);
        self.gauge(&format!("{what}_rate"), &format!("{help} A second, lately."), flow.rate);
    }

    /// `{before}_avg{after}` and `{before}_max{after}`.
    fn recent(&mut self, before: &str, after: &str, help: &str, summary: Summary) {
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        self.gauge(&format!("{before}_avg{after}"), &format!("{help} On average, lately."), number(summary.average));
        self.gauge(&format!("{before}_max{after}"), &format!("{help} At the most, lately."), number(summary.max));
    }

    /// A text: the attribute becomes a label of a series that is 1.
    fn text(&mut self, attribute: &str, value: &str) {
        let name = format!("kafka_connect_{}", self.kind);
        let mut labels = self.labels.clone();
        labels.push((attribute.to_owned(), value.to_owned()));
        self.families.add(
            &name,
            Kind::Gauge,
            "Attributes that are texts, one for each series.",
            labels,
            Value::Whole(1),
        );
    }
}

/// Adds the families of the worker, its connectors and their tasks.
pub(super) fn add(worker: WorkerFigures, connectors: &[ConnectorFigures], families: &mut Families) {
    add_worker(worker, connectors, families);
    for connector in connectors {
        add_connector(connector, families);
        for task in &connector.tasks {
            let label = |name: &str, value: String| (name.to_owned(), value);
            let labels = vec![label("connector", connector.name.clone()), label("task", task.task.to_string())];
            add_task(task, &labels, families);
            match connector.kind.as_str() {
                "sink" => add_sink(task, &labels, families),
                _ => add_source(task, &labels, families),
            }
            add_errors(task, &labels, families);
        }
    }
}

fn add_worker(worker: WorkerFigures, connectors: &[ConnectorFigures], families: &mut Families) {
    let mut bean = Bean { families, kind: "connect_worker_metrics", labels: Vec::new() };
    bean.whole("connector_count", "Connectors of this worker.", connectors.len() as u64);
    let tasks = connectors.iter().map(|connector| connector.tasks.len() as u64).sum();
    bean.whole("task_count", "Tasks of this worker.", tasks);
    for (what, Starts { succeeded, failed }) in [("connector", worker.connectors), ("task", worker.tasks)] {
        let attempts = succeeded + failed;
        let name = |end: &str| format!("{what}_startup_{end}");
        bean.total(&name("attempts_total"), &format!("How often a {what} was started."), attempts);
        bean.total(&name("success_total"), &format!("How often a {what} was started and came up."), succeeded);
        bean.total(&name("failure_total"), &format!("How often a {what} was started and did not come up."), failed);
        if attempts > 0 {
            let part = |count: u64| count as f64 / attempts as f64;
            let help = format!("The part of the starts of a {what} that worked, 0 to 1, since the worker started.");
            bean.gauge(&name("success_percentage"), &help, part(succeeded));
            let help = format!("The part of the starts of a {what} that failed, 0 to 1, since the worker started.");
            bean.gauge(&name("failure_percentage"), &help, part(failed));
        }
    }
}

fn add_connector(connector: &ConnectorFigures, families: &mut Families) {
    let labels = vec![("connector".to_owned(), connector.name.clone())];
    let mut bean = Bean { families, kind: "connector_metrics", labels };
    bean.text("status", &connector.state.as_str().to_ascii_lowercase());
    bean.text("connector_type", &connector.kind);
    bean.text("connector_class", &connector.class);
    if let Some(version) = &connector.version {
        bean.text("connector_version", version);
    }
    bean.kind = "connect_worker_metrics";
    let count = |state: State| connector.tasks.iter().filter(|task| task.state == state).count() as u64;
    bean.whole("connector_total_task_count", "Tasks of the connector.", connector.tasks.len() as u64);
    for (what, state) in [
        ("running", State::Running),
        ("paused", State::Paused),
        ("failed", State::Failed),
        ("unassigned", State::Unassigned),
        ("restarting", State::Restarting),
    ] {
        let help = format!("Tasks of the connector that are {what}.");
        bean.whole(&format!("connector_{what}_task_count"), &help, count(state));
    }
}

fn add_task(task: &TaskFigures, labels: &Labels, families: &mut Families) {
    let mut bean = Bean { families, kind: "connector_task_metrics", labels: labels.clone() };
    bean.text("status", &task.state.as_str().to_ascii_lowercase());
    bean.gauge("running_ratio", "The part of its life that the task was running, 0 to 1.", task.running_ratio);
    bean.gauge("pause_ratio", "The part of its life that the task was paused, 0 to 1.", task.pause_ratio);
    bean.recent("batch_size", "", "Rows of a batch.", task.batch_size);
    let commits = &task.commits;
    bean.recent("offset_commit", "_time_ms", "Milliseconds that a commit takes.", commits.recent_ms);
    let attempts = commits.done.total + commits.failed;
    if attempts > 0 {
        let part = |count: u64| count as f64 / attempts as f64;
        let (done, failed) = (part(commits.done.total), part(commits.failed));
        bean.gauge("offset_commit_success_percentage", "The part of the commits that worked, 0 to 1.", done);
        bean.gauge("offset_commit_failure_percentage", "The part of the commits that failed, 0 to 1.", failed);
    }
}

fn stage(task: &TaskFigures, stage: Stage) -> Summary {
    task.stages.iter().find(|times| times.stage == stage).map(|times| times.recent_ms).unwrap_or_default()
}

fn add_source(task: &TaskFigures, labels: &Labels, families: &mut Families) {
    let mut bean = Bean { families, kind: "source_task_metrics", labels: labels.clone() };
    bean.flow("source_record_poll", "Rows that the plugin handed over.", task.came);
    bean.flow("source_record_write", "Rows that the queue acknowledged.", task.went);
    // Of a webhook source, which is not polled, it is the time that a request takes.
    let polls = [Stage::Poll, Stage::Handle].map(|it| stage(task, it)).into_iter().find(|it| it.max.is_some());
    let help = "Milliseconds that a poll takes which brings rows.";
    bean.recent("poll_batch", "_time_ms", help, polls.unwrap_or_default());
    let help = "Rows that were handed over and are not acknowledged.";
    bean.whole("source_record_active_count", help, task.active.now);
    bean.recent("source_record_active_count", "", help, task.active.recent);
}

fn add_sink(task: &TaskFigures, labels: &Labels, families: &mut Families) {
    let mut bean = Bean { families, kind: "sink_task_metrics", labels: labels.clone() };
    bean.flow("sink_record_read", "Rows that were read from the queue.", task.came);
    bean.flow("sink_record_send", "Rows that the plugin took.", task.went);
    bean.recent("put_batch", "_time_ms", "Milliseconds that a put takes.", stage(task, Stage::Put));
    bean.whole("partition_count", "Partitions that the task reads.", task.partitions);
    if let Some(lag) = task.lag_max {
        let help = "Rows to be read yet of the partition that is furthest behind.";
        bean.whole("sink_record_lag_max", help, lag);
    }
    let help = "The number of the last commit of a position.";
    bean.whole("offset_commit_seq_no", help, task.commits.done.total);
    bean.flow("offset_commit_completion", "Commits of positions that worked.", task.commits.done);
    let help = "Rows that were read and are not committed.";
    bean.whole("sink_record_active_count", help, task.active.now);
    bean.recent("sink_record_active_count", "", help, task.active.recent);
}

fn add_errors(task: &TaskFigures, labels: &Labels, families: &mut Families) {
    let mut bean = Bean { families, kind: "task_error_metrics", labels: labels.clone() };
    let (errors, progress) = (&task.errors, &task.progress);
    let left_out = progress.skipped + progress.dead_letters;
    bean.total("total_record_failures", "Rows that could not be processed.", errors.fatal + left_out);
    bean.total("total_record_errors", "Rows that could not be processed and failed the task.", errors.fatal);
    bean.total("total_records_skipped", "Rows that could not be processed and were left out.", left_out);
    bean.total("total_retries", "How often something was tried again.", progress.retries);
    bean.total("total_errors_logged", "Errors of rows in the log.", errors.logged);
    let requests = errors.dead_letters;
    bean.total("deadletterqueue_produce_requests", "Rows that were to go to the dead letter queue.", requests);
    let failures = errors.dead_letters_failed;
    bean.total("deadletterqueue_produce_failures", "Rows that the dead letter queue did not take.", failures);
    if let Some(at) = errors.last_at.and_then(|at| u64::try_from(at).ok()) {
        bean.whole("last_error_timestamp", "When a row could not be processed last, in ms since 1970.", at);
    }
}
