//! What connectors and their tasks should be doing: the smallest model that says so.

use std::collections::BTreeMap;

use wharf_core::config::Config;
use wharf_core::state::{State, TargetState};

use super::watched::Who;
use crate::tests::fakes::config;

/// The two connectors there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Source,
    Sink,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::Source, Self::Sink];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Source => "from",
            Self::Sink => "to",
        }
    }

    /// Its configuration: of a source, odd variants have two tasks.
    pub(super) fn config(self, variant: u8) -> Config {
        let parts = self.parts(variant).to_string();
        let mut keys = config(&[("parts", &parts), ("tasks.max", "2"), ("variant", &variant.to_string())]);
        keys.extend(match self {
            Self::Source => config(&[("connector.class", "source"), ("topic", "t")]),
            Self::Sink => config(&[("connector.class", "sink"), ("topics", "t")]),
        });
        keys
    }

    fn parts(self, variant: u8) -> usize {
        if self == Self::Source { 1 + usize::from(variant % 2) } else { 1 }
    }
}

/// What an operator may do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Command {
    Create(TargetState, u8),
    Configure(u8),
    Pause,
    Resume,
    Stop,
    Restart { tasks: bool, only_failed: bool },
    RestartTask(u32),
    Delete,
}

/// What the operator is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    NotFound,
    Exists,
    Conflict,
}

#[derive(Debug, Clone, Copy, Default)]
struct Task {
    has_failed: bool,
    /// Since it was last started by hand or with its connector.
    deaths: u32,
}

#[derive(Debug, Clone)]
struct Connector {
    target: TargetState,
    variant: u8,
    tasks: Vec<Task>,
}

impl Connector {
    fn start(&mut self, which: Which) {
        self.tasks = vec![Task::default(); which.parts(self.variant)];
    }
}

/// A task that dies so often is given up; see the options of the fakes.
const DEATHS: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Reference(BTreeMap<Which, Connector>);

impl Reference {
    pub(super) fn apply(&mut self, which: Which, command: Command) -> Answer {
        let known = self.0.get_mut(&which);
        let connector = match (known, command) {
            (Some(_), Command::Create(..)) => return Answer::Exists,
            (None, Command::Create(target, variant)) => {
                let mut connector = Connector { target, variant, tasks: Vec::new() };
                // Created paused, a connector has no tasks before it is resumed.
                if target == TargetState::Running {
                    connector.start(which);
                }
                self.0.insert(which, connector);
                return Answer::Done;
            }
            (None, Command::Configure(variant)) => {
                return self.apply(which, Command::Create(TargetState::Running, variant));
            }
            (None, _) => return Answer::NotFound,
            (Some(connector), _) => connector,
        };
        match command {
            Command::Configure(variant) if variant != connector.variant => {
                connector.variant = variant;
                let has_tasks = !connector.tasks.is_empty();
                if connector.target == TargetState::Running || has_tasks {
                    connector.start(which);
                }
            }
            Command::Pause => connector.target = TargetState::Paused,
            Command::Resume => {
                connector.target = TargetState::Running;
                if connector.tasks.is_empty() {
                    connector.start(which);
                }
            }
            Command::Stop => {
                connector.target = TargetState::Stopped;
                connector.tasks.clear();
            }
            Command::Restart { tasks: true, only_failed } => {
                let chosen = connector.tasks.iter_mut().filter(|task| !only_failed || task.has_failed);
                chosen.for_each(|task| *task = Task::default());
            }
            Command::RestartTask(_) if connector.target == TargetState::Stopped => return Answer::Conflict,
            Command::RestartTask(number) => match connector.tasks.get_mut(number as usize) {
                Some(task) => *task = Task::default(),
                None => return Answer::NotFound,
            },
            Command::Delete => {
                self.0.remove(&which);
            }
            Command::Create(..) | Command::Configure(_) | Command::Restart { .. } => {}
        }
        Answer::Done
    }

    /// The worker is started anew over what it stored: tasks begin anew, also those of a connector that is paused.
    pub(super) fn worker_restarts(&mut self) {
        for (which, connector) in &mut self.0 {
            if connector.target != TargetState::Stopped {
                connector.start(*which);
            }
        }
    }

    /// The tasks that work, of a connector that does.
    pub(super) fn working(&self, which: Which) -> Vec<u32> {
        let running = self.0.get(&which).filter(|connector| connector.target == TargetState::Running);
        let tasks = running.into_iter().flat_map(|connector| connector.tasks.iter().zip(0..));
        tasks.filter(|(task, _)| !task.has_failed).map(|(_, number)| number).collect()
    }

    pub(super) fn dies(&mut self, which: Which, task: u32) {
        if let Some(task) = self.task(which, task) {
            task.deaths += 1;
            task.has_failed = task.deaths == DEATHS;
        }
    }

    pub(super) fn fails(&mut self, which: Which, task: u32) {
        if let Some(task) = self.task(which, task) {
            task.has_failed = true;
        }
    }

    fn task(&mut self, which: Which, task: u32) -> Option<&mut Task> {
        self.0.get_mut(&which)?.tasks.get_mut(task as usize)
    }

    /// The connectors there are.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.keys().map(|which| which.name()).collect()
    }

    pub(super) fn target(&self, which: Which) -> Option<TargetState> {
        self.0.get(&which).map(|connector| connector.target)
    }

    /// What the status of a connector shows: its own state, and those of its tasks.
    pub(super) fn states(&self, which: Which) -> Option<(State, Vec<State>)> {
        let connector = self.0.get(&which)?;
        let working = match connector.target {
            TargetState::Running => State::Running,
            TargetState::Paused => State::Paused,
            TargetState::Stopped => State::Stopped,
        };
        let tasks = connector.tasks.iter().map(|task| if task.has_failed { State::Failed } else { working });
        Some((working, tasks.collect()))
    }

    /// The tasks that have an instance.
    pub(super) fn live(&self) -> Vec<Who> {
        let tasks = self.0.iter().flat_map(|(which, connector)| {
            let tasks = connector.tasks.iter().zip(0..).filter(|(task, _)| !task.has_failed);
            tasks.map(|(_, number)| (which.name().to_owned(), number))
        });
        tasks.collect()
    }
}
