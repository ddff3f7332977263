//! Each misbehaviour ends the instance, gets its class, and disturbs nobody else.

use std::time::{Duration, Instant};

use wharf_core::DeathKind;
use wharf_core::limits::TaskLimits;
use wharf_core::meter::PluginMetrics as _;
use wharf_core::plugin::{SourceTask, TaskSetup};
use wharf_sandbox::Limits;

use crate::guests::{POLL, death, misbehaving, sandbox, setup, short, source};

async fn dies(limits: Limits, pairs: &[(&str, &str)]) -> wharf_core::Death {
    let plugin = misbehaving(&sandbox(limits)).await;
    let mut task = plugin.start_source(setup(pairs)).await.unwrap();
    let died = death(task.poll(POLL).await);
    // Dead is dead: nothing enters the instance again, and the first reason stays.
    assert_eq!(death(task.poll(POLL).await), died);
    assert_eq!(death(task.stop().await), died);
    died
}

#[tokio::test]
async fn a_guest_that_spins_is_interrupted() {
    let died = dies(short(), &[("mode", "spin")]).await;
    assert_eq!(died.kind, DeathKind::DeadlineExceeded);
    assert!(died.message.starts_with("poll computed for longer than 201ms"), "{died}");
}

#[tokio::test]
async fn a_guest_that_sleeps_in_a_host_call_is_given_up() {
    let died = dies(short(), &[("mode", "sleep-forever")]).await;
    assert_eq!(died.kind, DeathKind::HostCallTimeout);
    assert!(died.message.contains("poll was blocked in a host call for longer than 201ms"), "{died}");
}

#[tokio::test]
async fn a_trap_is_a_trap_with_a_backtrace() {
    let died = dies(short(), &[("mode", "trap")]).await;
    assert_eq!(died.kind, DeathKind::Trap);
    assert!(died.message.contains("unreachable") && died.message.contains("; backtrace: "), "{died}");
}

#[tokio::test]
async fn a_panic_s_text_is_in_the_message() {
    let died = dies(short(), &[("mode", "panic")]).await;
    assert_eq!(died.kind, DeathKind::Trap);
    assert!(died.message.contains("the sky is falling"), "{died}");
    assert!(!died.message.contains("RUST_BACKTRACE"), "{died}");
}

#[tokio::test]
async fn an_exit_and_a_full_stack_are_traps() {
    assert_eq!(dies(short(), &[("mode", "exit")]).await.kind, DeathKind::Trap);
    let died = dies(short(), &[("mode", "recurse")]).await;
    assert_eq!(died.kind, DeathKind::Trap);
    assert!(died.message.len() < 10_000, "{}", died.message.len());
}

#[tokio::test]
async fn a_guest_that_takes_all_memory_is_told_from_one_that_traps() {
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::default() };
    let died = dies(limits, &[("mode", "exhaust-memory")]).await;
    assert_eq!(died.kind, DeathKind::MemoryLimit);
    assert!(died.message.contains("67108864 are allowed"), "{died}");
}

#[tokio::test]
async fn a_batch_larger_than_allowed_is_not_taken_into_the_host() {
    let limits = Limits { max_output_bytes: 8 << 20, ..Limits::default() };
    // 1000 rows of 20 KB: 20 MB.
    let died = dies(limits, &[("mode", "huge-batch"), ("size", "20000")]).await;
    assert_eq!(died.kind, DeathKind::OutputLimit);
    assert!(died.message.contains("8388608 bytes"), "{died}");
}

#[tokio::test]
async fn a_batch_of_a_gigabyte_does_not_even_fit_into_the_guest() {
    let died = dies(Limits::default(), &[("mode", "huge-batch"), ("size", "1073741")]).await;
    assert_eq!(died.kind, DeathKind::MemoryLimit);
}

#[tokio::test]
async fn rows_that_do_not_fit_together_break_the_contract() {
    let died = dies(short(), &[("mode", "bad-batch")]).await;
    assert_eq!(died.kind, DeathKind::ContractViolation);
    assert!(died.message.contains("values.ends"), "{died}");
    let died = dies(short(), &[("mode", "bad-checkpoint")]).await;
    assert_eq!(died.kind, DeathKind::ContractViolation);
    assert!(died.message.contains("offset"), "{died}");
}

#[tokio::test]
async fn a_start_has_a_deadline() {
    let limits = Limits { start_deadline: std::time::Duration::from_millis(300), ..short() };
    let plugin = misbehaving(&sandbox(limits)).await;
    let died = death(plugin.start_source(setup(&[("mode", "spin-in-start")])).await.map(drop));
    assert_eq!(died.kind, DeathKind::DeadlineExceeded);
    assert!(died.message.starts_with("on-start computed"), "{died}");
}

#[tokio::test]
async fn a_stop_has_a_deadline() {
    let plugin = misbehaving(&sandbox(short())).await;
    let died = death(source(&plugin, "spin-in-stop").await.stop().await);
    assert_eq!(died.kind, DeathKind::DeadlineExceeded);
}

#[tokio::test]
async fn a_flood_of_log_lines_is_no_reason_to_die() {
    let plugin = misbehaving(&sandbox(short())).await;
    let mut task = source(&plugin, "log-flood").await;
    assert_eq!(task.poll(POLL).await.unwrap().batch.rows, 1);
    assert_eq!(task.poll(POLL).await.unwrap().batch.rows, 1);
}

