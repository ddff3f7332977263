//! TOML. Integers and floats keep their spelling.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::Wrong;
use super::node::{Node, Value, line_of};

pub(super) fn parse(text: &str) -> Result<Node, Wrong> {
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        let message = error.message();
        // `transforms = "a"` and then `transforms.a.type = …`
        let hint = if message.contains("extend") || message.contains("duplicate") {
            ": a key that has a value of its own and others below it must stand in quotes, such as \"transforms.a.type\""
        } else {
            ""
        };
        Wrong::at(line, format!("it is no TOML: {message}{hint}"))
    })?;
    Ok(Node::new(1, map(text, table.get_ref())?))
}

fn map(text: &str, table: &DeTable<'_>) -> Result<Value, Wrong> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let entry = |(key, value): (&Spanned<_>, _)| -> Result<_, Wrong> {
        let key: &std::borrow::Cow<'_, str> = key.get_ref();
        Ok((key.clone().into_owned(), node(text, value)?))
    };
    Ok(Value::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?))
}

fn node(text: &str, value: &Spanned<DeValue<'_>>) -> Result<Node, Wrong> {
    let (line, span) = (line_of(text, value.span().start), value.span());
    // As it was written, `0x1F` and `1_000` too.
    let spelled = || text.get(span.clone()).unwrap_or_default().trim().to_owned();
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Boolean(value) => Value::Text(value.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Value::Text(number.as_str().to_owned()),
        DeValue::Float(number) => Value::Text(number.as_str().to_owned()),
        DeValue::Integer(_) => Value::Text(spelled()),
        DeValue::Datetime(date) => Value::Text(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(text, item)).collect::<Result<Vec<_>, _>>()?),
        DeValue::Table(table) => map(text, table)?,
    };
    Ok(Node::new(line, value))
}
