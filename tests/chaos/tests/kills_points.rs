//! A worker is killed at each point that has a name, and goes on as if nothing had been.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail like a test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wharf_chaos_tests::AIMS;

/// One test for each point, so that they run side by side and say by name what does not hold.
macro_rules! killed_at {
    ($($name:ident => $point:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                let mut aims = AIMS.iter().filter(|aim| aim.point == $point).peekable();
                assert!(aims.peek().is_some(), "nothing aims at {}", $point);
                aims.for_each(|aim| aim.hit());
            }
        )+

        const TESTED: &[&str] = &[$($point),+];
    };
}

killed_at! {
    killed_before_a_group_is_written => "log.write",
    killed_between_write_and_sync => "log.sync",
    killed_when_rows_are_durable_and_not_acknowledged => "log.publish",
    killed_before_a_segment_is_closed => "log.roll",
    killed_between_two_segments => "log.roll.finished",
    killed_when_a_segment_has_no_durable_name_yet => "log.roll.created",
    killed_before_the_snapshot_of_a_new_segment => "log.roll.begun",
    killed_between_two_indexes => "log.index",
    killed_before_a_file_is_replaced => "log.replace",
    killed_in_the_middle_of_creating_a_topic => "log.topic",
    killed_while_a_torn_end_is_cut => "log.recover",
    killed_before_rows_are_read => "log.read",
    killed_before_a_position_is_written => "group.write",
    killed_before_a_position_is_durable => "group.sync",
    killed_between_a_change_and_its_flush => "store.change",
    killed_in_the_flush_of_the_store => "store.sync",
    killed_before_the_stores_marker_is_replaced => "store.mark",
    killed_between_send_and_acknowledgement => "source.sent",
    killed_between_acknowledgement_and_stored_offset => "source.acknowledged",
    killed_when_offsets_are_stored => "source.stored",
    killed_before_the_guest_hears_of_its_commit => "source.commit",
    killed_after_the_guest_heard_of_its_commit => "source.committed",
    killed_between_put_and_flush => "sink.put",
    killed_before_a_sink_flushes => "sink.flush",
    killed_between_flush_and_committed_position => "sink.flushed",
    killed_when_a_position_is_committed => "sink.committed",
    killed_when_altered_offsets_are_in_the_queue_alone => "offsets.queue",
    killed_when_altered_offsets_are_stored => "offsets.stored",
    killed_when_a_connector_is_stored_and_not_started => "connector.stored",
    killed_between_reading_and_loading_a_plugin => "plugin.read",
    killed_when_a_plugin_is_compiled_and_not_kept => "plugin.compiled",
    killed_while_a_compiled_plugin_is_written => "cache.write",
    killed_before_a_compiled_plugin_is_in_its_place => "cache.rename",
}

#[test]
fn the_list_of_points_the_sources_and_the_tests_name_the_same() {
    let listed: BTreeSet<String> = wharf_faults::POINTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed.len(), wharf_faults::POINTS.len(), "a name is listed twice");
    let tested: BTreeSet<String> = TESTED.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(tested, listed, "what the tests above aim at (left), and what wharf_faults::POINTS lists (right)");
    let aimed: BTreeSet<String> = AIMS.iter().map(|aim| aim.point.to_owned()).collect();
    assert_eq!(aimed, listed, "what AIMS has (left), and what wharf_faults::POINTS lists (right)");
    let host = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../host");
    let mut placed = BTreeSet::new();
    for package in
        fs::read_dir(host).unwrap().map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("faults"))
    {
        placed_in(&package.join("src"), &mut placed);
    }
    assert_eq!(placed, listed, "what the sources pass (left), and what wharf_faults::POINTS lists (right)");
}

/// The names in `wharf_faults::hit("…")` and `wharf_faults::reach("…")` below a folder.
fn placed_in(dir: &Path, names: &mut BTreeSet<String>) {
    for path in fs::read_dir(dir).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            placed_in(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for call in source.split("wharf_faults::").skip(1) {
                let Some(call) = call.strip_prefix("hit(").or_else(|| call.strip_prefix("reach(")) else { continue };
                let name = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                names.insert(
                    name.unwrap_or_else(|| panic!("{}: write the name of the point", path.display())).to_owned(),
                );
            }
        }
    }
}
