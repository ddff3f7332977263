//! Guests that reach for files that they were not given, without a libc in between that would refuse by itself.

use std::fs;
use std::os::unix::fs::symlink;

use wharf_integration::{read, write};
use wharf_security_tests::Attack;

/// A folder that is granted, beside a secret that is not.
struct Place {
    attack: Attack,
}

impl Place {
    #[track_caller]
    fn new() -> Self {
        let attack = Attack::new("files");
        attack.folder("granted/inside");
        attack.file("secret.txt", "SECRET");
        attack.file("granted/own.txt", "own");
        Self { attack }
    }

    /// Lets the guest try `ops` in the granted folder, which it is given as the value of `key`.
    #[track_caller]
    fn tries(self, key: &str, ops: &[&str]) -> (Attack, Vec<String>) {
        let folder = self.attack.path("granted");
        self.tries_in(key, folder.to_str().unwrap(), ops)
    }

    #[track_caller]
    fn tries_in(self, key: &str, granted: &str, ops: &[&str]) -> (Attack, Vec<String>) {
        let attack = self.attack.with(key, granted).with("ops", ops.join("\n")).start();
        let seen = attack.seen(ops.len());
        (attack, seen)
    }
}

/// All is refused, nothing was seen or changed, and the audit has each.
#[track_caller]
fn all_denied(key: &str, ops: &[&str], prepare: impl FnOnce(&Attack)) {
    let place = Place::new();
    prepare(&place.attack);
    let (attack, seen) = place.tries(key, ops);
    for (op, seen) in ops.iter().zip(&seen) {
        assert!(seen.starts_with("err "), "`{op}` gave `{seen}`");
        let path = op.split(' ').nth(1).unwrap();
        attack.denied("path.denied", &[path]);
    }
    assert_eq!(read(&attack.path("secret.txt")), b"SECRET");
    assert_eq!(read(&attack.path("granted/own.txt")), b"own");
}

#[test]
fn dots_do_not_lead_out_of_a_granted_folder() {
    all_denied("write.dir", &["read ../secret.txt", "write ../new.txt", "list ..", "stat ../secret.txt"], |_| {});
}

#[test]
fn dots_behind_a_folder_do_not_lead_out_either() {
    all_denied(
        "write.dir",
        &["read inside/../../secret.txt", "read ./.././secret.txt", "mkdir inside/../../x"],
        |_| {},
    );
}

#[test]
fn an_absolute_path_does_not_lead_out_of_a_granted_folder() {
    all_denied("write.dir", &["read /etc/passwd", "write /tmp/wharf-hostile", "list /"], |_| {});
}

#[test]
fn a_link_does_not_lead_out_of_a_granted_folder() {
    all_denied("write.dir", &["read file", "write file", "list folder", "read folder/secret.txt"], |attack| {
        symlink("../secret.txt", attack.path("granted/file")).unwrap();
        symlink("..", attack.path("granted/folder")).unwrap();
    });
}

#[test]
fn an_absolute_link_does_not_lead_out_of_a_granted_folder() {
    all_denied("write.dir", &["read file", "list folder"], |attack| {
        symlink("/etc/passwd", attack.path("granted/file")).unwrap();
        symlink("/", attack.path("granted/folder")).unwrap();
    });
}

#[test]
fn a_trailing_slash_does_not_make_a_link_lead_out() {
    all_denied("write.dir", &["list folder/", "stat folder/", "list folder/.", "mkdir folder/new"], |attack| {
        symlink("..", attack.path("granted/folder")).unwrap();
    });
}

#[test]
fn no_links_are_made_hard_or_symbolic() {
    let ops = ["link own.txt other.txt", "link ../secret.txt mine.txt", "symlink ../secret.txt mine.txt"];
    let (attack, seen) = Place::new().tries("write.dir", &ops);
    assert_eq!(seen, ["err not-permitted"; 3].map(|_| seen[0].clone()), "{seen:?}");
    attack.denied("path.denied", &["link", "../secret.txt"]);
    attack.denied("path.denied", &["link", "own.txt"]);
    assert!(!attack.path("granted/mine.txt").exists() && !attack.path("granted/other.txt").exists());
}

