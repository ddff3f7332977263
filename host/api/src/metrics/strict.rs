//! A reader of Prometheus' text format that takes nothing for granted, for tests: what it reads every scraper reads.

use std::collections::{BTreeMap, BTreeSet};

/// A sample's labels and value.
pub(crate) type Samples = BTreeMap<BTreeMap<String, String>, f64>;

/// A family as it stands on a page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Of each family its type.
    pub(crate) types: BTreeMap<String, String>,
    /// By the name of the sample.
    pub(crate) samples: BTreeMap<String, Samples>,
}

/// Reads a page, or says which line is wrong, and why.
pub(crate) fn read(page: &str) -> Result<Page, String> {
    let mut read = Page::default();
    let mut family: Option<(String, String)> = None;
    let mut helped: Option<String> = None;
    if !page.is_empty() && !page.ends_with('\n') {
        return Err("the last line has no end".to_owned());
    }
    for line in page.lines() {
        let wrong = |why: &str| format!("{why}: {line}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or_else(|| wrong("no help"))?;
            check_name(name, true).map_err(|why| wrong(&why))?;
            if help.trim().is_empty() {
                return Err(wrong("an empty help"));
            }
            helped = Some(name.to_owned());
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| wrong("no type"))?;
            if helped.as_deref() != Some(name) {
                return Err(wrong("the help does not stand before the type"));
            }
            if !["counter", "gauge", "histogram"].contains(&kind) {
                return Err(wrong("an unknown type"));
            }
            if read.types.insert(name.to_owned(), kind.to_owned()).is_some() {
                return Err(wrong("the family is there twice"));
            }
            family = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (family, kind) = family.as_ref().ok_or_else(|| wrong("a sample before its type"))?;
            let (name, labels, value) = sample(line).map_err(|why| wrong(&why))?;
            let ends: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            if !ends.iter().any(|end| name == format!("{family}{end}")) {
                return Err(wrong("a sample of another family"));
            }
            if kind == "counter" && (value.is_nan() || value < 0.0) {
                return Err(wrong("a counter that is no count"));
            }
            if name.ends_with("_bucket") && kind == "histogram" && !labels.contains_key("le") {
                return Err(wrong("a bucket without a bound"));
            }
            if read.samples.entry(name).or_default().insert(labels, value).is_some() {
                return Err(wrong("the sample is there twice"));
            }
        }
    }
    let names: BTreeSet<_> = read.types.iter().filter(|(_, kind)| *kind == "histogram").map(|(name, _)| name).collect();
    names.into_iter().try_for_each(|name| check_histogram(&read, name))?;
    Ok(read)
}

/// Buckets ascend, and the last is the count.
fn check_histogram(page: &Page, name: &str) -> Result<(), String> {
    let of = |end: &str| page.samples.get(&format!("{name}{end}")).cloned().unwrap_or_default();
    let (buckets, sums, counts) = (of("_bucket"), of("_sum"), of("_count"));
    if counts.is_empty() || counts.keys().ne(sums.keys()) {
        return Err(format!("{name} has no sum or count"));
    }
    for (labels, count) in counts {
        let mine = buckets.iter().filter_map(|(all, below)| {
            let mut all = all.clone();
            let bound = all.remove("le")?;
            (all == labels).then(|| (if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() }, *below))
        });
        let mut mine: Vec<(f64, f64)> = mine.collect();
        mine.sort_by(|a, b| a.0.total_cmp(&b.0));
        if !mine.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) || mine.last() != Some(&(f64::INFINITY, count)) {
            return Err(format!("{name} has buckets that cannot be: {mine:?} of {count}"));
        }
    }
    Ok(())
}

fn check_name(name: &str, is_metric: bool) -> Result<(), String> {
    let fits = |char: char| char.is_ascii_alphanumeric() || char == '_' || (is_metric && char == ':');
    let begins_well = !name.starts_with(|char: char| char.is_ascii_digit()) && (is_metric || !name.starts_with("__"));
    (!name.is_empty() && begins_well && name.chars().all(fits)).then_some(()).ok_or(format!("`{name}` is no name"))
}

fn sample(line: &str) -> Result<(String, BTreeMap<String, String>, f64), String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    check_name(name, true)?;
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"").ok_or("a label without a value")?;
            check_name(label, false)?;
            let (value, after) = quoted(after)?;
            if labels.insert(label.to_owned(), value).is_some() {
                return Err(format!("the label `{label}` is there twice"));
            }
            rest = after.strip_prefix(',').unwrap_or(after);
            if rest == after && !rest.starts_with('}') {
                return Err("no comma between labels".to_owned());
            }
        }
        rest = rest.strip_prefix('}').unwrap_or(rest);
    }
    let value = rest.strip_prefix(' ').ok_or("no value")?;
    let value = match value {
        "NaN" => f64::NAN,
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        value if value.contains(' ') => return Err("something behind the value".to_owned()),
        value => value.parse().map_err(|_| format!("`{value}` is no number"))?,
    };
    Ok((name.to_owned(), labels, value))
}

