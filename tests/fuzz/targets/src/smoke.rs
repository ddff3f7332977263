//! A short run of a target, without a fuzzer: the corpus as it is, and then changed at random.
//!
//! `WHARF_FUZZ_SECONDS` lets it go on for so long, `WHARF_FUZZ_SEED` repeats a run. An input that breaks something is kept
//! in a file beside what cargo builds, and the message says where; with a name that says what it is, it belongs into the
//! corpus.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use fastrand::Rng;

/// Changes an input; the second is another to take parts from.
pub type Mutate = fn(&mut Rng, &mut Vec<u8>, &[u8]);

/// How a target is run.
#[derive(Debug)]
pub struct Smoke<'a> {
    /// The target's name, which is also that of its folder of the corpus.
    pub name: &'a str,
    /// How many changed inputs, unless `WHARF_FUZZ_SECONDS` says how long.
    pub inputs: u64,
    /// Inputs beside those of the corpus.
    pub seeds: Vec<Vec<u8>>,
    /// How inputs are changed.
    pub mutate: Mutate,
}

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// The folder of the corpus: as cargo says at run time, where it runs the test.
fn corpus(name: &str) -> PathBuf {
    let here =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../corpus").join(name)
}

/// The inputs that are checked in, sorted by name.
fn checked_in(name: &str) -> Vec<Vec<u8>> {
    let dir = corpus(name);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("read {}: {error}", dir.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    files.iter().map(read).collect()
}

impl Smoke<'_> {
    /// Runs the target, and gives back on how many inputs.
    ///
    /// # Panics
    /// Where the target does.
    pub fn run(self, target: impl Fn(&[u8])) -> u64 {
        let seed = variable("WHARF_FUZZ_SEED").unwrap_or_else(|| fastrand::u64(..));
        let (mut rng, began) = (Rng::with_seed(seed), Instant::now());
        let seconds = variable("WHARF_FUZZ_SECONDS").map(Duration::from_secs);
        let mut inputs = checked_in(self.name);
        inputs.extend(self.seeds);
        assert!(!inputs.is_empty(), "there is no input in {}", corpus(self.name).display());
        for input in &inputs {
            attempt(self.name, seed, input, &target);
        }
        let mut done = inputs.len() as u64;
        let mut changed = 0;
        while seconds.map_or(changed < self.inputs, |seconds| began.elapsed() < seconds) {
            let (Some(input), Some(other)) = (rng.choice(&inputs), rng.choice(&inputs)) else { break };
            let mut input = input.clone();
            (self.mutate)(&mut rng, &mut input, other);
            attempt(self.name, seed, &input, &target);
            changed += 1;
        }
        done += changed;
        done
    }
}

fn attempt(name: &str, seed: u64, input: &[u8], target: impl Fn(&[u8])) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let kept = keep(name, input);
        tell(&format!("WHARF_FUZZ_SEED={seed}: {name} breaks on {} bytes, kept in {kept}", input.len()));
        resume_unwind(panic);
    }
}

fn keep(name: &str, input: &[u8]) -> String {
    let dir = env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned)).unwrap_or_else(env::temp_dir);
    let path = dir.join(format!("fuzz-{name}-{:016x}", fastrand::u64(..)));
    match fs::write(&path, input) {
        Ok(()) => path.display().to_string(),
        Err(error) => format!("no file ({error}): {input:?}"),
    }
}

#[expect(clippy::print_stderr, reason = "cargo test shows what a failed test printed")]
fn tell(line: &str) {
    eprintln!("{line}");
}
