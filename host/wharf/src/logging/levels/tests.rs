//! The table of loggers, and what it does to lines that are logged.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use wharf_core::logs::{LogBook as _, LogQuery};

use super::super::book::{Book, Limits};
use super::super::{filter, keeper};
use super::*;

/// One test of these at a time. Setting a logger has the process ask anew what each line of code that logs is worth, and
/// where one subscriber lives, the thread that sets is asked for it: a thread without one would switch off, in all
/// threads, what another test is about to log. A worker has one subscriber for all threads.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn level(levels: &Levels, name: &str) -> Option<LogLevel> {
    levels.get(name).map(|logger| logger.level)
}

#[test]
fn the_start_value_is_read_as_a_filter_of_targets() {
    let levels = Levels::new("warn, wharf_runtime=debug,hyper,wharf.plugin=0,[task{connector=a,task=1}]=trace");
    let found = |name| level(&levels, name);
    assert_eq!(found("root"), Some(LogLevel::Warn));
    assert_eq!(found("wharf_runtime::task"), Some(LogLevel::Debug));
    assert_eq!(found("wharf_runtime.task"), Some(LogLevel::Debug));
    assert_eq!(found("wharf_api"), Some(LogLevel::Warn));
    assert_eq!((found("hyper"), found("wharf::plugin")), (Some(LogLevel::Trace), Some(LogLevel::Off)));
    assert_eq!(found("org.example"), None);
    assert_eq!(levels.table.lock().unwrap().spans, ["[task{connector=a,task=1}]=trace"]);
    assert_eq!(level(&Levels::new("wharf_api=info"), "root"), Some(LogLevel::Off));
}

#[test]
fn setting_a_logger_sets_those_below_it_and_names_what_changed() {
    let _alone = alone();
    let levels = Levels::new("info");
    let set = |name: &str, level| levels.set(name, level).unwrap();
    assert_eq!(set("a", LogLevel::Debug), ["a"]);
    assert!(set("a", LogLevel::Debug).is_empty());
    assert_eq!(set("a.b", LogLevel::Info), ["a.b"]);
    assert_eq!(set("ab", LogLevel::Info), ["ab"]);
    assert_eq!(set("a", LogLevel::Warn), ["a", "a.b"]);
    assert_eq!(set("root", LogLevel::Info), ["a", "a.b"], "the root has this level already");
    assert_eq!(set("Root", LogLevel::Error), ["a", "a.b", "ab", "root"]);
    assert!(levels.get("a").unwrap().last_modified.unwrap() > 0);
    assert_eq!(levels.get("wharf_api").unwrap(), LoggerLevel { level: LogLevel::Error, last_modified: None });
    let all = levels.all();
    assert!(["root", "a", "a.b", "wharf_runtime"].iter().all(|name| all.contains_key(*name)));
}

#[test]
fn there_is_an_end_to_the_loggers_that_can_be_set() {
    let _alone = alone();
    let levels = Levels::new("info");
    for number in 0..MOST {
        levels.set(&format!("l{number}"), LogLevel::Debug).unwrap();
    }
    assert_eq!(levels.set("more", LogLevel::Debug), Err(TooManyLoggers(MOST)));
    assert!(levels.set("l0", LogLevel::Info).is_ok() && levels.set("root", LogLevel::Warn).is_ok());
}

/// Sets loggers one after the other, logs the same lines each time, and gives back which of them were shown and which
/// were kept of the connector `a`.
fn logged(directives: &str, sets: &[(&str, LogLevel)]) -> (Vec<String>, Vec<String>) {
    let _alone = alone();
    let levels = Levels::new(directives);
    let (kept, shown) = (Book::new(Limits::default()), Book::new(Limits::default()));
    let keeper = |book: &Book| keeper::Keeper::new(book.clone(), Arc::new(OnceLock::new()));
    let subscriber = tracing_subscriber::registry()
        .with(keeper(&kept).with_filter(filter::Kept(levels.selected())))
        .with(keeper(&shown).with_filter(filter::Shown(levels.selected())));
    tracing::subscriber::with_default(subscriber, || {
        for (name, level) in sets {
            levels.set(name, *level).unwrap();
        }
        let span = tracing::info_span!(target: "wharf_runtime::task", "task", connector = %"a", task = 0_u32);
        span.in_scope(|| {
            tracing::info!(target: "wharf_runtime::task::sink", "info");
            tracing::debug!(target: "wharf_runtime::task::sink", "debug");
        });
        tracing::debug!(target: "wharf::plugin", connector = "a", task = 0_u32, "plugin debug");
        tracing::debug!(target: "wharf::plugin", connector = "b", "another connector");
        tracing::error!(target: "wharf_runtime::worker", "no connector");
    });
    let query = LogQuery { level: LogLevel::All, limit: 100, ..LogQuery::default() };
    let said = |book: &Book| book.recent("a", &query).into_iter().map(|line| line.message).collect();
    (said(&shown), said(&kept))
}

#[test]
fn lines_of_info_are_kept_although_less_is_shown() {
    assert_eq!(logged("error", &[]), (vec![], vec!["info".to_owned()]));
    assert_eq!(logged("info", &[("root", LogLevel::Off)]), (vec![], vec!["info".to_owned()]));
}

#[test]
fn what_a_logger_asks_for_is_shown_and_kept() {
    let both = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        (lines.clone(), lines)
    };
    assert_eq!(logged("info", &[]), both(&["info"]));
    assert_eq!(logged("info", &[("wharf_runtime.task", LogLevel::Debug)]), both(&["info", "debug"]));
    assert_eq!(logged("info", &[("wharf.plugin", LogLevel::All)]), both(&["info", "plugin debug"]));
    assert_eq!(logged("info", &[("root", LogLevel::Trace)]), both(&["info", "debug", "plugin debug"]));
    let kafkas = ("org.apache.kafka.connect.runtime.WorkerSinkTask", LogLevel::Debug);
    assert_eq!(logged("info", &[kafkas]), both(&["info", "debug"]));
    let (last_holds, own) = (("wharf_runtime::task::sink", LogLevel::Info), kafkas);
    assert_eq!(logged("info", &[own, last_holds]), both(&["info"]));
}

#[test]
fn a_connectors_logger_goes_before_all_others() {
    let all = vec!["info".to_owned(), "debug".to_owned(), "plugin debug".to_owned()];
    assert_eq!(logged("info", &[("connector.a", LogLevel::Debug)]), (all.clone(), all.clone()));
    assert_eq!(logged("off", &[("connector", LogLevel::Debug)]), (all.clone(), all));
    let (quiet, info) = (LogLevel::Fatal, vec!["info".to_owned()]);
    assert_eq!(logged("trace", &[("connector.a", quiet)]), (vec![], info.clone()));
    assert_eq!(logged("info", &[("connector.b", LogLevel::Debug)]), (info.clone(), info));
}
