//! Rows that a sink may not have thought of. It may reject them; it must not die of them.

use wharf_core::{Batch, Format, Rejection};

use crate::bench::{Bench, describe};
use crate::check::{Found, Step};
use crate::rows::{self, column, deliver, values};

/// What a sink answers to `put`.
pub(crate) fn judge(found: &mut Found, what: &str, rows: u32, rejected: &[Rejection]) {
    let mut least = 0;
    for rejection in rejected {
        let Rejection { row, code, reason } = rejection;
        if *row >= rows {
            found.fail(format!("of {what} row {row} was rejected, but there are only {rows}"));
        } else if *row < least {
            found.fail(format!("of {what} row {row} was rejected twice or out of order"));
        }
        least = row.saturating_add(1);
        let is_code =
            !code.is_empty() && code.len() <= 64 && !code.contains(|c: char| c.is_whitespace() || c.is_control());
        if !is_code {
            found.fail(format!("of {what} a row was rejected with the code {code:?}: write one like `too-large`"));
        }
        if reason.trim().is_empty() {
            found.fail(format!("of {what} row {row} was rejected without a reason: say what is wrong with it"));
        }
    }
}

/// Puts a batch into a new instance, then an ordinary row, and flushes.
async fn put(bench: &Bench, found: &mut Found, what: &str, batch: Batch) -> Step {
    let (topic, rows, allowed) = (bench.topic(), batch.rows, bench.options.call_deadline);
    let mut task = bench.sink().await?;
    match bench.put(task.as_mut(), deliver(&topic, 0, batch)).await.map_err(|reason| format!("{what}: {reason}"))? {
        Ok(rejected) => {
            judge(found, what, rows, &rejected);
            if !rejected.is_empty() {
                found.note(format!("{} of {rows} rows rejected", rejected.len()));
            }
        }
        Err(failure) => {
            found.warn(format!(
                "{what}: the sink gives up ({}): reject the row, so that others go on",
                describe(&failure)
            ));
            return Ok(());
        }
    }
    let after = bench.put(task.as_mut(), rows::ordinary(&topic, i64::from(rows), 1)).await?;
    after.map_err(|failure| format!("an ordinary row after {what}: {}", describe(&failure)))?;
    bench.must("flush", allowed, task.flush()).await?;
    bench.must("on-stop", allowed, task.stop()).await
}

pub(crate) async fn no_rows(bench: &Bench, found: &mut Found) -> Step {
    put(bench, found, "a batch without rows", Batch::default()).await
}

pub(crate) async fn tombstones(bench: &Bench, found: &mut Found) -> Step {
    let keys = column(&[Some(b"a"), Some(b"b"), Some(b"c")]);
    let some = Batch { keys: keys.clone(), ..values(&[Some(b"1"), None, Some(b"3")]) };
    put(bench, found, "a row without a value", some).await?;
    let all = Batch { rows: 3, keys, ..Batch::default() };
    put(bench, found, "rows without values", all).await?;
    put(bench, found, "rows without anything", Batch { rows: 3, ..Batch::default() }).await
}

pub(crate) async fn null_keys(bench: &Bench, found: &mut Found) -> Step {
    let keys = column(&[None, Some(b""), Some(&[0xff])]);
    let batch = Batch { keys, ..values(&[Some(b"1"), Some(b"2"), Some(b"3")]) };
    put(bench, found, "rows without a key, with an empty one and a binary one", batch).await
}

pub(crate) async fn headers(bench: &Bench, found: &mut Found) -> Step {
    put(bench, found, "rows with headers", rows::headers()).await
}

pub(crate) async fn details(bench: &Bench, found: &mut Found) -> Step {
    put(bench, found, "rows with operations, odd timestamps and schemas", rows::details()).await
}

pub(crate) async fn binary(bench: &Bench, found: &mut Found) -> Step {
    let all: Vec<u8> = (0..=255).collect();
    put(bench, found, "a value of all bytes", values(&[Some(&all), Some(b"\0"), Some(b"\r\n\t\"'\\")])).await
}

pub(crate) async fn empty_values(bench: &Bench, found: &mut Found) -> Step {
    put(bench, found, "empty values", values(&[Some(b""), Some(b"x"), Some(b"")])).await
}

pub(crate) async fn large_value(bench: &Bench, found: &mut Found) -> Step {
    let large = vec![b'x'; 1 << 20];
    put(bench, found, "a value of 1 MiB", values(&[Some(b"small"), Some(&large)])).await
}

pub(crate) async fn many_rows(bench: &Bench, found: &mut Found) -> Step {
    let delivery = rows::ordinary(&bench.topic(), 0, 10_000);
    put(bench, found, "10,000 rows", delivery.batch).await
}

pub(crate) async fn not_utf8(bench: &Bench, found: &mut Found) -> Step {
    let batch = Batch {
        keys: column(&[Some(&[0xc3, 0x28]), Some(b"ok")]),
        key_format: Format::Text,
        value_format: Format::Text,
        ..values(&[Some(&[0xff, 0xfe]), Some(&[0xed, 0xa0, 0x80])])
    };
    put(bench, found, "text that is not UTF-8", batch).await
}

pub(crate) async fn broken_json(bench: &Bench, found: &mut Found) -> Step {
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let texts: [Option<&[u8]>; 6] =
        [Some(b"{\"a\":"), Some(b""), Some(b"nul"), Some(&[0xff]), Some(b"1e999999"), Some(&deep)];
    put(bench, found, "JSON that is broken", Batch { value_format: Format::Json, ..values(&texts) }).await
}
