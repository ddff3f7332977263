#![doc = include_str!("../README.md")]

mod config;
mod write;

use redis_client::{Commands, Error, Kind, Link, Value};
use wharf_sdk::{Context, Delivery, Descriptor, Failure, Flushed, Problem, Rejection, Row, Sink, Unsaid};

pub use config::Config;
use write::Writer;

/// Commands are sent when they are as long as this, or as many as `batch.size`.
const PIPELINE: usize = 512 * 1024;

/// A running task.
#[derive(Debug)]
pub struct RedisSink {
    link: Link,
    writer: Writer,
    commands: Commands,
    /// For each of the commands the row that it is for.
    rows: Vec<u32>,
    batch_size: u32,
    replicas_min: u32,
    /// Something was written since the replicas were asked last.
    dirty: bool,
    unsaid: Unsaid,
}

impl Sink for RedisSink {
    type Config = Config;

    fn describe() -> Descriptor {
        config::describe()
    }

    fn validate(config: &Config) -> Vec<Problem> {
        config.problems()
    }

    fn start(context: &Context, config: Config) -> Result<Self, Failure> {
        let mut link = Link::new(config.server(context).map_err(Failure::InvalidConfig)?);
        link.begin()?;
        Ok(Self {
            link,
            commands: Commands::new(),
            rows: Vec::new(),
            batch_size: config.batch_size,
            replicas_min: config.replicas_min,
            dirty: false,
            unsaid: Unsaid::default(),
            writer: Writer::new(config)?,
        })
    }

    fn put(&mut self, delivery: &Delivery) -> Result<Vec<Rejection>, Failure> {
        let (done, mut rejections) = self.unsaid.recall(delivery);
        self.commands.clear();
        self.rows.clear();
        for row in delivery.rows().skip(done as usize) {
            let before = self.commands.count();
            if let Err(rejection) = self.writer.write(&row, &mut self.commands) {
                rejections.push(rejection);
            }
            if self.commands.count() > before {
                self.rows.push(row.index());
            }
            if self.commands.bytes().len() >= PIPELINE || self.rows.len() >= self.batch_size as usize {
                self.run(delivery, &mut rejections)?;
            }
        }
        self.run(delivery, &mut rejections)?;
        rejections.sort_by_key(|rejection| rejection.row);
        Ok(rejections)
    }

    /// All answers were awaited in `put`; what is left is to ask the replicas.
    fn flush(&mut self) -> Result<Flushed, Failure> {
        if self.dirty && self.replicas_min > 0 {
            let have = self.replicas().map_err(|error| self.link.failed(&error))?;
            if have < i64::from(self.replicas_min) {
                let wanted = self.replicas_min;
                return Err(Failure::retry(format!("{have} replicas have the rows, and {wanted} should")));
            }
        }
        self.dirty = false;
        Ok(Flushed::All)
    }

    fn pause(&mut self) {
        self.link.close();
    }

    fn stop(&mut self) {
        self.link.close();
    }
}

impl RedisSink {
    /// Sends the commands and awaits their answers. Rows that the server refuses are added to `rejections`.
    fn run(&mut self, delivery: &Delivery, rejections: &mut Vec<Rejection>) -> Result<(), Failure> {
        if self.commands.is_empty() {
            return Ok(());
        }
        self.dirty = true;
        let mut answered = 0;
        let failed = self.exchange(delivery, rejections, &mut answered);
        self.commands.clear();
        let at = self.rows.get(answered).copied().unwrap_or(0);
        self.rows.clear();
        let Err(error) = failed else { return Ok(()) };
        let failure = self.link.failed(&error);
        Err(self.unsaid.failed(delivery, at, std::mem::take(rejections), failure))
    }

    fn exchange(
        &mut self,
        delivery: &Delivery,
        rejections: &mut Vec<Rejection>,
        answered: &mut usize,
    ) -> Result<(), Error> {
        let client = self.link.client()?;
        client.send(&self.commands)?;
        // Rows are looked up only where one is refused.
        let mut walk = delivery.rows();
        for &row in &self.rows {
            if let Value::Error(text) = client.await_reply()? {
                let error = redis_client::server_error(text);
                let Some(rejection) = walk.find(|it| it.index() == row).and_then(|it| reject(&it, &error)) else {
                    return Err(error);
                };
                rejections.push(rejection);
            }
            *answered += 1;
        }
        Ok(())
    }

    fn replicas(&mut self) -> Result<i64, Error> {
        let wait = self.link.server().timeout / 2;
        let (replicas, wait) = (self.replicas_min.to_string(), wait.as_millis().to_string());
        let have = self.link.client()?.call(&[b"WAIT", replicas.as_bytes(), wait.as_bytes()])?;
        Ok(have.int().unwrap_or(0))
    }
}

/// A complaint about one row rejects it; any other is about the server.
fn reject(row: &Row<'_>, error: &Error) -> Option<Rejection> {
    let Error::Server(error) = error else { return None };
    match error.kind() {
        Kind::WrongType => Some(row.reject("wrong-type", format!("the key holds another type: {}", error.message))),
        Kind::Command => Some(row.reject("refused", error.message.clone())),
        Kind::Passing | Kind::Login | Kind::Cluster | Kind::NoGroup => None,
    }
}

wharf_sdk::export_sink!(RedisSink);

#[cfg(test)]
mod tests;
