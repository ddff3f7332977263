//! A live worker's answers have the shapes that generated clients of Kafka Connect's API can read:
//! `golden/shapes.json`.

#![expect(clippy::panic, reason = "this is a test")]

use serde_json::{Value, json};
use wharf_integration::{Worker, wait_until, write};

fn shapes() -> Value {
    serde_json::from_str(include_str!("../golden/shapes.json")).unwrap_or_else(|error| panic!("{error}"))
}

/// Fails the test where `answer` has not the shape of this name.
#[track_caller]
fn fits(shape: &str, answer: &Value) {
    let shapes = shapes();
    if let Err(how) = check(&shapes, &json!({"$ref": shape}), answer, "$") {
        panic!("not a {shape}: {how}\n{answer:#}");
    }
}

/// What JSON Schema's `type`, `enum`, `required`, `properties`, `additionalProperties` and `items` ask for; `$ref`
/// names a shape of the file.
fn check(shapes: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let shape = shapes.get(name).unwrap_or_else(|| panic!("there is no shape {name}"));
        return check(shapes, shape, value, path);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let is = |wanted: &&str| match *wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the checker does not know the type {other}"),
    };
    if !types.iter().any(is) {
        return Err(format!("{path} is {value}, not {types:?}"));
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        return Err(format!("{path} is {value}, not one of {allowed:?}"));
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(key).is_none() {
            return Err(format!("{path}.{key} is missing"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let schema = schema["properties"].get(key).or_else(|| schema.get("additionalProperties"));
        if let Some(schema) = schema {
            check(shapes, schema, inner, &format!("{path}.{key}"))?;
        }
    }
    for (at, inner) in value.as_array().into_iter().flatten().enumerate() {
        check(shapes, &schema["items"], inner, &format!("{path}[{at}]"))?;
    }
    Ok(())
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let shapes = shapes();
    let wrong = [
        ("error", json!({"error_code": "404", "message": "x"})),
        ("error", json!({"error_code": 404})),
        ("connectors", json!(["a", 1])),
        ("config", json!({"tasks.max": 1})),
        ("status", json!({"name": "n", "connector": {"state": "LOST", "worker_id": "w"}, "tasks": [], "type": "sink"})),
    ];
    for (shape, answer) in wrong {
        assert!(check(&shapes, &json!({"$ref": shape}), &answer, "$").is_err(), "{shape}: {answer}");
    }
}

#[test]
fn a_live_worker_s_answers_have_the_shapes_that_generated_clients_read() {
    let worker = Worker::start();
    let (rest, input) = (worker.rest(), worker.path("in.txt"));
    write(&input, "one\ntwo\n");
    let source = json!({"connector.class": "FileStreamSource", "tasks.max": "1", "file": input, "topic": "t"});
    fits("connector", &rest.post("/connectors", &json!({"name": "c", "config": source})).expect(201).json);
    wait_until("the task is there", || rest.get("/connectors/c/tasks").json[0].is_object());
    wait_until("its topic is known", || rest.get("/connectors/c/topics").json["c"]["topics"] == json!(["t"]));
    for (shape, path) in [
        ("connectors", "/connectors"),
        ("connector", "/connectors/c"),
        ("config", "/connectors/c/config"),
        ("status", "/connectors/c/status"),
        ("tasks", "/connectors/c/tasks"),
        ("task-status", "/connectors/c/tasks/0/status"),
        ("topics", "/connectors/c/topics"),
        ("plugins", "/connector-plugins"),
        ("definitions", "/connector-plugins/FileStreamSink/config"),
    ] {
        fits(shape, &rest.get(path).expect(200).json);
    }
    let mut wrong = source;
    wrong["tasks.max"] = json!("x");
    for config in [&wrong, &json!({"connector.class": "FileStreamSource"})] {
        let validated = rest.put("/connector-plugins/FileStreamSource/config/validate", config).expect(200);
        fits("validation", &validated.json);
        assert_ne!(validated.json["error_count"], 0);
    }
    fits(
        "connector",
        &rest
            .put(
                "/connectors/c/config",
                &json!({"connector.class": "FileStreamSource", "file": input,
        "topic": "t", "batch.size": 7}),
            )
            .expect(200)
            .json,
    );
    fits("status", &rest.post_empty("/connectors/c/restart?includeTasks=true").expect(202).json);
    for path in ["/connectors/nope", "/connectors/nope/status", "/connector-plugins/nope/config", "/nope"] {
        fits("error", &rest.get(path).expect(404).json);
    }
}
