#![doc = include_str!("../README.md")]

mod pace;
mod rows;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wharf_sdk::{
    BatchBuilder, ConfigKey, ConfigMap, Context, Descriptor, Failure, Importance, Next, Problem, Source, SourceOffset,
    json,
};

use pace::Pace;
use rows::Rows;

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    topic: String,
    #[serde(rename = "rows.per.second")]
    rows_per_second: u64,
    size: u32,
    count: u64,
    #[serde(rename = "key.space")]
    key_space: u64,
    headers: u32,
    seed: u64,
}

/// The offset as it is stored: how many rows this task has made.
#[derive(Debug, Serialize, Deserialize)]
struct At {
    sequence: u64,
}

/// A running task.
#[derive(Debug)]
pub struct Generator {
    topic: String,
    task: u32,
    tasks: u32,
    rows: Rows,
    pace: Option<Pace>,
    /// The next row of this task.
    sequence: u64,
    /// How many rows this task makes; `None`: no end.
    count: Option<u64>,
}

impl Source for Generator {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor::new("generator-source", env!("CARGO_PKG_VERSION"), "Makes rows up, for benches and load tests.")
            .documentation(include_str!("../README.md"))
            .key(ConfigKey::string("topic").required().doc("The topic that the rows go to."))
            .key(
                ConfigKey::long("rows.per.second")
                    .default_value(0)
                    .doc("How many rows a second all tasks make together; 0: as many as they can."),
            )
            .key(ConfigKey::int("size").default_value(100).doc("Bytes in a value; at least its number has room."))
            .key(ConfigKey::long("count").default_value(0).doc("How many rows in all; 0: no end."))
            .key(ConfigKey::long("key.space").default_value(0).doc("How many different keys; 0: rows without a key."))
            .key(
                ConfigKey::int("headers")
                    .default_value(0)
                    .doc("How many headers each row has: h0, h1, … with the row's number as their value."),
            )
            .key(
                ConfigKey::long("seed")
                    .default_value(0)
                    .importance(Importance::Low)
                    .doc("Equal seeds make equal rows."),
            )
    }

    fn validate(config: &Config) -> Vec<Problem> {
        let mut problems = Vec::new();
        if config.topic.trim().is_empty() {
            problems.push(Problem { key: "topic".into(), message: "write the name of a topic".into() });
        }
        if config.size > rows::MAX_SIZE {
            let message = format!("write a number of bytes up to {}", rows::MAX_SIZE);
            problems.push(Problem { key: "size".into(), message });
        }
        if config.headers > rows::MAX_HEADERS {
            let message = format!("write a number up to {}", rows::MAX_HEADERS);
            problems.push(Problem { key: "headers".into(), message });
        }
        problems
    }

    fn tasks(config: &ConfigMap, max: u32) -> Result<Vec<ConfigMap>, Failure> {
        Ok(vec![config.clone(); max.max(1) as usize])
    }

    fn start(context: &Context, config: Config) -> Result<Self, Failure> {
        let at: Option<At> = wharf_sdk::stored_offset(json!({"task": context.task}))?;
        let (task, tasks) = (u64::from(context.task), u64::from(context.tasks.max(1)));
        let share = |whole: u64| whole / tasks + u64::from(task < whole % tasks);
        Ok(Self {
            topic: config.topic,
            task: context.task,
            tasks: context.tasks.max(1),
            rows: Rows::new(config.size as usize, config.key_space, config.headers, config.seed),
            // A rate is shared as a fraction: with more tasks than rows a second each still has its turn.
            pace: (config.rows_per_second > 0).then(|| Pace::new(config.rows_per_second as f64 / tasks as f64)),
            sequence: at.map_or(0, |at| at.sequence),
            count: (config.count > 0).then(|| share(config.count)),
        })
    }

    fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure> {
        batch.topic(&self.topic);
        let left = self.count.map_or(u64::MAX, |count| count.saturating_sub(self.sequence));
        if left == 0 {
            return Ok(Next::Finished);
        }
        let due = self.due(batch.limits().max_wait).min(left);
        let size = self.rows.size();
        let mut made = 0;
        while made < due && batch.has_room(size) {
            // Tasks deal the numbers out in turn, so that all together count without a gap.
            let number = (self.sequence + made) * u64::from(self.tasks) + u64::from(self.task);
            self.rows.push(number, batch);
            made += 1;
        }
        self.sequence += made;
        if let Some(pace) = &mut self.pace {
            pace.made(made);
        }
        batch.checkpoint(SourceOffset::new(json!({"task": self.task}), At { sequence: self.sequence })?);
        Ok(match self.count {
            Some(count) if self.sequence >= count => Next::Finished,
            _ if made < due || self.pace.is_none() => Next::More,
            _ => Next::Idle,
        })
    }

    fn resume(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.restart(Instant::now());
        }
    }

    fn alter(&mut self, offsets: &[SourceOffset]) -> Result<(), String> {
        offsets.iter().try_for_each(|at| at.read::<At>().map(drop))
    }
}

impl Generator {
    /// How many rows may be made now. With a rate it waits up to `max_wait` for the first.
    fn due(&self, max_wait: Duration) -> u64 {
        let Some(pace) = &self.pace else { return u64::MAX };
        let wait = pace.until_next(Instant::now()).min(max_wait);
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        pace.due(Instant::now())
    }
}

wharf_sdk::export_source!(Generator);

#[cfg(test)]
mod tests;
