//! Following a connector: a place on its shelf, and a bell that rings for each new line.

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;
use wharf_core::logs::{LogFeed, LogNews, LogQuery};

use super::book::{Book, Found};

/// One reader.
#[derive(Debug)]
pub(super) struct Feed {
    book: Book,
    connector: String,
    query: LogQuery,
    /// The number of the last line that was looked at.
    cursor: u64,
    bell: Arc<Notify>,
}

impl Feed {
    pub(super) fn new(book: Book, connector: &str, query: LogQuery, cursor: u64, bell: Arc<Notify>) -> Self {
        Self { book, connector: connector.to_owned(), query, cursor, bell }
    }
}

#[async_trait]
impl LogFeed for Feed {
    async fn next(&mut self) -> LogNews {
        loop {
            let mut rung = pin!(self.bell.notified());
            // Listens before it looks, so that no line falls in between.
            rung.as_mut().enable();
            match self.book.next(&self.connector, &self.query, &mut self.cursor) {
                Found::Line(line) => return LogNews::Line(line),
                Found::Gone(lines) => return LogNews::Lost(lines),
                Found::Nothing => rung.await,
            }
        }
    }
}
