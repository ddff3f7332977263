//! Reading records of a topic: `GET /topics/{topic}/partitions/{p}/records?from=&limit=`.
//!
//! JSON by default, one value a line where the caller prefers text. Either way the header `wharf-next-position` says
//! where the next request goes on. The answer is bounded by [`MAX_ROWS`] and [`MAX_BYTES`], whatever is asked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::{Semaphore, SemaphorePermit};
use wharf_core::{Delivery, TopicPosition};
use wharf_drivers::{Consumer, ConsumerOptions, Driver, Polled, Start, TopicInfo};

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::{accepts, with_options};
use crate::openapi::params;
use crate::path;
use crate::query::Query;
use crate::record::Record;
use crate::topics::{Topic, admin, unknown};

/// So many rows where the request does not say.
const DEFAULT_ROWS: u32 = 100;
/// Never more rows than this.
const MAX_ROWS: u32 = 10_000;
/// Reading stops behind the row that passes this.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// How long the queue may take to bring the next rows that it says it has.
const WAIT: Duration = Duration::from_millis(500);

const NEXT_POSITION: HeaderName = HeaderName::from_static("wharf-next-position");

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/topics/{topic}/partitions/{partition}/records", with_options(get(read), "HEAD,GET,OPTIONS"))
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    topic: String,
    partition: u32,
    from: i64,
    /// Exclusive.
    until: i64,
}

/// Rows that were found, and where to read on.
#[derive(Debug, Default)]
struct Page {
    /// With the row numbers that are wanted of each.
    deliveries: Vec<(Delivery, Vec<u32>)>,
    next: i64,
    bytes: usize,
}

/// Reads records of a partition.
///
/// As JSON, or one value a line where the caller prefers `text/plain`. At most 10,000 records, and no more once the values
/// of one answer have 8 MiB.
#[utoipa::path(
    get,
    path = "/topics/{topic}/partitions/{partition}/records",
    operation_id = "readRecords",
    params(params::Partition, params::Records),
    responses(
        (status = 200, description = "The records", content(
            (Vec<Record> = "application/json"),
            (String = "text/plain"),
        ), headers(("wharf-next-position" = i64, description = "Where the next request goes on"))),
        (status = 400, description = "A number is none"),
        (status = 404, description = "There is no such topic or partition"),
        (status = 406, description = "The caller takes neither JSON nor text"),
        (status = 501, description = "This queue does not let topics be looked at"),
    )
)]
pub(crate) async fn read(
    State(app): State<App>,
    Topic(topic): Topic,
    Partition(partition): Partition,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let as_json = accepts(&headers, "application", "json");
    if !as_json && !accepts(&headers, "text", "plain") {
        return Err(ApiError::plain(StatusCode::NOT_ACCEPTABLE));
    }
    let from = number::<i64>(&query, "from")?;
    let limit = number::<u32>(&query, "limit")?.unwrap_or(DEFAULT_ROWS).min(MAX_ROWS);
    let driver = app.worker.driver();
    let page = app
        .ask(async {
            let info = admin(&driver)?.describe(&topic).await?.ok_or_else(|| unknown(&topic))?;
            let wanted = wanted(&info, partition, from, limit)?;
            let reader = app.readers.take().await?;
            fetch(&driver, &info, &wanted, &reader).await
        })
        .await?;
    let next = [(NEXT_POSITION, HeaderValue::from(page.next))];
    if as_json {
        return Ok((next, Json(page.records(partition))).into_response());
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
    Ok((next, kind, page.lines()).into_response())
}

/// The partition of the path.
pub(crate) struct Partition(u32);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for Partition {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let text = path::segment(parts, state, "partition").await?;
        text.parse().map(Self).map_err(|_| ApiError::bad_request(format!("`{text}` is no partition: write a number")))
    }
}

pub(crate) fn number<T: std::str::FromStr>(query: &Query, name: &str) -> Result<Option<T>, ApiError> {
    let parse = |text: &str| text.parse().map_err(|_| format!("`{name}={text}`: write a whole number"));
    query.first(name).map(parse).transpose().map_err(ApiError::bad_request)
}

