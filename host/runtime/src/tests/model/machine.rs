//! Connectors and tasks under random commands, failures and restarts of the worker, against [`Reference`].

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wharf_core::state::TargetState;

use super::reference::{Answer, Command, Reference, Which};
use super::watched::Fault;
use super::{World, pass, run, runner};
use crate::WorkerError;

/// Longer than any back-off, drain and poll.
const SETTLED: Duration = Duration::from_secs(4);

#[derive(Debug, Clone)]
enum Step {
    /// Commands one behind the other, each so many milliseconds after the one before was answered.
    Burst(Vec<(Which, Command, u64)>),
    /// One of the working tasks of a connector fails.
    Fail(Which, Index, Fault),
    /// The worker ends and starts again.
    Worker,
}

fn which() -> impl Strategy<Value = Which> {
    prop::sample::select(Which::ALL.to_vec())
}

fn command() -> impl Strategy<Value = Command> {
    use TargetState::{Paused, Running, Stopped};
    prop_oneof![
        4 => (prop_oneof![3 => Just(Running), 1 => Just(Paused), 1 => Just(Stopped)], 0..2_u8)
            .prop_map(|(target, variant)| Command::Create(target, variant)),
        3 => (0..2_u8).prop_map(Command::Configure),
        2 => Just(Command::Pause),
        3 => Just(Command::Resume),
        1 => Just(Command::Stop),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(tasks, only_failed)| Command::Restart { tasks, only_failed }),
        1 => (0..3_u32).prop_map(Command::RestartTask),
        1 => Just(Command::Delete),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let pause = prop_oneof![3 => Just(0), 1 => 1..400_u64];
    prop_oneof![
        5 => vec((which(), command(), pause), 1..5).prop_map(Step::Burst),
        4 => (which(), any::<Index>(), prop_oneof![1 => Just(Fault::Die), 1 => Just(Fault::Fatal)])
            .prop_map(|(which, task, fault)| Step::Fail(which, task, fault)),
        1 => Just(Step::Worker),
    ]
}

struct Machine {
    world: World,
    model: Reference,
    /// Rows that were put into the topic from outside.
    filled: u32,
}

impl Machine {
    fn fill(&mut self) {
        self.world.driver.fill("t", self.filled..self.filled + 1);
        self.filled += 1;
    }

    async fn command(&self, which: Which, command: Command) -> Answer {
        let (worker, name) = (&self.world.worker, which.name());
        let done = match command {
            Command::Create(target, variant) => {
                worker.create(name.to_owned(), which.config(variant), target).await.map(drop)
            }
            Command::Configure(variant) => worker.put_config(name.to_owned(), which.config(variant)).await.map(drop),
            Command::Pause => worker.pause(name).await,
            Command::Resume => worker.resume(name).await,
            Command::Stop => worker.stop(name).await,
            Command::Restart { tasks, only_failed } => worker.restart_with(name, tasks, only_failed).await.map(drop),
            Command::RestartTask(task) => worker.restart_task(name, task).await,
            Command::Delete => worker.delete(name).await,
        };
        match done {
            Ok(()) => Answer::Done,
            Err(WorkerError::NotFound(_)) => Answer::NotFound,
            Err(WorkerError::AlreadyExists(_)) => Answer::Exists,
            Err(WorkerError::Conflict(_)) => Answer::Conflict,
            Err(other) => panic!("{other:?} to {command:?}"),
        }
    }

