//! Putting values in the place of placeholders.

use std::collections::BTreeMap;

use super::{Placeholder, SecretResolver, placeholders};
use crate::config::Config;
use crate::failure::Problem;

/// A configuration with values in the place of its placeholders. Not for eyes.
#[derive(Clone, Default)]
pub struct Filled {
    /// The configuration as a plugin gets it. Where a placeholder has no value it still stands there.
    pub config: Config,
    /// All placeholders, each once.
    pub wanted: Vec<Placeholder>,
    /// What was found, each once.
    pub values: Vec<String>,
    /// The keys whose values hold placeholders, with the value that was made of each.
    pub made: BTreeMap<String, String>,
    /// One for each key with a placeholder that has no value; names key and placeholder.
    pub problems: Vec<Problem>,
    /// See [`SecretResolver::stamp`]; taken before the values were.
    pub stamp: u64,
}

impl std::fmt::Debug for Filled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filled").field("wanted", &self.wanted).field("problems", &self.problems).finish_non_exhaustive()
    }
}

/// Looks up every placeholder of a configuration and puts its value in its place. What a value says is not looked
/// through again, as in Kafka Connect.
pub async fn fill(resolver: &dyn SecretResolver, config: &Config) -> Filled {
    let found: BTreeMap<&String, _> =
        config.iter().map(|(key, value)| (key, placeholders(value))).filter(|(_, found)| !found.is_empty()).collect();
    if found.is_empty() {
        return Filled { config: config.clone(), ..Filled::default() };
    }
    let mut wanted: Vec<Placeholder> = found.values().flatten().map(|(_, it)| it.clone()).collect();
    wanted.sort();
    wanted.dedup();
    let stamp = resolver.stamp(&wanted).await;
    let mut answers = resolver.resolve(&wanted).await;
    answers.resize(wanted.len(), Err("its provider did not answer".to_owned()));
    let known: BTreeMap<&Placeholder, &Result<String, String>> = wanted.iter().zip(&answers).collect();
    let mut filled = Filled { config: config.clone(), stamp, ..Filled::default() };
    for (key, found) in found {
        let Some(value) = config.get(key) else { continue };
        let (mut made, mut from) = (String::new(), 0);
        for (range, placeholder) in found {
            made.push_str(value.get(from..range.start).unwrap_or_default());
            from = range.end;
            match known.get(&placeholder) {
                Some(Ok(text)) => made.push_str(text),
                Some(Err(reason)) => {
                    made.push_str(value.get(range).unwrap_or_default());
                    let message = format!("{key}: {placeholder}: {reason}");
                    filled.problems.push(Problem { key: key.clone(), message });
                }
                None => {}
            }
        }
        made.push_str(value.get(from..).unwrap_or_default());
        filled.made.insert(key.clone(), made.clone());
        filled.config.insert(key.clone(), made);
    }
    filled.values = answers.into_iter().flatten().collect();
    filled.values.sort();
    filled.values.dedup();
    filled.wanted = wanted;
    filled
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use async_trait::async_trait;

    use super::*;

    #[derive(Debug)]
    struct Fixed;

    #[async_trait]
    impl SecretResolver for Fixed {
        async fn resolve(&self, wanted: &[Placeholder]) -> Vec<Result<String, String>> {
            wanted
                .iter()
                .map(|it| if it.key == "no" { Err("no such".into()) } else { Ok(format!("<{}>", it.key)) })
                .collect()
        }

        async fn stamp(&self, _: &[Placeholder]) -> u64 {
            7
        }
    }

    /// Nothing here waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn config(pairs: &[(&str, &str)]) -> Config {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn values_take_the_place_of_placeholders() {
        let raw = config(&[("a", "x${env:A}-${env:B}y"), ("b", "plain"), ("c", "${file:/p:A}")]);
        let filled = now(fill(&Fixed, &raw));
        assert_eq!(filled.config, config(&[("a", "x<A>-<B>y"), ("b", "plain"), ("c", "<A>")]));
        assert_eq!(filled.values, ["<A>", "<B>"]);
        assert_eq!((filled.wanted.len(), filled.stamp, filled.problems.len()), (3, 7, 0));
        assert_eq!(filled.made.keys().collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn what_has_no_value_is_a_problem_of_its_key_that_shows_no_other_value() {
        let filled = now(fill(&Fixed, &config(&[("k", "${env:A}${env:no}")])));
        let expected = Problem { key: "k".into(), message: "k: ${env:no}: no such".into() };
        assert_eq!(filled.problems, [expected]);
        assert_eq!(filled.config["k"], "<A>${env:no}");
        assert!(!format!("{filled:?}").contains("<A>"));
    }
}
