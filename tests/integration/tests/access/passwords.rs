//! Names and passwords, and whoever tries many.

use wharf_integration::Setup;

use crate::caller::{password, with};

/// `ann:correct horse`
const RIGHT: &str = "Basic YW5uOmNvcnJlY3QgaG9yc2U=";
/// `ann:wrong horse`
const WRONG: &str = "Basic YW5uOndyb25nIGhvcnNl";

#[test]
fn a_user_comes_in_with_a_password_and_who_guesses_must_wait() {
    let worker = Setup::bare().start();
    password(&worker, "ann", "read", "correct horse\n");
    let file = std::fs::read_to_string(worker.data_dir().join("access.toml")).unwrap();
    assert!(file.contains("$argon2id$") && !file.contains("correct horse"), "{file}");
    with(&worker, RIGHT, "GET", "/connectors", None).expect(200);

    let mut answers = Vec::new();
    worker.wait_until("the guesser must wait", || {
        let answer = with(&worker, WRONG, "GET", "/connectors", None);
        answers.push(answer.status);
        if answer.status == 429 {
            assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
            assert_eq!(answer.json["error_code"], 429);
        }
        answer.status == 429
    });
    assert!(answers.len() > 5 && answers.iter().rev().skip(1).all(|status| *status == 401), "{answers:?}");
    // Who is known already is not kept out by a neighbour who guesses.
    with(&worker, RIGHT, "GET", "/connectors", None).expect(200);
    let told = with(&worker, RIGHT, "GET", "/audit?code=access", None).json;
    let told = told.as_array().unwrap();
    assert!(!told.is_empty());
    assert!(told.iter().all(|record| record["code"] == "access.denied"));
    assert!(told[0]["detail"].as_str().unwrap().contains("from 127.0.0.1:"));
    assert!(!format!("{told:?}").contains("horse"));
}
