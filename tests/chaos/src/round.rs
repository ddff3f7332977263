//! Carries out a plan.

use std::thread;
use std::time::{Duration, Instant};

use wharf_integration::{Binary, Setup, Worker};

use crate::pipeline::Pipeline;
use crate::plan::{Kill, Plan};
use crate::{assert_killed, kill};

/// How long a worker has to come to a point before it is killed wherever it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a round was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that went through.
    pub rows: u64,
    /// How often the worker was killed.
    pub kills: u64,
    /// How many of them were at the point that was meant.
    pub at_points: u64,
    /// Rows that came to a sink more than once.
    pub again: u64,
}

impl Plan {
    /// Starts a worker, kills it as planned, lets it finish, and checks what is left. Fails the test where something is
    /// lost, doubled, torn or stuck.
    #[track_caller]
    pub fn run(&self) -> Outcome {
        let setup = Setup::new().plugin("generator-source").binary(Binary::Chaos).config(&self.config);
        let mut worker = setup.start();
        let pipelines: Vec<Pipeline> =
            self.routes.iter().enumerate().map(|(number, route)| Pipeline::create(&worker, number, route)).collect();
        let mut at_points = 0;
        for (share, kill) in (1..).zip(&self.kills) {
            pipelines.iter().for_each(|it| it.allow(share, self.kills.len() as u64 + 1));
            at_points += u64::from(carry_out(&mut worker, *kill));
        }
        pipelines.iter().for_each(|it| it.allow(1, 1));
        worker.start_again();
        worker.wait_until("all rows have arrived", || {
            let done = pipelines.iter().all(Pipeline::is_done);
            if !done {
                // Looking is work, which the worker shall not lack.
                thread::sleep(Duration::from_millis(20));
            }
            done
        });
        assert!(worker.terminate().success(), "the worker did not stop as it should");
        let again = pipelines.into_iter().map(|it| it.verify(&worker, self.kills.len()));
        match again.sum::<Result<u64, String>>() {
            Ok(again) => Outcome { rows: self.rows(), kills: self.kills.len() as u64, at_points, again },
            Err(error) => panic!("{error}"),
        }
    }
}

/// Kills the worker, which is dead afterwards. Whether that was at the point that was meant.
fn carry_out(worker: &mut Worker, how: Kill) -> bool {
    let runs = worker.pid().is_some();
    match how {
        Kill::Running(after) => {
            if !runs {
                worker.start_again();
            }
            thread::sleep(after);
            kill(worker);
            false
        }
        Kill::Starting(after) => {
            if runs {
                kill(worker);
            }
            worker.launch();
            thread::sleep(after);
            kill(worker);
            false
        }
        Kill::Point(point, passed) => {
            if runs {
                assert!(worker.terminate().success(), "the worker did not stop as it should");
            }
            worker.set_env("FAILPOINTS", &format!("{point}={passed}*off->kill"));
            worker.launch();
            worker.unset_env("FAILPOINTS");
            let begun = Instant::now();
            while begun.elapsed() < PATIENCE {
                if let Some(status) = worker.try_ended() {
                    assert_killed(status);
                    return true;
                }
                thread::sleep(Duration::from_millis(2));
            }
            worker.kill();
            false
        }
    }
}
