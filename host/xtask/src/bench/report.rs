//! What was found: a table for people, JSON for machines, Markdown for the documentation.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{Table, presets};
use serde_json::{Value, json};

use super::figure::Figure;
use super::machine::Machine;

/// Between these lines of a page stands the last table.
const MARKERS: [&str; 2] = ["<!-- bench: begin -->", "<!-- bench: end -->"];

const HEADINGS: [&str; 5] = ["what", "measured", "min – max", "target", ""];

/// Everything that one run of the bench found.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) machine: Machine,
    pub(super) quick: bool,
    pub(super) figures: Vec<Figure>,
}

impl Report {
    /// Takes a figure in and shows it.
    pub(super) fn add(&mut self, figure: Option<Figure>) {
        let Some(figure) = figure else { return };
        println!("  {}: {}  {} {}", figure.name, figure.measured(), figure.wanted(), figure.verdict());
        self.figures.push(figure);
    }

    /// The median of a figure found earlier in this run.
    pub(super) fn value(&self, section: &str, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.section == section && figure.name == name).map(|figure| figure.value)
    }

    /// How many targets are met, of how many.
    pub(super) fn score(&self) -> (usize, usize) {
        let verdicts: Vec<bool> = self.figures.iter().filter_map(Figure::is_met).collect();
        (verdicts.iter().filter(|&&met| met).count(), verdicts.len())
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY).set_header(HEADINGS);
        let mut section = "";
        for figure in &self.figures {
            if figure.section != section {
                section = figure.section;
                table.add_row([format!("— {section}"), String::new(), String::new(), String::new(), String::new()]);
            }
            table.add_row(cells(figure));
        }
        table.to_string()
    }

    pub(super) fn json(&self) -> Value {
        let (met, targets) = self.score();
        json!({
            "machine": self.machine.json(), "quick": self.quick, "targets": targets, "met": met,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
        })
    }

    fn markdown(&self) -> String {
        let kind = if self.quick { " (`--quick`)" } else { "" };
        let (met, targets) = self.score();
        let mut text = format!("Measured{kind} {}. {met} of {targets} targets are met.\n", self.machine.sentence());
        let row = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let mut section = "";
        for figure in &self.figures {
            if figure.section != section {
                section = figure.section;
                text.push_str(&format!("\n**{section}**\n\n"));
                text.push_str(&row(&HEADINGS.map(str::to_owned)));
                text.push_str("|---|---:|---:|---:|---|\n");
            }
            text.push_str(&row(&cells(figure)));
        }
        text
    }

    /// Puts the table between the markers of the page at `path`.
    pub(super) fn write_markdown(&self, path: &Path) -> Result<()> {
        let page = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let page = between_markers(&page, &self.markdown())
            .with_context(|| format!("{} has no lines `{}` and `{}`", path.display(), MARKERS[0], MARKERS[1]))?;
        fs::write(path, page).with_context(|| format!("write {}", path.display()))
    }
}

fn cells(figure: &Figure) -> [String; 5] {
    [figure.name.clone(), figure.measured(), figure.spread(), figure.wanted(), figure.verdict().to_owned()]
}

fn between_markers(page: &str, text: &str) -> Option<String> {
    let [begin, end] = MARKERS;
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::{Target, Unit};

    fn report() -> Report {
        let machine = Machine {
            date: "2026-01-01 00:00".into(),
            commit: "abc".into(),
            cpu: "CPU".into(),
            cores: 2,
            memory_mb: 1000,
            kernel: "6".into(),
            file_system: "ext4".into(),
        };
        let mut report = Report { machine, quick: false, figures: Vec::new() };
        let rate = Figure::of("moving", "rate", Unit::RecordsPerSecond, &[5.0, 7.0]);
        report.add(rate.map(|figure| figure.should_be(Target::AtLeast(6.0))));
        report
            .add(Figure::of("times", "start", Unit::Milliseconds, &[50.0]).map(|it| it.should_be(Target::AtMost(9.0))));
        report.add(Figure::of("times", "threads", Unit::Count, &[4.0]));
        report.add(Figure::of("times", "nothing", Unit::Count, &[]));
        report
    }

    #[test]
    fn the_table_says_which_targets_are_met() {
        let report = report();
        assert_eq!((report.score(), report.figures.len()), ((1, 2), 3));
        let table = report.table();
        assert!(table.contains("≥ 6 records/s") && table.contains("NOT MET"), "{table}");
        assert_eq!(report.json()["figures"][1]["met"], false);
        assert_eq!(report.value("moving", "rate"), Some(6.0));
    }

    #[test]
    fn markdown_replaces_what_stands_between_the_markers_and_nothing_else() {
        let page = format!("# A\n{}\nold\n{}\nB\n", MARKERS[0], MARKERS[1]);
        let written = between_markers(&page, &report().markdown()).unwrap();
        assert!(written.starts_with("# A\n<!-- bench: begin -->\nMeasured 2026"), "{written}");
        assert!(written.ends_with("| threads | 4 |  |  |  |\n<!-- bench: end -->\nB\n") && !written.contains("old"));
        assert_eq!(between_markers("no markers", "x"), None);
    }
}
