//! `wharf cluster` and `wharf metrics`.

use serde_json::Value;

use super::client::Client;
use super::output::Output;

pub(crate) fn cluster(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get("/getClusterInfo")?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    // One row for each worker, whatever is told of it.
    let workers = match &answer {
        Value::Array(workers) => Some(workers),
        other => other.as_object().and_then(|object| object.values().find_map(Value::as_array)),
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut header: Vec<&str> = Vec::new();
    let workers: Vec<&Value> = workers.into_iter().flatten().collect();
    for worker in &workers {
        for key in worker.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !header.contains(&key.as_str()) {
                header.push(key);
            }
        }
    }
    if header.is_empty() {
        for worker in &workers {
            output.line(&text(worker))?;
        }
        return if workers.is_empty() { Ok(output.line(&answer.to_string())?) } else { Ok(()) };
    }
    let cell = |worker: &Value, key: &str| worker.get(key).map_or("-".to_owned(), text);
    let rows = workers.iter().map(|worker| header.iter().map(|key| cell(worker, key)).collect());
    Ok(output.table(&header, rows.collect())?)
}

pub(crate) fn metrics(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    Ok(output.bytes(&client.text("/metrics", "text/plain")?)?)
}
