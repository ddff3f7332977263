//! Why an instance died, from what was seen.

use std::time::Duration;

use wasmtime::{Error, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;
use wharf_core::{Death, DeathKind};

use crate::limiter::Refused;

/// Bytes of a message; backtraces of deep recursions and long panic texts are cut.
const MESSAGE_BYTES: usize = 4 << 10;

/// What was seen of a call that failed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// The function of the contract that was called.
    pub(crate) call: &'static str,
    /// How long it might take.
    pub(crate) allowed: Duration,
    /// The host interrupted it.
    pub(crate) interrupted: bool,
    /// The last growth of memory that was refused.
    pub(crate) refused: Option<Refused>,
    /// Bytes that the guest may hand over.
    pub(crate) max_output_bytes: usize,
    /// The last lines of the guest's stderr.
    pub(crate) stderr: Vec<String>,
}

/// The call was blocked in a host function when its time was over.
pub(crate) fn blocked(seen: &Seen) -> Death {
    let message = format!("{} was blocked in a host call for longer than {:?}", seen.call, seen.allowed);
    death(DeathKind::HostCallTimeout, message, seen, None)
}

/// The call ended with `error`.
pub(crate) fn failed(error: &Error, seen: &Seen) -> Death {
    let call = seen.call;
    let trap = error.downcast_ref::<Trap>().copied();
    let (kind, message) = match trap {
        Some(Trap::Interrupt) if seen.interrupted => (
            DeathKind::DeadlineExceeded,
            format!("{call} computed for longer than {:?} and was interrupted", seen.allowed),
        ),
        // Linear memory is refused with an answer, on which most guests give up with a plain trap.
        _ if let Some(refused) = seen.refused => (
            DeathKind::MemoryLimit,
            format!("{call} asked for {} bytes of memory in all, {} are allowed", refused.asked, refused.allowed),
        ),
        Some(trap) if is_violation(trap) => {
            (DeathKind::ContractViolation, format!("{call} handed over something malformed: {trap}"))
        }
        Some(trap) => (DeathKind::Trap, format!("{call} trapped: {trap}")),
        None if is_output_limit(error) => (
            DeathKind::OutputLimit,
            format!("{call} handed over more than the {} bytes allowed in one call", seen.max_output_bytes),
        ),
        None => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(code)) => (DeathKind::Trap, format!("{call} ended the plugin with exit code {code}")),
            // No trap in the guest: the host refused to take what it was handed, or to do what it was asked.
            None => (DeathKind::ContractViolation, format!("{call} failed at the boundary: {}", error.root_cause())),
        },
    };
    death(kind, message, seen, error.downcast_ref::<WasmBacktrace>())
}

/// The component could not be instantiated.
pub(crate) fn not_instantiated(error: &Error, seen: &Seen) -> Death {
    let death = failed(error, seen);
    match death.kind {
        // Code ran: start functions, constructors.
        DeathKind::DeadlineExceeded | DeathKind::MemoryLimit | DeathKind::Trap => death,
        _ => Death {
            kind: DeathKind::Instantiation,
            message: format!("the plugin cannot be instantiated: {}", error.root_cause()),
        },
    }
}

/// An answer that was taken apart and is not what the contract says.
pub(crate) fn violation(call: &str, what: &dyn std::fmt::Display) -> Death {
    Death { kind: DeathKind::ContractViolation, message: format!("the answer of {call} breaks the contract: {what}") }
}

/// The host's side is gone.
pub(crate) fn gone(why: &str) -> Death {
    Death { kind: DeathKind::Gone, message: why.into() }
}

fn is_violation(trap: Trap) -> bool {
    matches!(
        trap,
        Trap::InvalidChar
            | Trap::StringOutOfBounds
            | Trap::ListOutOfBounds
            | Trap::InvalidDiscriminant
            | Trap::UnalignedPointer
            | Trap::CannotLeaveComponent
    )
}

fn is_output_limit(error: &Error) -> bool {
    // wasmtime does not export the type of this error; a test with a real guest holds its text fast.
    error.root_cause().to_string().contains("fuel allocated for hostcalls has been exhausted")
}

