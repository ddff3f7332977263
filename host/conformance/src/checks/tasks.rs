//! How a plugin splits its work.

use wharf_core::config::check_value;

use crate::bench::Bench;
use crate::check::{Found, Step};

/// How many tasks are asked for.
const MAX: [u32; 5] = [1, 2, 3, 8, 100];

pub(crate) async fn count(bench: &Bench, found: &mut Found) -> Step {
    let (config, mut made) = (bench.config()?, Vec::new());
    for max in MAX {
        let tasks = bench.must("tasks", bench.options.describe_deadline, bench.plugin.tasks(&config, max)).await?;
        if tasks.is_empty() || tasks.len() > max as usize {
            found.fail(format!("asked for at most {max} tasks, `tasks` gave {}: give 1 to {max}", tasks.len()));
        }
        made.push(tasks.len().to_string());
    }
    found.note(format!("{} where at most 1, 2, 3, 8, 100 were asked for", made.join(", ")));
    Ok(())
}

pub(crate) async fn valid(bench: &Bench, found: &mut Found) -> Step {
    let config = bench.config()?;
    let tasks = bench.must("tasks", bench.options.describe_deadline, bench.plugin.tasks(&config, 3)).await?;
    for (number, task) in tasks.iter().enumerate() {
        for key in &bench.descriptor().keys {
            match task.get(&key.name) {
                Some(value) => {
                    if let Err(reason) = check_value(key, value) {
                        found.fail(format!("task {number}: {reason}"));
                    }
                }
                None if key.required => found.warn(format!(
                    "task {number} has no `{}`, which is required: what the key grants, the task will not have",
                    key.name
                )),
                None => {}
            }
        }
        for problem in bench.plugin.check_capabilities(task) {
            found.fail(format!("task {number}: {problem}"));
        }
    }
    Ok(())
}
