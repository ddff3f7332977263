//! Values made of a fuzzer's bytes. Where the bytes end, everything is zero or empty.

use bytes::Bytes;
use wharf_core::{Batch, Checkpoint, Column, Format, Headers, Operation, Schema, SourceOffset};

/// The rest of the bytes.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub(crate) fn number(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    pub(crate) fn long(&mut self) -> i64 {
        (i64::from(self.number()) << 32) | i64::from(self.number())
    }

    /// Mostly false.
    fn rarely(&mut self) -> bool {
        self.byte() >= 0xf0
    }

    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Text of so many bytes at most; what is no UTF-8 is replaced.
    pub(crate) fn text(&mut self, most: usize) -> String {
        let len = usize::from(self.byte()).min(most);
        String::from_utf8_lossy(self.take(len)).into_owned()
    }

    fn list<T>(&mut self, len: usize, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..len).map(|_| item(self)).collect()
    }

    /// A length for a list with one entry for each row: right, none, or wrong.
    fn len(&mut self, rows: usize) -> usize {
        match self.byte() {
            0..=0x7f => 0,
            0x80..=0xf7 => rows.min(64),
            _ => usize::from(self.byte() % 32),
        }
    }

    fn column(&mut self, rows: usize) -> Column {
        let len = self.len(rows);
        let mut end = 0_u32;
        let ends = self.list(len, |input| {
            if input.rarely() {
                return input.number();
            }
            end += u32::from(input.byte() % 8);
            end
        });
        let bytes = if self.rarely() { usize::from(self.byte()) } else { end as usize };
        let mut data = self.take(bytes).to_vec();
        if !self.rarely() {
            data.resize(bytes, b'.');
        }
        let mut row = 0_u32;
        let absent = self.byte() % 4;
        let absent = self.list(usize::from(absent), |input| {
            row = row.wrapping_add(u32::from(input.byte() % 4));
            let at = if input.rarely() { input.number() } else { row };
            row += 1;
            at
        });
        Column { data: Bytes::from(data), ends, absent }
    }

    fn headers(&mut self, rows: usize) -> Headers {
        let len = self.len(rows);
        let mut end = 0_u32;
        let row_ends = self.list(len, |input| {
            end = if input.rarely() { input.number() % 1000 } else { end + u32::from(input.byte() % 3) };
            end
        });
        let names = self.byte() % 4;
        let names = self.list(usize::from(names), |input| input.text(6));
        let count = if self.rarely() { self.byte().into() } else { (end as usize).min(1000) };
        let known = names.len().max(1) as u16;
        let name_of = self
            .list(count, |input| if input.rarely() { input.number() as u16 } else { u16::from(input.byte()) % known });
        Headers { row_ends, names, name_of, cells: self.column(count) }
    }

    fn format(&mut self) -> Format {
        match self.byte() % 3 {
            0 => Format::Bytes,
            1 => Format::Text,
            _ => Format::Json,
        }
    }

    fn operation(&mut self) -> Operation {
        match self.byte() % 5 {
            0 => Operation::Unknown,
            1 => Operation::Create,
            2 => Operation::Update,
            3 => Operation::Delete,
            _ => Operation::Snapshot,
        }
    }

    fn index(&mut self, of: usize) -> u16 {
        match self.byte() {
            0xff => Batch::NO_SCHEMA,
            0xf0.. => self.number() as u16,
            byte => (usize::from(byte) % of.max(1)) as u16,
        }
    }

    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        let row = if self.rarely() { self.number() } else { u32::from(self.byte()) };
        let mut object = |key: &str| {
            if self.rarely() { self.text(40) } else { format!("{{\"{key}\":{}}}", self.byte()) }
        };
        let (partition, offset) = (object("part"), object("position"));
        Checkpoint { row, at: SourceOffset { partition, offset } }
    }

    /// A batch whose lists mostly fit together.
    pub(crate) fn batch(&mut self) -> Batch {
        let rows: u32 = if self.rarely() { self.number() } else { u32::from(self.byte() % 40) };
        let count = rows as usize;
        let (keys, values, headers) = (self.column(count), self.column(count), self.headers(count));
        let (topics, schemas) = (usize::from(self.byte() % 3), usize::from(self.byte() % 3));
        let of_rows =
            [self.len(count), self.len(count), self.len(count), self.len(count), self.len(count), self.len(count)];
        let [stamps, topic_of, partitions, operations, key_schemas, value_schemas] = of_rows;
        let checkpoints = usize::from(self.byte() % 4);
        Batch {
            rows,
            keys,
            values,
            key_format: self.format(),
            value_format: self.format(),
            headers,
            timestamps: self.list(stamps, Self::long),
            topics: self.list(topics, |input| input.text(8)),
            topic_of: self.list(topic_of, |input| input.index(topics)),
            partitions: self.list(partitions, |input| input.number() as i32),
            operations: self.list(operations, Self::operation),
            schemas: self.list(schemas, |input| Schema {
                id: input.text(8),
                version: input.rarely().then(|| input.number()),
                language: input.text(8),
                definition: input.text(8),
            }),
            key_schema_of: self.list(key_schemas, |input| input.index(schemas)),
            value_schema_of: self.list(value_schemas, |input| input.index(schemas)),
            checkpoints: self.list(checkpoints, Self::checkpoint),
        }
    }
}
