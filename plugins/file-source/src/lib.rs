#![doc = include_str!("../README.md")]

mod alter;
mod lines;
mod tail;

use std::io;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wharf_sdk::{
    BatchBuilder, ConfigKey, Context, Descriptor, Failure, Importance, Next, Problem, Source, SourceOffset, json,
};

use tail::{Tail, Turn};

/// The first and the longest pause between two looks at a file that has nothing new.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(100));

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    file: Option<String>,
    topic: String,
    #[serde(rename = "batch.size")]
    batch_size: u32,
    #[serde(rename = "max.line.bytes")]
    max_line_bytes: u32,
}

/// The offset as it is stored: the place after the last line that was read, in bytes.
#[derive(Debug, Serialize, Deserialize)]
struct At {
    position: u64,
}

/// A running task.
#[derive(Debug)]
pub struct FileSource {
    /// The file's path, as it was configured.
    path: String,
    topic: String,
    batch_size: u32,
    tail: Tail,
}

impl Source for FileSource {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor::new("file-source", env!("CARGO_PKG_VERSION"), "Reads the lines of a file as they come.")
            .documentation(include_str!("../README.md"))
            .alias("FileStreamSource")
            .alias("FileStreamSourceConnector")
            .alias("org.apache.kafka.connect.file.FileStreamSourceConnector")
            .key(ConfigKey::file_read("file").doc("The file to read. It may not exist yet."))
            .key(ConfigKey::string("topic").required().doc("The topic that the lines go to."))
            .key(
                ConfigKey::int("batch.size")
                    .default_value(10_000)
                    .importance(Importance::Low)
                    .doc("Lines in one batch, at most. The worker's own bound on rows and bytes holds too."),
            )
            .key(
                ConfigKey::int("max.line.bytes")
                    .default_value(16 * 1024 * 1024)
                    .importance(Importance::Low)
                    .doc("A longer line stops the task: it is more likely a file without lines than a line."),
            )
    }

    fn validate(config: &Config) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, message: &str| {
            problems.push(Problem { key: key.to_owned(), message: message.to_owned() });
        };
        if config.file.as_ref().is_some_and(|file| file.trim().is_empty()) {
            problem("file", "write the path of a file");
        }
        if config.topic.trim().is_empty() {
            problem("topic", "write the name of a topic");
        }
        if config.batch_size == 0 {
            problem("batch.size", "write a number from 1 up");
        }
        if config.max_line_bytes == 0 {
            problem("max.line.bytes", "write a number of bytes from 1 up");
        }
        problems
    }

    fn start(_: &Context, config: Config) -> Result<Self, Failure> {
        // Kafka Connect takes such a configuration too, and reads what is typed; so this is told by the task.
        let nowhere = "is not set, and a plugin has no standard input to read from: name the file to read";
        let path = config.file.ok_or_else(|| Failure::config("file", nowhere))?;
        let at: Option<At> = wharf_sdk::stored_offset(json!({"filename": path}))?;
        let mut tail = Tail::new(&path, at.map_or(0, |at| at.position), config.max_line_bytes as usize);
        // A path that can never work is told now rather than at the first poll.
        tail.open().map_err(|error| failure(&path, &error))?;
        Ok(Self { path, topic: config.topic, batch_size: config.batch_size, tail })
    }

    fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure> {
        batch.topic(&self.topic);
        batch.limit_rows(self.batch_size);
        let begun = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let turn = self.tail.read(batch)?.map_err(|error| failure(&self.path, &error))?;
            if batch.rows() > 0 {
                let position = self.tail.position();
                let partition = json!({"filename": self.path});
                batch.checkpoint(SourceOffset::new(partition, At { position })?);
                return Ok(if turn == Turn::Full { Next::More } else { Next::Idle });
            }
            let left = batch.limits().max_wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Ok(Next::Idle);
            }
            if turn == Turn::Quiet {
                std::thread::sleep(pause.min(left));
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }

    fn alter(&mut self, offsets: &[SourceOffset]) -> Result<(), String> {
        offsets.iter().try_for_each(alter::check)
    }
}

/// What an error of the file means for the task.
fn failure(file: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::IsADirectory => Failure::config("file", format!("{file} is a directory: name a file in it")),
        io::ErrorKind::PermissionDenied => {
            Failure::config("file", format!("{file} may not be read ({error}): grant the worker read access"))
        }
        io::ErrorKind::NotADirectory => {
            Failure::config("file", format!("a part of {file} that should be a directory is a file"))
        }
        _ => Failure::retry(format!("cannot read {file}: {error}")),
    }
}

wharf_sdk::export_source!(FileSource);

#[cfg(test)]
mod tests;
