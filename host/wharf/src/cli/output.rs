//! Printing: tables for people, JSON for machines, colours only on a terminal.

use std::io::{self, BufWriter, IsTerminal as _, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use serde_json::Value;

use super::args::Global;

/// Where commands print to. What is written shows after [`Output::flush`] or when much has gathered.
pub(crate) struct Output {
    out: BufWriter<io::Stdout>,
    pub(crate) json: bool,
    color: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let color = global.color() != anstream::ColorChoice::Never && io::stdout().is_terminal();
        Self { out: BufWriter::with_capacity(64 * 1024, io::stdout()), json: global.json, color }
    }

    /// A table with a header and two spaces between columns.
    pub(crate) fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
        let text = render(header, rows);
        for (index, line) in text.lines().enumerate() {
            match (self.color, index) {
                (true, 0) => {
                    let bold = Style::new().bold();
                    writeln!(self.out, "{bold}{line}{bold:#}")?;
                }
                (true, _) => writeln!(self.out, "{}", colored(line))?,
                (false, _) => writeln!(self.out, "{line}")?,
            }
        }
        Ok(())
    }

    /// Whether what goes to stderr may be coloured.
    pub(crate) fn choice(&self) -> anstream::ColorChoice {
        if self.color { anstream::ColorChoice::Auto } else { anstream::ColorChoice::Never }
    }

    /// One line of text.
    pub(crate) fn line(&mut self, line: &str) -> io::Result<()> {
        if self.color { writeln!(self.out, "{}", colored(line)) } else { writeln!(self.out, "{line}") }
    }

    /// A value as JSON on one line.
    pub(crate) fn json(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n")
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Shows all that was written.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn render(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied()).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// The words for states in their colours.
fn colored(line: &str) -> String {
    let states = [
        ("RUNNING", AnsiColor::Green),
        ("PAUSED", AnsiColor::Yellow),
        ("RESTARTING", AnsiColor::Yellow),
        ("UNASSIGNED", AnsiColor::Yellow),
        ("FAILED", AnsiColor::Red),
        ("STOPPED", AnsiColor::BrightBlack),
    ];
    states.into_iter().fold(line.to_owned(), |line, (state, color)| {
        let style = color.on_default();
        line.replace(state, &format!("{style}{state}{style:#}"))
    })
}

/// `1.5 MiB`
pub(crate) fn bytes(count: u64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut scaled, mut unit) = (count as f64 / 1024.0, "KiB");
    for larger in ["MiB", "GiB", "TiB", "PiB"] {
        if scaled < 1024.0 {
            break;
        }
        (scaled, unit) = (scaled / 1024.0, larger);
    }
    format!("{scaled:.1} {unit}")
}

/// `1,234,567`
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_without_borders() {
        let rows = vec![vec!["a".to_owned(), "RUNNING".to_owned()], vec!["longer".to_owned(), "FAILED".to_owned()]];
        let lines: Vec<String> =
            render(&["NAME", "STATE"], rows).lines().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(lines, ["NAME    STATE", "a       RUNNING", "longer  FAILED"]);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!((bytes(1023), bytes(1536), bytes(5 << 30)), ("1023 B".into(), "1.5 KiB".into(), "5.0 GiB".into()));
        assert_eq!((count(999), count(1_234_567)), ("999".into(), "1,234,567".into()));
    }
}
