//! A queue that acknowledges, rejects and fails batches in any order, against the longest acknowledged prefix.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use wharf_core::state::{State, TargetState};
use wharf_drivers::{DriverError, Receipt};
use wharf_store::Offsets;

use super::watched::Planned;
use super::{World, pass, run, runner};
use crate::tests::fakes::config;

/// Long enough for a back-off and a slow store.
const SETTLED: Duration = Duration::from_secs(3);

#[derive(Debug, Clone)]
enum Step {
    /// Answers one of the batches that wait.
    Answer(Index, Answer),
    Pause,
    Resume,
}

#[derive(Debug, Clone, Copy)]
enum Answer {
    Taken,
    /// One row is not taken, for good; that is tolerated.
    RowRejected,
    /// No row is taken, for good; that is tolerated.
    Rejected,
    Failed,
    /// Nobody knows.
    Lost,
}

fn step() -> impl Strategy<Value = Step> {
    let answer = prop_oneof![
        12 => Just(Answer::Taken),
        1 => Just(Answer::RowRejected),
        1 => Just(Answer::Rejected),
        1 => Just(Answer::Failed),
        1 => Just(Answer::Lost),
    ];
    prop_oneof![
        10 => (any::<Index>(), answer).prop_map(|(which, answer)| Step::Answer(which, answer)),
        1 => Just(Step::Pause),
        1 => Just(Step::Resume),
    ]
}

/// Batches of rows of three partitions, not all of them marked. The last rows are, or the end would never be stored.
fn plan() -> impl Strategy<Value = Vec<Vec<Planned>>> {
    vec(vec((0..3_u8, any::<bool>()), 1..5), 1..12).prop_map(|mut plan| {
        plan.push((0..3).map(|partition| (partition, true)).collect());
        plan
    })
}

/// What was answered, and what follows from it.
#[derive(Default)]
struct Model {
    answered: BTreeMap<usize, bool>,
    /// The offset of each partition that should be stored.
    stored: BTreeMap<String, String>,
    /// Rows that the queue has, or refused for good.
    safe: BTreeSet<String>,
}

impl Model {
    /// The numbers of the batches that the current attempt has sent.
    fn sent(world: &World) -> Vec<usize> {
        let mut sent = Vec::new();
        for entry in world.journal.all() {
            match entry.strip_prefix("send c ") {
                Some(number) => sent.push(number.parse().unwrap()),
                None if entry == "producer c" => sent.clear(),
                None => {}
            }
        }
        sent
    }

    fn waiting(&self, world: &World) -> Vec<usize> {
        Self::sent(world).into_iter().filter(|number| !self.answered.contains_key(number)).collect()
    }

    fn answer(&mut self, world: &World, number: usize, answer: Answer) {
        let rejected = || DriverError::Rejected("too large".to_owned());
        let (is_safe, result) = match answer {
            Answer::Taken => (true, Ok(Receipt::default())),
            Answer::RowRejected => (true, Ok(Receipt { failed: vec![(0, rejected())] })),
            Answer::Rejected => (true, Err(rejected())),
            Answer::Failed => (false, Err(DriverError::Retriable("busy".to_owned()))),
            Answer::Lost => (false, Err(DriverError::MaybeWritten("no answer".to_owned()))),
        };
        self.answered.insert(number, is_safe);
        let batch = world.driver.batch(number);
        if is_safe {
            self.safe.extend(batch.iter().map(|row| String::from_utf8(row.value.unwrap().to_vec()).unwrap()));
        }
        // The longest prefix of what this attempt sent, looked at before the attempt can end.
        for number in Self::sent(world) {
            if self.answered.get(&number) != Some(&true) {
                break;
            }
            let marks = world.driver.batch(number).checkpoints;
            self.stored.extend(marks.into_iter().map(|mark| (mark.at.partition, mark.at.offset)));
        }
        world.driver.answer(number, result);
    }
}

async fn stored(world: &World) -> BTreeMap<String, String> {
    let all = Offsets::new(world.store.clone()).all("c").await.unwrap();
    all.into_iter().map(|at| (at.partition, at.offset)).collect()
}

async fn check(world: &World, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(&stored(world).await, &model.stored, "stored, and the longest acknowledged prefix");
    prop_assert!(model.waiting(world).len() <= world.options.max_in_flight, "{:?}", model.waiting(world));
    prop_assert_eq!(&world.watch.lock().wrong, &Vec::<String>::new());
    Ok(())
}

async fn case(
    plan: Vec<Vec<Planned>>,
    steps: Vec<Step>,
    max_in_flight: usize,
    slow_store: u64,
) -> Result<(), TestCaseError> {
    let world = World::new(|driver, options| {
        driver.by_hand = true;
        options.max_in_flight = max_in_flight;
    })
    .await;
    *world.store.slow.lock().unwrap() = Duration::from_millis(slow_store);
    world.watch.lock().plan = Some(plan.clone());
    let keys =
        [("connector.class", "source"), ("topic", "t"), ("errors.tolerance", "all"), ("restart.max.failures", "1000")];
    world.worker.create("c".to_owned(), config(&keys), TargetState::Running).await.unwrap();
    let mut model = Model::default();
    for step in steps {
        pass(SETTLED).await;
        match step {
            Step::Answer(which, answer) => {
                let waiting = model.waiting(&world);
                if !waiting.is_empty() {
                    model.answer(&world, *which.get(&waiting), answer);
                }
            }
            Step::Pause => world.worker.pause("c").await.unwrap(),
            Step::Resume => world.worker.resume("c").await.unwrap(),
        }
        pass(SETTLED).await;
        check(&world, &model).await?;
    }
    world.worker.resume("c").await.unwrap();
    // The newest first: the order that is hardest on the prefix.
    loop {
        pass(SETTLED).await;
        check(&world, &model).await?;
        let Some(newest) = model.waiting(&world).pop() else { break };
        model.answer(&world, newest, Answer::Taken);
    }
    let status = world.worker.task_status("c", 0).await.unwrap();
    prop_assert_eq!(status.state, State::Stopped, "{:?}", status);
    let mut count: BTreeMap<u8, u64> = BTreeMap::new();
    for (partition, _) in plan.into_iter().flatten() {
        let number = count.entry(partition).or_default();
        let row = format!("c/{partition}/{number}");
        prop_assert!(model.safe.contains(&row), "{} is lost", row);
        *number += 1;
    }
    let last = count.iter().map(|(partition, rows)| (format!(r#"{{"p":{partition}}}"#), format!(r#"{{"n":{rows}}}"#)));
    prop_assert_eq!(stored(&world).await, last.collect::<BTreeMap<_, _>>());
    Ok(())
}

#[test]
fn in_whatever_order_a_queue_answers_exactly_the_longest_acknowledged_prefix_is_stored_and_no_row_is_lost() {
    let cases = (plan(), vec(step(), 0..30), 1..7_usize, prop_oneof![Just(0), Just(400_u64)]);
    let outcome = runner(400)
        .run(&cases, |(plan, steps, max_in_flight, slow_store)| run(case(plan, steps, max_in_flight, slow_store)));
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
