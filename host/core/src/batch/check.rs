//! Whether the lists of a batch fit together.

use super::{Batch, Column, Delivery};

/// What is wrong with a batch; the first thing found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// More rows than any batch may have. They need not have a byte each, so that nothing else bounds them.
    #[error("a batch may have {most} rows and this one has {rows}: hand over fewer at a time")]
    Rows {
        /// How many there are.
        rows: u32,
        /// How many there may be.
        most: u32,
    },
    /// A list has neither no entry nor one for each row.
    #[error("`{list}` has {len} entries for {rows} rows: give one for each row, or none")]
    Length {
        /// The list.
        list: &'static str,
        /// Its length.
        len: usize,
        /// How many there should be.
        rows: usize,
    },
    /// The ends of a column go backwards or past its data.
    #[error("`{column}.ends` must grow and finish at the length of `{column}.data`: see entry {row}")]
    Ends {
        /// The column.
        column: &'static str,
        /// The first entry that is wrong.
        row: usize,
    },
    /// A row number is not ascending or there is no such row.
    #[error("`{list}` must name rows below {rows}, ascending: see entry {entry}")]
    Row {
        /// The list.
        list: &'static str,
        /// The first entry that is wrong.
        entry: usize,
        /// How many rows there are.
        rows: usize,
    },
    /// An index points past the list it points into.
    #[error("`{list}` points past the end of `{into}` at entry {entry}")]
    Index {
        /// The list with the index.
        list: &'static str,
        /// The list pointed into.
        into: &'static str,
        /// The first entry that is wrong.
        entry: usize,
    },
    /// A checkpoint's partition or offset is not a JSON object.
    #[error("checkpoint {entry}: `{part}` must be a JSON object, like {{\"position\":42}}")]
    Offset {
        /// Which checkpoint.
        entry: usize,
        /// `partition` or `offset`.
        part: &'static str,
    },
}

impl Column {
    fn check(&self, name: &'static str, rows: usize) -> Result<(), BatchError> {
        if self.ends.is_empty() {
            let stray = if self.data.is_empty() { self.absent.len() } else { self.data.len() };
            return if stray == 0 { Ok(()) } else { Err(BatchError::Length { list: name, len: 0, rows }) };
        }
        per_row(name, self.ends.len(), rows)?;
        let mut begin = 0;
        for (row, &end) in self.ends.iter().enumerate() {
            if end < begin {
                return Err(BatchError::Ends { column: name, row });
            }
            begin = end;
        }
        if begin as usize != self.data.len() {
            return Err(BatchError::Ends { column: name, row: rows - 1 });
        }
        ascending(name, self.absent.iter().copied(), rows)
    }
}

impl Batch {
    /// Checks that every list fits the number of rows and every index points at something.
    ///
    /// # Errors
    /// The first list that does not fit.
    pub fn check(&self) -> Result<(), BatchError> {
        if self.rows > Self::MAX_ROWS {
            return Err(BatchError::Rows { rows: self.rows, most: Self::MAX_ROWS });
        }
        let rows = self.rows as usize;
        self.keys.check("keys", rows)?;
        self.values.check("values", rows)?;
        self.check_headers(rows)?;
        per_row("timestamps", self.timestamps.len(), rows)?;
        per_row("partitions", self.partitions.len(), rows)?;
        per_row("operations", self.operations.len(), rows)?;
        indexes("topic-of", &self.topic_of, "topics", self.topics.len(), rows, None)?;
        let none = Some(Self::NO_SCHEMA);
        indexes("key-schema-of", &self.key_schema_of, "schemas", self.schemas.len(), rows, none)?;
        indexes("value-schema-of", &self.value_schema_of, "schemas", self.schemas.len(), rows, none)?;
        self.check_checkpoints(rows)
    }

    fn check_headers(&self, rows: usize) -> Result<(), BatchError> {
        let headers = &self.headers;
        per_row("headers.row-ends", headers.row_ends.len(), rows)?;
        let count = headers.row_ends.last().map_or(0, |&end| end as usize);
        if let Some(row) = headers.row_ends.windows(2).position(|pair| matches!(pair, [a, b] if a > b)) {
            return Err(BatchError::Ends { column: "headers.row", row: row + 1 });
        }
        if headers.name_of.len() != count {
            return Err(BatchError::Length { list: "headers.name-of", len: headers.name_of.len(), rows: count });
        }
        headers.cells.check("headers.cells", count)?;
        indexes("headers.name-of", &headers.name_of, "headers.names", headers.names.len(), count, None)
    }

    fn check_checkpoints(&self, rows: usize) -> Result<(), BatchError> {
        let mut last = 0;
        for (entry, checkpoint) in self.checkpoints.iter().enumerate() {
            // Several source partitions may reach a checkpoint at the same row.
            if checkpoint.row as usize >= rows || checkpoint.row < last {
                return Err(BatchError::Row { list: "checkpoints", entry, rows });
            }
            last = checkpoint.row;
            for (part, text) in [("partition", &checkpoint.at.partition), ("offset", &checkpoint.at.offset)] {
                let object: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(text);
                if object.is_err() {
                    return Err(BatchError::Offset { entry, part });
                }
            }
        }
        Ok(())
    }
}

impl Delivery {
    /// Checks the batch, and that origins and positions fit it.
    ///
    /// # Errors
    /// The first list that does not fit.
    pub fn check(&self) -> Result<(), BatchError> {
        self.batch.check()?;
        let rows = self.batch.rows as usize;
        per_row("positions", self.positions.len(), rows)?;
        ascending("origins", self.origins.iter().map(|origin| origin.first_row), rows)?;
        match self.origins.first() {
            Some(first) if first.first_row != 0 => Err(BatchError::Row { list: "origins", entry: 0, rows }),
            _ => Ok(()),
        }
    }
}

fn per_row(list: &'static str, len: usize, rows: usize) -> Result<(), BatchError> {
    if len == 0 || len == rows { Ok(()) } else { Err(BatchError::Length { list, len, rows }) }
}

fn ascending(list: &'static str, entries: impl Iterator<Item = u32>, rows: usize) -> Result<(), BatchError> {
    let mut least = 0;
    for (entry, row) in entries.enumerate() {
        if row < least || row as usize >= rows {
            return Err(BatchError::Row { list, entry, rows });
        }
        least = row.saturating_add(1);
    }
    Ok(())
}

fn indexes(
    list: &'static str,
    of: &[u16],
    into: &'static str,
    len: usize,
    rows: usize,
    none: Option<u16>,
) -> Result<(), BatchError> {
    per_row(list, of.len(), rows)?;
    match of.iter().position(|&index| usize::from(index) >= len && Some(index) != none) {
        Some(entry) => Err(BatchError::Index { list, into, entry }),
        None => Ok(()),
    }
}