/// Positions before the oldest row mean the oldest row, none means it too, and a negative one counts from the end.
fn wanted(info: &TopicInfo, partition: u32, from: Option<i64>, limit: u32) -> Result<Wanted, ApiError> {
    let Some(there) = info.partitions.iter().find(|there| there.partition == partition) else {
        let has = info.partitions.len();
        let message = format!("Topic {} has no partition {partition}: it has {has}, counted from 0", info.name);
        return Err(ApiError::not_found(message));
    };
    let from = from.map_or(there.start, |from| if from < 0 { there.end.saturating_add(from) } else { from });
    let from = from.clamp(there.start, there.end);
    let until = from.saturating_add(i64::from(limit)).min(there.end);
    Ok(Wanted { topic: info.name.clone(), partition, from, until })
}

/// The consumer groups that records are read with. They are few and used again, because a queue may remember every
/// group it has seen; and each reader holds up to [`MAX_BYTES`].
pub(crate) struct Readers {
    permits: Semaphore,
    free: Mutex<Vec<usize>>,
}

/// One of the groups, until it is dropped.
struct Reader<'a> {
    readers: &'a Readers,
    number: usize,
    _permit: SemaphorePermit<'a>,
}

impl Readers {
    /// So many requests read at a time; others wait.
    pub(crate) const MOST: usize = 8;

    pub(crate) fn new() -> Self {
        Self { permits: Semaphore::new(Self::MOST), free: Mutex::new((0..Self::MOST).rev().collect()) }
    }

    async fn take(&self) -> Result<Reader<'_>, ApiError> {
        let stopped = || ApiError::internal("the worker is shutting down");
        let permit = self.permits.acquire().await.map_err(|_| stopped())?;
        let number = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop().ok_or_else(stopped)?;
        Ok(Reader { readers: self, number, _permit: permit })
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.readers.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

async fn fetch(
    driver: &Arc<dyn Driver>,
    info: &TopicInfo,
    wanted: &Wanted,
    reader: &Reader<'_>,
) -> Result<Page, ApiError> {
    if wanted.from >= wanted.until {
        return Ok(Page { next: wanted.from, ..Page::default() });
    }
    let options = ConsumerOptions {
        group: format!("wharf-reader-{}", reader.number),
        member: "0".to_owned(),
        topics: vec![wanted.topic.clone()],
        // Not `Latest`, which a queue may have to write down; what is read is sought anyway.
        start: Start::Earliest,
    };
    let mut consumer = driver.consumer(options).await?;
    let page = collect(consumer.as_mut(), info, wanted).await;
    consumer.close().await?;
    page
}

async fn collect(consumer: &mut dyn Consumer, info: &TopicInfo, wanted: &Wanted) -> Result<Page, ApiError> {
    let mut page = Page { next: wanted.from, ..Page::default() };
    let mut is_assigned = false;
    while page.next < wanted.until && page.bytes < MAX_BYTES {
        let rows = u32::try_from(wanted.until - page.next).unwrap_or(MAX_ROWS);
        match consumer.poll(rows, MAX_BYTES as u32, WAIT).await? {
            Polled::Assigned(partitions) => {
                is_assigned = true;
                consumer.seek(&positions(partitions, info, wanted)).await?;
            }
            Polled::Rows(delivery) => page.take(delivery, wanted),
            Polled::Revoked(_, handover) => drop(handover),
            Polled::Lost(_) => {}
            Polled::Idle if is_assigned => break,
            Polled::Idle => {}
        }
    }
    Ok(page)
}

/// Where to read: the partition that is wanted from where it is wanted, all others from their end.
fn positions(assigned: Vec<TopicPosition>, info: &TopicInfo, wanted: &Wanted) -> Vec<TopicPosition> {
    let end = |partition| info.partitions.iter().find(|there| there.partition == partition).map(|there| there.end);
    assigned
        .into_iter()
        .map(|at| {
            let is_wanted = at.partition == wanted.partition;
            let position = if is_wanted { wanted.from } else { end(at.partition).unwrap_or(at.position) };
            TopicPosition { position, ..at }
        })
        .collect()
}

impl Page {
    fn take(&mut self, delivery: Delivery, wanted: &Wanted) {
        let mut rows = Vec::new();
        for (index, origin) in delivery.origins.iter().enumerate() {
            let end = delivery.origins.get(index + 1).map_or(delivery.batch.rows, |next| next.first_row);
            if origin.partition != wanted.partition || origin.topic != wanted.topic {
                continue;
            }
            for row in origin.first_row..end {
                let position = delivery.positions.get(row as usize).copied().unwrap_or(self.next);
                if (self.next..wanted.until).contains(&position) {
                    rows.push(row);
                    self.next = position + 1;
                    self.bytes += delivery.batch.values.cell(row as usize).map_or(0, <[u8]>::len);
                }
            }
        }
        if !rows.is_empty() {
            self.deliveries.push((delivery, rows));
        }
    }

