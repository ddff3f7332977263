#![doc = include_str!("../README.md")]

mod channels;
mod config;
mod group;
mod id;
mod lists;
mod rows;
mod streams;

use redis_client::Link;
use wharf_sdk::{BatchBuilder, ConfigMap, Context, Descriptor, Failure, Next, Problem, Source, SourceOffset};

use channels::Channels;
pub use config::Config;
use config::Mode;
use lists::Lists;
use streams::Streams;

/// A running task.
#[derive(Debug)]
pub struct RedisSource {
    link: Link,
    reader: Reader,
}

#[derive(Debug)]
enum Reader {
    Streams(Streams),
    Lists(Lists),
    Channels(Channels),
}

impl Source for RedisSource {
    type Config = Config;

    fn describe() -> Descriptor {
        config::describe()
    }

    fn validate(config: &Config) -> Vec<Problem> {
        config.problems()
    }

    fn tasks(config: &ConfigMap, max: u32) -> Result<Vec<ConfigMap>, Failure> {
        Ok(config::split(config, max))
    }

    fn start(context: &Context, config: Config) -> Result<Self, Failure> {
        let server = config.server(context).map_err(Failure::InvalidConfig)?;
        let mut link = Link::new(server);
        link.begin()?;
        let reader = match config.mode {
            Mode::Streams => Reader::Streams(Streams::new(context, config)?),
            Mode::Lists => Reader::Lists(Lists::new(context, config)?),
            Mode::Pubsub => Reader::Channels(Channels::new(config)),
        };
        Ok(Self { link, reader })
    }

    fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure> {
        let polled = match &mut self.reader {
            Reader::Streams(streams) => streams.poll(&mut self.link, batch),
            Reader::Lists(lists) => lists.poll(&mut self.link, batch),
            Reader::Channels(channels) => channels.poll(&mut self.link, batch),
        };
        // After an error nobody knows what the server still says: begin anew.
        polled.map_err(|error| self.lost(&error))
    }

    fn commit(&mut self, offsets: &[SourceOffset]) -> Result<(), Failure> {
        let done = match &mut self.reader {
            Reader::Streams(streams) => streams.commit(&mut self.link, offsets),
            Reader::Lists(lists) => lists.commit(&mut self.link, offsets),
            Reader::Channels(_) => Ok(()),
        };
        done.map_err(|error| self.lost(&error))
    }

    fn alter(&mut self, offsets: &[SourceOffset]) -> Result<(), String> {
        match &mut self.reader {
            Reader::Streams(streams) => streams.alter(&mut self.link, offsets),
            Reader::Lists(lists) => lists.alter(offsets),
            Reader::Channels(_) => Err("a channel has no offsets: what is published is gone".to_owned()),
        }
    }

    fn pause(&mut self) {
        self.disconnect();
    }

    fn stop(&mut self) {
        self.disconnect();
    }
}

impl RedisSource {
    fn disconnect(&mut self) {
        self.link.close();
        match &mut self.reader {
            Reader::Streams(streams) => streams.disconnected(),
            Reader::Lists(lists) => lists.disconnected(),
            Reader::Channels(channels) => channels.disconnected(),
        }
    }

    fn lost(&mut self, error: &redis_client::Error) -> Failure {
        let failure = self.link.failed(error);
        self.disconnect();
        failure
    }
}

wharf_sdk::export_source!(RedisSource);

#[cfg(test)]
mod tests;
