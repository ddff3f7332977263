//! Who reads what: every partition one member, loads that differ by one at most, and as few moves as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A partition of a topic.
pub(crate) type Tp = (Arc<str>, u32);

/// Gives each partition to one of the members that want its topic. `members` maps names to topics, `current` says who has
/// what now; members that are gone may occur in it. Partitions that nobody wants are left out.
pub(crate) fn assign(
    partitions: &BTreeSet<Tp>,
    members: &BTreeMap<String, BTreeSet<String>>,
    current: &BTreeMap<Tp, String>,
) -> BTreeMap<Tp, String> {
    let mut load: BTreeMap<&str, usize> = members.keys().map(|name| (name.as_str(), 0)).collect();
    let mut target: BTreeMap<Tp, String> = BTreeMap::new();
    let wants = |name: &str, tp: &Tp| members.get(name).is_some_and(|topics| topics.contains(&*tp.0));
    for tp in partitions {
        if let Some(name) = current.get(tp).filter(|name| wants(name, tp)) {
            *load.entry(members.get_key_value(name).map_or("", |(name, _)| name)).or_default() += 1;
            target.insert(tp.clone(), name.clone());
        }
    }
    let idlest = |load: &BTreeMap<&str, usize>, tp: &Tp| {
        let (name, count) = load.iter().filter(|(name, _)| wants(name, tp)).min_by_key(|(_, count)| **count)?;
        Some(((*name).to_owned(), *count))
    };
    for tp in partitions {
        if !target.contains_key(tp)
            && let Some((name, _)) = idlest(&load, tp)
        {
            add(&mut load, &name, 1);
            target.insert(tp.clone(), name);
        }
    }
    // Each move makes the loads more equal, and so there is a last one.
    let mut moved = true;
    while std::mem::take(&mut moved) {
        for (tp, owner) in &mut target {
            let has = load.get(owner.as_str()).copied().unwrap_or(0);
            if let Some((name, count)) = idlest(&load, tp)
                && has > count + 1
            {
                add(&mut load, owner, -1);
                add(&mut load, &name, 1);
                *owner = name;
                moved = true;
            }
        }
    }
    target
}

fn add(load: &mut BTreeMap<&str, usize>, name: &str, by: isize) {
    if let Some(count) = load.get_mut(name) {
        *count = count.saturating_add_signed(by);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tps(topics: &[u32]) -> BTreeSet<Tp> {
        let name = |topic: usize| Arc::<str>::from(format!("t{topic}"));
        topics.iter().enumerate().flat_map(|(topic, &n)| (0..n).map(move |p| (name(topic), p))).collect()
    }

    fn members(names: &BTreeSet<u8>) -> BTreeMap<String, BTreeSet<String>> {
        let topics: BTreeSet<String> = (0..4).map(|topic| format!("t{topic}")).collect();
        names.iter().map(|name| (name.to_string(), topics.clone())).collect()
    }

    fn loads(target: &BTreeMap<Tp, String>, members: &BTreeMap<String, BTreeSet<String>>) -> Vec<usize> {
        members.keys().map(|name| target.values().filter(|owner| *owner == name).count()).collect()
    }

    proptest! {
        #[test]
        fn every_partition_has_one_owner_and_loads_are_balanced_through_any_changes(
            rounds in prop::collection::vec(
                (prop::collection::vec(0..7_u32, 1..4), prop::collection::btree_set(0..6_u8, 1..6)), 1..6)
        ) {
            let mut current = BTreeMap::new();
            for (topics, names) in rounds {
                let (partitions, members) = (tps(&topics), members(&names));
                let target = assign(&partitions, &members, &current);
                prop_assert_eq!(target.keys().cloned().collect::<BTreeSet<_>>(), partitions);
                let loads = loads(&target, &members);
                prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{:?}", loads);
                // Nothing changed, nothing moves.
                prop_assert_eq!(&assign(&target.keys().cloned().collect(), &members, &target), &target);
                current = target;
            }
        }

        #[test]
        fn a_member_that_joins_or_leaves_moves_no_more_than_its_share(n in 1..30_u32, names in 1..6_u8) {
            let partitions = tps(&[n]);
            let few: BTreeSet<u8> = (0..names).collect();
            let many: BTreeSet<u8> = (0..=names).collect();
            let before = assign(&partitions, &members(&few), &BTreeMap::new());
            let after = assign(&partitions, &members(&many), &before);
            let moved = after.iter().filter(|(tp, owner)| before[*tp] != **owner).count();
            prop_assert_eq!(moved, after.values().filter(|owner| **owner == names.to_string()).count());
            let again = assign(&partitions, &members(&few), &after);
            let moved = again.iter().filter(|(tp, owner)| after[*tp] != **owner).count();
            prop_assert_eq!(moved, after.values().filter(|owner| **owner == names.to_string()).count());
        }
    }

    #[test]
    fn a_member_gets_only_topics_that_it_wants() {
        let wanted = |topics: &[&str]| topics.iter().map(|&topic| topic.to_owned()).collect();
        let members = BTreeMap::from([("a".to_owned(), wanted(&["t0"])), ("b".to_owned(), wanted(&["t0", "t1"]))]);
        let target = assign(&tps(&[2, 3, 4]), &members, &BTreeMap::new());
        assert_eq!(target.len(), 5);
        assert!(target.iter().all(|(tp, owner)| members[owner].contains(&*tp.0)));
    }
}