    fn records(&self, partition: u32) -> Vec<Record> {
        let each = |(delivery, rows): &(Delivery, Vec<u32>)| {
            rows.iter().map(|&row| Record::new(delivery, row as usize, partition)).collect::<Vec<_>>()
        };
        self.deliveries.iter().flat_map(each).collect()
    }

    /// Values, each with a newline behind it; a record without a value is an empty line.
    fn lines(&self) -> Bytes {
        let mut text = BytesMut::with_capacity(self.bytes + self.bytes / 16 + 64);
        for (delivery, rows) in &self.deliveries {
            for &row in rows {
                text.extend_from_slice(delivery.batch.values.cell(row as usize).unwrap_or_default());
                text.put_u8(b'\n');
            }
        }
        text.freeze()
    }
}

#[cfg(test)]
mod tests {
    use wharf_core::{Batch, Column, Origin};
    use wharf_drivers::PartitionInfo;

    use super::*;

    fn topic() -> TopicInfo {
        let partition = |partition, start, end| PartitionInfo { partition, start, end, bytes: None };
        TopicInfo { name: "t".to_owned(), partitions: vec![partition(0, 10, 20), partition(1, 0, 5)] }
    }

    fn delivery() -> Delivery {
        let values: Column = [Some(&b"a"[..]), Some(b"b"), None, Some(b"\xff")].into_iter().collect();
        let origin = |first_row, partition| Origin { first_row, topic: "t".to_owned(), partition };
        Delivery {
            batch: Batch { rows: 4, values, ..Batch::default() },
            origins: vec![origin(0, 1), origin(1, 0)],
            positions: vec![4, 10, 11, 12],
        }
    }

    #[test]
    fn what_is_wanted_is_clamped_to_what_there_is() {
        let range = |from, limit| wanted(&topic(), 0, from, limit).map(|wanted| (wanted.from, wanted.until)).unwrap();
        assert_eq!(range(None, 3), (10, 13));
        assert_eq!(range(Some(0), 100), (10, 20));
        assert_eq!(range(Some(99), 1), (20, 20));
        assert_eq!(range(Some(-2), 100), (18, 20));
        assert!(wanted(&topic(), 2, None, 1).is_err());
    }

    #[test]
    fn only_rows_of_the_wanted_partition_and_positions_are_taken() {
        let mut page = Page { next: 10, ..Page::default() };
        page.take(delivery(), &wanted(&topic(), 0, None, 2).unwrap());
        assert_eq!(page.lines(), "b\n\n");
        assert_eq!(page.next, 12);
        let positions: Vec<i64> = page.records(0).iter().filter_map(|record| record.position).collect();
        assert_eq!(positions, [10, 11]);
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_in_base64() {
        let mut page = Page { next: 12, ..Page::default() };
        page.take(delivery(), &wanted(&topic(), 0, Some(12), 1).unwrap());
        let shown = serde_json::to_string(&page.records(0)).unwrap();
        assert_eq!(shown, r#"[{"partition":0,"position":12,"key":null,"value":{"base64":"/w=="}}]"#);
    }

    #[test]
    fn partitions_that_are_not_wanted_are_read_from_their_end() {
        let at = |partition, position| TopicPosition { topic: "t".to_owned(), partition, position };
        let sought = positions(vec![at(0, 20), at(1, 0)], &topic(), &wanted(&topic(), 0, Some(12), 1).unwrap());
        assert_eq!(sought, [at(0, 12), at(1, 5)]);
    }
}
