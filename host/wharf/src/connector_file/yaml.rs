//! YAML, from the parser's events, so that plain scalars keep their spelling: `yes`, `010` and `1.50` are what is written.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::Wrong;
use super::node::{Node, Value};

/// Aliases may multiply what is written; nobody needs more values than this.
const MAX_NODES: usize = 100_000;
/// So deep that nobody writes it, and shallow enough for any stack.
const MAX_DEPTH: usize = 64;

/// One node for each document that has content.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Wrong> {
    let mut reader = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentEnd => {}
            Event::DocumentStart(..) => reader.anchors.clear(),
            Event::StreamEnd => break,
            event => documents.push(reader.node(event, span, 0)?),
        }
    }
    documents.retain(|document| document.value != Value::Null);
    Ok(documents)
}

struct Reader<'a, P: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> {
    parser: P,
    /// Values by the number of their anchor.
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

impl<'a, P: Iterator<Item = Result<(Event<'a>, Span), ScanError>>> Reader<'a, P> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Wrong> {
        self.parser.next().transpose().map_err(|error| {
            let text = error.kind().to_string();
            Wrong::at(error.marker().line(), format!("it is no YAML: {text}"))
        })
    }

    fn expect(&mut self, line: usize) -> Result<(Event<'a>, Span), Wrong> {
        self.next()?.ok_or_else(|| Wrong::at(line, "it is no YAML: it ends too early"))
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Wrong> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(Wrong::at(line, format!("it holds more than {MAX_NODES} values: is it another file?")));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Wrong> {
        let line = span.start.line();
        self.count(1, line)?;
        if depth > MAX_DEPTH {
            return Err(Wrong::at(line, "it is nested too deeply"));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix() == "str");
                let is_null = !is_text && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                (anchor, if is_null { Value::Null } else { Value::Text(text.into_owned()) })
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.expect(line)? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (anchor, Value::List(items))
            }
            Event::MappingStart(_, anchor, _) => (anchor, self.map(line, depth)?),
            Event::Alias(anchor) => {
                // Not known yet while it is being read: a value cannot hold itself.
                let found = self.anchors.get(&anchor).cloned();
                let found = found.ok_or_else(|| Wrong::at(line, "this alias names a value that holds itself"))?;
                self.count(size(&found), line)?;
                return Ok(Node::new(line, found.value));
            }
            other => return Err(Wrong::at(line, format!("it is no YAML: unexpected {other:?}"))),
        };
        let node = Node::new(line, value);
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn map(&mut self, line: usize, depth: usize) -> Result<Value, Wrong> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut merged: Vec<(String, Node)> = Vec::new();
        loop {
            let key = match self.expect(line)? {
                (Event::MappingEnd, _) => break,
                (event, span) => self.node(event, span, depth + 1)?,
            };
            let Value::Text(name) = key.value else {
                return Err(Wrong::at(key.line, format!("a key must be text, and this is {}", key.value.kind())));
            };
            let (event, span) = self.expect(key.line)?;
            let value = self.node(event, span, depth + 1)?;
            if name == "<<" {
                merge(value, &mut merged)?;
            } else {
                entries.push((name, Node { line: key.line, ..value }));
            }
        }
        // What is written in the map itself wins over what is merged into it.
        merged.retain(|(name, _)| !entries.iter().any(|(known, _)| known == name));
        entries.extend(merged);
        Ok(Value::Map(entries))
    }
}

/// `<<: *defaults` and `<<: [*a, *b]`; the first to name a key wins.
fn merge(value: Node, merged: &mut Vec<(String, Node)>) -> Result<(), Wrong> {
    match value.value {
        Value::Map(entries) => {
            for (name, node) in entries {
                if !merged.iter().any(|(known, _)| *known == name) {
                    merged.push((name, node));
                }
            }
            Ok(())
        }
        Value::List(items) => items.into_iter().try_for_each(|item| merge(item, merged)),
        other => Err(Wrong::at(value.line, format!("`<<` takes a map, and this is {}", other.kind()))),
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Text(_) => 1,
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(_, node)| size(node)).sum::<usize>(),
    }
}
