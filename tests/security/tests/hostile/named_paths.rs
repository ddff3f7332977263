//! Configurations that name what no plugin may touch.

use std::os::unix::fs::symlink;
use std::path::Path;

use wharf_security_tests::Attack;

/// Whatever the key, the configuration is refused by its name and the audit has it.
#[track_caller]
fn denied(attack: Attack, path: &Path) {
    let path = path.to_str().unwrap();
    for key in ["read.file", "write.file", "read.dir", "write.dir"] {
        let attack = Attack::new(attack.name()).with(key, path);
        let message = attack.refused(400);
        assert!(message.contains(&format!("{key}: ")), "{message}");
        let record = attack.denied("path.denied", &[key, path]);
        assert!(record.get("task").is_none(), "{record}");
    }
}

#[test]
fn the_kernel_s_own_files_are_denied() {
    for path in ["/proc/self/environ", "/sys/kernel", "/dev/zero", "/dev/../proc/version"] {
        denied(Attack::new("named-kernel"), Path::new(path));
    }
}

#[test]
fn the_worker_s_own_data_is_denied() {
    let attack = Attack::new("named-data");
    let data = attack.worker().data_dir();
    denied(attack, &data.join("lock"));
}

#[test]
fn the_plugins_directory_is_denied() {
    let attack = Attack::new("named-plugins");
    let plugins = attack.worker().plugins_dir();
    denied(attack, &plugins.join("hostile-source.wasm"));
}

#[test]
fn a_path_outside_the_allowed_ones_is_denied() {
    denied(Attack::new("named-outside"), Path::new("/etc/passwd"));
}

#[test]
fn dots_that_lead_outside_the_allowed_paths_are_denied() {
    let attack = Attack::new("named-dots");
    let path = attack.folder("inside").join("../../../data/lock");
    denied(attack, &path);
}

#[test]
fn a_link_that_leads_outside_the_allowed_paths_is_denied() {
    let attack = Attack::new("named-link");
    attack.folder("");
    let link = attack.path("link");
    symlink("/etc/passwd", &link).unwrap();
    denied(attack, &link);
}

#[test]
fn a_folder_around_what_is_denied_is_denied() {
    denied(Attack::new("named-root"), Path::new("/"));
}
