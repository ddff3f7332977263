//! A guest reaches the files that its configuration names, and nothing beside them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use wharf_core::{Failure, InstanceError};
use wharf_sandbox::PathPolicy;

use crate::guests::{POLL, config, misbehaving, sandbox, setup, short, texts, with_paths};

struct Place(tempfile::TempDir);

/// A directory with a file to grant, a sibling, and a secret next door.
fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("in")).unwrap();
    for file in ["in/granted.txt", "in/sibling.txt", "secret.txt"] {
        fs::write(dir.path().join(file), file).unwrap();
    }
    Place(dir)
}

impl Place {
    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        self.path(path).to_str().unwrap().to_owned()
    }

    /// Runs operations, in which `@/` stands for this place, with grants.
    async fn run(&self, grants: &[(&str, &str)], ops: &[&str]) -> Vec<String> {
        let root = format!("{}/", self.0.path().display());
        let ops = ops.join("\n").replace("@/", &root);
        let grants: Vec<(&str, String)> = grants.iter().map(|(key, path)| (*key, path.replace("@/", &root))).collect();
        let mut pairs: Vec<(&str, &str)> = grants.iter().map(|(key, path)| (*key, path.as_str())).collect();
        pairs.extend([("mode", "files"), ("ops", ops.as_str())]);
        let plugin = misbehaving(&sandbox(short())).await;
        let mut task = plugin.start_source(setup(&pairs)).await.unwrap();
        texts(&task.poll(POLL).await.unwrap())
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_file_system() {
    let place = place();
    let seen = place.run(&[], &["read @/in/granted.txt", "list /", "stat .", "write /tmp/x", "read /etc/passwd"]).await;
    assert!(seen.iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
}

#[tokio::test]
async fn a_granted_file_is_read_and_its_siblings_are_not() {
    let place = place();
    let seen = place
        .run(
            &[("in", "@/in/granted.txt")],
            &[
                "read @/in/granted.txt",
                "stat @/in/granted.txt",
                "count @/in/granted.txt",
                "read @/in/sibling.txt",
                "stat @/in/sibling.txt",
                "read @/in/absent.txt",
                "list @/in",
                "read @/secret.txt",
                "read @/in/../secret.txt",
                "read @/in/../in/sibling.txt",
                "read /etc/passwd",
                "readlink @/in/sibling.txt",
                "rename @/in/sibling.txt @/in/granted.txt",
                "link @/in/sibling.txt @/in/granted.txt",
                "unlink @/in/sibling.txt",
                "mkdir @/in/new",
            ],
        )
        .await;
    assert_eq!(seen[..3], ["ok in/granted.txt", "ok 14", "ok 14"]);
    assert!(seen[3..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    // A sibling is refused, whether it exists or not: names cannot be found out by trying.
    assert_eq!((seen[3].as_str(), seen[5].as_str()), ("err PermissionDenied", "err PermissionDenied"));
    assert!(place.path("in/sibling.txt").exists());
}

#[tokio::test]
async fn a_path_to_read_cannot_be_written_in_any_way() {
    let place = place();
    let ops = [
        "write @/in/granted.txt",
        "append @/in/granted.txt",
        "truncate @/in/granted.txt",
        "unlink @/in/granted.txt",
        "rename @/in/granted.txt @/in/other.txt",
        "link @/in/granted.txt @/in/other.txt",
    ];
    let seen = place.run(&[("in", "@/in/granted.txt")], &ops).await;
    assert!(seen.iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    assert_eq!(fs::read_to_string(place.path("in/granted.txt")).unwrap(), "in/granted.txt");
    // The same for a directory that may only be read.
    let seen = place.run(&[("in", "@/in")], &ops).await;
    assert!(seen.iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    assert_eq!(fs::read_dir(place.path("in")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_file_to_write_is_made_changed_and_removed_alone() {
    let place = place();
    let ops = [
        "append @/in/out.txt",
        "append @/in/out.txt",
        "read @/in/out.txt",
        "truncate @/in/out.txt",
        "stat @/in/out.txt",
        "sync-dir @/in",
        "write @/in/sibling.txt",
        "write @/in/out2.txt",
    ];
    let seen = place.run(&[("out", "@/in/out.txt")], &ops).await;
    assert_eq!(seen[..6], ["ok", "ok", "ok +more+more", "ok", "ok 0", "ok"]);
    assert_eq!(seen[6..], ["err PermissionDenied", "err PermissionDenied"]);
    assert_eq!(place.run(&[("out", "@/in/out.txt")], &["unlink @/in/out.txt"]).await, ["ok"]);
    assert!(!place.path("in/out.txt").exists());
}

#[tokio::test]
async fn a_directory_is_granted_as_a_whole_but_without_links() {
    let place = place();
    symlink(place.path("secret.txt"), place.path("in/absolute")).unwrap();
    symlink("../secret.txt", place.path("in/relative")).unwrap();
    symlink("sibling.txt", place.path("in/inside")).unwrap();
    let ops = [
        "list @/in",
        "read @/in/inside",
        "write @/in/new.txt",
        "rename @/in/new.txt @/in/newer.txt",
        "read @/in/absolute",
        "read @/in/relative",
        "read @/in/../secret.txt",
        "link @/in/newer.txt @/in/hard",
    ];
    let seen = place.run(&[("out", "@/in")], &ops).await;
    assert_eq!(seen[0], "ok absolute,granted.txt,inside,relative,sibling.txt");
    assert_eq!(seen[1..4], ["ok in/sibling.txt", "ok", "ok"]);
    assert!(seen[4..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
}

#[tokio::test]
async fn a_link_in_a_configuration_grants_what_it_leads_to_and_no_more() {
    let place = place();
    fs::create_dir(place.path("links")).unwrap();
    symlink(place.path("in/granted.txt"), place.path("links/link.txt")).unwrap();
    let ops = ["read @/links/link.txt", "read @/links/granted.txt", "read @/in/granted.txt", "read @/in/sibling.txt"];
    let seen = place.run(&[("in", "@/links/link.txt")], &ops).await;
    assert_eq!(seen[0], "ok in/granted.txt");
    assert!(seen[1..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
}

#[tokio::test]
async fn a_granted_file_that_becomes_a_link_is_not_followed() {
    let place = place();
    let plugin = misbehaving(&sandbox(short())).await;
    let file = place.text("in/granted.txt");
    let ops = format!("read {file}");
    let pairs = [("mode", "files"), ("ops", ops.as_str()), ("in", file.as_str())];
    let mut task = plugin.start_source(setup(&pairs)).await.unwrap();
    assert_eq!(texts(&task.poll(POLL).await.unwrap()), ["ok in/granted.txt"]);
    fs::remove_file(&file).unwrap();
    symlink("sibling.txt", &file).unwrap();
    assert!(texts(&task.poll(POLL).await.unwrap())[0].starts_with("err "));
    // A file that replaces it is.
    fs::remove_file(&file).unwrap();
    fs::write(&file, "new").unwrap();
    assert_eq!(texts(&task.poll(POLL).await.unwrap()), ["ok new"]);
}

#[tokio::test]
async fn a_pipe_does_not_hold_a_thread() {
    let place = place();
    let fifo = |path: &str| {
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, place.path(path), fifo, 0o600.into(), 0).unwrap();
    };
    fifo("in/pipe");
    assert_eq!(place.run(&[("in", "@/in")], &["read @/in/pipe"]).await, ["err PermissionDenied"]);
    let plugin = misbehaving(&sandbox(short())).await;
    let pipe = place.text("in/pipe");
    let refused = plugin.start_source(setup(&[("in", pipe.as_str())])).await.map(drop).unwrap_err();
    assert!(refused.to_string().contains("regular file"), "{refused}");
}

#[tokio::test]
async fn several_grants_of_one_directory_stand_side_by_side() {
    let place = place();
    let grants = [("in", "@/in/granted.txt"), ("in2", "@/in/sibling.txt"), ("out", "@/in/out.txt")];
    let ops =
        ["read @/in/granted.txt", "read @/in/sibling.txt", "write @/in/out.txt", "write @/in/sibling.txt", "list @/in"];
    let seen = place.run(&grants, &ops).await;
    assert_eq!(seen[..3], ["ok in/granted.txt", "ok in/sibling.txt", "ok"]);
    assert!(seen[3..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
}

#[tokio::test]
async fn a_long_file_is_read_whole() {
    let place = place();
    fs::write(place.path("in/long"), vec![b'x'; 3_000_001]).unwrap();
    assert_eq!(place.run(&[("in", "@/in/long")], &["count @/in/long"]).await, ["ok 3000001"]);
}

#[tokio::test]
async fn what_the_operator_denies_is_refused_before_and_at_the_start() {
    let place = place();
    let paths = PathPolicy { allowed: Some(vec![place.path("in")]), denied: vec![place.path("in/sibling.txt")] };
    let plugin = misbehaving(&with_paths(short(), paths)).await;
    for (path, told) in [
        ("secret.txt", place.text("in")),
        ("in/sibling.txt", "plugins may not touch".into()),
        ("in/../secret.txt", "allowed".into()),
    ] {
        let path = place.text(path);
        let problems = plugin.check_capabilities(&config(&[("in", &path)]));
        assert_eq!((problems.len(), problems[0].key.as_str()), (1, "in"));
        assert!(problems[0].message.contains(&path) && problems[0].message.contains(&told), "{}", problems[0].message);
        let started = plugin.start_source(setup(&[("in", path.as_str())])).await.map(drop);
        assert_eq!(started, Err(InstanceError::Failed(Failure::InvalidConfig(problems))));
    }
    assert_eq!(plugin.check_capabilities(&config(&[("in", &place.text("in/granted.txt"))])), []);
}

#[tokio::test]
async fn a_missing_directory_is_named_at_the_start() {
    let place = place();
    let plugin = misbehaving(&sandbox(short())).await;
    let path = place.text("nowhere/f.txt");
    assert_eq!(plugin.check_capabilities(&config(&[("in", &path)])), []);
    let refused = plugin.start_source(setup(&[("in", path.as_str())])).await.map(drop).unwrap_err();
    let Failure::InvalidConfig(problems) = (match refused {
        InstanceError::Failed(failure) => failure,
        InstanceError::Died(death) => panic!("{death}"),
    }) else {
        panic!("another failure")
    };
    assert!(problems[0].message.contains(&place.text("nowhere")), "{}", problems[0].message);
}
