//! Streams: read like logs, or shared with others through a consumer group.

use std::time::{Duration, Instant};

use redis_client::{Client, Commands, Error, Kind, Link, Value, parse};
use serde::{Deserialize, Serialize};
use wharf_sdk::batch::Format;
use wharf_sdk::{BatchBuilder, Context, Failure, Next, SourceOffset, json};

use crate::config::Config;
use crate::group::{Group, Turn};
use crate::id::Id;
use crate::rows::Shape;

/// How much later than it should a blocking read may answer before the connection counts as broken.
const GRACE: Duration = Duration::from_millis(100);

/// Entries asked for while nobody knows how large they are.
const FIRST_COUNT: u32 = 64;

/// The offset as it is stored: the last entry that was read.
#[derive(Debug, Serialize, Deserialize)]
struct At {
    id: Id,
}

/// The streams of a task.
#[derive(Debug)]
pub(crate) struct Streams {
    streams: Vec<Stream>,
    group: Option<Group>,
    shape: Shape,
    first: Option<Id>,
    batch_size: u32,
    /// Entries to ask for, so that a reply is about as large as a batch.
    count: u32,
    /// The server knows the groups, and every stream its position.
    ready: bool,
    /// A question that is not answered yet, and when it must be.
    asked: Option<(Question, Instant)>,
    /// An answer that is not all in batches yet.
    held: Option<Held>,
    /// Pending entries, and whose they are, that were deleted: they are to be acknowledged.
    gone: Vec<(usize, Id)>,
}

/// A stream that is read.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    topic: String,
    /// The last entry that is in a batch, or behind which reading begins; `None`: not known yet.
    pub(crate) last: Option<Id>,
    /// What the group needs to know of it.
    pub(crate) turn: Turn,
}

/// What was asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// New entries of all streams.
    New,
    /// Entries that this consumer was given and did not acknowledge, of one stream.
    Pending(usize),
    /// Entries that others were given and did not acknowledge, of one stream.
    Claim(usize),
}

#[derive(Debug)]
struct Held {
    question: Question,
    reply: Vec<u8>,
    /// Entries of it that are done with.
    done: usize,
}

/// An entry of a reply. Without fields: it was deleted, and is only still pending.
struct Entry<'a, 'b> {
    stream: usize,
    id: Id,
    fields: Option<&'b [Value<'a>]>,
}

impl Streams {
    pub(crate) fn new(context: &Context, config: Config) -> Result<Self, Failure> {
        let partitions: Vec<_> = config.streams.iter().map(|name| json!({"stream": name})).collect();
        let stored: Vec<Option<At>> = wharf_sdk::stored_offsets(&partitions)?;
        let stream = |(name, at): (&String, Option<At>)| Stream {
            name: name.clone(),
            topic: config.topic_of(name),
            last: at.map(|at| at.id).or(config.first()),
            turn: Turn::default(),
        };
        Ok(Self {
            streams: config.streams.iter().zip(stored).map(stream).collect(),
            group: Group::new(context, &config),
            shape: Shape::new(&config),
            first: config.first(),
            batch_size: config.batch_size,
            count: FIRST_COUNT.min(config.batch_size),
            ready: false,
            asked: None,
            held: None,
            gone: Vec::new(),
        })
    }