fn death(kind: DeathKind, mut message: String, seen: &Seen, backtrace: Option<&WasmBacktrace>) -> Death {
    // The hint that follows each panic is for people with a shell, not for a sandbox.
    let lines: Vec<&str> = seen
        .stderr
        .iter()
        .map(String::as_str)
        .filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"))
        .collect();
    if !lines.is_empty() {
        message.push_str("; stderr: ");
        message.push_str(&lines.join(" | "));
    }
    if let Some(backtrace) = backtrace {
        let frames = backtrace.frames().iter().map(|frame| match frame.func_name() {
            Some(name) => name.to_owned(),
            None => format!("function {}", frame.func_index()),
        });
        message.push_str("; backtrace: ");
        message.push_str(&frames.collect::<Vec<_>>().join(" < "));
    }
    let end = message.floor_char_boundary(MESSAGE_BYTES);
    if end < message.len() {
        message.truncate(end);
        message.push('…');
    }
    Death { kind, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen { call: "poll", allowed: Duration::from_secs(3), max_output_bytes: 10, ..Seen::default() }
    }

    fn refused() -> Option<Refused> {
        Some(Refused { asked: 300, allowed: 200 })
    }

    #[test]
    fn an_interrupt_at_the_deadline_is_not_a_trap() {
        let death = failed(&Trap::Interrupt.into(), &Seen { interrupted: true, ..seen() });
        assert_eq!(death.kind, DeathKind::DeadlineExceeded);
        assert!(death.message.contains("poll") && death.message.contains("3s"), "{}", death.message);
    }

    #[test]
    fn a_trap_after_refused_memory_is_the_memory_limit_with_figures() {
        let death = failed(&Trap::UnreachableCodeReached.into(), &Seen { refused: refused(), ..seen() });
        assert_eq!(death.kind, DeathKind::MemoryLimit);
        assert!(death.message.contains("300") && death.message.contains("200"), "{}", death.message);
    }

    #[test]
    fn a_panic_is_a_trap_whose_text_is_told() {
        let stderr = vec![
            "thread panicked at src/lib.rs:1:1:".into(),
            "oh no".into(),
            "note: run with `RUST_BACKTRACE=1`".into(),
        ];
        let death = failed(&Trap::UnreachableCodeReached.into(), &Seen { stderr, ..seen() });
        assert_eq!(death.kind, DeathKind::Trap);
        assert!(death.message.ends_with("; stderr: thread panicked at src/lib.rs:1:1: | oh no"), "{}", death.message);
    }

    #[test]
    fn malformed_values_break_the_contract() {
        assert_eq!(failed(&Trap::ListOutOfBounds.into(), &seen()).kind, DeathKind::ContractViolation);
        assert_eq!(failed(&Error::msg("unexpected tag: 7"), &seen()).kind, DeathKind::ContractViolation);
    }

    #[test]
    fn an_exit_is_a_trap() {
        let death = failed(&Error::from(I32Exit(3)), &seen());
        assert_eq!(death.kind, DeathKind::Trap);
        assert!(death.message.contains("exit code 3"), "{}", death.message);
    }

    #[test]
    fn a_message_is_bounded() {
        let death = failed(&Trap::StackOverflow.into(), &Seen { stderr: vec!["ä".repeat(10_000)], ..seen() });
        assert!(death.message.len() <= MESSAGE_BYTES + '…'.len_utf8());
    }

    #[test]
    fn what_cannot_be_instantiated_is_told_from_what_trapped_on_the_way() {
        assert_eq!(not_instantiated(&Error::msg("no memory slot"), &seen()).kind, DeathKind::Instantiation);
        assert_eq!(not_instantiated(&Trap::StackOverflow.into(), &seen()).kind, DeathKind::Trap);
        assert_eq!(
            not_instantiated(&Error::msg("x"), &Seen { refused: refused(), ..seen() }).kind,
            DeathKind::MemoryLimit
        );
    }
}
