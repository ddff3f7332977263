//! Lists: emptied one by one, reliably.
//!
//! An element moves, in one atomic step, from its list to a second one beside it, where it stays until its row is safe in
//! the queue. How many were removed from there is counted in a third key, in the same transaction. With the count that is
//! stored as the offset, a task that starts tells which of the elements in between are safe already.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use redis_client::{Client, Commands, Error, Link, Value, parse};
use serde::{Deserialize, Serialize};
use wharf_sdk::{BatchBuilder, Context, Failure, Next, SourceOffset, json};

use crate::config::{Config, End};

/// The first and the longest pause between two looks at several lists that are empty.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How much later than it should a blocking move may answer before the poll ends without it.
const GRACE: Duration = Duration::from_millis(100);

/// Elements asked for while nobody knows how large they are.
const FIRST_COUNT: u32 = 64;

/// The offset as it is stored: how many elements were taken since the list is read.
#[derive(Debug, Serialize, Deserialize)]
struct At {
    taken: u64,
}

/// The lists of a task.
#[derive(Debug)]
pub(crate) struct Lists {
    lists: Vec<List>,
    end: End,
    batch_size: u32,
    /// Elements to ask for, so that they are about as large as a batch.
    count: u32,
    ready: bool,
    /// A blocking move that is not answered yet, and when it must be.
    asked: Option<Instant>,
    /// The list to look at first: each has its turn.
    turn: usize,
}

#[derive(Debug)]
struct List {
    name: String,
    topic: String,
    /// Where elements are until their rows are safe.
    processing: String,
    /// Where is counted how many were removed from `processing`.
    counter: String,
    /// What was stored when the task started; asked only once.
    stored: Option<u64>,
    /// The number of the last element in a batch.
    handed: u64,
    /// The number of the last element that was removed from `processing`.
    removed: u64,
    /// There may be elements in `processing` behind those in batches.
    recover: bool,
    /// Elements in `processing` that found no room in a batch.
    waiting: VecDeque<Vec<u8>>,
}

impl Lists {
    pub(crate) fn new(context: &Context, config: Config) -> Result<Self, Failure> {
        let partitions: Vec<_> = config.lists.iter().map(|name| json!({"list": name})).collect();
        let stored: Vec<Option<At>> = wharf_sdk::stored_offsets(&partitions)?;
        let list = |(name, at): (&String, Option<At>)| {
            let processing = format!("{name}:processing:{}", context.connector);
            List {
                name: name.clone(),
                topic: config.topic_of(name),
                counter: format!("{processing}:count"),
                processing,
                stored: at.map(|at| at.taken),
                handed: 0,
                removed: 0,
                recover: true,
                waiting: VecDeque::new(),
            }
        };
        Ok(Self {
            lists: config.lists.iter().zip(stored).map(list).collect(),
            end: config.list_end,
            batch_size: config.batch_size,
            count: FIRST_COUNT.min(config.batch_size),
            ready: false,
            asked: None,
            turn: 0,
        })
    }

    pub(crate) fn poll(&mut self, link: &mut Link, batch: &mut BatchBuilder) -> Result<Next, Error> {
        let deadline = Instant::now() + batch.limits().max_wait;
        let mut pause = PAUSES.0;
        self.prepare(link)?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let is_there = self.asked.is_none() || self.await_element(link, left)?;
            if !is_there {
                return Ok(Next::Idle);
            }
            let more = self.sweep(link, batch)?;
            if batch.rows() > 0 {
                return Ok(if more { Next::More } else { Next::Idle });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left < Duration::from_millis(1) {
                return Ok(Next::Idle);
            }
            if self.lists.len() == 1 {
                self.ask(link, left)?;
            } else {
                thread::sleep(pause.min(left));
                pause = (pause * 2).min(PAUSES.1);
            }
        }
    }

    /// Elements whose rows are safe are removed.
    pub(crate) fn commit(&mut self, link: &mut Link, offsets: &[SourceOffset]) -> Result<(), Error> {
        self.prepare(link)?;
        while self.asked.is_some() {
            self.await_element(link, Duration::from_secs(3600))?;
        }
        for at in offsets {
            let Some(list) = self.lists.iter_mut().find(|list| list.partition() == at.partition) else { continue };
            let Ok(Some(At { taken })) = at.read() else { continue };
            list.remove(link.client()?, taken.min(list.handed))?;
        }
        Ok(())
    }

