//! Takes lines of connectors to the book.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;
use wharf_core::logs::LogLevel;

use super::book::{Book, Line};
use super::line::{Said, Whose};
use super::redact::Redact;

/// The layer that does so. It also notes on spans whose they are, for itself and for the filters.
pub(super) struct Keeper {
    book: Book,
    redact: Arc<OnceLock<Redact>>,
}

impl Keeper {
    pub(super) fn new(book: Book, redact: Arc<OnceLock<Redact>>) -> Self {
        Self { book, redact }
    }
}

impl<S> Layer<S> for Keeper
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().fields().field("connector").is_some()
            && let Some(whose) = Whose::read(|visit| attributes.record(visit))
            && let Some(span) = context.span(id)
        {
            span.extensions_mut().replace(whose);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let Some(Whose { connector, task }) = Whose::of(event, &context) else { return };
        let mut said = Said::read(event, Book::MAX_LINE_BYTES);
        if let Some(redact) = self.redact.get() {
            redacted(&mut said, |text| match redact(&connector, text) {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            });
        }
        let bytes = said.bytes();
        let metadata = event.metadata();
        let (level, logger) = (level(*metadata.level()), metadata.target().to_owned());
        let Said { message, fields, .. } = said;
        self.book.write(&connector, Line { level, task, logger, message, fields, bytes });
    }
}

fn redacted(said: &mut Said, redact: impl Fn(&str) -> Option<String>) {
    if let Some(message) = redact(&said.message) {
        said.message = message;
    }
    for value in said.fields.values_mut() {
        if let Value::String(text) = value
            && let Some(hidden) = redact(text)
        {
            *text = hidden;
        }
    }
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::TRACE => LogLevel::Trace,
        Level::DEBUG => LogLevel::Debug,
        Level::INFO => LogLevel::Info,
        Level::WARN => LogLevel::Warn,
        Level::ERROR => LogLevel::Error,
    }
}
