//! Real errors: a file system over a file that cannot grow, because the disk under it is full.
//!
//! The file system believes that it has room, so a write succeeds, and the kernel finds out when it writes back: the rows
//! are lost, `fdatasync` says so once, and the pages look clean afterwards. It is what a disk does that fails.

use std::fs::File;
use std::process::Command;

use crate::mount::{Mount, said, skipped};
use crate::scene::{PATIENT, Scene};

/// A file system of this size, over a disk of that one, in MiB.
const PROMISED: u64 = 256;
const THERE: u32 = 64;

#[test]
fn rows_that_the_kernel_loses_in_writing_back_are_sent_again_once_there_is_room() {
    let Some(under) = Mount::tmpfs(THERE) else { return };
    let image = under.path().join("image");
    File::create(&image).and_then(|file| file.set_len(PROMISED << 20)).unwrap();
    // Without a journal, which would give up for good at its first lost write.
    let made = said(Command::new("mkfs.ext4").args(["-q", "-O", "^has_journal"]).arg(&image));
    if let Err(why) = made {
        return skipped(&format!("there is no mkfs.ext4: {why}"));
    }
    let at = tempfile::tempdir().unwrap();
    let Some(disk) = Mount::new(&["-o", "loop,errors=continue", &image.to_string_lossy()], at.path()) else { return };
    let mut scene = Scene::on(&disk, PATIENT);
    scene.connect();
    scene.feed(20_000);
    scene.arrive();
    scene.is_exact();

    under.fill();
    scene.feed(60_000);
    scene.until_failure_says("from", &["cannot"]);
    let told = scene.last_failure("from");
    assert!(told.contains(&*disk.path().to_string_lossy()), "{told}");

    under.free();
    scene.is_whole();
    scene.worker.terminate();
}
