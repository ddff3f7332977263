//! What a plugin says of its configuration keys.

use std::collections::{BTreeMap, BTreeSet};

use wharf_core::config::{check_value, normalize, worker_keys};
use wharf_core::plugin::{ConfigKey, Importance};

use crate::bench::Bench;
use crate::check::Found;

pub(crate) fn names(bench: &Bench, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for key in &bench.descriptor().keys {
        let name = &key.name;
        if name.is_empty() || name.chars().any(|char| char.is_whitespace() || char.is_control()) {
            found.fail(format!("the key {name:?} cannot be written: use a name without blanks, like batch.size"));
        }
        if !seen.insert(name) {
            found.fail(format!("the key `{name}` is there twice: keep one of them"));
        }
    }
}

pub(crate) fn texts(bench: &Bench, found: &mut Found) {
    for key in &bench.descriptor().keys {
        if key.documentation.trim().is_empty() {
            found.fail(format!("the key `{}` has no documentation: say in a sentence what it does", key.name));
        }
        if key.display_name.trim().is_empty() {
            found.fail(format!("the key `{}` has no display name: say what a form should call it", key.name));
        }
    }
}

pub(crate) fn layout(bench: &Bench, found: &mut Found) {
    let mut places: BTreeMap<(&str, i32), &str> = BTreeMap::new();
    for key in &bench.descriptor().keys {
        let ConfigKey { name, group, order, display_name, .. } = key;
        if [group, display_name].into_iter().any(|text| text.contains(char::is_control) || text.chars().count() > 100) {
            found.fail(format!("group and display name of `{name}` are no headings: write a few words on one line"));
        }
        if *order < 0 {
            found.fail(format!("the order of `{name}` is {order}: count from 0 or 1"));
        } else if let Some(other) = places.insert((group, *order), name) {
            found.warn(format!("`{name}` and `{other}` have the same place, {order}, in their group: number them"));
        }
        if key.required && key.importance == Importance::Low {
            found.warn(format!("`{name}` is required and of low importance: make it high, so that forms show it"));
        }
    }
}

pub(crate) fn defaults(bench: &Bench, found: &mut Found) {
    for key in &bench.descriptor().keys {
        if key.required && key.default.is_some() {
            found.fail(format!("the key `{}` is required and has a default: choose one", key.name));
        }
        // Validation lets a default pass unseen, so it is taken out first. An empty one means "not set".
        let bare = ConfigKey { default: None, ..key.clone() };
        if let Some(default) = key.default.as_deref().filter(|default| !default.is_empty())
            && let Err(reason) = check_value(&bare, default)
        {
            found.fail(format!("the default of `{}` would not be accepted: {reason}", key.name));
        }
        let untied = ConfigKey { allowed: Vec::new(), ..bare };
        for allowed in &key.allowed {
            if let Err(reason) = check_value(&untied, allowed) {
                found.fail(format!("a value that `{}` allows is not of its type: {reason}", key.name));
            }
        }
    }
}

pub(crate) fn dependents(bench: &Bench, found: &mut Found) {
    let keys = &bench.descriptor().keys;
    for key in keys {
        for dependent in &key.dependents {
            if *dependent == key.name {
                found.fail(format!("the key `{dependent}` depends on itself: leave it out of its dependents"));
            } else if !keys.iter().any(|other| other.name == *dependent) {
                found.fail(format!("`{}` names the dependent `{dependent}`: there is no such key", key.name));
            }
        }
    }
}

pub(crate) fn workers(bench: &Bench, found: &mut Found) {
    let descriptor = bench.descriptor();
    let workers: BTreeSet<String> = worker_keys(descriptor.kind).into_iter().map(|key| key.name).collect();
    for key in &descriptor.keys {
        let name = &key.name;
        let as_known = normalize(&[(name.clone(), String::new())].into());
        if workers.contains(name) {
            found.fail(format!("the key `{name}` is the worker's own and never reaches the plugin: rename it"));
        } else if let Some(known) = as_known.keys().find(|known| *known != name) {
            found.fail(format!("the key `{name}` is another name for the worker's `{known}`: rename it"));
        } else if ["transforms.", "predicates."].iter().any(|prefix| name.starts_with(prefix)) {
            found.warn(format!("the key `{name}` looks like one of a transform or predicate: rename it"));
        }
    }
}
