//! Forgetting the lines of connectors that are no more.

use std::collections::HashSet;
use std::time::Duration;

use wharf_runtime::Worker;

use super::Book;

/// How often it is looked. A connector's lines outlive it by once or twice this.
const EVERY: Duration = Duration::from_secs(5);

/// Forgets, for as long as the worker runs, the lines of connectors that are not there: those that were deleted, and names
/// that were refused. What is missing twice in a row is forgotten, because a connector's first lines come before it is
/// there.
pub(crate) async fn sweep(book: Book, worker: Worker) {
    let mut missing = HashSet::new();
    loop {
        tokio::time::sleep(EVERY).await;
        let there: HashSet<String> = worker.connectors().await.into_iter().collect();
        missing = step(&book, &there, &missing);
    }
}

/// One look. Gives back what is missing for the first time.
fn step(book: &Book, there: &HashSet<String>, missing: &HashSet<String>) -> HashSet<String> {
    let (again, first): (Vec<_>, Vec<_>) =
        book.idle().into_iter().filter(|name| !there.contains(name)).partition(|name| missing.contains(name));
    again.iter().for_each(|name| book.forget(name));
    first.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::book::tests::{book, line};
    use super::*;

    #[test]
    fn a_connector_that_is_missing_twice_is_forgotten() {
        let book = book(10, 10_000);
        ["here", "gone", "new"].into_iter().for_each(|name| book.write(name, line("x")));
        let there = HashSet::from(["here".to_owned()]);
        let missing = step(&book, &there, &HashSet::from(["gone".to_owned()]));
        assert_eq!(missing, HashSet::from(["new".to_owned()]));
        let mut left = book.idle();
        left.sort();
        assert_eq!(left, ["here", "new"]);
    }
}