    /// The list itself says what is left in it: there is nothing to choose.
    pub(crate) fn alter(&self, offsets: &[SourceOffset]) -> Result<(), String> {
        for at in offsets {
            if !self.lists.iter().any(|list| list.partition() == at.partition) {
                return Err(format!("this task does not read {}", at.partition));
            }
            if at.read::<At>()?.is_some() {
                return Err("what was taken from a list cannot be taken again; the offset can only be reset".to_owned());
            }
        }
        Ok(())
    }

    /// The connection is gone. What was moved and not handed out is looked for in the lists beside.
    pub(crate) fn disconnected(&mut self) {
        (self.ready, self.asked) = (false, None);
        for list in &mut self.lists {
            list.recover = true;
            list.waiting.clear();
        }
    }

    fn prepare(&mut self, link: &mut Link) -> Result<(), Error> {
        if self.ready && link.is_open() {
            return Ok(());
        }
        let client = link.client()?;
        for list in &mut self.lists {
            list.find_place(client)?;
        }
        self.ready = true;
        Ok(())
    }

    /// Fills the batch from one list after the other; `true` where there is more.
    fn sweep(&mut self, link: &mut Link, batch: &mut BatchBuilder) -> Result<bool, Error> {
        let (count, end) = (self.count.min(batch.limits().max_rows), self.end);
        let mut more = false;
        let mut handed = Vec::new();
        for step in 0..self.lists.len() {
            let at = (self.turn + step) % self.lists.len();
            let Some(list) = self.lists.get_mut(at) else { continue };
            if list.waiting.is_empty() {
                more |= list.fetch(link.client()?, count, end)?;
            }
            let (rows, bytes) = (batch.rows(), batch.bytes());
            let all = list.hand_out(batch)?;
            let rows = batch.rows() - rows;
            if rows > 0 {
                handed.push((at, rows));
                let each = ((batch.bytes() - bytes) / rows as usize).max(1);
                let fit = batch.limits().max_bytes as usize / each;
                self.count = u32::try_from(fit).unwrap_or(u32::MAX).clamp(1, self.batch_size);
            }
            if !all {
                more = true;
                break;
            }
        }
        // Only now: had a later list failed, the batch would be dropped, and its rows must come again.
        for (at, rows) in handed {
            if let Some(list) = self.lists.get_mut(at) {
                list.handed += u64::from(rows);
                list.waiting.drain(..(rows as usize).min(list.waiting.len()));
            }
        }
        self.turn = (self.turn + 1) % self.lists.len().max(1);
        Ok(more)
    }

    /// Asks to be told of the next element of the only list.
    fn ask(&mut self, link: &mut Link, left: Duration) -> Result<(), Error> {
        let Some(list) = self.lists.first() else { return Ok(()) };
        // A wait of 0 would be for ever.
        let seconds = format!("{:.3}", left.as_secs_f64().max(0.01));
        let (name, processing) = (list.name.as_bytes(), list.processing.as_bytes());
        let parts = [&b"BLMOVE"[..], name, processing, from(self.end), b"RIGHT", seconds.as_bytes()];
        link.client()?.send(&Commands::one(&parts))?;
        self.asked = Some(Instant::now() + left + link.server().timeout);
        Ok(())
    }

    /// Waits up to `left` for the element that was asked for; `false` where the answer is not there.
    fn await_element(&mut self, link: &mut Link, left: Duration) -> Result<bool, Error> {
        let Some(due) = self.asked else { return Ok(true) };
        let until_due = due.saturating_duration_since(Instant::now());
        match link.client()?.poll_reply(left.saturating_add(GRACE).min(until_due))? {
            Some(reply) => {
                self.asked = None;
                match parse(reply) {
                    Some(Value::Error(text)) => Err(redis_client::server_error(text)),
                    Some(value) => {
                        let element = value.bytes().map(<[u8]>::to_vec);
                        if let (Some(list), Some(element)) = (self.lists.first_mut(), element) {
                            list.waiting.push_back(element);
                        }
                        Ok(true)
                    }
                    None => Err(Error::Protocol("a reply is no RESP".to_owned())),
                }
            }
            None if Instant::now() >= due => {
                let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "no reply in time");
                Err(Error::Io("read from", error))
            }
            None => Ok(false),
        }
    }
}

impl List {
    fn partition(&self) -> String {
        json!({"list": self.name}).to_string()
    }

