//! Names and texts of operations, in one style whoever wrote the handler.

use utoipa::openapi::path::Operation;

/// Gives the operation an id, unless its handler chose one, and parts its text into a summary, which is the first
/// sentence, and a description, which is the rest.
///
/// A handler's id is told from the function's name, which utoipa takes otherwise, by its capital letters.
pub(super) fn complete(operation: &mut Operation, method: &str, path: &str) {
    if !operation.operation_id.iter().any(|id| id.contains(char::is_uppercase)) {
        operation.operation_id = Some(id(method, path));
    }
    let texts = [operation.summary.take(), operation.description.take()];
    let whole: Vec<String> = texts.into_iter().flatten().collect();
    let whole = unwrapped(&whole.join("\n\n"));
    let (summary, rest) = match whole.find(". ").into_iter().chain(whole.find(".\n")).min() {
        Some(end) => (whole.get(..=end), whole.get(end + 1..)),
        None => (Some(whole.as_str()), None),
    };
    operation.summary = summary.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    operation.description = rest.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
}

/// `PATCH /connectors/{name}/config` is `patchConnectorConfig`.
fn id(method: &str, path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut id = method.to_owned();
    for (index, segment) in segments.iter().enumerate() {
        if segment.starts_with('{') {
            continue;
        }
        // One of many, where a name follows.
        let is_one = segments.get(index + 1).is_some_and(|next| next.starts_with('{'));
        let segment = if is_one { segment.strip_suffix('s').unwrap_or(segment) } else { segment };
        for word in segment.split(|c: char| !c.is_ascii_alphanumeric()) {
            let mut letters = word.chars();
            id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
            id.push_str(letters.as_str());
        }
    }
    id
}

/// Lines that were broken for the width of the source are joined; paragraphs, lists and tables stay.
fn unwrapped(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        let begins = line.is_empty() || line.starts_with(['-', '*', '|', '#', ' ']);
        if !whole.is_empty() {
            whole.push(if begins || whole.ends_with('\n') { '\n' } else { ' ' });
        }
        whole.push_str(line);
    }
    whole
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::OperationBuilder;

    use super::*;

    #[test]
    fn an_id_is_made_of_the_method_and_the_path() {
        assert_eq!(id("patch", "/connectors/{name}/config"), "patchConnectorConfig");
        assert_eq!(id("get", "/admin/loggers"), "getAdminLoggers");
        assert_eq!(id("put", "/connector-plugins/{name}/config/validate"), "putConnectorPluginConfigValidate");
        assert_eq!(id("get", "/connectors/{name}/tasks-config"), "getConnectorTasksConfig");
    }

    #[test]
    fn the_summary_is_the_first_sentence_however_it_was_broken() {
        let operation = OperationBuilder::new().operation_id(Some("set_it"));
        let text =
            Some("Sets the level of a logger, and of all\nbelow it. Not for long:\nuntil the worker ends.\n\nAs said.");
        let mut operation = operation.summary(Some("Sets it")).description(text).build();
        operation.summary = None;
        complete(&mut operation, "put", "/admin/loggers/{logger}");
        assert_eq!(operation.operation_id.as_deref(), Some("putAdminLogger"));
        assert_eq!(operation.summary.as_deref(), Some("Sets the level of a logger, and of all below it."));
        assert_eq!(operation.description.as_deref(), Some("Not for long: until the worker ends.\n\nAs said."));
    }

    #[test]
    fn a_chosen_id_stays() {
        let mut operation = OperationBuilder::new().operation_id(Some("listAudit")).build();
        complete(&mut operation, "get", "/audit");
        assert_eq!(operation.operation_id.as_deref(), Some("listAudit"));
    }
}
