#![doc = include_str!("../README.md")]

mod output;

use std::io;

use serde::Deserialize;
use wharf_sdk::batch::Buffer;
use wharf_sdk::{ConfigKey, ConfigMap, Context, Delivery, Descriptor, Failure, Flushed, Problem, Rejection, Sink};

use output::Output;

/// How much is collected before it is written. One call to the host moves all of it.
const WRITE: usize = 1024 * 1024;

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    file: Option<String>,
}

/// A running task.
#[derive(Debug)]
pub struct FileSink {
    path: String,
    output: Output,
    /// Rows that are not written yet.
    buffer: Buffer,
}

impl Sink for FileSink {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor::new("file-sink", env!("CARGO_PKG_VERSION"), "Appends rows to a file, one a line.")
            .documentation(include_str!("../README.md"))
            .alias("FileStreamSink")
            .alias("FileStreamSinkConnector")
            .alias("org.apache.kafka.connect.file.FileStreamSinkConnector")
            .key(
                ConfigKey::file_write("file")
                    .doc("The file to append to. It is created where it is missing; its directory must exist."),
            )
    }

    fn validate(config: &Config) -> Vec<Problem> {
        if config.file.as_ref().is_some_and(|file| file.trim().is_empty()) {
            return vec![Problem { key: "file".into(), message: "write the path of a file".into() }];
        }
        Vec::new()
    }

    /// One file, one writer, whatever `tasks.max` says.
    fn tasks(config: &ConfigMap, _: u32) -> Result<Vec<ConfigMap>, Failure> {
        Ok(vec![config.clone()])
    }

    fn start(_: &Context, config: Config) -> Result<Self, Failure> {
        // Kafka Connect takes such a configuration too, and prints; so this is told by the task.
        let nowhere = "is not set, and a plugin has no standard output to write to: name the file to append to";
        let path = config.file.ok_or_else(|| Failure::config("file", nowhere))?;
        let output = Output::open(&path).map_err(|error| failure(&path, &error))?;
        Ok(Self { path, output, buffer: Buffer::new() })
    }

    fn put(&mut self, delivery: &Delivery) -> Result<Vec<Rejection>, Failure> {
        // Only before a row is taken: once it is in the buffer a failure would have it put twice.
        if self.buffer.len() >= WRITE {
            self.write()?;
        }
        for row in delivery {
            self.buffer.push_slice(row.value().unwrap_or_default());
            self.buffer.push(b'\n');
        }
        Ok(Vec::new())
    }

    fn flush(&mut self) -> Result<Flushed, Failure> {
        self.write()?;
        // After a failed fsync the system may have dropped what it could not write, and the next fsync would say all is
        // well. Only rows that are put again are safe then, so the task must start anew.
        self.output.sync().map_err(|error| Failure::fatal(format!("cannot make {} durable: {error}", self.path)))?;
        self.output.follow(&self.path).map_err(|error| failure(&self.path, &error))?;
        Ok(Flushed::All)
    }

    fn stop(&mut self) {
        if let Err(error) = self.flush() {
            log::warn!("the last rows are not in {}, and will be put again: {error}", self.path);
        }
    }
}

impl FileSink {
    fn write(&mut self) -> Result<(), Failure> {
        self.output.append(self.buffer.as_slice()).map_err(|error| failure(&self.path, &error))?;
        self.buffer.clear();
        Ok(())
    }
}

/// What an error of the file means for the task.
fn failure(file: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::IsADirectory => Failure::config("file", format!("{file} is a directory: name a file in it")),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Failure::config("file", format!("the directory of {file} does not exist: create it, or name another"))
        }
        io::ErrorKind::PermissionDenied => {
            Failure::config("file", format!("{file} may not be written ({error}): grant the worker write access"))
        }
        _ => Failure::retry(format!("cannot write {file}: {error}")),
    }
}

wharf_sdk::export_sink!(FileSink);

#[cfg(test)]
mod tests;
