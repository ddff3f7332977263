//! Text that a guest may have had a hand in, made safe to be shown.

use wharf_core::audit::AuditEvent;

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
