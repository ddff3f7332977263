//! What `FAILPOINTS` says, and doing it.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

static POINTS: OnceLock<Points> = OnceLock::new();

pub(crate) fn obey(text: &str) -> Result<(), String> {
    // A second call finds what the first has read: there is one environment.
    let points = Points::parse(text)?;
    if let Some(name) = points.0.keys().find(|name| !crate::POINTS.iter().any(|(known, _)| known == name)) {
        return Err(format!("FAILPOINTS: there is no point `{name}`"));
    }
    POINTS.get_or_init(|| points);
    Ok(())
}

pub(crate) fn hit(point: &str) -> io::Result<()> {
    match POINTS.get().and_then(|points| points.action(point)) {
        None | Some(Action::Off) => Ok(()),
        Some(Action::Fail(error)) => Err(error.into()),
        Some(Action::Kill) => loop {
            // The signal may take a moment; nothing may go on meanwhile.
            kill_process(getpid(), Signal::KILL).ok();
            std::thread::park();
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Off,
    Kill,
    Fail(Errno),
}

#[derive(Debug)]
struct Term {
    /// How often it may still act.
    left: AtomicU64,
    action: Action,
    file: Option<PathBuf>,
}

#[derive(Debug, Default)]
struct Points(HashMap<String, Vec<Term>>);

impl Points {
    fn parse(text: &str) -> Result<Self, String> {
        let mut points = HashMap::new();
        for point in text.split(';').map(str::trim).filter(|point| !point.is_empty()) {
            let (name, terms) =
                point.split_once('=').ok_or_else(|| format!("FAILPOINTS: `{point}` is not `name=action`"))?;
            let terms: Result<Vec<Term>, String> = terms.split("->").map(Term::parse).collect();
            points.insert(name.trim().to_owned(), terms?);
        }
        Ok(Self(points))
    }

    fn action(&self, point: &str) -> Option<Action> {
        self.0.get(point)?.iter().find_map(Term::take)
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (rest, file) = match text.split_once('@') {
            Some((rest, file)) => (rest, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let (left, action) = match rest.split_once('*') {
            Some((count, action)) => {
                (count.parse().map_err(|_| format!("FAILPOINTS: `{count}` is not a number"))?, action)
            }
            None => (u64::MAX, rest),
        };
        let action = match action {
            "off" => Action::Off,
            "kill" => Action::Kill,
            "eio" => Action::Fail(Errno::IO),
            "enospc" => Action::Fail(Errno::NOSPC),
            "erofs" => Action::Fail(Errno::ROFS),
            other => {
                return Err(format!("FAILPOINTS: there is no action `{other}`: write off, kill, eio, enospc or erofs"));
            }
        };
        Ok(Self { left: AtomicU64::new(left), action, file })
    }

    fn take(&self) -> Option<Action> {
        if self.file.as_ref().is_some_and(|file| !file.exists()) {
            return None;
        }
        let lessen = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(1) };
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lessen).ok().map(|_| self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_act_one_after_the_other_each_as_often_as_it_says() {
        let points = Points::parse("a=2*off->1*kill->2*eio; b=enospc").unwrap();
        let a: Vec<_> = std::iter::repeat_with(|| points.action("a")).take(6).collect();
        let (off, kill, fail) = (Some(Action::Off), Some(Action::Kill), Some(Action::Fail(Errno::IO)));
        assert_eq!(a, [off, off, kill, fail, fail, None]);
        assert_eq!(points.action("b"), Some(Action::Fail(Errno::NOSPC)));
        assert_eq!(points.action("b"), Some(Action::Fail(Errno::NOSPC)));
        assert_eq!(points.action("c"), None);
    }

    #[test]
    fn a_term_with_a_file_waits_for_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("now");
        let points = Points::parse(&format!("a=1*eio@{}", file.display())).unwrap();
        assert_eq!(points.action("a"), None);
        std::fs::write(&file, "").unwrap();
        assert_eq!(points.action("a"), Some(Action::Fail(Errno::IO)));
        assert_eq!(points.action("a"), None);
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_place() {
        for (text, place) in [("a", "`a`"), ("a=burn", "`burn`"), ("a=x*kill", "`x`")] {
            let error = Points::parse(text).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
    }
}
