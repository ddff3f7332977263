//! A consumer group: who is given an entry keeps it pending until it acknowledges it.
//!
//! Entries are acknowledged when their rows are safe in the queue. What this consumer was given before and never
//! acknowledged, because it crashed or the connection broke, it is given again first of all. What other consumers
//! left behind is claimed once it has been idle for long enough.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use redis_client::{Client, Commands, Error};
use wharf_sdk::Context;

use crate::config::Config;
use crate::id::Id;
use crate::streams::{Question, Stream, run, tail};

/// At most so many ids in one command.
const TOGETHER: usize = 1000;

/// Who we are to the server.
#[derive(Debug)]
pub(crate) struct Group {
    name: String,
    consumer: String,
    idle: Duration,
}

/// How far a stream is with its group.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Looking through what is pending, behind this entry; `None`: done with that.
    pending: Option<Id>,
    /// Looking through what others left, from this entry on.
    claim: Id,
    claim_at: Instant,
    /// Entries in batches that are not known to be safe, in the order in which they were handed out.
    pub(crate) in_flight: VecDeque<Id>,
}

impl Default for Turn {
    fn default() -> Self {
        Self { pending: Some(Id::ZERO), claim: Id::ZERO, claim_at: Instant::now(), in_flight: VecDeque::new() }
    }
}

impl Turn {
    /// Some entries may have been given to a connection that broke.
    pub(crate) fn begin_anew(&mut self) {
        self.pending = Some(Id::ZERO);
    }

    /// How many entries in flight are safe once the entry `id` is: those before it, and it.
    pub(crate) fn up_to(&self, id: Id) -> usize {
        self.in_flight.iter().position(|&one| one == id).map_or(0, |at| at + 1)
    }
}

impl Group {
    pub(crate) fn new(context: &Context, config: &Config) -> Option<Self> {
        Some(Self {
            name: config.group.clone()?,
            // Not the task's number: a stream that moves to another task finds what is pending.
            consumer: config.consumer.clone().unwrap_or_else(|| context.connector.clone()),
            idle: Duration::from_millis(config.claim_idle_ms),
        })
    }

    /// Makes the group where it is missing, and the stream with it.
    pub(crate) fn create(&self, client: &mut Client, stream: &Stream) -> Result<(), Error> {
        let first = stream.last.map_or_else(|| "$".to_owned(), |id| id.to_string());
        let (key, group) = (stream.name.as_bytes(), self.name.as_bytes());
        match client.call(&[b"XGROUP", b"CREATE", key, group, first.as_bytes(), b"MKSTREAM"]) {
            Err(Error::Server(error)) if error.code == "BUSYGROUP" => Ok(()),
            made => made.map(drop),
        }
    }

    /// Has the group go on behind the entry `id`, or behind the last where it is `$`.
    pub(crate) fn set_position(&self, client: &mut Client, stream: &str, id: &str) -> Result<(), Error> {
        let (key, group) = (stream.as_bytes(), self.name.as_bytes());
        client.call(&[b"XGROUP", b"SETID", key, group, id.as_bytes()]).map(drop)
    }

    /// What to ask next: what is pending comes first, then what can be claimed, then what is new.
    pub(crate) fn next_question(&self, streams: &[Stream]) -> Question {
        if let Some(stream) = streams.iter().position(|stream| stream.turn.pending.is_some()) {
            return Question::Pending(stream);
        }
        let now = Instant::now();
        match streams.iter().position(|stream| stream.turn.claim_at <= now) {
            Some(stream) if !self.idle.is_zero() => Question::Claim(stream),
            _ => Question::New,
        }
    }

    /// Writes the command for a question.
    pub(crate) fn ask(
        &self,
        command: &mut Commands,
        question: Question,
        streams: &[Stream],
        count: u32,
        block: Option<u64>,
    ) {
        let (group, consumer) = (self.name.as_bytes(), self.consumer.as_bytes());
        let one = |stream: usize| streams.get(stream..stream + 1).unwrap_or_default();
        let read = |command: &mut Commands, streams: &[Stream], after: &dyn Fn(&Stream) -> String| {
            command.begin(7 + 2 * usize::from(block.is_some()) + 2 * streams.len());
            for part in [&b"XREADGROUP"[..], b"GROUP", group, consumer, b"COUNT"] {
                command.part(part);
            }
            command.number(count.into());
            tail(command, block, streams, after);
        };
        match question {
            Question::New => read(command, streams, &|_| ">".to_owned()),
            Question::Pending(stream) => {
                read(command, one(stream), &|stream| stream.turn.pending.unwrap_or(Id::ZERO).to_string());
            }
            Question::Claim(stream) => {
                for stream in one(stream) {
                    command.begin(8);
                    for part in [&b"XAUTOCLAIM"[..], stream.name.as_bytes(), group, consumer] {
                        command.part(part);
                    }
                    command.number(u64::try_from(self.idle.as_millis()).unwrap_or(u64::MAX));
                    command.part(stream.turn.claim.to_string().as_bytes());
                    command.part(b"COUNT");
                    command.number(count.into());
                }
            }
        }
    }

    /// An answer was used up: its last entry, and where a claim goes on.
    pub(crate) fn answered(&self, turn: &mut Turn, question: Question, last: Option<Id>, cursor: Option<Id>) {
        match question {
            Question::Pending(_) => turn.pending = last,
            Question::Claim(_) => {
                turn.claim = cursor.unwrap_or(Id::ZERO);
                if turn.claim == Id::ZERO {
                    turn.claim_at = Instant::now() + self.idle / 2;
                }
            }
            Question::New => {}
        }
    }

    /// Writes the commands that acknowledge entries.
    pub(crate) fn acknowledge<'a>(
        &self,
        commands: &mut Commands,
        stream: &str,
        ids: impl ExactSizeIterator<Item = &'a Id>,
    ) {
        let mut left = ids.len();
        for (at, id) in ids.enumerate() {
            if at % TOGETHER == 0 {
                let together = left.min(TOGETHER);
                left -= together;
                commands.begin(3 + together);
                for part in [&b"XACK"[..], stream.as_bytes(), self.name.as_bytes()] {
                    commands.part(part);
                }
            }
            commands.part(id.to_string().as_bytes());
        }
    }

    /// Acknowledges entries that are pending but were deleted: there is nothing to read any more.
    pub(crate) fn forget(&self, client: &mut Client, streams: &[Stream], gone: &[(usize, Id)]) -> Result<(), Error> {
        let mut commands = Commands::new();
        for (stream, id) in gone {
            if let Some(stream) = streams.get(*stream) {
                self.acknowledge(&mut commands, &stream.name, std::iter::once(id));
            }
        }
        log::info!("{} pending entries were deleted before they were read", gone.len());
        run(client, &commands)
    }
}
