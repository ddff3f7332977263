//! Whose a line is, and what it says.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The connector, and the task where it is of one, that a span or a line belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Whose {
    pub(super) connector: String,
    pub(super) task: Option<u32>,
}

impl Whose {
    /// Reads the fields of a span or of a line; `None` where they name no connector.
    pub(super) fn read(record: impl FnOnce(&mut dyn Visit)) -> Option<Self> {
        let mut whose = Self::default();
        record(&mut whose);
        (!whose.connector.is_empty()).then_some(whose)
    }

    /// Of a line: its own fields say so, or else the innermost span that does.
    pub(super) fn of<S>(event: &Event<'_>, context: &Context<'_, S>) -> Option<Self>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        // Most lines of the worker itself have no such field, and are not looked at any further.
        let own = event.metadata().fields().field("connector").and_then(|_| Self::read(|visit| event.record(visit)));
        own.or_else(|| {
            let mut scope = context.event_scope(event)?;
            scope.find_map(|span| span.extensions().get::<Self>().cloned())
        })
    }
}

impl Visit for Whose {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "connector" {
            value.clone_into(&mut self.connector);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "task" {
            self.task = u32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "connector" {
            self.connector = format!("{value:?}");
        }
    }
}

/// The texts of a line, cut to so many bytes in all.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
    left: usize,
}

/// What a field takes beside its text.
const FIELD_BYTES: usize = 64;

impl Said {
    /// What a line says, in at most `bytes` bytes; the message comes first.
    pub(super) fn read(event: &Event<'_>, bytes: usize) -> Self {
        let mut said = Self { message: String::new(), fields: Map::new(), left: bytes };
        event.record(&mut Message(&mut said));
        event.record(&mut Fields(&mut said));
        said
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let field = |(name, value): (&String, &Value)| FIELD_BYTES + name.len() + value.as_str().map_or(0, str::len);
        self.message.len() + self.fields.iter().map(field).sum::<usize>()
    }

    fn cut(&mut self, text: &dyn fmt::Display) -> String {
        let mut bounded = Bounded { text: String::new(), left: self.left };
        // An error says that it is full.
        if write!(bounded, "{text}").is_err() {
            bounded.text.push_str("… (cut)");
        }
        self.left = bounded.left;
        bounded.text
    }

    fn add(&mut self, field: &Field, value: impl FnOnce(&mut Self) -> Value) {
        if matches!(field.name(), "message" | "connector" | "task") {
            return;
        }
        let cost = FIELD_BYTES + field.name().len();
        if let Some(left) = self.left.checked_sub(cost) {
            self.left = left;
            let value = value(self);
            self.fields.insert(field.name().to_owned(), value);
        }
    }
}

/// A text that takes only so much.
struct Bounded {
    text: String,
    left: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let fits = more.get(..more.floor_char_boundary(self.left)).unwrap_or_default();
        self.text.push_str(fits);
        self.left -= fits.len();
        if fits.len() == more.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

struct Message<'a>(&'a mut Said);

impl Visit for Message<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.message = self.0.cut(&value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.message = self.0.cut(&format_args!("{value:?}"));
        }
    }
}

struct Fields<'a>(&'a mut Said);

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.add(field, |_| value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.add(field, |_| value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.add(field, |_| value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.add(field, |_| value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.add(field, |said| said.cut(&value).into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.add(field, |said| said.cut(&format_args!("{value:?}")).into());
    }
}
