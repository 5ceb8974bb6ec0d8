//! `plugin attempt`: what a test host of any language needs to run a built plugin.

use serde_json::{Value, json};

use crate::support::{CommandOutput, HostDir, guest};

/// Runs a case on a guest.
fn attempt(dir: &HostDir, name: &str, case: &Value) -> CommandOutput {
    let file = format!("{name}.wasm");
    dir.replace(&file, &guest(name));
    dir.replace("case.json", case.to_string().as_bytes());
    dir.run(&["plugin", "attempt", &file, "--case", "case.json"])
}

fn report(output: &CommandOutput) -> Value {
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert_eq!(output.out.lines().count(), 1, "one line of JSON: {output:?}");
    output.json()
}

fn event(event_type: &str, payload: &Value) -> Value {
    json!({
        "source": "shop", "id": "evt_1", "type": event_type, "created": "2026-01-21T14:30:00Z", "payload": payload
    })
}

#[test]
fn an_attempt_has_the_config_and_the_store_of_its_case() {
    let dir = HostDir::new("");
    let count = json!({ "do": "count", "ms": 0 });
    let store = json!({ "counts": { "n": { "base64": "Mg==" }, "m": "3" } });
    let case = json!({ "event": event("told", &count), "attempt": 3, "store": store });
    let report_of_count = report(&attempt(&dir, "outbox", &case));
    assert_eq!(report_of_count["outcome"], "done", "{report_of_count}");
    assert_eq!(report_of_count["attempt"], 3, "{report_of_count}");
    let written = json!([
        { "bucket": "counts", "key": "by/evt_1", "value": "3" }, { "bucket": "counts", "key": "n", "value": "3" }
    ]);
    assert_eq!(report_of_count["writes"], written, "{report_of_count}");

    let send = json!({ "do": "send-secret", "url": "https://a.example" });
    let case = json!({ "event": event("told", &send), "config": { "key": "k3y-of-the-test" } });
    let of_secret = report(&attempt(&dir, "outbox", &case));
    let body = json!({ "text": "{\"key\":\"k3y-of-the-test\"}" });
    assert_eq!(of_secret["effects"][0]["body"], body, "nothing is masked: {of_secret}");
}

#[test]
fn effects_are_granted_unless_the_case_refuses_them_by_their_place() {
    let dir = HostDir::new("");
    let http = json!({ "do": "http", "url": "https://a.example/x", "text": "hi", "times": 2 });
    let granted = report(&attempt(&dir, "outbox", &json!({ "event": event("told", &http) })));
    assert_eq!(
        (&granted["effects"][1]["url"], granted["asked"].as_array().unwrap().len()),
        (&json!("https://a.example/x"), 2)
    );
    let email = json!({ "do": "email", "to": "a@example.gn", "cc": ["b@example.gn"] });
    for (payload, refusals, asked) in [
        (&http, json!([null, "not today"]), 2),
        (&email, json!(["not today"]), 1),
        (&json!({ "do": "emit" }), json!(["not today"]), 1),
    ] {
        let case = json!({ "event": event("told", payload), "refusals": refusals });
        let refused = report(&attempt(&dir, "outbox", &case));
        let expected = (&json!("rejected"), &json!("not today"));
        assert_eq!((&refused["outcome"], &refused["reason"]), expected, "{refused}");
        assert_eq!(refused["effects"], json!([]), "{refused}");
        assert_eq!(
            refused["asked"].as_array().unwrap().len(),
            asked,
            "what failed was asked for, too: {refused}"
        );
    }
    // All other checks of a host are made.
    let wrong = json!({ "do": "email", "to": "nobody" });
    let refused = report(&attempt(&dir, "outbox", &json!({ "event": event("told", &wrong) })));
    assert_eq!((&refused["outcome"], &refused["asked"]), (&json!("rejected"), &json!([])), "{refused}");
}

#[test]
fn a_handlers_own_requests_get_the_answers_of_the_case_and_the_first_without_one_is_named() {
    let dir = HostDir::new("");
    let fetch = json!({ "scheme": "https", "host": "rates.example", "path": "/eur" });
    let case = |requests: &[&Value], answers: Value| json!({ "event": event("fetch.rates", &json!({ "requests": requests })), "answers": answers });
    let unanswered = report(&attempt(&dir, "http-client", &case(&[&fetch], json!([]))));
    assert_eq!(unanswered["is_unanswered"], true, "{unanswered}");
    assert_eq!(unanswered["asked"][0]["url"], "https://rates.example/eur", "{unanswered}");
    let response = json!({ "status": 203, "headers": [["etag", "1"]], "body": { "text": "1.1" } });
    for (answer, logged) in [
        (&response, "INFO 203 1.1"),
        (&json!({ "failure": "the test is down" }), "WARN http: the test is down"),
        (&json!({ "failure": "not for you", "denied": true }), "WARN http: not for you"),
    ] {
        let answered = report(&attempt(&dir, "http-client", &case(&[&fetch], json!([answer]))));
        assert_eq!(answered["is_unanswered"], false, "{answered}");
        assert!(answered["logs"].as_array().unwrap().contains(&json!(logged)), "{logged}: {answered}");
    }
    let two = report(&attempt(&dir, "http-client", &case(&[&fetch, &fetch], json!([response]))));
    assert_eq!((&two["is_unanswered"], two["asked"].as_array().unwrap().len()), (&json!(true), 2), "{two}");
    assert_eq!(two["asked"], two["requests"], "{two}");
}

#[test]
fn a_case_that_is_none_is_an_error_with_its_place() {
    let dir = HostDir::new("");
    let good = event("told", &json!({}));
    let source = json!({ "source": "../x", "id": "1", "type": "t", "created": "", "payload": {} });
    for (case, message) in [
        (json!({}), "case.json: missing field `event`"),
        (json!({ "event": good, "answer": [] }), "case.json: unknown field `answer`"),
        (json!({ "event": good, "answers": [{ "code": 1 }] }), "case.json: data did not match any variant"),
        (json!({ "event": good, "store": { "b": { "k": { "base64": "?" } } } }), "store: "),
        (json!({ "event": source }), "../x"),
        (json!({ "event": good, "answers": [{ "status": 99 }] }), ""),
    ] {
        let output = attempt(&dir, "outbox", &case);
        let is_fine = message.is_empty();
        assert_eq!(output.code, i32::from(!is_fine), "{case}: {output:?}");
        assert!(output.err.contains(message), "{case}: {output:?}");
    }
    let other = json!({ "event": event("told", &json!({})) });
    let output = attempt(&dir, "stats", &other);
    assert!(output.code == 1 && output.err.contains("told would not come to it; it handles "), "{output:?}");
}
