#![doc = include_str!("../README.md")]

mod answer;
mod config;
mod date;
mod group;

use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use wharf_sdk::batch::Format;
use wharf_sdk::http::{self, Request};
use wharf_sdk::{
    Context, Delivery, Descriptor, Failure, Problem, Rejection, Row, Sink, Template, Unsaid, metrics, net,
};

use answer::{Answer, answer};
pub use config::Config;
use config::{BatchFormat, Tombstones};
use group::{Address, Group};

/// A `put` returns after this, with what it has sent: the host gives it 30 seconds, and the last request its own time.
const BUDGET: Duration = Duration::from_secs(8);

/// How much of an answer is read: enough for a message.
const ANSWER: usize = 4 * 1024;

/// A running task.
#[derive(Debug)]
pub struct HttpSink {
    config: Config,
    url: Template,
    headers: Vec<(String, Template)>,
    authorization: Option<Authorization>,
    group: Group,
    unsaid: Unsaid,
}

/// The value of a header that shows itself to nobody.
struct Authorization(String);

impl std::fmt::Debug for Authorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

/// Why sending stopped, and at which row.
struct Stopped {
    row: u32,
    failure: Failure,
}

impl Sink for HttpSink {
    type Config = Config;

    fn describe() -> Descriptor {
        config::describe()
    }

    fn validate(config: &Config) -> Vec<Problem> {
        config.problems()
    }

    fn start(_: &Context, config: Config) -> Result<Self, Failure> {
        Ok(Self {
            url: config.url().map_err(|message| Failure::config("http.url", message))?,
            headers: config.headers().map_err(|message| Failure::config("http.headers", message))?,
            authorization: config.authorization().map(Authorization),
            group: Group::new(config.batch_format, config.value_format),
            unsaid: Unsaid::default(),
            config,
        })
    }

    /// Every answer is awaited, so what is taken here is with the server: there is nothing to flush.
    fn put(&mut self, delivery: &Delivery) -> Result<Vec<Rejection>, Failure> {
        let (done, mut rejections) = self.unsaid.recall(delivery);
        self.group.clear();
        match self.send_all(delivery, done, &mut rejections) {
            Ok(()) => {
                rejections.sort_by_key(|rejection| rejection.row);
                Ok(rejections)
            }
            Err(stopped) => Err(self.unsaid.failed(delivery, stopped.row, rejections, stopped.failure)),
        }
    }
}

impl HttpSink {
    fn send_all(&mut self, delivery: &Delivery, done: u32, rejections: &mut Vec<Rejection>) -> Result<(), Stopped> {
        let begun = Instant::now();
        let content_type = self.content_type(delivery.batch.value_format);
        for row in delivery.rows().skip(done as usize) {
            let is_delete = row.value().is_none();
            match (is_delete, self.config.tombstones) {
                (true, Tombstones::Skip) => continue,
                (true, Tombstones::Reject) => {
                    rejections.push(row.reject("no-value", "the row has no value, and `tombstones` is `reject`"));
                    continue;
                }
                _ => {}
            }
            let address = match self.address(&row) {
                Ok(address) => address,
                Err(rejection) => {
                    rejections.push(rejection);
                    continue;
                }
            };
            let bytes = row.value().map_or(0, <[u8]>::len);
            if self.group.len() > 0 && (self.is_full(bytes) || is_delete || address != self.group.address) {
                self.send_group(content_type, begun, delivery.len(), rejections)?;
            }
            self.group.address = address;
            if is_delete {
                self.group.push_empty(row.index());
                self.send_group(content_type, begun, delivery.len(), rejections)?;
            } else if let Err(rejection) = self.group.push(&row) {
                rejections.push(rejection);
            }
        }
        self.send_group(content_type, begun, delivery.len(), rejections)
    }

    fn is_full(&self, more: usize) -> bool {
        let rows = if self.config.batch_format == BatchFormat::None { 1 } else { self.config.batch_max_rows };
        self.group.len() >= rows || self.group.bytes().saturating_add(more) > self.config.batch_max_bytes
    }

