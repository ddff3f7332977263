//! Consumer groups: who reads which partition, and what was committed.
//!
//! All members live in this process. A partition belongs to one member at a time: it goes to the next only when the
//! first has dropped the [`Handover`](crate::driver::Handover) it was asked with, or is gone.

mod assign;
mod journal;
mod member;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use wharf_core::TopicPosition;

pub(crate) use assign::Tp;
use assign::assign;
pub(crate) use journal::{Change, read as read_journal};
use journal::{Committed, Journal, apply};
pub(crate) use member::{Event, Member, Release};

use super::files::{self, FileError};
use super::topic::{Topics, now};
use super::{lock, names};
use crate::driver::DriverError;

/// All groups of a log.
#[derive(Debug)]
pub(crate) struct Groups {
    dir: PathBuf,
    topics: Arc<Topics>,
    open: Mutex<BTreeMap<String, Arc<Group>>>,
}

impl Groups {
    /// Reads what all groups have committed. Blocks.
    pub(crate) fn open(dir: &Path, topics: Arc<Topics>) -> Result<Self, FileError> {
        files::create_dir(dir)?;
        files::tidy(dir);
        let groups = Self { dir: dir.to_owned(), topics, open: Mutex::default() };
        for path in files::entries(dir)? {
            if let Some(name) = path.file_name().and_then(|name| names::group_of(name.to_str()?)) {
                let group = Group::open(name.clone(), path, Arc::clone(&groups.topics))?;
                lock(&groups.open).insert(name, Arc::new(group));
            }
        }
        Ok(groups)
    }

    /// The group of this name, which may be new.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Group>, DriverError> {
        let mut open = lock(&self.open);
        if let Some(group) = open.get(name) {
            return Ok(Arc::clone(group));
        }
        let path = self.dir.join(names::group_file(name)?);
        // There is no file, or it would have been read when the log was opened.
        let group = Arc::new(Group::open(name.to_owned(), path, Arc::clone(&self.topics))?);
        open.insert(name.to_owned(), Arc::clone(&group));
        Ok(group)
    }

    /// The group of this name, if it was ever used.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Group>> {
        lock(&self.open).get(name).cloned()
    }

    fn all(&self) -> Vec<Arc<Group>> {
        lock(&self.open).values().cloned().collect()
    }

    /// A topic was created or deleted: its partitions are distributed, or taken away.
    pub(crate) fn topics_changed(&self, topic: &str) {
        for group in self.all() {
            group.rebalance(Some(topic));
        }
    }

    /// Forgets what was committed for a topic. Blocks.
    pub(crate) fn forget(&self, topic: &str) -> Result<(), FileError> {
        self.all().iter().try_for_each(|group| {
            let mut journal = lock(&group.journal);
            let gone: Vec<Change> = (journal.committed().keys())
                .filter(|(name, _)| name == topic)
                .map(|(topic, partition)| Change { topic: topic.clone(), partition: *partition, position: None })
                .collect();
            group.write(&mut journal, &gone)
        })
    }
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    name: String,
    topics: Arc<Topics>,
    state: Mutex<State>,
    /// Locked while it is written to disk.
    journal: Mutex<Journal>,
    /// What the journal says, for those who must not wait for the disk.
    committed: Mutex<Committed>,
    next_member: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    members: BTreeMap<String, Arc<Member>>,
    owners: BTreeMap<Tp, Owner>,
}

#[derive(Debug)]
struct Owner {
    name: String,
    id: u64,
    /// Was asked to give the partition up.
    leaving: bool,
}

impl Group {
    fn open(name: String, path: PathBuf, topics: Arc<Topics>) -> Result<Self, FileError> {
        let journal = Journal::open(path)?;
        let committed = Mutex::new(journal.committed().clone());
        let (journal, state, next_member) = (Mutex::new(journal), Mutex::default(), AtomicU64::new(1));
        Ok(Self { name, topics, state, journal, committed, next_member })
    }

    fn write(&self, journal: &mut Journal, changes: &[Change]) -> Result<(), FileError> {
        if changes.is_empty() {
            return Ok(());
        }
        journal.write(changes)?;
        apply(&mut lock(&self.committed), changes);
        Ok(())
    }

    /// Adds a member. One of the same name is replaced: it loses what it has.
    pub(crate) fn join(self: &Arc<Self>, name: &str, topics: &[String]) -> Arc<Member> {
        let id = self.next_member.fetch_add(1, Ordering::Relaxed);
        let member = Arc::new(Member::new(id, name.to_owned(), topics.iter().cloned().collect(), now()));
        let mut state = lock(&self.state);
        if let Some(old) = state.members.insert(name.to_owned(), Arc::clone(&member)) {
            let lost = state.free(old.id);
            old.fence(lost);
        }
        self.balance(&mut state);
        member
    }

    /// Takes a member out; what it has is free at once.
    pub(crate) fn leave(&self, member: &Member) {
        let mut state = lock(&self.state);
        if state.members.get(&member.name).is_some_and(|known| known.id == member.id) {
            state.members.remove(&member.name);
        }
        state.free(member.id);
        self.balance(&mut state);
    }

