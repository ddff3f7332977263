//! What is kept, and what a reader is told.

use std::collections::HashSet;

use wharf_core::logs::LogNews;

use super::*;

pub(in super::super) fn book(lines: usize, bytes: usize) -> Book {
    Book::new(Limits { lines, bytes })
}

pub(in super::super) fn line(message: &str) -> Line {
    Line {
        level: LogLevel::Info,
        task: Some(0),
        logger: String::new(),
        message: message.to_owned(),
        fields: Map::new(),
        bytes: message.len(),
    }
}

fn all() -> LogQuery {
    LogQuery { limit: usize::MAX, ..LogQuery::default() }
}

fn numbers(book: &Book, connector: &str, query: &LogQuery) -> Vec<u64> {
    book.recent(connector, query).iter().map(|line| line.number).collect()
}

#[test]
fn the_last_lines_of_each_connector_are_kept() {
    let book = book(3, 1 << 20);
    for number in 1..=5 {
        book.write("a", line(&number.to_string()));
    }
    book.write("b", line("b"));
    assert_eq!(numbers(&book, "a", &all()), [3, 4, 5]);
    assert_eq!(numbers(&book, "b", &all()), [1]);
    assert!(numbers(&book, "c", &all()).is_empty());
    assert_eq!(book.recent("a", &all())[0].message, "3");
}

#[test]
fn bytes_are_bounded_too_but_the_newest_line_is_always_kept() {
    let book = book(100, 3 * (LINE_BYTES + 100));
    for _ in 0..10 {
        book.write("a", line(&"x".repeat(100)));
    }
    assert_eq!(numbers(&book, "a", &all()), [8, 9, 10]);
    book.write("a", line(&"x".repeat(100_000)));
    assert_eq!(numbers(&book, "a", &all()), [11]);
    let (all_bytes, of_a) = {
        let state = book.state();
        (state.bytes, state.shelves["a"].bytes)
    };
    assert_eq!(all_bytes, of_a);
    book.limit(Limits { lines: 1, bytes: 0 });
    book.forget("a");
    assert_eq!(book.state().bytes, 0);
}

#[test]
fn a_query_names_level_task_place_and_number() {
    let book = book(100, 1 << 20);
    for (level, task) in [(LogLevel::Debug, 0), (LogLevel::Info, 0), (LogLevel::Warn, 1), (LogLevel::Error, 0)] {
        book.write("a", Line { level, task: Some(task), ..line("x") });
    }
    assert_eq!(numbers(&book, "a", &all()), [2, 3, 4]);
    assert_eq!(numbers(&book, "a", &LogQuery { level: LogLevel::Debug, ..all() }), [1, 2, 3, 4]);
    assert_eq!(numbers(&book, "a", &LogQuery { task: Some(0), ..all() }), [2, 4]);
    assert_eq!(numbers(&book, "a", &LogQuery { after: Some(2), ..all() }), [3, 4]);
    assert_eq!(numbers(&book, "a", &LogQuery { limit: 1, ..all() }), [4]);
    assert!(numbers(&book, "a", &LogQuery { limit: 0, ..all() }).is_empty());
}

#[test]
fn all_connectors_together_are_bounded_and_share_what_there_is() {
    let each = 1 << 20;
    let book = book(usize::MAX, each);
    let long = "x".repeat(each / 4 - LINE_BYTES);
    for connector in 0..100 {
        for _ in 0..4 {
            book.write(&connector.to_string(), line(&long));
        }
    }
    let state = book.state();
    assert!(state.bytes <= TOTAL_BYTES, "{}", state.bytes);
    assert_eq!(state.bytes, state.shelves.values().map(|shelf| shelf.bytes).sum::<usize>());
    assert!(state.shelves.values().all(|shelf| !shelf.lines.is_empty()));
}

#[test]
fn one_connector_too_many_takes_the_place_of_the_one_that_was_silent_for_longest() {
    let book = book(10, 1000);
    let followed = book.follow("0", all());
    for connector in 0..MOST_SHELVES {
        book.write(&connector.to_string(), line("x"));
    }
    book.write("1", line("again"));
    book.write("new", line("x"));
    let there: HashSet<String> = book.state().shelves.keys().cloned().collect();
    assert_eq!(there.len(), MOST_SHELVES);
    assert!(["0", "1", "3", "new"].iter().all(|name| there.contains(*name)) && !there.contains("2"));
    drop(followed);
}

fn told(news: LogNews) -> String {
    match news {
        LogNews::Line(line) => line.message,
        LogNews::Lost(lines) => format!("lost {lines}"),
    }
}

#[tokio::test]
async fn a_reader_hears_the_last_lines_and_then_each_that_comes() {
    let book = book(10, 1 << 20);
    ["a", "b", "c"].into_iter().for_each(|message| book.write("x", line(message)));
    let mut feed = book.follow("x", LogQuery { limit: 2, ..all() });
    assert_eq!((told(feed.next().await), told(feed.next().await)), ("b".to_owned(), "c".to_owned()));
    let waiting = tokio::spawn(async move { told(feed.next().await) });
    tokio::task::yield_now().await;
    book.write("y", line("of another"));
    book.write("x", Line { level: LogLevel::Debug, ..line("not serious") });
    book.write("x", line("d"));
    assert_eq!(waiting.await.unwrap(), "d");
}

#[tokio::test]
async fn a_reader_goes_on_where_it_was_or_from_the_oldest_after_a_restart() {
    let book = book(10, 1 << 20);
    ["a", "b", "c"].into_iter().for_each(|message| book.write("x", line(message)));
    let first = async |query| told(book.follow("x", query).next().await);
    assert_eq!(first(LogQuery { after: Some(2), ..all() }).await, "c");
    assert_eq!(first(LogQuery { after: Some(77), ..all() }).await, "a");
    assert_eq!(first(LogQuery { limit: 2, ..all() }).await, "b");
    let mut new = book.follow("x", LogQuery { limit: 0, ..all() });
    book.write("x", line("d"));
    assert_eq!(told(new.next().await), "d");
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_has_missed() {
    let book = book(2, 1 << 20);
    let mut feed = book.follow("x", all());
    ["a", "b", "c", "d", "e"].into_iter().for_each(|message| book.write("x", line(message)));
    let all = [told(feed.next().await), told(feed.next().await), told(feed.next().await)];
    assert_eq!(all, ["lost 3", "d", "e"]);
}

#[test]
fn a_connector_that_is_followed_is_not_forgotten() {
    let book = book(10, 1000);
    let feed = book.follow("x", all());
    book.write("x", line("a"));
    book.forget("x");
    assert_eq!((numbers(&book, "x", &all()), book.idle()), (vec![1], Vec::new()));
    drop(feed);
    assert_eq!(book.idle(), ["x"]);
    book.forget("x");
    assert!(book.idle().is_empty());
}