#[tokio::test]
async fn others_go_on_while_more_guests_spin_than_there_are_threads() {
    let sandbox = sandbox(Limits::default());
    let plugin = misbehaving(&sandbox).await;
    let mut spinning = Vec::new();
    for _ in 0..8 {
        let mut task: Box<dyn SourceTask> = source(&plugin, "spin").await;
        spinning.push(tokio::spawn(async move { task.poll(POLL).await.map(drop) }));
    }
    let mut task = source(&plugin, "ok").await;
    for _ in 0..20 {
        assert_eq!(task.poll(POLL).await.unwrap().batch.rows, 1);
    }
    // They spin still: the default deadline is far off.
    assert!(spinning.iter().all(|task| !task.is_finished()));
    spinning.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_plugin_works_again_after_any_death() {
    let plugin = misbehaving(&sandbox(short())).await;
    for mode in ["spin", "trap", "sleep-forever"] {
        death(source(&plugin, mode).await.poll(POLL).await);
        assert_eq!(source(&plugin, "ok").await.poll(POLL).await.unwrap().batch.rows, 1);
    }
}

fn limited(mode: &str, limits: TaskLimits) -> TaskSetup {
    TaskSetup { limits, ..setup(&[("mode", mode)]) }
}

#[tokio::test]
async fn a_task_s_own_limits_hold_below_those_of_the_sandbox() {
    let plugin = misbehaving(&sandbox(Limits::default())).await;
    let own = TaskLimits { memory_bytes: Some(32 << 20), ..TaskLimits::default() };
    let setup = limited("exhaust-memory", own);
    let meter = setup.meter.clone();
    let mut task = plugin.start_source(setup).await.unwrap();
    let died = death(task.poll(POLL).await);
    assert_eq!(died.kind, DeathKind::MemoryLimit);
    assert!(died.message.contains("33554432 are allowed"), "{died}");
    let peak = meter.usage().memory_peak_bytes;
    assert!((16 << 20..=32 << 20).contains(&peak), "{peak}");
    // The store is dropped by the actor, a moment after its last answer.
    while meter.usage().memory_bytes > 0 {
        tokio::task::yield_now().await;
    }

    let own = TaskLimits { call_deadline: Some(Duration::from_millis(150)), ..TaskLimits::default() };
    let died = death(plugin.start_source(limited("spin", own)).await.unwrap().poll(POLL).await);
    assert!(died.message.starts_with("poll computed for longer than 151ms"), "{died}");
}

#[tokio::test]
async fn a_task_s_limits_do_not_reach_beyond_those_of_the_sandbox() {
    let plugin = misbehaving(&sandbox(Limits { memory_bytes: 64 << 20, ..Limits::default() })).await;
    let own = TaskLimits { memory_bytes: Some(128 << 20), ..TaskLimits::default() };
    let died = death(plugin.start_source(limited("exhaust-memory", own)).await.unwrap().poll(POLL).await);
    assert!(died.message.contains("67108864 are allowed"), "{died}");
}

#[tokio::test]
async fn calls_and_cpu_time_are_metered() {
    let plugin = misbehaving(&sandbox(short())).await;
    let setup = limited("ok", TaskLimits::default());
    let meter = setup.meter.clone();
    let mut task = plugin.start_source(setup).await.unwrap();
    for _ in 0..3 {
        task.poll(POLL).await.unwrap();
    }
    let usage = meter.usage();
    assert_eq!(usage.calls, 4, "`on-start` and three polls");
    assert!(usage.cpu_seconds > 0.0 && usage.memory_bytes > 0, "{usage:?}");
    task.stop().await.unwrap();
    assert_eq!(meter.usage().calls, 5);
}

#[tokio::test]
async fn a_guest_that_computes_keeps_to_its_share_and_its_deadline_waits_for_it() {
    let plugin = misbehaving(&sandbox(Limits { call_deadline: Duration::from_millis(300), ..short() })).await;
    let setup = limited("spin", TaskLimits { cpu_percent: Some(10), ..TaskLimits::default() });
    let meter = setup.meter.clone();
    let mut task = plugin.start_source(setup).await.unwrap();
    let began = Instant::now();
    // It is ended for its deadline, not for what it was made to wait.
    assert_eq!(death(task.poll(POLL).await).kind, DeathKind::DeadlineExceeded);
    let (wall, cpu) = (began.elapsed().as_secs_f64(), meter.usage().cpu_seconds);
    // What was saved up before, its share of the time, and a few ticks that it was not looked at.
    assert!(cpu <= 0.1 + 0.1 * wall + 0.08, "{cpu} s of CPU time in {wall} s");
}

#[tokio::test]
async fn a_guest_that_is_made_to_wait_can_be_dropped() {
    let sandbox = sandbox(short());
    let plugin = misbehaving(&sandbox).await;
    let own = TaskLimits { cpu_percent: Some(1), ..TaskLimits::default() };
    let setup = limited("spin", own);
    let meter = setup.meter.clone();
    let mut task = plugin.start_source(setup).await.unwrap();
    let mut poll = Box::pin(task.poll(POLL));
    while meter.usage().cpu_seconds < 0.02 {
        tokio::select! {
            _ = &mut poll => panic!("it spins"),
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    }
    drop(poll);
    drop(task);
    while meter.usage().memory_bytes > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_plugins_count_is_shown_with_whose_it_is() {
    let sandbox = sandbox(short());
    let plugin = misbehaving(&sandbox).await;
    let mut task = source(&plugin, "metrics").await;
    task.poll(POLL).await.unwrap();
    let series = sandbox.plugin_metrics();
    let polls = series.iter().find(|series| series.name == "polls").unwrap();
    assert_eq!((polls.connector.as_str(), polls.task, polls.plugin.as_str()), ("c", 3, "misbehaving-source@0.1.0"));
    assert_eq!(polls.labels, [("a".to_owned(), "1".to_owned())]);
}