#[test]
fn nothing_is_renamed_out_of_a_granted_folder_or_into_it() {
    let ops = ["rename own.txt ../stolen.txt", "rename ../secret.txt mine.txt"];
    let (attack, seen) = Place::new().tries("write.dir", &ops);
    assert!(seen.iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    attack.denied("path.denied", &["rename", "../stolen.txt"]);
    attack.denied("path.denied", &["rename", "../secret.txt"]);
    assert_eq!(read(&attack.path("secret.txt")), b"SECRET");
    assert!(attack.path("granted/own.txt").exists() && !attack.path("stolen.txt").exists());
}

#[test]
fn a_folder_for_reading_is_not_written() {
    let ops = ["write own.txt", "truncate own.txt", "truncate-by-reading own.txt", "unlink own.txt", "write new.txt"];
    all_denied("read.dir", &ops, |_| {});
}

#[test]
fn a_folder_for_reading_is_not_changed() {
    all_denied("read.dir", &["mkdir new", "rmdir inside", "rename own.txt other.txt"], |attack| {
        write(&attack.path("granted/inside/x"), "");
        fs::remove_file(attack.path("granted/inside/x")).unwrap();
    });
}

#[test]
fn beside_a_granted_file_nothing_is_there() {
    let place = Place::new();
    let file = place.attack.path("granted/own.txt");
    let ops =
        ["read own.txt", "read ../secret.txt", "read inside", "list .", "mkdir new", "read own.txt/../../secret.txt"];
    let (attack, seen) = place.tries_in("read.file", file.to_str().unwrap(), &ops);
    assert_eq!(seen[0], "ok own");
    assert!(seen[1..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    for denied in ["../secret.txt", "inside", "new", "own.txt/../../secret.txt"] {
        attack.denied("path.denied", &[denied]);
    }
}

#[test]
fn a_granted_file_for_reading_is_not_written() {
    let place = Place::new();
    let file = place.attack.path("granted/own.txt");
    let ops = ["write own.txt", "truncate own.txt", "truncate-by-reading own.txt", "unlink own.txt"];
    let (attack, seen) = place.tries_in("read.file", file.to_str().unwrap(), &ops);
    assert!(seen.iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    attack.denied("path.denied", &["own.txt"]);
    assert_eq!(read(&file), b"own");
}

#[test]
fn a_default_that_the_plugin_wrote_itself_grants_nothing() {
    // The key default.file of hostile-source names /etc/passwd by default.
    let attack = Attack::new("files").with("ops", "read passwd\nread /etc/passwd").start();
    assert_eq!(attack.seen(2), ["err no directory", "err no directory"]);
    let named = Attack::new("files").with("default.file", "/etc/passwd");
    named.refused(400);
    named.denied("path.denied", &["default.file", "/etc/passwd"]);
}

#[test]
fn a_file_that_the_plugin_puts_into_its_tasks_is_not_granted() {
    let attack = Attack::new("other-files-in-tasks");
    let (own, secret) = (attack.file("own.txt", "own"), attack.file("secret.txt", "SECRET"));
    let ops = format!("read {}", secret.display());
    let attack = attack.with("read.file", own.to_str().unwrap()).with("ops", ops);
    attack.post();
    attack.denied("kill.contract-violation", &["read.file"]);
}

#[test]
fn a_link_that_is_turned_while_the_connector_runs_is_not_followed_at_the_next_start() {
    let place = Place::new();
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("own.txt"), "SECRET");
    let link = place.attack.path("link");
    symlink(place.attack.path("granted"), &link).unwrap();
    let (attack, seen) = place.tries_in("read.dir", link.to_str().unwrap(), &["read own.txt"]);
    assert_eq!(seen, ["ok own"]);
    fs::remove_file(&link).unwrap();
    symlink(outside.path(), &link).unwrap();
    attack.worker().rest().post_empty(&format!("/connectors/{}/tasks/0/restart", attack.name()));
    attack.failed("invalid-config");
    attack.denied("path.denied", &["read.dir", "outside the allowed paths"]);
}
