//! What a round is to do: everything that chance decides, decided by one seed.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use crate::{AIMS, Scene};

/// How a worker dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// SIGKILL so long after it was ready, or after the last kill.
    Running(Duration),
    /// SIGKILL so long after it was started, ready or not.
    Starting(Duration),
    /// At a point, when it was passed so often. SIGKILL where the worker does not come there in time.
    Point(&'static str, u32),
}

/// Rows from somewhere through a topic of their own into a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// So many numbered lines of a file.
    Lines(u64),
    /// Rows of a generator.
    Generated {
        /// How many.
        rows: u64,
        /// By how many tasks.
        tasks: u32,
        /// With keys, so that one batch goes to several partitions.
        keyed: bool,
    },
}

/// A round: settings, what moves, and how the worker dies meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What it was made of.
    pub seed: u64,
    /// The text of `wharf.toml`.
    pub config: String,
    /// What moves, side by side.
    pub routes: Vec<Route>,
    /// One after the other.
    pub kills: Vec<Kill>,
}

impl Plan {
    /// Equal seeds make equal plans.
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let config = config(&mut random);
        let routes = (0..random.u32(1..=3)).map(|_| route(&mut random)).collect();
        let kills = (0..random.u32(3..=8)).map(|_| kill(&mut random)).collect();
        Self { seed, config, routes, kills }
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.routes
            .iter()
            .map(|route| match route {
                Route::Lines(rows) | Route::Generated { rows, .. } => rows,
            })
            .sum()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows on {} routes, {} kills", self.rows(), self.routes.len(), self.kills.len())?;
        let points: Vec<&str> = self
            .kills
            .iter()
            .filter_map(|kill| match kill {
                Kill::Point(point, _) => Some(*point),
                _ => None,
            })
            .collect();
        if points.is_empty() { Ok(()) } else { write!(f, " (at {})", points.join(", ")) }
    }
}

fn config(random: &mut Rng) -> String {
    let sync = match random.u8(0..5) {
        0 => "sync = \"interval\"\nsync-interval-ms = 50\n".to_owned(),
        1 => "sync = \"none\"\n".to_owned(),
        2 => format!("sync = \"group\"\nsync-window-ms = {}\n", random.u8(1..4)),
        // The default most often: it is what most people run.
        _ => String::new(),
    };
    // Mostly small, so that segments roll between two kills.
    let segment = 1_u64 << random.u32(20..24).min(random.u32(20..24));
    let partitions = [1, 1, 2, 4].get(random.usize(0..4)).copied().unwrap_or(1);
    let flush = [5, 30, 200, 1000].get(random.usize(0..4)).copied().unwrap_or(30);
    let (in_flight, rows) = (random.u32(1..=8), 10_u32.pow(random.u32(2..=4)));
    format!(
        "[log]\nsegment-bytes = {segment}\ndefault-partitions = {partitions}\n{sync}\
         [tasks]\nflush-interval-ms = {flush}\nmax-in-flight = {in_flight}\npoll-max-rows = {rows}\n"
    )
}

fn route(random: &mut Rng) -> Route {
    if random.bool() {
        return Route::Lines(random.u64(100_000..500_000));
    }
    Route::Generated { rows: random.u64(20_000..200_000), tasks: random.u32(1..=3), keyed: random.bool() }
}

fn kill(random: &mut Rng) -> Kill {
    match random.u8(0..10) {
        0..4 => Kill::Running(Duration::from_micros(random.u64(0..300_000))),
        // The files are opened within the first few milliseconds.
        4 => Kill::Starting(Duration::from_micros(random.u64(0..20_000))),
        5 => Kill::Starting(Duration::from_micros(random.u64(0..150_000))),
        _ => {
            // Plugins are not installed in a round, and no log is torn.
            let there: Vec<_> = AIMS.iter().filter(|aim| aim.scene == Scene::Flow).collect();
            let (point, after) = random.choice(there).map_or(("log.write", 0), |aim| (aim.point, aim.after));
            Kill::Point(point, random.u32(0..=2 * after))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_with_its_seed_and_another_with_another() {
        assert_eq!(Plan::new(7), Plan::new(7));
        assert_ne!(Plan::new(7).kills, Plan::new(8).kills);
    }
}