/// The value of a label up to its quote, and what follows.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let (mut value, mut chars) = (String::new(), text.char_indices());
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, '\\')) => value.push('\\'),
                Some((_, '"')) => value.push('"'),
                Some((_, 'n')) => value.push('\n'),
                _ => return Err("an escape that there is not".to_owned()),
            },
            char => value.push(char),
        }
    }
    Err("a label without an end".to_owned())
}

mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use wharf_core::histogram::{Buckets, Histogram, SECONDS};
    use wharf_core::meter::Usage;
    use wharf_core::recent::Summary;
    use wharf_core::state::State;
    use wharf_core::trace::Stage;
    use wharf_runtime::{
        Commits, ConnectorFigures, Flow, Level, StageTimes, Starts, TaskErrors, TaskFigures, TaskProgress,
        WorkerFigures,
    };

    use super::super::text::Families;
    use super::super::{kafka, tasks};
    use super::*;

    #[test]
    fn a_page_that_a_scraper_would_refuse_is_refused() {
        let head = "# HELP a A.\n# TYPE a gauge\n";
        for page in [
            "a 1\n",
            "# TYPE a gauge\na 1\n",
            &format!("{head}a 1"),
            &format!("{head}b 1\n"),
            &format!("{head}a{{x=\"1\",x=\"2\"}} 1\n"),
            &format!("{head}a{{x=\"1\"y=\"2\"}} 1\n"),
            &format!("{head}a{{x=\"\\t\"}} 1\n"),
            &format!("{head}a{{__x=\"1\"}} 1\n"),
            &format!("{head}a one\n"),
            &format!("{head}a 1\na 2\n"),
            &format!("{head}a 1\n{head}a{{x=\"1\"}} 2\n"),
            "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
            "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n",
        ] {
            assert!(read(page).is_err(), "{page}");
        }
        assert!(read(&format!("{head}a{{x=\"q\\\"\\\\\\n,}}\"}} NaN\na 1e-7\n")).is_ok());
    }

    fn task(number: u32, state: State, recent: Summary) -> TaskFigures {
        let histogram = Histogram::new(&SECONDS);
        histogram.took(Duration::from_millis(3));
        let times = |stage| StageTimes { stage, all: histogram.buckets(), recent_ms: recent };
        TaskFigures {
            task: number,
            plugin: "p@1".to_owned(),
            state,
            running_ratio: 0.75,
            pause_ratio: 0.25,
            restarts: 2,
            stalled: Duration::from_millis(61_500),
            progress: TaskProgress {
                task: number,
                state,
                rows: 10,
                bytes: 1000,
                batches: 2,
                skipped: 1,
                dead_letters: 2,
                retries: 3,
                commits: 4,
                lag: Some(5),
            },
            usage: Usage { denials: BTreeMap::from([("egress.name".to_owned(), 1)]), ..Usage::default() },
            stages: vec![times(Stage::Poll), times(Stage::Put)],
            batch_rows: Buckets { buckets: vec![(1.0, 1)], count: 1, sum: 1.0 },
            batch_bytes: Buckets { buckets: vec![(256.0, 1)], count: 2, sum: 500.0 },
            batch_size: recent,
            came: Flow { total: 12, rate: 1.5 },
            went: Flow { total: 10, rate: 1.25 },
            active: Level { now: 2, recent },
            commits: Commits { done: Flow { total: 3, rate: 0.1 }, failed: 1, recent_ms: recent },
            errors: TaskErrors { fatal: 1, logged: 1, dead_letters: 3, dead_letters_failed: 1, last_at: Some(7) },
            partitions: 4,
            lag_max: Some(3),
        }
    }

    fn page() -> Page {
        let some = Summary { average: Some(2.5), max: Some(4.0), rate: 1.0 };
        let connector = |name: &str, kind: &str, tasks| ConnectorFigures {
            name: name.to_owned(),
            kind: kind.to_owned(),
            state: State::Running,
            class: "io.x.Y".to_owned(),
            version: Some("1.2.3".to_owned()),
            tasks,
        };
        let (running, failed) = (task(0, State::Running, some), task(1, State::Failed, Summary::default()));
        let odd = "odd\" name\\\n{}";
        let all = [connector(odd, "source", vec![running.clone()]), connector("k", "sink", vec![running, failed])];
        let worker =
            WorkerFigures { connectors: Starts { succeeded: 3, failed: 1 }, tasks: Starts { succeeded: 0, failed: 0 } };
        let mut families = Families::default();
        kafka::add(worker, &all, &mut families);
        all.iter().for_each(|connector| tasks::add(connector, &mut families));
        read(&families.render()).unwrap()
    }

    fn value(page: &Page, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        *page.samples.get(name).and_then(|samples| samples.get(&labels)).unwrap_or_else(|| panic!("{name} {labels:?}"))
    }

    #[test]
    fn kafka_connects_figures_have_the_names_that_dashboards_ask_for() {
        let page = page();
        let sink = [("connector", "k"), ("task", "0")];
        let at = |name: &str, labels: &[(&str, &str)]| value(&page, &format!("kafka_connect_{name}"), labels);
        assert_eq!(at("connect_worker_metrics_connector_count", &[]), 2.0);
        assert_eq!(at("connect_worker_metrics_task_count", &[]), 3.0);
        assert_eq!(at("connect_worker_metrics_connector_startup_attempts_total", &[]), 4.0);
        assert_eq!(at("connect_worker_metrics_connector_startup_success_percentage", &[]), 0.75);
        assert_eq!(at("connect_worker_metrics_connector_total_task_count", &[("connector", "k")]), 2.0);
        assert_eq!(at("connect_worker_metrics_connector_failed_task_count", &[("connector", "k")]), 1.0);
        assert_eq!(at("connector_metrics", &[("connector", "k"), ("status", "running")]), 1.0);
        assert_eq!(at("connector_metrics", &[("connector", "k"), ("connector_class", "io.x.Y")]), 1.0);
        assert_eq!(at("connector_task_metrics", &[sink[0], ("task", "1"), ("status", "failed")]), 1.0);
        assert_eq!(at("connector_task_metrics_running_ratio", &sink), 0.75);
        assert_eq!(at("connector_task_metrics_batch_size_max", &sink), 4.0);
        assert_eq!(at("connector_task_metrics_offset_commit_avg_time_ms", &sink), 2.5);
        assert_eq!(at("connector_task_metrics_offset_commit_success_percentage", &sink), 0.75);
        assert_eq!(at("sink_task_metrics_put_batch_avg_time_ms", &sink), 2.5);
        assert!(at("sink_task_metrics_put_batch_avg_time_ms", &[sink[0], ("task", "1")]).is_nan());
        assert_eq!(at("sink_task_metrics_sink_record_read_total", &sink), 12.0);
        assert_eq!(at("sink_task_metrics_sink_record_send_rate", &sink), 1.25);
        assert_eq!(at("sink_task_metrics_sink_record_lag_max", &sink), 3.0);
        assert_eq!(at("sink_task_metrics_partition_count", &sink), 4.0);
        assert_eq!(at("sink_task_metrics_sink_record_active_count_max", &sink), 4.0);
        let source = [("connector", "odd\" name\\\n{}"), ("task", "0")];
        assert_eq!(at("source_task_metrics_source_record_poll_total", &source), 12.0);
        assert_eq!(at("source_task_metrics_source_record_active_count", &source), 2.0);
        assert_eq!(at("source_task_metrics_poll_batch_max_time_ms", &source), 4.0);
        assert_eq!(at("task_error_metrics_total_record_failures", &sink), 4.0);
        assert_eq!(at("task_error_metrics_total_records_skipped", &sink), 3.0);
        assert_eq!(at("task_error_metrics_deadletterqueue_produce_requests", &sink), 3.0);
        assert_eq!(at("task_error_metrics_last_error_timestamp", &sink), 7.0);
        assert!(!page.types.contains_key("kafka_connect_connect_worker_metrics_task_startup_success_percentage"));
    }

    #[test]
    fn wharfs_own_figures_stand_beside_them() {
        let page = page();
        let labels = [("connector", "k"), ("task", "0"), ("plugin", "p@1")];
        assert_eq!(value(&page, "wharf_task_stalled_seconds", &labels), 61.5);
        assert_eq!(value(&page, "wharf_task_restarts_total", &labels), 2.0);
        assert_eq!(value(&page, "wharf_task_batch_bytes_count", &labels), 2.0);
        let mut stage = labels.to_vec();
        stage.push(("stage", "put"));
        assert_eq!(value(&page, "wharf_task_stage_seconds_count", &stage), 1.0);
        assert_eq!(page.types.get("wharf_task_stage_seconds").map(String::as_str), Some("histogram"));
        stage.push(("le", "0.005"));
        assert_eq!(value(&page, "wharf_task_stage_seconds_bucket", &stage), 1.0);
    }
}