    pub(crate) fn poll(&mut self, link: &mut Link, batch: &mut BatchBuilder) -> Result<Next, Error> {
        if self.shape.is_json() {
            batch.value_format(Format::Json);
        }
        let deadline = Instant::now() + batch.limits().max_wait;
        self.prepare(link)?;
        loop {
            if let Some(question) = self.held.as_ref().map(|held| held.question) {
                let more = self.take(batch)?;
                if batch.rows() > 0 {
                    return Ok(if more { Next::More } else { Next::Idle });
                }
                if question == Question::New && Instant::now() >= deadline {
                    return Ok(Next::Idle);
                }
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if self.asked.is_none() {
                self.forget_gone(link)?;
                self.ask(link, left)?;
            }
            if !self.await_answer(link, left)? {
                return Ok(Next::Idle);
            }
        }
    }

    /// What is durable is acknowledged.
    pub(crate) fn commit(&mut self, link: &mut Link, offsets: &[SourceOffset]) -> Result<(), Error> {
        let Some(group) = &self.group else { return Ok(()) };
        let mut commands = Commands::new();
        let mut acknowledged = Vec::new();
        for at in offsets {
            let Some(stream) = self.streams.iter().position(|stream| stream.partition() == at.partition) else {
                continue;
            };
            let Ok(Some(At { id })) = at.read() else { continue };
            let Some(stream_at) = self.streams.get(stream) else { continue };
            let count = stream_at.turn.up_to(id);
            group.acknowledge(&mut commands, &stream_at.name, stream_at.turn.in_flight.iter().take(count));
            acknowledged.push((stream, count));
        }
        if commands.is_empty() {
            return Ok(());
        }
        // A question that is open is answered first: replies come in the order of questions.
        self.prepare(link)?;
        while self.asked.is_some() {
            self.await_answer(link, Duration::from_secs(3600))?;
        }
        run(link.client()?, &commands)?;
        for (stream, count) in acknowledged {
            if let Some(stream) = self.streams.get_mut(stream) {
                stream.turn.in_flight.drain(..count);
            }
        }
        Ok(())
    }

    /// With a group the server keeps the position too, so it is told.
    pub(crate) fn alter(&mut self, link: &mut Link, offsets: &[SourceOffset]) -> Result<(), String> {
        if self.asked.is_some() {
            // Its answer would be taken for another's.
            link.close();
            self.disconnected();
        }
        for at in offsets {
            let Some(stream) = self.streams.iter().find(|stream| stream.partition() == at.partition) else {
                return Err(format!("this task does not read {}", at.partition));
            };
            let id = at.read::<At>().map_err(|error| format!("{error}; write {{\"id\":\"1526919030474-0\"}}"))?;
            let Some(group) = &self.group else { continue };
            let told = id.map(|at| at.id).or(self.first).map_or_else(|| "$".to_owned(), |id| id.to_string());
            let set = link.client().and_then(|client| group.set_position(client, &stream.name, &told));
            set.map_err(|error| format!("cannot set the position of the group: {error}"))?;
        }
        Ok(())
    }

    /// The connection is gone, and with it what was asked on it. What was not handed out is asked for again.
    pub(crate) fn disconnected(&mut self) {
        (self.ready, self.asked, self.held) = (false, None, None);
        for stream in &mut self.streams {
            stream.turn.begin_anew();
        }
    }

    /// Once for each connection: makes groups, finds the ends of streams.
    fn prepare(&mut self, link: &mut Link) -> Result<(), Error> {
        if self.ready && link.is_open() {
            return Ok(());
        }
        let client = link.client()?;
        for stream in &mut self.streams {
            match &self.group {
                Some(group) => group.create(client, stream)?,
                None if stream.last.is_none() => stream.last = Some(end_of(client, &stream.name)?),
                None => {}
            }
        }
        self.ready = true;
        Ok(())
    }

    fn ask(&mut self, link: &mut Link, left: Duration) -> Result<(), Error> {
        let question = match &self.group {
            Some(group) => group.next_question(&self.streams),
            None => Question::New,
        };
        let block = match question {
            // A block of 0 would be for ever.
            Question::New if left >= Duration::from_millis(1) => Some(left.as_millis() as u64),
            _ => None,
        };
        let mut command = Commands::new();
        match (&self.group, question) {
            (Some(group), _) => group.ask(&mut command, question, &self.streams, self.count, block),
            (None, _) => {
                command.begin(4 + 2 * usize::from(block.is_some()) + 2 * self.streams.len());
                command.part(b"XREAD");
                command.part(b"COUNT");
                command.number(self.count.into());
                tail(&mut command, block, &self.streams, |stream| stream.last.unwrap_or(Id::ZERO).to_string());
            }
        }
        let client = link.client()?;
        client.send(&command)?;
        let due = block.map_or(Duration::ZERO, Duration::from_millis) + link.server().timeout;
        self.asked = Some((question, Instant::now() + due));
        Ok(())
    }

    /// Waits up to `left` for the answer to what was asked: then it is held. An answer that is due at once is waited for
    /// longer: it is on its way.
    fn await_answer(&mut self, link: &mut Link, left: Duration) -> Result<bool, Error> {
        let Some((question, due)) = self.asked else { return Ok(true) };
        let until_due = due.saturating_duration_since(Instant::now());
        let blocks = question == Question::New && !left.is_zero();
        let wait = if blocks { left.saturating_add(GRACE).min(until_due) } else { until_due };
        match link.client()?.poll_reply(wait)? {
            Some(reply) => {
                self.held = Some(Held { question, reply: reply.to_vec(), done: 0 });
                self.asked = None;
                Ok(true)
            }
            None if Instant::now() >= due => {
                let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "no reply in time");
                Err(Error::Io("read from", error))
            }
            None => Ok(false),
        }
    }

