#![doc = include_str!("../README.md")]

use serde::Deserialize;
use wharf_sdk::{Context, Delivery, Descriptor, Failure, Rejection, Sink, metrics};

/// The configuration: there is nothing to configure.
#[derive(Debug, Deserialize)]
pub struct Config {}

/// A running task.
#[derive(Debug, Default)]
pub struct Blackhole {
    rows: u64,
    bytes: u64,
}

impl Sink for Blackhole {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor::new("blackhole-sink", env!("CARGO_PKG_VERSION"), "Takes rows, counts them and forgets them.")
            .documentation(include_str!("../README.md"))
    }

    fn start(_: &Context, _: Config) -> Result<Self, Failure> {
        Ok(Self::default())
    }

    fn put(&mut self, delivery: &Delivery) -> Result<Vec<Rejection>, Failure> {
        let batch = &delivery.batch;
        let rows = u64::from(batch.rows);
        let bytes = (batch.keys.data.len() + batch.values.data.len() + batch.headers.cells.data.len()) as u64;
        self.rows += rows;
        self.bytes += bytes;
        metrics::count("blackhole_rows_total", &[], rows);
        metrics::count("blackhole_bytes_total", &[], bytes);
        Ok(Vec::new())
    }

    fn stop(&mut self) {
        log::info!("took {} rows with {} bytes", self.rows, self.bytes);
    }
}

wharf_sdk::export_sink!(Blackhole);

#[cfg(test)]
mod tests {
    use super::*;
    use wharf_sdk::testkit::SinkKit;

    #[test]
    fn rows_and_bytes_are_counted_and_told_at_the_end() {
        let mut kit = SinkKit::<Blackhole>::new([("name", "x")]);
        kit.start().unwrap();
        kit.put_values(["abc", ""]).unwrap();
        kit.put_values(["de"]).unwrap();
        let metrics = kit.metrics();
        let total = |name: &str| metrics.iter().filter(|m| m.name == name).map(|m| m.value).sum::<f64>();
        assert_eq!((total("blackhole_rows_total"), total("blackhole_bytes_total")), (3.0, 5.0));
        kit.stop();
        assert!(kit.log().iter().any(|(_, line)| line == "took 3 rows with 5 bytes"));
    }
}
