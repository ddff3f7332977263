//! A source of a hundred numbered rows.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use wharf_core::plugin::{Next, PollLimits, Polled, SourceTask, TaskSetup};
use wharf_core::{Batch, Checkpoint, Column, Failure, InstanceError, SourceOffset};

use crate::fake::{Life, died, not_now};

const ROWS: u64 = 100;

pub(crate) struct FakeSource {
    life: Life,
    /// Where each of the source partitions is.
    at: Vec<u64>,
    turn: usize,
    was_finished: bool,
    generation: u64,
    polls: u32,
}

impl FakeSource {
    pub(crate) async fn start(life: Life, setup: TaskSetup) -> Result<Self, InstanceError> {
        let parts = if life.fault.starts_with("two partitions") { 2 } else { 1 };
        let names: Vec<String> = (0..parts).map(|part| json!({ "part": part }).to_string()).collect();
        let mut at = Vec::new();
        for stored in setup.offsets.offsets(&names).await {
            at.push(match stored {
                None => 0,
                Some(stored) => match position(&stored) {
                    Some(position) if life.is("source.resume") => position + 1,
                    Some(position) if life.is("two partitions, one is lost") => position + u64::from(at.is_empty()),
                    Some(position) if life.is("repeats") => position.saturating_sub(1),
                    Some(position) => position,
                    None if life.is("source.odd-offsets") => return died(),
                    None => return Err(Failure::Fatal("the stored offset makes no sense".to_owned()).into()),
                },
            });
        }
        let generation = setup.context.generation;
        Ok(Self { life, at, turn: 0, was_finished: false, generation, polls: 0 })
    }

    fn row(&self, part: usize, number: u64) -> String {
        match self.life.fault {
            "never the same" => format!("row {number} of instance {}", self.generation),
            _ if self.at.len() > 1 => format!("row {number} of {part}"),
            _ => format!("row {number}"),
        }
    }
}

fn position(stored: &str) -> Option<u64> {
    serde_json::from_str::<Value>(stored).ok()?.get("position")?.as_u64()
}

#[async_trait]
impl SourceTask for FakeSource {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, InstanceError> {
        self.life.work()?;
        self.polls += 1;
        if self.life.is("retriable") && self.polls % 2 == 1 {
            return Err(not_now(None));
        }
        if self.life.is("source.wait") && limits.max_wait.is_zero() {
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        let part = self.turn % self.at.len();
        self.turn += 1;
        let at = *self.at.get(part).unwrap();
        let end = if self.life.is("endless") { u64::MAX } else { ROWS };
        let mut rows = u64::from(limits.max_rows).min(u64::from(limits.max_bytes) / 20).max(1);
        if self.life.is("source.bounds") && limits.max_rows == 7 {
            rows = 8;
        }
        let mut upto = at.saturating_add(rows).min(end.max(at));
        if self.life.is("source.finished") && self.was_finished {
            upto += 1;
        }
        let texts: Vec<String> = (at..upto).map(|number| self.row(part, number)).collect();
        let values: Column = texts.iter().map(|text| Some(text.as_bytes())).collect();
        let mut batch = Batch { rows: texts.len() as u32, values, ..Batch::default() };
        if batch.rows > 0 && !self.life.is("no checkpoints") {
            let marked = if self.life.is("source.checkpoints") { 0 } else { upto };
            let partition = json!({ "part": part }).to_string();
            let at = SourceOffset { partition, offset: json!({ "position": marked }).to_string() };
            batch.checkpoints = vec![Checkpoint { row: batch.rows - 1, at }];
        }
        if let Some(at) = self.at.get_mut(part) {
            *at = upto;
        }
        let is_done = self.at.iter().all(|&at| at >= end) && !self.life.is("idle");
        self.was_finished |= is_done;
        let next = if is_done { Next::Finished } else { Next::More };
        Ok(Polled { batch, next })
    }

    async fn commit(&mut self, _: Vec<SourceOffset>) -> Result<(), InstanceError> {
        if self.life.is("source.commit") { died() } else { Ok(()) }
    }

    async fn alter(&mut self, offsets: Vec<SourceOffset>) -> Result<Result<(), String>, InstanceError> {
        match offsets.first() {
            Some(_) if self.life.is("source.alter") => died(),
            Some(at) if position(&at.offset).is_none() => Ok(Err("write {\"position\":7}".to_owned())),
            _ => Ok(Ok(())),
        }
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.life.pause().await
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.life.resume()
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.life.stop()
    }

    async fn failed(self: Box<Self>, _: String) -> Result<(), InstanceError> {
        self.life.failed()
    }
}