    async fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Burst(commands) => {
                for (which, command, after) in commands {
                    pass(Duration::from_millis(after)).await;
                    let expected = self.model.apply(which, command);
                    prop_assert_eq!(self.command(which, command).await, expected, "{:?} {:?}", which, command);
                }
            }
            Step::Fail(which, task, fault) => self.fail(which, task, fault).await?,
            Step::Worker => {
                self.world.restart().await;
                self.model.worker_restarts();
            }
        }
        Ok(())
    }

    async fn fail(&mut self, which: Which, task: Index, fault: Fault) -> Result<(), TestCaseError> {
        let working = self.model.working(which);
        if working.is_empty() {
            return Ok(());
        }
        let task = *task.get(&working);
        self.world.watch.lock().faults.insert((which.name().to_owned(), task), fault);
        // Something for a sink to fail with.
        self.fill();
        pass(SETTLED).await;
        prop_assert!(self.world.watch.lock().faults.is_empty(), "task {} of {:?} was not called", task, which);
        match fault {
            Fault::Die => self.model.dies(which, task),
            Fault::Fatal => self.model.fails(which, task),
        }
        Ok(())
    }

    /// Compares everything there is to see, once all has settled.
    async fn check(&mut self) -> Result<(), TestCaseError> {
        pass(SETTLED).await;
        prop_assert_eq!(&self.world.watch.lock().wrong, &Vec::<String>::new());
        prop_assert_eq!(self.world.worker.connectors().await, self.model.names());
        for which in Which::ALL {
            let status = self.world.worker.status(which.name()).await.ok();
            let shown =
                status.map(|it| (it.connector.state, it.tasks.iter().map(|task| task.state).collect::<Vec<_>>()));
            prop_assert_eq!(shown, self.model.states(which), "{:?}", which);
        }
        prop_assert_eq!(self.world.watch.live(), self.model.live());
        let calls = Which::ALL.map(|which| self.world.watch.calls(which.name()));
        self.fill();
        pass(Duration::from_secs(1)).await;
        for (which, before) in Which::ALL.into_iter().zip(calls) {
            let after = self.world.watch.calls(which.name());
            if self.model.working(which).is_empty() {
                prop_assert_eq!(before, after, "{:?} works while it should not", which);
            } else {
                prop_assert!(after > before, "{:?} does not work while it should", which);
            }
        }
        self.rows()
    }

    /// No row of a source is missing where a later one is there.
    fn rows(&self) -> Result<(), TestCaseError> {
        let mut next: BTreeMap<String, u64> = BTreeMap::new();
        for value in self.world.driver.values("t") {
            let Some((task, number)) = value.rsplit_once('/') else { continue };
            let (number, next) = (number.parse::<u64>().unwrap(), next.entry(task.to_owned()).or_default());
            prop_assert!(number <= *next, "{} comes where {} is missing", value, next);
            *next = (*next).max(number + 1);
        }
        Ok(())
    }

    /// Lets everything run, and then a sink must have written all there is.
    async fn finish(&mut self) -> Result<(), TestCaseError> {
        for which in Which::ALL {
            let commands = [
                Command::Create(TargetState::Running, 0),
                Command::Resume,
                Command::Restart { tasks: true, only_failed: true },
            ];
            for command in commands {
                let expected = self.model.apply(which, command);
                prop_assert_eq!(self.command(which, command).await, expected);
            }
        }
        self.check().await?;
        let expected = self.model.apply(Which::Source, Command::Stop);
        prop_assert_eq!(self.command(Which::Source, Command::Stop).await, expected);
        pass(Duration::from_secs(60)).await;
        prop_assert_eq!(self.model.target(Which::Source), Some(TargetState::Stopped));
        let seen = self.world.watch.lock();
        let lost = self.world.driver.values("t").into_iter().find(|value| !seen.written.contains(value));
        prop_assert_eq!(lost, None, "it was sent and not written");
        Ok(())
    }
}

async fn case(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut machine = Machine { world: World::new(|_, _| {}).await, model: Reference::default(), filled: 0 };
    // An empty machine would spend most of its commands on being told so.
    for which in Which::ALL {
        machine.step(Step::Burst(vec![(which, Command::Create(TargetState::Running, 1), 0)])).await?;
    }
    for step in steps {
        machine.step(step).await?;
        machine.check().await?;
    }
    machine.finish().await
}

#[test]
fn connectors_and_tasks_are_in_the_states_of_the_model_after_any_commands_and_failures_and_no_row_is_lost() {
    if let Err(error) = runner(100).run(&vec(step(), 0..20), |steps| run(case(steps))) {
        panic!("{error}");
    }
}
