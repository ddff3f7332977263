//! What a guest says, without its connector's secrets.
//!
//! A guest knows the secrets of its configuration and may put them into a log line, an error or a label by mistake. This is
//! the edge where its words come to the host, so they are looked through here, before anybody else sees them.

use wharf_core::plugin::Checked;
use wharf_core::secret::Redactor;
use wharf_core::{Death, Failure, InstanceError, Problem, Rejection, Retry};

/// An error of a call.
pub(crate) fn error(redactor: &Redactor, error: InstanceError) -> InstanceError {
    if redactor.is_empty() {
        return error;
    }
    match error {
        InstanceError::Died(Death { kind, message }) => Death { kind, message: redactor.redact_owned(message) }.into(),
        InstanceError::Failed(Failure::Fatal(reason)) => Failure::Fatal(redactor.redact_owned(reason)).into(),
        InstanceError::Failed(Failure::InvalidConfig(found)) => {
            Failure::InvalidConfig(problems(redactor, found)).into()
        }
        InstanceError::Failed(Failure::Retriable(retry)) => {
            Failure::Retriable(Retry { reason: redactor.redact_owned(retry.reason), ..retry }).into()
        }
    }
}

/// What is said of keys.
pub(crate) fn problems(redactor: &Redactor, problems: Vec<Problem>) -> Vec<Problem> {
    let redacted = problems.into_iter().map(|Problem { key, message }| {
        let message = redactor.redact_owned(message);
        Problem { key, message }
    });
    redacted.collect()
}

/// What a plugin's own validation says of a key.
pub(crate) fn checked(redactor: &Redactor, checked: Checked) -> Checked {
    let all = |texts: Vec<String>| texts.into_iter().map(|text| redactor.redact_owned(text)).collect();
    Checked {
        value: checked.value.map(|value| redactor.redact_owned(value)),
        recommended: all(checked.recommended),
        errors: all(checked.errors),
        ..checked
    }
}

/// Why rows are rejected.
pub(crate) fn rejections(redactor: &Redactor, rejections: Vec<Rejection>) -> Vec<Rejection> {
    if redactor.is_empty() {
        return rejections;
    }
    let redacted = rejections.into_iter().map(|it| Rejection {
        row: it.row,
        code: redactor.redact_owned(it.code),
        reason: redactor.redact_owned(it.reason),
    });
    redacted.collect()
}