    /// What the server has counted, and what is stored, say together which elements are safe.
    fn find_place(&mut self, client: &mut Client) -> Result<(), Error> {
        let counted =
            client.call(&[b"GET", self.counter.as_bytes()])?.int().and_then(|count| u64::try_from(count).ok());
        if let Some(stored) = self.stored {
            match counted {
                Some(counted) => {
                    self.removed = counted;
                    self.remove(client, stored)?;
                }
                // The server has lost its count: what is in between may be safe or not, so it comes again.
                None => self.count_as_removed(client, stored)?,
            }
            self.handed = self.removed;
            self.stored = None;
            return Ok(());
        }
        // A new connection of a running task, or a list that is read for the first time.
        self.removed = counted.unwrap_or(self.removed);
        self.handed = self.handed.max(self.removed);
        let there = client.call(&[b"LLEN", self.processing.as_bytes()])?.int().unwrap_or(0);
        let oldest = self.handed.saturating_sub(u64::try_from(there).unwrap_or(0));
        if oldest > self.removed {
            // The server came back with less than it had. What is not there must not be counted, or else elements that
            // come later would be removed in its place.
            self.count_as_removed(client, oldest)?;
        }
        Ok(())
    }

    fn count_as_removed(&mut self, client: &mut Client, number: u64) -> Result<(), Error> {
        client.call(&[b"SET", self.counter.as_bytes(), number.to_string().as_bytes()])?;
        self.removed = number;
        Ok(())
    }

    /// Removes the elements up to the number `taken` for good, and counts them.
    fn remove(&mut self, client: &mut Client, taken: u64) -> Result<(), Error> {
        let Some(count) = taken.checked_sub(self.removed).filter(|&count| count > 0) else { return Ok(()) };
        let mut commands = Commands::new();
        commands.push(&[b"MULTI"]);
        commands.push(&[b"LPOP", self.processing.as_bytes(), count.to_string().as_bytes()]);
        commands.push(&[b"SET", self.counter.as_bytes(), taken.to_string().as_bytes()]);
        commands.push(&[b"EXEC"]);
        client.send(&commands)?;
        for _ in 1..commands.count() {
            client.expect()?;
        }
        for result in client.expect()?.items() {
            if let Value::Error(text) = result {
                return Err(redis_client::server_error(text));
            }
        }
        self.removed = taken;
        Ok(())
    }

    /// Brings elements into `waiting`: first those that were moved before and not handed out, then new ones. `true`
    /// where there may be more.
    fn fetch(&mut self, client: &mut Client, count: u32, end: End) -> Result<bool, Error> {
        if self.recover {
            let first = self.handed - self.removed;
            let last = first + u64::from(count) - 1;
            let (first, last) = (first.to_string(), last.to_string());
            let found = client.call(&[b"LRANGE", self.processing.as_bytes(), first.as_bytes(), last.as_bytes()])?;
            self.waiting.extend(found.items().iter().filter_map(Value::bytes).map(<[u8]>::to_vec));
            if !self.waiting.is_empty() {
                return Ok(true);
            }
            self.recover = false;
        }
        let length = client.call(&[b"LLEN", self.name.as_bytes()])?.int().unwrap_or(0);
        let length = u64::try_from(length).unwrap_or(0);
        let now = length.min(count.into());
        let mut commands = Commands::new();
        for _ in 0..now {
            commands.push(&[b"LMOVE", self.name.as_bytes(), self.processing.as_bytes(), from(end), b"RIGHT"]);
        }
        if now > 0 {
            client.send(&commands)?;
            for _ in 0..now {
                // Another reader may have taken it meanwhile.
                self.waiting.extend(client.expect()?.bytes().map(<[u8]>::to_vec));
            }
        }
        Ok(length > now)
    }

    /// Puts what waits into the batch; it goes on waiting until the batch is complete. `false` where not all fits.
    fn hand_out(&mut self, batch: &mut BatchBuilder) -> Result<bool, Error> {
        let mut rows = 0;
        for element in &self.waiting {
            if !batch.has_room(element.len() + self.name.len()) {
                break;
            }
            batch.push(element).topic(&self.topic).header("redis.list", self.name.as_bytes());
            rows += 1;
        }
        if rows > 0 {
            let at = SourceOffset::new(json!({"list": self.name}), At { taken: self.handed + rows as u64 });
            batch.checkpoint(at.map_err(|failure| Error::Protocol(failure.to_string()))?);
        }
        Ok(rows == self.waiting.len())
    }
}

fn from(end: End) -> &'static [u8] {
    match end {
        End::Left => b"LEFT",
        End::Right => b"RIGHT",
    }
}
