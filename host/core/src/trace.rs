//! Traces of batches: who is told of a batch's stages, and how its trace travels in the headers of its rows.
//!
//! The runtime knows only the [`Tracer`]; what is done with spans is the binary's business. The context of a trace is
//! [W3C's](https://www.w3.org/TR/trace-context/), in a header called [`HEADER`] of every row of a traced batch, so that
//! whoever reads the rows can go on with the trace. A batch that is not traced is not touched and costs a question.

use std::fmt;
use std::time::SystemTime;

use crate::batch::{Batch, ColumnBuilder, Headers};

/// The header that carries a context: `00-<trace>-<span>-<flags>`.
pub const HEADER: &str = "traceparent";

/// How many contexts of a batch's rows are looked for.
pub const MAX_CONTEXTS: usize = 8;

/// How many headers of a batch are looked at for them.
const LOOK_AT: usize = 512;

/// A span of a trace, as others refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace; not all zeros.
    pub trace: [u8; 16],
    /// The span; not all zeros.
    pub span: [u8; 8],
    /// Whether whoever began the trace wants it to be recorded.
    pub sampled: bool,
}

impl TraceContext {
    /// Reads a `traceparent`; `None` where it is none, of any version.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut parts = text.split('-');
        let version = hex::<1>(parts.next()?)?;
        let (trace, span) = (hex::<16>(parts.next()?)?, hex::<8>(parts.next()?)?);
        let [flags] = hex::<1>(parts.next()?)?;
        // Later versions may have more parts, this one has not.
        let is_known = version != [0xff] && (version != [0] || parts.next().is_none());
        (is_known && trace != [0; 16] && span != [0; 8]).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(if self.sampled { "-01" } else { "-00" })
    }
}

/// Lower-case hexadecimal digits, two for each byte.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

/// A step on a batch's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// A source hands rows over.
    Poll,
    /// A webhook source makes rows of a request.
    Handle,
    /// Rows go into the queue, until it has acknowledged them.
    Send,
    /// Source offsets are stored.
    OffsetFlush,
    /// A source is told what is durable; a sink's position is committed.
    Commit,
    /// A sink takes rows.
    Put,
    /// A sink makes durable what it took.
    Flush,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Poll, Self::Handle, Self::Send, Self::OffsetFlush, Self::Commit, Self::Put, Self::Flush];

    /// Its name in metrics and spans.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Handle => "handle",
            Self::Send => "send",
            Self::OffsetFlush => "offset_flush",
            Self::Commit => "commit",
            Self::Put => "put",
            Self::Flush => "flush",
        }
    }
}

/// A stage that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSpan {
    /// Itself.
    pub context: TraceContext,
    /// The span that it is a part of; `None`: it begins the trace.
    pub parent: Option<TraceContext>,
    /// Other spans that led to it.
    pub links: Vec<TraceContext>,
    /// Which stage.
    pub stage: Stage,
    /// The connector's name.
    pub connector: String,
    /// The task's number.
    pub task: u32,
    /// When it began.
    pub began: SystemTime,
    /// When it was over.
    pub ended: SystemTime,
    /// Rows of the batch.
    pub rows: u32,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// Takes traces. Nothing here waits.
pub trait Tracer: Send + Sync + fmt::Debug {
    /// Whether the next batch that no trace has come with is to be traced: asked once for each.
    fn sample(&self) -> bool;

    /// A span: of `parent`'s trace, or the first of a new one. It is recorded.
    fn span(&self, parent: Option<&TraceContext>) -> TraceContext;

    /// A stage is over. Where there is no room for it, it is dropped.
    fn finish(&self, span: BatchSpan);
}

/// The different contexts that the first rows of a batch carry, in order; at most [`MAX_CONTEXTS`].
pub fn contexts(batch: &Batch) -> Vec<TraceContext> {
    let headers = &batch.headers;
    let Some(name) = headers.names.iter().position(|name| name.eq_ignore_ascii_case(HEADER)) else {
        return Vec::new();
    };
    let (mut found, mut last) = (Vec::new(), None);
    for (at, _) in headers.name_of.iter().take(LOOK_AT).enumerate().filter(|(_, of)| usize::from(**of) == name) {
        let cell = headers.cells.cell(at);
        // Neighbours are mostly of one batch.
        if cell.is_none() || cell == last {
            continue;
        }
        last = cell;
        if let Some(context) = cell.and_then(TraceContext::parse)
            && !found.contains(&context)
        {
            found.push(context);
        }
        if found.len() == MAX_CONTEXTS {
            break;
        }
    }
    found
}

