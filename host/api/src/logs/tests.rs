//! The route over a book that knows one line.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::to_bytes;
use axum::http::Method;
use serde_json::{Map, Value};
use wharf_core::logs::LogBook;

use super::*;

#[test]
fn a_request_asks_for_what_it_says_and_for_the_defaults() {
    let query = |text: &str| asked(&Query::parse(text));
    assert_eq!(query("").unwrap(), LogQuery { limit: 100, ..LogQuery::default() });
    let all = LogQuery { level: LogLevel::Warn, task: Some(2), after: Some(7), limit: 3 };
    assert_eq!(query("level=warn&task=2&after=7&limit=3").unwrap(), all);
    for wrong in ["level=loud", "task=-1", "after=x", "limit=1.5"] {
        assert!(query(wrong).is_err(), "{wrong}");
    }
}

#[derive(Debug)]
struct Lines(Vec<LogNews>);

#[async_trait]
impl LogFeed for Lines {
    async fn next(&mut self) -> LogNews {
        if self.0.is_empty() { std::future::pending().await } else { self.0.remove(0) }
    }
}

fn line(number: u64) -> LogLine {
    LogLine {
        number,
        time: "2026-01-01T00:00:00.000Z".to_owned(),
        level: LogLevel::Warn,
        task: None,
        logger: "wharf_runtime".to_owned(),
        message: "two\nlines".to_owned(),
        fields: Map::from_iter([("rows".to_owned(), Value::from(3))]),
    }
}

#[tokio::test]
async fn a_stream_tells_lines_and_losses_and_ends_with_the_connector() {
    let feed = Lines(vec![LogNews::Lost(5), LogNews::Line(line(6))]);
    let places = watch::places();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let ended = Box::pin(async { drop(ended.await) });
    let follower = Follower { feed: Box::new(feed), ended, _place: watch::place(&places).unwrap() };
    let response = watch::events(follower.events());
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    drop(end);
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let (lost, line) = text.trim_end().split_once("\n\n").unwrap();
    assert_eq!(lost, "event: lost\ndata: {\"lines\":5}");
    let line = line.strip_prefix("event: line\nid: 6\ndata: ").unwrap();
    assert!(!line.contains('\n'));
    assert_eq!(serde_json::from_str::<LogLine>(line).unwrap(), self::line(6));
    assert_eq!(places.available_permits(), watch::MOST);
}

#[derive(Debug)]
struct NoLines;

impl LogBook for NoLines {
    fn recent(&self, _: &str, _: &LogQuery) -> Vec<LogLine> {
        Vec::new()
    }
    fn follow(&self, _: &str, _: LogQuery) -> Box<dyn LogFeed> {
        Box::new(Lines(Vec::new()))
    }
}

#[tokio::test]
async fn a_connector_that_is_not_there_has_no_log() {
    let options = crate::ApiOptions { logs: Some(Arc::new(NoLines)), ..crate::ApiOptions::default() };
    let api = crate::tests::Api::with(options).await;
    for path in ["/connectors/x/logs", "/connectors/x/logs?follow=true", "/connectors/x/inspect"] {
        api.get(path).await.is_error(404, "Connector x not found");
    }
    let answer = api.send(Method::GET, "/connectors/x/logs", &[("accept", "text/html")], "").await;
    answer.is_error(406, "HTTP 406 Not Acceptable");
    assert_eq!(api.get("/connectors/x/logs?level=loud").await.status, 400);
}
