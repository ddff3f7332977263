//! A segment file cut, or flipped, at every byte.

use super::image::{Image, OTHER, go_on, open_and_look, runtime};
use crate::support::*;

/// Six frames in three segments.
const FRAMES: u64 = 6;

#[test]
fn the_newest_segment_cut_at_any_byte_costs_the_frames_behind_the_cut_and_nothing_else() {
    runtime().block_on(async {
        for closed in [false, true] {
            let image = Image::new(FRAMES, closed).await;
            let files = image.with(&["log"]);
            let (newest, len) = files.last().unwrap();
            assert_eq!(files.len(), 3);
            for cut in 0..=*len {
                let kept = image.rows_before(files.len() - 1, cut);
                let dir = image.cut(newest, cut);
                let (log, found) = open_and_look(dir.path(), image.total).await;
                assert_eq!((found.rows, &found.error), (kept, &None), "cut at {cut}");
                assert_eq!(found.position, Some(kept), "cut at {cut}: checkpoint and rows are one");
                assert_eq!(found.other, Some(OTHER), "cut at {cut}");
                go_on(dir.path(), log, kept).await;
            }
        }
    });
}

#[test]
fn an_older_segment_cut_at_any_byte_is_told_and_the_rows_before_it_are_read() {
    runtime().block_on(async {
        let image = Image::new(FRAMES, false).await;
        let files = image.with(&["log"]);
        for (segment, (file, len)) in files.iter().enumerate().take(files.len() - 1) {
            for cut in 0..*len {
                let kept = image.rows_before(segment, cut);
                let dir = image.cut(file, cut);
                let (log, found) = open_and_look(dir.path(), image.total).await;
                // What other segments hold is neither lost nor believed too far.
                assert_eq!(found.position, Some(image.total), "segment {segment}, cut at {cut}");
                let is_whole = cut == 0 || image.frames.iter().any(|it| (it.segment, it.end) == (segment, cut));
                let sent = producer(&log, "s", 0).await.send(batch(&["added"])).await;
                if is_whole {
                    // Known when it is opened: nothing may follow.
                    assert!(found.told().contains(&format!("rows {kept} to")), "{found:?}");
                    assert!(sent.is_err());
                } else {
                    assert!(found.told().contains("is damaged at byte"), "{found:?}");
                    assert!(found.told().contains(file.file_name().unwrap().to_str().unwrap()), "{found:?}");
                    assert_eq!(found.rows, kept, "segment {segment}, cut at {cut}");
                    sent.unwrap().await.unwrap();
                }
            }
        }
    });
}

#[test]
fn a_bit_flipped_in_any_byte_of_any_segment_never_gives_a_wrong_row_and_is_told_unless_it_is_in_the_last_frame() {
    runtime().block_on(async {
        let image = Image::new(FRAMES, false).await;
        let last = *image.frames.last().unwrap();
        for (segment, (file, len)) in image.with(&["log"]).iter().enumerate() {
            for (at, bit) in (0..*len).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let before = image.rows_before(segment, at);
                let dir = image.flipped(file, at, bit);
                let (log, found) = open_and_look(dir.path(), image.total).await;
                let known = found.position.unwrap();
                if segment == last.segment && at >= last.begin {
                    // It looks like a frame that was being written.
                    assert_eq!((found.rows, &found.error, known), (before, &None, before), "byte {at} of {segment}");
                    if bit == at % 8 {
                        go_on(dir.path(), log, before).await;
                    }
                } else {
                    assert!(found.told().contains("is damaged at byte"), "byte {at} of {segment}: {found:?}");
                    assert_eq!(found.rows, before, "byte {at} of {segment}");
                    // Too old means that rows come again; too new would mean that rows are lost.
                    assert!((before..=image.total).contains(&known), "byte {at} of {segment}: {found:?}");
                }
            }
        }
    });
}

#[test]
fn without_its_indexes_a_newest_segment_with_a_flipped_bit_is_refused_when_it_is_opened() {
    runtime().block_on(async {
        let image = Image::new(FRAMES, true).await;
        let (last, files) = (*image.frames.last().unwrap(), image.with(&["log"]));
        let newest = &files[last.segment].0;
        for at in 0..last.begin {
            let dir = image.written(|path, bytes| {
                if path == newest {
                    bytes[at] ^= 1 << (at % 8);
                }
                path.extension().is_none_or(|it| it != "index" && it != "timeindex")
            });
            let (log, found) = open_and_look(dir.path(), image.total).await;
            assert!(found.told().contains("before rows that were acknowledged"), "byte {at}: {found:?}");
            assert!(producer(&log, "s", 0).await.send(batch(&["added"])).await.is_err(), "byte {at}");
        }
    });
}
