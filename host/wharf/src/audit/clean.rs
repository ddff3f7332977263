//! Text that a guest may have had a hand in, made safe to be shown.

use serde_json::Value;
use wharf_core::audit::{AuditEvent, Change};

/// Bytes of a detail; the rest is cut.
const DETAIL_BYTES: usize = 2_000;
/// Bytes of a name.
const NAME_BYTES: usize = 300;

/// The same event, in bounds and without what could forge a line or move a terminal's cursor.
pub(super) fn cleaned(event: AuditEvent) -> AuditEvent {
    AuditEvent {
        code: clean(event.code, NAME_BYTES),
        connector: clean(event.connector, NAME_BYTES),
        plugin: clean(event.plugin, NAME_BYTES),
        detail: clean(event.detail, DETAIL_BYTES),
        ..event
    }
}

/// The same change: its texts are callers' own. What was before and after was bounded when it was read.
pub(super) fn cleaned_change(change: Change) -> Change {
    Change {
        who: clean(change.who, NAME_BYTES),
        method: clean(change.method, NAME_BYTES),
        path: clean(change.path, DETAIL_BYTES),
        before: change.before.map(cleaned_value),
        after: change.after.map(cleaned_value),
        ..change
    }
}

fn cleaned_value(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean(text, DETAIL_BYTES)),
        Value::Array(items) => Value::Array(items.into_iter().map(cleaned_value).collect()),
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(key, value)| (clean(key, NAME_BYTES), cleaned_value(value))).collect(),
        ),
        other => other,
    }
}

fn is_harmful(char: char) -> bool {
    // Control characters, line and paragraph separators, and the marks that turn the direction of writing.
    char.is_control() || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

fn clean(text: String, most: usize) -> String {
    if text.len() <= most && !text.contains(is_harmful) {
        return text;
    }
    let end = text.floor_char_boundary(most);
    let mut out = String::with_capacity(end + 16);
    for char in text.get(..end).unwrap_or_default().chars() {
        if is_harmful(char) { out.extend(char.escape_default()) } else { out.push(char) }
    }
    if end < text.len() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_characters_are_shown_escaped_and_others_stay() {
        assert_eq!(clean("ünï \"x\"".to_owned(), 100), "ünï \"x\"");
        assert_eq!(clean("a\nb\u{1b}[0m\u{202e}".to_owned(), 100), "a\\nb\\u{1b}[0m\\u{202e}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(clean("äöü".to_owned(), 3), "ä…");
    }
}