    /// Acknowledges pending entries that were deleted. Not while rows are on their way into a batch: should it fail, they
    /// would be lost.
    fn forget_gone(&mut self, link: &mut Link) -> Result<(), Error> {
        if let (Some(group), false) = (&self.group, self.gone.is_empty()) {
            group.forget(link.client()?, &self.streams, &self.gone)?;
            self.gone.clear();
        }
        Ok(())
    }

    /// Puts what is held into the batch; `true` where there is more.
    fn take(&mut self, batch: &mut BatchBuilder) -> Result<bool, Error> {
        let Some(mut held) = self.held.take() else { return Ok(false) };
        let asked_for = self.count as usize;
        let reply = parse(&held.reply).ok_or_else(|| Error::Protocol("a reply is no RESP".to_owned()))?;
        if let Value::Error(text) = &reply {
            return Err(redis_client::server_error(text));
        }
        let entries = entries(&reply, held.question, &self.streams)?;
        let (total, bytes) = (entries.len(), held.reply.len());
        if held.done == 0 && total > 0 {
            let each = (bytes / total).max(1);
            let fit = batch.limits().max_bytes as usize / each;
            self.count = u32::try_from(fit).unwrap_or(u32::MAX).clamp(1, self.batch_size);
        }
        let mut all = true;
        let mut checkpoint: Option<(usize, Id)> = None;
        for entry in entries.iter().skip(held.done) {
            let Some(stream) = self.streams.get_mut(entry.stream) else { continue };
            let seen = held.question != Question::New && stream.turn.in_flight.contains(&entry.id);
            match entry.fields {
                // In a batch already, and not yet acknowledged.
                _ if seen => {}
                None => self.gone.push((entry.stream, entry.id)),
                Some(fields) => {
                    if let Some((before, id)) = checkpoint.filter(|(before, _)| *before != entry.stream) {
                        mark(batch, &self.streams, before, id)?;
                        checkpoint = None;
                    }
                    let Some(stream) = self.streams.get_mut(entry.stream) else { continue };
                    if !self.shape.push(batch, &stream.name, &stream.topic, entry.id, fields) {
                        all = false;
                        break;
                    }
                    stream.last = Some(entry.id);
                    if self.group.is_some() {
                        stream.turn.in_flight.push_back(entry.id);
                    }
                    checkpoint = Some((entry.stream, entry.id));
                }
            }
            held.done += 1;
        }
        if let Some((stream, id)) = checkpoint {
            mark(batch, &self.streams, stream, id)?;
        }
        if all {
            let last = entries.last().map(|entry| entry.id);
            let cursor = reply.items().first().and_then(Value::text).and_then(Id::parse);
            self.answered(held.question, last, cursor);
        }
        drop(entries);
        if !all {
            self.held = Some(held);
        }
        // A full answer means that there is more at the server too.
        Ok(!all || total >= asked_for)
    }