    /// A member has finished partitions that it was asked to give up.
    fn release(&self, id: u64, partitions: &[Tp]) {
        let mut state = lock(&self.state);
        for tp in partitions {
            if state.owners.get(tp).is_some_and(|owner| owner.id == id && owner.leaving) {
                state.owners.remove(tp);
            }
        }
        self.balance(&mut state);
    }

    /// Distributes anew. `topic`: it is another one than before, if it is there at all.
    fn rebalance(&self, topic: Option<&str>) {
        let mut state = lock(&self.state);
        if let Some(topic) = topic
            && self.topics.get(topic).is_none()
        {
            state.lose_topic(topic);
        }
        self.balance(&mut state);
    }

    fn balance(&self, state: &mut State) {
        let wanted: BTreeMap<String, BTreeSet<String>> =
            state.members.iter().map(|(name, member)| (name.clone(), member.topics.clone())).collect();
        let names: BTreeSet<&String> = wanted.values().flatten().collect();
        let topics = names.into_iter().filter_map(|name| self.topics.get(name));
        let partitions: BTreeSet<Tp> = topics
            .flat_map(|topic| (0..topic.partitions.len() as u32).map(move |number| (Arc::clone(&topic.name), number)))
            .collect();
        let current = state.owners.iter().map(|(tp, owner)| (tp.clone(), owner.name.clone())).collect();
        let target = assign(&partitions, &wanted, &current);
        let mut give: BTreeMap<&str, Vec<Tp>> = BTreeMap::new();
        let mut take: BTreeMap<&str, Vec<Tp>> = BTreeMap::new();
        for (tp, name) in &target {
            match state.owners.get_mut(tp) {
                None => give.entry(name).or_default().push(tp.clone()),
                Some(owner) if owner.name != *name && !owner.leaving => {
                    owner.leaving = true;
                    if let Some((owner, _)) = wanted.get_key_value(&owner.name) {
                        take.entry(owner).or_default().push(tp.clone());
                    }
                }
                Some(_) => {}
            }
        }
        for (name, partitions) in take {
            if let Some(member) = state.members.get(name) {
                member.tell(Event::Revoked(partitions));
            }
        }
        for (name, partitions) in give {
            let Some(member) = state.members.get(name) else { continue };
            for tp in &partitions {
                let owner = Owner { name: name.to_owned(), id: member.id, leaving: false };
                state.owners.insert(tp.clone(), owner);
            }
            tracing::debug!(group = %self.name, member = name, partitions = partitions.len(), "partitions assigned");
            member.tell(Event::Assigned(partitions));
        }
    }

    /// What the group has committed for a partition.
    pub(crate) fn position(&self, tp: &Tp) -> Option<u64> {
        lock(&self.committed).get(&(tp.0.to_string(), tp.1)).copied()
    }

    /// Everything the group has committed.
    pub(crate) fn committed(&self) -> Vec<TopicPosition> {
        let committed = lock(&self.committed);
        let all = committed.iter();
        all.map(|((topic, partition), &position)| TopicPosition {
            topic: topic.clone(),
            partition: *partition,
            position: i64::try_from(position).unwrap_or(i64::MAX),
        })
        .collect()
    }

    /// Commits for a member, durably. Blocks.
    pub(crate) fn commit(&self, member: &Member, changes: &[Change]) -> Result<(), DriverError> {
        let mut journal = lock(&self.journal);
        {
            let state = lock(&self.state);
            for Change { topic, partition, .. } in changes {
                let tp = (Arc::from(topic.as_str()), *partition);
                if state.owners.get(&tp).is_none_or(|owner| owner.id != member.id) {
                    return Err(DriverError::Fenced(format!(
                        "partition {partition} of topic `{topic}` is not assigned to member `{}` of group `{}` any more",
                        member.name, self.name
                    )));
                }
            }
        }
        Ok(self.write(&mut journal, changes)?)
    }

    /// Moves or forgets what is committed, while nobody reads. Blocks.
    pub(crate) fn alter(&self, changes: &[Change]) -> Result<(), DriverError> {
        let mut journal = lock(&self.journal);
        if !lock(&self.state).members.is_empty() {
            return Err(DriverError::Rejected(format!("group `{}` is in use: stop its connector first", self.name)));
        }
        Ok(self.write(&mut journal, changes)?)
    }
}

impl State {
    /// Takes everything from a member; returns it.
    fn free(&mut self, id: u64) -> Vec<Tp> {
        self.owners.extract_if(.., |_, owner| owner.id == id).map(|(tp, _)| tp).collect()
    }

    /// The topic is gone: whoever had a partition of it has lost it.
    fn lose_topic(&mut self, topic: &str) {
        let mut lost: BTreeMap<String, Vec<Tp>> = BTreeMap::new();
        for (tp, owner) in self.owners.extract_if(.., |tp, _| &*tp.0 == topic) {
            lost.entry(owner.name).or_default().push(tp);
        }
        for (name, partitions) in lost {
            if let Some(member) = self.members.get(&name) {
                member.tell(Event::Lost(partitions));
            }
        }
    }
}
