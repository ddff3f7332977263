//! What plugins count of themselves. Names and labels are theirs, so anything may stand there.

use wharf_core::figures::{Kind, Value};
use wharf_core::histogram::Buckets;
use wharf_core::meter::{PluginSeries, SeriesValue};

use super::text::{Families, Labels, label, name};

/// Labels that say whose a series is; a plugin cannot set them.
const OURS: [&str; 3] = ["connector", "task", "plugin"];

/// Adds what live instances report. Where two of them mean different things by one name, the first wins.
pub(super) fn add(mut all: Vec<PluginSeries>, families: &mut Families) {
    // So that the same one wins in every scrape.
    all.sort_by(|a, b| (&a.connector, a.task, &a.name, &a.labels).cmp(&(&b.connector, b.task, &b.name, &b.labels)));
    for series in all {
        let help = format!("Reported by plugins as {}.", series.name);
        let mut called = format!("wharf_plugin_{}", name(&series.name));
        let (kind, value) = match series.value {
            SeriesValue::Counter(total) => {
                if !called.ends_with("_total") {
                    called.push_str("_total");
                }
                (Kind::Counter, Value::Whole(total))
            }
            SeriesValue::Gauge(level) => (Kind::Gauge, Value::Real(level)),
            SeriesValue::Histogram { buckets, count, sum } => {
                (Kind::Histogram, Value::Histogram(Buckets { buckets, count, sum }))
            }
        };
        let mut labels: Labels = vec![
            ("connector".to_owned(), series.connector),
            ("task".to_owned(), series.task.to_string()),
            ("plugin".to_owned(), series.plugin),
        ];
        for (key, value) in series.labels {
            let key = label(&key, &OURS);
            // Two names may become the same.
            if !labels.iter().any(|(known, _)| *known == key) {
                labels.push((key, value));
            }
        }
        families.add(&called, kind, &help, labels, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, labels: &[(&str, &str)], value: SeriesValue) -> PluginSeries {
        PluginSeries {
            connector: "c".to_owned(),
            task: 2,
            plugin: "p@1".to_owned(),
            name: name.to_owned(),
            labels: labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
            value,
        }
    }

    fn page(all: Vec<PluginSeries>) -> String {
        let mut families = Families::default();
        add(all, &mut families);
        families.render()
    }

    #[test]
    fn a_plugin_cannot_pass_for_another_or_break_the_page() {
        let labels = [("connector", "evil"), ("a-b", "1"), ("a_b", "2"), ("x\"} 1\n", "y\"} 2\nforged 3")];
        let page = page(vec![series("rows\n# TYPE x", &labels, SeriesValue::Counter(5))]);
        let expected = concat!(
            r#"wharf_plugin_rows___TYPE_x_total{connector="c",task="2",plugin="p@1",exported_connector="evil","#,
            r#"a_b="1",x___1_="y\"} 2\nforged 3"} 5"#
        );
        assert_eq!(page.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>(), [expected]);
        assert_eq!(page.lines().count(), 3);
    }

    #[test]
    fn the_first_meaning_of_a_name_wins() {
        let gauge = series("lag", &[], SeriesValue::Gauge(1.0));
        let histogram = SeriesValue::Histogram { buckets: vec![(1.0, 1)], count: 1, sum: 0.5 };
        let page = page(vec![series("lag", &[("x", "1")], histogram), gauge]);
        assert_eq!(
            page.lines().filter(|line| line.contains("TYPE")).collect::<Vec<_>>(),
            ["# TYPE wharf_plugin_lag gauge"]
        );
    }
}
