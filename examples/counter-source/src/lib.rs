//! Counts from 0 to `count`, and goes on where it stopped. Ten lines of logic in about forty.
use serde::Deserialize;
use wharf_sdk::{BatchBuilder, ConfigKey, Context, Descriptor, Failure, Next, Source, SourceOffset, json};

#[derive(Deserialize)]
struct Config {
    count: u64,
}

#[derive(Deserialize)]
struct At {
    next: u64,
}

struct Counter {
    count: u64,
    next: u64,
}

impl Source for Counter {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor::new("counter-source", env!("CARGO_PKG_VERSION"), "Counts to a number.")
            .key(ConfigKey::long("count").required().doc("How far to count."))
    }

    fn start(_: &Context, config: Config) -> Result<Self, Failure> {
        let at: Option<At> = wharf_sdk::stored_offset(json!({"counter": "main"}))?;
        Ok(Self { count: config.count, next: at.map_or(0, |at| at.next) })
    }

    fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure> {
        while self.next < self.count && batch.has_room(20) {
            batch.push(self.next.to_string().as_bytes());
            self.next += 1;
        }
        batch.checkpoint(SourceOffset::new(json!({"counter": "main"}), json!({"next": self.next}))?);
        Ok(if self.next < self.count { Next::More } else { Next::Finished })
    }
}

wharf_sdk::export_source!(Counter);

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_sdk::Limits;
    use wharf_sdk::testkit::SourceKit;

    #[test]
    fn it_goes_on_from_what_was_committed() {
        let mut kit = SourceKit::<Counter>::new([("count", "5")]);
        kit.limit(Limits { max_rows: 2, max_bytes: 1000, max_wait: std::time::Duration::ZERO });
        kit.start().unwrap();
        let first = kit.poll().unwrap();
        assert_eq!(first.texts(), ["0", "1"]);
        kit.commit(&first).unwrap();
        assert_eq!(kit.poll().unwrap().texts(), ["2", "3"]); // lost before it was committed
        kit.restart().unwrap();
        assert_eq!(kit.poll().unwrap().texts(), ["2", "3"]);
        assert_eq!(kit.poll().unwrap().next, Next::Finished);
    }

    #[test]
    fn a_count_that_is_no_number_is_named() {
        let failure = SourceKit::<Counter>::new([("count", "many")]).start().unwrap_err();
        assert!(failure.to_string().starts_with("count: write a whole number"), "{failure}");
    }
}
