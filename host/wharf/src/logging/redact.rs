//! Taking secrets out of lines before anybody sees them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::line::Whose;

/// Takes a connector's name and a text, and gives the text back without the connector's secrets. Called for each line of a
/// connector, in the thread that logs: it must be quick, and must not log.
pub(crate) type Redact = Arc<dyn for<'a> Fn(&str, &'a str) -> Cow<'a, str> + Send + Sync>;

/// Writes lines as `inner` does, those of connectors without their secrets.
pub(super) struct Redacted<F> {
    inner: F,
    redact: Arc<OnceLock<Redact>>,
}

impl<F> Redacted<F> {
    pub(super) fn new(inner: F, redact: Arc<OnceLock<Redact>>) -> Self {
        Self { inner, redact }
    }
}

impl<S, N, F> FormatEvent<S, N> for Redacted<F>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(redact) = self.redact.get() else { return self.inner.format_event(context, writer, event) };
        let own = event.metadata().fields().field("connector").and_then(|_| Whose::read(|visit| event.record(visit)));
        let whose = own.or_else(|| {
            let mut scope = context.event_scope()?;
            scope.find_map(|span| span.extensions().get::<Whose>().cloned())
        });
        let Some(Whose { connector, .. }) = whose else { return self.inner.format_event(context, writer, event) };
        let mut line = String::new();
        self.inner.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&redact(&connector, &line))
    }
}
