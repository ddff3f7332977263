//! What was seen over the whole test: time and memory.

use wharf_core::DeathKind;

use crate::bench::Bench;
use crate::check::Found;

pub(crate) fn deadline(bench: &Bench, found: &mut Found) {
    for incident in bench.incidents() {
        if matches!(incident.kind, DeathKind::DeadlineExceeded | DeathKind::HostCallTimeout) {
            found.fail(format!("`{}`: {}", incident.call, incident.message));
        }
    }
    found.note(format!("{} calls", bench.calls()));
}

pub(crate) fn memory(bench: &Bench, found: &mut Found) {
    for incident in bench.incidents() {
        if matches!(incident.kind, DeathKind::MemoryLimit | DeathKind::OutputLimit) {
            found.fail(format!("`{}`: {}", incident.call, incident.message));
        }
    }
    let (peak, allowed) = (bench.memory_peak(), bench.options.memory_bytes);
    if peak > allowed {
        found.fail(format!("an instance had {} of memory, {} are allowed", mib(peak), mib(allowed)));
    } else if peak > allowed / 10 * 8 {
        found.warn(format!("an instance had {} of memory, close to the {} that are allowed", mib(peak), mib(allowed)));
    }
    if peak > 0 {
        found.note(format!("at most {}", mib(peak)));
    } else {
        found.skip("whoever ran the plugin did not measure its memory");
    }
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1 << 20) as f64)
}