    fn answered(&mut self, question: Question, last: Option<Id>, cursor: Option<Id>) {
        let (Question::Pending(stream) | Question::Claim(stream)) = question else { return };
        if let (Some(stream), Some(group)) = (self.streams.get_mut(stream), &self.group) {
            group.answered(&mut stream.turn, question, last, cursor);
        }
    }
}

impl Stream {
    fn partition(&self) -> String {
        // The same text as in `SourceOffset`: one key, no white space.
        json!({"stream": self.name}).to_string()
    }
}

/// Everything after COUNT of a read of all streams.
pub(crate) fn tail(command: &mut Commands, block: Option<u64>, streams: &[Stream], after: impl Fn(&Stream) -> String) {
    if let Some(millis) = block {
        command.part(b"BLOCK");
        command.number(millis);
    }
    command.part(b"STREAMS");
    for stream in streams {
        command.part(stream.name.as_bytes());
    }
    for stream in streams {
        command.part(after(stream).as_bytes());
    }
}

/// Sends commands none of which may fail.
pub(crate) fn run(client: &mut Client, commands: &Commands) -> Result<(), Error> {
    client.send(commands)?;
    for _ in 0..commands.count() {
        client.expect()?;
    }
    Ok(())
}

fn mark(batch: &mut BatchBuilder, streams: &[Stream], stream: usize, id: Id) -> Result<(), Error> {
    let Some(stream) = streams.get(stream) else { return Ok(()) };
    let at = SourceOffset::new(json!({"stream": stream.name}), At { id });
    batch.checkpoint(at.map_err(|failure| Error::Protocol(failure.to_string()))?);
    Ok(())
}

/// The id behind which everything is new.
fn end_of(client: &mut Client, stream: &str) -> Result<Id, Error> {
    match client.call(&[b"XREVRANGE", stream.as_bytes(), b"+", b"-", b"COUNT", b"1"]) {
        Ok(last) => {
            Ok(last.items().first().and_then(|entry| Id::parse(entry.items().first()?.text()?)).unwrap_or(Id::ZERO))
        }
        Err(Error::Server(error)) if error.kind() == Kind::NoGroup => Ok(Id::ZERO),
        Err(error) => Err(error),
    }
}

/// The entries of a reply, in order.
fn entries<'a, 'b>(reply: &'b Value<'a>, question: Question, streams: &[Stream]) -> Result<Vec<Entry<'a, 'b>>, Error> {
    let mut found = Vec::new();
    let mut add = |stream: usize, list: &'b Value<'a>| {
        for entry in list.items() {
            // An entry that was deleted is nil as a whole to who claims it, and without fields to who had it.
            let [id, fields] = entry.items() else { continue };
            let Some(id) = id.text().and_then(Id::parse) else { return Err(strange()) };
            let fields = matches!(fields, Value::Array(_)).then(|| fields.items());
            found.push(Entry { stream, id, fields });
        }
        Ok(())
    };
    match question {
        Question::Claim(stream) => add(stream, reply.items().get(1).unwrap_or(&Value::Nil))?,
        Question::New | Question::Pending(_) => {
            for part in reply.items() {
                let [name, list] = part.items() else { return Err(strange()) };
                let name = name.bytes().unwrap_or_default();
                let stream = streams.iter().position(|stream| stream.name.as_bytes() == name).ok_or_else(strange)?;
                add(stream, list)?;
            }
        }
    }
    Ok(found)
}

fn strange() -> Error {
    Error::Protocol("a reply to a read of streams has another shape than it should".to_owned())
}
