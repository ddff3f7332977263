//! Channels: what is published while somebody listens. Redis keeps nothing of it, so there are no offsets.

use std::time::{Duration, Instant};

use redis_client::{Client, Commands, Error, Link, Value, parse};
use wharf_sdk::{BatchBuilder, Next};

use crate::config::Config;

/// After so long without a word the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);

/// The channels of a task.
#[derive(Debug)]
pub(crate) struct Channels {
    config: Config,
    listening: bool,
    /// A message that found no room in a batch.
    held: Option<Vec<u8>>,
    /// When the server was heard last.
    heard: Instant,
    /// When it was asked whether it is still there.
    pinged: Option<Instant>,
}

impl Channels {
    pub(crate) fn new(config: Config) -> Self {
        Self { config, listening: false, held: None, heard: Instant::now(), pinged: None }
    }

    pub(crate) fn poll(&mut self, link: &mut Link, batch: &mut BatchBuilder) -> Result<Next, Error> {
        let deadline = Instant::now() + batch.limits().max_wait;
        batch.limit_rows(self.config.batch_size);
        self.listen(link)?;
        if let Some(message) = self.held.take() {
            self.push(batch, &message)?;
        }
        loop {
            // With a row in the batch only what is there already joins it.
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = if batch.rows() == 0 { left.min(SILENCE) } else { Duration::ZERO };
            match link.client()?.poll_reply(wait)? {
                Some(message) => {
                    (self.heard, self.pinged) = (Instant::now(), None);
                    if !self.push(batch, message)? {
                        self.held = Some(message.to_vec());
                        return Ok(Next::More);
                    }
                }
                None if batch.rows() > 0 => return Ok(Next::Idle),
                None => {
                    self.check(link)?;
                    if Instant::now() >= deadline {
                        return Ok(Next::Idle);
                    }
                }
            }
        }
    }

    /// The connection is gone, and what is published from now on is lost until the next.
    pub(crate) fn disconnected(&mut self) {
        (self.listening, self.pinged) = (false, None);
    }

    fn listen(&mut self, link: &mut Link) -> Result<(), Error> {
        if self.listening && link.is_open() {
            return Ok(());
        }
        let client = link.client()?;
        subscribe(client, b"SUBSCRIBE", &self.config.channels)?;
        subscribe(client, b"PSUBSCRIBE", &self.config.patterns)?;
        (self.listening, self.heard, self.pinged) = (true, Instant::now(), None);
        Ok(())
    }

    /// A server that is silent for long is asked to say something.
    fn check(&mut self, link: &mut Link) -> Result<(), Error> {
        match self.pinged {
            Some(pinged) if pinged.elapsed() > link.server().timeout => {
                let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "it does not answer a ping");
                Err(Error::Io("listen to", error))
            }
            None if self.heard.elapsed() > SILENCE => {
                self.pinged = Some(Instant::now());
                link.client()?.send(&Commands::one(&[b"PING"]))
            }
            _ => Ok(()),
        }
    }

    /// Pushes a message, if it is one; `false` where there is no room.
    fn push(&self, batch: &mut BatchBuilder, reply: &[u8]) -> Result<bool, Error> {
        let value = parse(reply).ok_or_else(|| Error::Protocol("a message is no RESP".to_owned()))?;
        if let Value::Error(text) = &value {
            return Err(redis_client::server_error(text));
        }
        let (channel, payload) = match value.items() {
            [kind, channel, payload] if kind.bytes() == Some(b"message") => (channel, payload),
            [kind, _, channel, payload] if kind.bytes() == Some(b"pmessage") => (channel, payload),
            // An answer to SUBSCRIBE or PING.
            _ => return Ok(true),
        };
        let (channel, payload) = (channel.bytes().unwrap_or_default(), payload.bytes().unwrap_or_default());
        if !batch.has_room(payload.len() + channel.len()) {
            return Ok(false);
        }
        let topic = self.config.topic_of(&String::from_utf8_lossy(channel));
        batch.push(payload).topic(&topic).header("redis.channel", channel);
        Ok(true)
    }
}

/// Subscribes. That it did is told among the messages, as messages may come before the last channel is confirmed.
fn subscribe(client: &mut Client, command: &[u8], names: &[String]) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    let parts: Vec<&[u8]> = std::iter::once(command).chain(names.iter().map(String::as_bytes)).collect();
    client.send(&Commands::one(&parts))
}
