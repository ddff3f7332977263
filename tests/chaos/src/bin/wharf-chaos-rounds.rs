//! Rounds of chaos until the time is up: what `cargo xtask chaos` runs.
//!
//! `wharf-chaos-rounds --minutes N | --rounds N [--seed S]`; exit code 1 where something did not hold.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line tool is for")]

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use wharf_chaos_tests::{Outcome, Plan, seed};

/// When to stop.
#[derive(Debug, Default)]
struct Args {
    minutes: Option<u64>,
    rounds: Option<u64>,
    seed: Option<u64>,
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            let place = match word.as_str() {
                "--minutes" => &mut args.minutes,
                "--rounds" => &mut args.rounds,
                "--seed" => &mut args.seed,
                _ => return Err(format!("there is no `{word}`: write --minutes N or --rounds N, and --seed S")),
            };
            let number = words.next().and_then(|number| number.parse().ok());
            *place = Some(number.ok_or_else(|| format!("write a whole number behind {word}"))?);
        }
        Ok(args)
    }

    fn is_over(&self, rounds: u64, begun: Instant) -> bool {
        let enough = self.rounds.is_some_and(|most| rounds >= most);
        // Without either there is one round.
        let minutes = self.minutes.unwrap_or(if self.rounds.is_some() { u64::MAX / 60 } else { 0 });
        enough || (rounds > 0 && begun.elapsed() >= Duration::from_secs(minutes * 60))
    }
}

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (first, begun) = (args.seed.unwrap_or_else(seed), Instant::now());
    println!("chaos from seed {first} on; round n has the seed {first} + n");
    let (mut rounds, mut sum) = (0, Outcome { rows: 0, kills: 0, at_points: 0, again: 0 });
    while !args.is_over(rounds, begun) {
        let plan = Plan::new(first.wrapping_add(rounds));
        let started = Instant::now();
        let Ok(outcome) = catch_unwind(|| plan.run()) else {
            eprintln!(
                "\nVIOLATION in round {rounds}, after {} kills in all: see above. The plan was {plan:#?}",
                sum.kills
            );
            eprintln!("Repeat it with: cargo xtask chaos --rounds 1 --seed {}", plan.seed);
            return ExitCode::FAILURE;
        };
        let seconds = started.elapsed().as_secs_f64();
        println!("round {rounds}, seed {}: {plan}; {} rows came again; {seconds:.1} s: ok", plan.seed, outcome.again);
        rounds += 1;
        sum.rows += outcome.rows;
        sum.kills += outcome.kills;
        sum.at_points += outcome.at_points;
        sum.again += outcome.again;
    }
    println!(
        "{rounds} rounds, {} kills ({} at the point meant), {} rows, {} came again to a sink, none lost, none doubled in a \
         log where it must not be; {:.0} s; seed {first}",
        sum.kills,
        sum.at_points,
        sum.rows,
        sum.again,
        begun.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_numbers_behind_their_names() {
        let parse = |text: &str| Args::parse(text.split_whitespace().map(str::to_owned));
        let args = parse("--minutes 3 --seed 9").unwrap();
        assert_eq!((args.minutes, args.rounds, args.seed), (Some(3), None, Some(9)));
        parse("--minutes").unwrap_err();
        parse("--hours 3").unwrap_err();
    }

    #[test]
    fn a_run_ends_after_its_rounds_or_its_minutes_and_has_one_round_at_least() {
        let now = Instant::now();
        let args = |minutes, rounds| Args { minutes, rounds, seed: None };
        assert!(!args(None, None).is_over(0, now) && args(None, None).is_over(1, now));
        assert!(!args(None, Some(5)).is_over(4, now) && args(None, Some(5)).is_over(5, now));
        assert!(!args(Some(5), None).is_over(400, now) && args(Some(0), None).is_over(1, now));
    }
}