/// Gives every row that carries no context this one. A batch with more names of headers than can be told apart is left as
/// it is.
pub fn mark(batch: &mut Batch, context: &TraceContext) {
    let old = std::mem::take(&mut batch.headers);
    let known = old.names.iter().position(|name| name.eq_ignore_ascii_case(HEADER));
    let Ok(index) = u16::try_from(known.unwrap_or(old.names.len())) else {
        batch.headers = old;
        return;
    };
    let text = context.to_string();
    let mut names = old.names.clone();
    if known.is_none() {
        names.push(HEADER.to_owned());
    }
    let (mut row_ends, mut name_of) = (Vec::with_capacity(batch.rows as usize), Vec::new());
    let mut cells = ColumnBuilder::default();
    let mut at = 0;
    for row in 0..batch.rows as usize {
        let end = old.row_ends.get(row).map_or(at, |&end| end as usize);
        let mut has_one = false;
        while let Some(&name) = old.name_of.get(at).filter(|_| at < end) {
            has_one |= name == index;
            name_of.push(name);
            cells.push(old.cells.cell(at));
            at += 1;
        }
        if !has_one {
            name_of.push(index);
            cells.push(Some(text.as_bytes()));
        }
        row_ends.push(name_of.len() as u32);
    }
    batch.headers = Headers { row_ends, names, name_of, cells: cells.finish() };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn context(number: u8) -> TraceContext {
        TraceContext { trace: [number; 16], span: [number; 8], sampled: true }
    }

    /// Rows with these headers.
    fn batch(rows: &[&[(&str, Option<&str>)]]) -> Batch {
        let mut headers = Headers::default();
        let mut cells = ColumnBuilder::default();
        for row in rows {
            for (name, value) in *row {
                let known = headers.names.iter().position(|it| it == name);
                let index = known.unwrap_or_else(|| {
                    headers.names.push((*name).to_owned());
                    headers.names.len() - 1
                });
                headers.name_of.push(index as u16);
                cells.push(value.map(str::as_bytes));
            }
            headers.row_ends.push(headers.name_of.len() as u32);
        }
        headers.cells = cells.finish();
        Batch { rows: rows.len() as u32, headers, ..Batch::default() }
    }

    fn headers(batch: &Batch) -> Vec<Vec<(String, Option<String>)>> {
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        batch.iter().map(|row| row.headers.map(|(name, value)| (name.to_owned(), value.map(text))).collect()).collect()
    }

    #[test]
    fn a_context_is_written_and_read_as_w3c_says() {
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context = TraceContext::parse(text.as_bytes()).unwrap();
        assert!(context.sampled);
        assert_eq!(context.to_string(), text);
        assert!(!TraceContext::parse(text.replace("-01", "-02").as_bytes()).unwrap().sampled);
        assert!(TraceContext::parse(format!("{}-more", text.replace("00-4", "01-4")).as_bytes()).is_some());
    }

    #[test]
    fn what_is_no_context_is_none() {
        for text in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(TraceContext::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_rows_without_a_context_are_marked_and_other_headers_stay() {
        let theirs = context(7).to_string();
        let mut marked = batch(&[&[("a", Some("1")), ("b", None)], &[("Traceparent", Some(&theirs))], &[]]);
        mark(&mut marked, &context(1));
        assert_eq!(marked.check(), Ok(()));
        let (one, some) = (context(1).to_string(), |text: &str| Some(text.to_owned()));
        let expected = vec![
            vec![("a".to_owned(), some("1")), ("b".to_owned(), None), ("Traceparent".to_owned(), some(&one))],
            vec![("Traceparent".to_owned(), some(&theirs))],
            vec![("Traceparent".to_owned(), some(&one))],
        ];
        assert_eq!(headers(&marked), expected);
        assert_eq!(contexts(&marked), [context(1), context(7)]);
    }

    #[test]
    fn rows_without_headers_get_one() {
        let mut marked = batch(&[&[], &[]]);
        mark(&mut marked, &context(1));
        assert_eq!(marked.check(), Ok(()));
        assert_eq!(contexts(&marked), [context(1)]);
        assert_eq!(headers(&marked).iter().map(Vec::len).collect::<Vec<_>>(), [1, 1]);
    }

    #[test]
    fn so_many_contexts_are_looked_for_and_no_more() {
        let texts: Vec<_> = (1..20).map(|number| context(number).to_string()).collect();
        let rows: Vec<_> = texts.iter().map(|text| [("traceparent", Some(text.as_str()))]).collect();
        let rows: Vec<&[_]> = rows.iter().map(|row| row.as_slice()).collect();
        assert_eq!(contexts(&batch(&rows)), (1..=8).map(context).collect::<Vec<_>>());
        assert_eq!(contexts(&batch(&[&[("traceparent", Some("x"))], &[("traceparent", None)]])), []);
    }

    proptest! {
        #[test]
        fn whatever_stands_there_parsing_ends_and_what_parses_is_written_back(text in "[0-9a-f-]{0,60}") {
            if let Some(context) = TraceContext::parse(text.as_bytes()) {
                prop_assert_eq!(TraceContext::parse(context.to_string().as_bytes()), Some(context));
            }
        }
    }
}
