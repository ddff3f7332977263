//! Which lines are let through, by the loggers as they are now.
//!
//! Most of it is decided once for each place in the program and remembered by `tracing`, so that a line which nobody wants
//! costs one load. Only while a connector has a logger of its own, lines that this may concern are looked at one by one.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;

use super::line::Whose;

/// What the loggers let through.
#[derive(Debug)]
pub(super) struct Rules {
    /// By place in the program, and by what `WHARF_LOG` says of spans.
    pub(super) by_target: EnvFilter,
    /// Of single connectors; goes before all others.
    pub(super) connectors: BTreeMap<String, LevelFilter>,
    /// Of the other connectors.
    pub(super) every_connector: Option<LevelFilter>,
}

impl Rules {
    /// What a connector's own logger lets through; `None` where it has none.
    fn of(&self, connector: &str) -> Option<LevelFilter> {
        self.connectors.get(connector).copied().or(self.every_connector)
    }

    /// What loggers of connectors let through at most; `None` where there are none.
    fn widest(&self) -> Option<LevelFilter> {
        self.connectors.values().copied().chain(self.every_connector).max()
    }

    fn narrowest(&self) -> Option<LevelFilter> {
        self.connectors.values().copied().chain(self.every_connector).min()
    }
}

/// The rules that hold now; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    rules: Arc<RwLock<Arc<Rules>>>,
    /// Whether `WHARF_LOG` says anything of spans, which never changes. A task enters its span each time it runs, so
    /// the rules are asked of it only where they must.
    by_span: bool,
}

impl Selected {
    /// `by_span`: whether the rules say anything of spans.
    pub(super) fn new(rules: Rules, by_span: bool) -> Self {
        Self { rules: Arc::new(RwLock::new(Arc::new(rules))), by_span }
    }

    /// The rules of spans, where there are any.
    fn of_spans(&self, tell: impl FnOnce(&EnvFilter)) {
        if self.by_span {
            tell(&self.now().by_target);
        }
    }

    /// From now on these rules hold.
    pub(super) fn replace(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        tracing::callsite::rebuild_interest_cache();
    }

    fn now(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn interest(&self, metadata: &'static Metadata<'static>, always: LevelFilter) -> Interest {
        if is_ours(metadata) || (metadata.is_event() && *metadata.level() <= always) {
            return Interest::always();
        }
        let rules = self.now();
        let by_target = Filter::<tracing_subscriber::Registry>::callsite_enabled(&rules.by_target, metadata);
        let (Some(widest), Some(narrowest), true) = (rules.widest(), rules.narrowest(), metadata.is_event()) else {
            return by_target;
        };
        let level = *metadata.level();
        if by_target.is_always() && level <= narrowest {
            Interest::always()
        } else if by_target.is_never() && level > widest {
            Interest::never()
        } else {
            Interest::sometimes()
        }
    }

    /// Whether a line may be wanted; whose it is is not known yet.
    fn may_be<S>(&self, metadata: &Metadata<'_>, context: &Context<'_, S>, always: LevelFilter) -> bool {
        if is_ours(metadata) || (metadata.is_event() && *metadata.level() <= always) {
            return true;
        }
        let rules = self.now();
        let by_connector = metadata.is_event() && rules.widest().is_some_and(|widest| *metadata.level() <= widest);
        by_connector || Filter::enabled(&rules.by_target, metadata, context)
    }

    /// Whether a line is wanted.
    fn is<S>(&self, event: &Event<'_>, context: &Context<'_, S>, always: LevelFilter) -> bool
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let metadata = event.metadata();
        if *metadata.level() <= always {
            return true;
        }
        let rules = self.now();
        if rules.widest().is_none() {
            // It was decided already.
            return true;
        }
        match Whose::of(event, context).and_then(|whose| rules.of(&whose.connector)) {
            Some(level) => *metadata.level() <= level,
            None => Filter::enabled(&rules.by_target, metadata, context),
        }
    }

    fn most(&self, always: LevelFilter) -> Option<LevelFilter> {
        let rules = self.now();
        let by_target = Filter::<tracing_subscriber::Registry>::max_level_hint(&rules.by_target)?;
        // Spans of Wharf's own say whose a line is, also where only errors are shown.
        Some(by_target.max(rules.widest().unwrap_or(LevelFilter::OFF)).max(always).max(LevelFilter::INFO))
    }
}

/// Spans of Wharf's own, which say whose a line is.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("wharf") && *metadata.level() <= LevelFilter::INFO
}

/// Lets through what is shown on stderr.
pub(super) struct Shown(pub(super) Selected);

impl<S> Filter<S> for Shown
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        self.0.may_be(metadata, context, LevelFilter::OFF)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.interest(metadata, LevelFilter::OFF)
    }

    fn event_enabled(&self, event: &Event<'_>, context: &Context<'_, S>) -> bool {
        self.0.is(event, context, LevelFilter::OFF)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.most(LevelFilter::OFF)
    }

    // What `WHARF_LOG` says of spans depends on those that are open.

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.0.of_spans(|rules| Filter::on_new_span(rules, attributes, id, context));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.0.of_spans(|rules| Filter::on_record(rules, id, values, context));
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        self.0.of_spans(|rules| Filter::on_enter(rules, id, context));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        self.0.of_spans(|rules| Filter::on_exit(rules, id, context));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.0.of_spans(|rules| Filter::on_close(rules, id, context));
    }
}

/// Lets through what is kept of connectors: what is shown, and what is INFO or more serious whatever is shown.
pub(super) struct Kept(pub(super) Selected);

/// As serious as this is always kept.
const ALWAYS: LevelFilter = LevelFilter::INFO;

impl<S> Filter<S> for Kept
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn enabled(&self, metadata: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        self.0.may_be(metadata, context, ALWAYS)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.0.interest(metadata, ALWAYS)
    }

    fn event_enabled(&self, event: &Event<'_>, context: &Context<'_, S>) -> bool {
        self.0.is(event, context, ALWAYS)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.0.most(ALWAYS)
    }
}