    fn content_type(&self, format: Format) -> &'static str {
        match (self.config.batch_format, format) {
            (BatchFormat::JsonArray, _) | (BatchFormat::None, Format::Json) => "application/json",
            (BatchFormat::NdJson, _) => "application/x-ndjson",
            (BatchFormat::None, Format::Text) => "text/plain; charset=utf-8",
            (BatchFormat::None, Format::Bytes) => "application/octet-stream",
        }
    }

    /// Where a row goes.
    fn address(&self, row: &Row<'_>) -> Result<Address, Rejection> {
        let url = filled(&self.url, row, wharf_sdk::encode::percent)?;
        let path = url.split_once("://").map_or("", |(_, rest)| rest);
        if config::climbs(path.as_bytes()) {
            return Err(row.reject("bad-url", "the row would make a `.` or `..` in the path of the URL"));
        }
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            let value = filled(value, row, |bytes, out| out.extend_from_slice(bytes))?;
            if value.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(row.reject("bad-header", format!("the row would break the header `{name}`")));
            }
            headers.push((name.clone(), value));
        }
        let method = if row.value().is_none() { "DELETE" } else { &self.config.method };
        Ok(Address { method: method.to_owned(), url, headers })
    }

    /// Sends the rows that were collected, if there are any.
    fn send_group(
        &mut self,
        content_type: &str,
        begun: Instant,
        total: usize,
        rejections: &mut Vec<Rejection>,
    ) -> Result<(), Stopped> {
        let Some(first) = self.group.row(0) else { return Ok(()) };
        if begun.elapsed() > BUDGET {
            let reason = format!("the server is slow: {first} of {total} rows are sent, the rest follows");
            return Err(Stopped { row: first, failure: Failure::retry(reason).after(Duration::ZERO) });
        }
        let sent = self.send(content_type, 0..self.group.len(), rejections);
        self.group.clear();
        sent
    }

    /// Sends some of the rows that were collected; where the server refuses them, each half of them if that may help.
    fn send(
        &mut self,
        content_type: &str,
        places: Range<usize>,
        rejections: &mut Vec<Rejection>,
    ) -> Result<(), Stopped> {
        let row = self.group.row(places.start).unwrap_or(0);
        match self.exchange(content_type, places.clone()) {
            Answer::Taken => Ok(()),
            Answer::Later(failure) => Err(Stopped { row, failure }),
            Answer::Refused { one_of_them: true, .. } if self.config.split && places.len() > 1 => {
                let middle = places.start + places.len() / 2;
                self.send(content_type, places.start..middle, rejections)?;
                self.send(content_type, middle..places.end, rejections)
            }
            Answer::Refused { code, reason, .. } => {
                let rows = places.filter_map(|place| self.group.row(place));
                rejections.extend(rows.map(|row| Rejection { row, code: code.clone(), reason: reason.clone() }));
                Ok(())
            }
        }
    }

    fn exchange(&mut self, content_type: &str, places: Range<usize>) -> Answer {
        let address = std::mem::take(&mut self.group.address);
        let content_type = self.config.content_type.as_deref().unwrap_or(content_type);
        let mut request = Request::new(address.method.as_str(), address.url.as_str())
            .timeout(Duration::from_millis(self.config.timeout_ms.into()))
            .max_body(ANSWER);
        if let Some(Authorization(value)) = &self.authorization {
            request = request.header("authorization", value.as_str());
        }
        for (name, value) in &address.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        if address.method != "DELETE" {
            request = request.header("content-type", content_type).body(self.group.body(places));
        }
        let answer = match http::send(&request) {
            Ok(response) => {
                let class = ["1xx", "2xx", "3xx", "4xx", "5xx"].get(usize::from(response.status / 100).wrapping_sub(1));
                metrics::count("http_requests_total", &[("status", class.copied().unwrap_or("other"))], 1);
                answer(&response, SystemTime::now())
            }
            Err(error) => {
                metrics::count("http_requests_total", &[("status", "none")], 1);
                // Without what follows the host: a query may hold a secret.
                let place = address.url.split(['?', '#']).next().unwrap_or_default();
                Answer::Later(net::failure("http.url", &format!("{} {place}", address.method), &error))
            }
        };
        self.group.address = address;
        answer
    }
}

fn filled(template: &Template, row: &Row<'_>, escape: fn(&[u8], &mut Vec<u8>)) -> Result<String, Rejection> {
    let mut out = Vec::new();
    template.fill(row, &mut out, escape).map_err(|missing| {
        let code = format!("no-{}", missing.to_string().split('.').next().unwrap_or_default());
        row.reject(code, format!("the row has no {missing} to fill the URL or a header with"))
    })?;
    String::from_utf8(out)
        .map_err(|_| row.reject("bad-header", "the row would put bytes that are no UTF-8 into a header"))
}

wharf_sdk::export_sink!(HttpSink);

#[cfg(test)]
mod tests;
