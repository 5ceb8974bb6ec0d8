//! Requests with an `Idempotency-Key`: what one does, it does once.

use std::fs;
use std::time::Duration;

use hookyard::failpoint::Point;
use serde_json::{Value, json};
use sqlx::Connection as _;

use super::token;
use crate::access::{create, run_as, with_admin_keys};
use crate::support::{Event, HostDir, RunningHost, example, wait_until};

/// An answer: its status, whether it was stored, and its body.
type Answer = (u16, bool, Value);

const REPLAY: &str = "/api/v1/replays";

fn all_events() -> Value {
    json!({ "of": "events", "again": true })
}

/// Sends a POST request with a key. `None` if the host ends.
fn post(
    host: &RunningHost<'_>,
    path: &str,
    body: &Value,
    key: &str,
) -> impl Future<Output = Option<Answer>> + use<> {
    post_as(&token(host.dir()), host, path, body, key)
}

fn post_as(
    token: &str,
    host: &RunningHost<'_>,
    path: &str,
    body: &Value,
    key: &str,
) -> impl Future<Output = Option<Answer>> + use<> {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let request = client.post(format!("{}{path}", host.admin())).bearer_auth(token).json(body);
    let request = request.header("Idempotency-Key", key);
    async move {
        let response = request.send().await.ok()?;
        let is_replayed = response.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
        Some((response.status().as_u16(), is_replayed, response.json().await.ok()?))
    }
}

/// The decisions of this action in the audit log, which is whole.
async fn decisions(host: &RunningHost<'_>, action: &str) -> usize {
    let (_, check) = host.api_get("/api/v1/audit/verify").await;
    assert_eq!(check["problem"], Value::Null, "{check}");
    let (_, page) = host.api_get(&format!("/api/v1/audit?action={action}&limit=500")).await;
    page["items"].as_array().unwrap().len()
}

fn kind(answer: &Answer) -> (u16, &str) {
    (answer.0, answer.2["type"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_repeated_request_gets_its_answer_again_also_after_a_restart() {
    let dir = HostDir::new("");
    dir.install("desk", &example("statistics"));
    let host = dir.start().await;
    let first = post(&host, REPLAY, &all_events(), "a").await.unwrap();
    assert_eq!((first.0, first.1), (202, false), "{first:?}");
    let expected = Some((202, true, first.2.clone()));
    assert_eq!(post(&host, REPLAY, &all_events(), "a").await, expected);
    assert_eq!(post(&host, REPLAY, &all_events(), "\"a\"").await, expected, "in quotes, as in the draft");
    host.stop().await;
    let host = dir.start().await;
    assert_eq!(post(&host, REPLAY, &all_events(), "a").await, expected);
    assert_eq!(decisions(&host, "replay.begin").await, 1);

    // Another request with the key is refused, and another key or another token makes another request.
    let discard = json!({ "of": "deliveries", "action": "discard" });
    let other = post(&host, REPLAY, &discard, "a").await.unwrap();
    assert_eq!(kind(&other), (422, "/problems/idempotency-key-reused"), "{other:?}");
    let noted =
        host.api_post(REPLAY, &all_events(), &[("idempotency-key", "a"), ("x-hookyard-note", "why")]).await;
    assert_eq!(noted.0, 422, "{noted:?}");
    let elsewhere = post(&host, "/api/v1/effects/replay", &json!({}), "a").await.unwrap();
    assert_eq!(kind(&elsewhere), (422, "/problems/idempotency-key-reused"), "{elsewhere:?}");
    assert_eq!(post(&host, REPLAY, &all_events(), "b").await.unwrap().0, 202);
    let operator = create(&dir, &["night-shift", "--role", "operate"]);
    let of_other = post_as(&operator, &host, REPLAY, &all_events(), "a").await.unwrap();
    assert_eq!((of_other.0, of_other.1), (202, false), "{of_other:?}");
    assert_eq!(decisions(&host, "replay.begin").await, 3);

    // A refused request makes no decision, and can be made again with its key.
    let reader = create(&dir, &["dashboard", "--role", "read"]);
    for _ in 0..2 {
        assert_eq!(post_as(&reader, &host, REPLAY, &all_events(), "a").await.unwrap().0, 403);
        let refused = post(&host, "/api/v1/plugins/none/pause", &json!({}), "c").await.unwrap();
        assert_eq!((refused.0, refused.1), (404, false), "{refused:?}");
    }
    let paused = post(&host, "/api/v1/plugins/desk/pause", &json!({}), "d").await.unwrap();
    assert_eq!(paused.0, 200, "{paused:?}");
    let resumed = post(&host, "/api/v1/plugins/desk/resume", &json!({}), "e").await.unwrap();
    assert_eq!(resumed.0, 200, "{resumed:?}");
    let again = post(&host, "/api/v1/plugins/desk/pause", &json!({}), "d").await;
    assert_eq!(again, Some((200, true, paused.2)));
    assert_eq!(host.plugin("desk").await.unwrap()["paused_at"], Value::Null, "it is not paused again");
}

#[tokio::test]
async fn a_key_has_its_form_and_its_limits() {
    let dir = with_admin_keys("idempotency_keys_max = 3\nidempotency_keys_per_token_max = 3");
    let host = dir.start().await;
    let operator = create(&dir, &["night-shift", "--role", "operate"]);
    for wrong in ["", "a b", "a\"b", "\"a", &"k".repeat(256)] {
        let answer = post(&host, REPLAY, &all_events(), wrong).await.unwrap();
        assert_eq!(answer.0, 400, "{wrong}: {answer:?}");
        assert!(answer.2["detail"].as_str().unwrap().contains("Idempotency-Key"), "{answer:?}");
    }
    let long = json!({ "of": "events", "where": { "reason": "x".repeat(2 << 20) } });
    let answer = post(&host, REPLAY, &long, "long").await.unwrap();
    assert_eq!(answer.0, 400, "{answer:?}");
    assert!(answer.2["detail"].as_str().unwrap().contains("2097152"), "{answer:?}");
    assert_eq!(decisions(&host, "replay.begin").await, 0);

    let admin = token(&dir);
    for (token, key, is_replayed) in [
        (&admin, "a", false),
        (&admin, "b", false),
        (&admin, "b", true),
        (&operator, "c", false),
        (&operator, "c", true),
        (&operator, "d", false),
    ] {
        let answer = post_as(token, &host, REPLAY, &all_events(), key).await.unwrap();
        assert_eq!((answer.0, answer.1), (202, is_replayed), "{key}: {answer:?}");
    }
    // The oldest ones, that of the command and this one, were forgotten for the newest.
    let forgotten = post(&host, REPLAY, &all_events(), "a").await.unwrap();
    assert_eq!((forgotten.0, forgotten.1), (202, false), "{forgotten:?}");

    // An answer of more than 64 KiB is not kept, and the request is not made again all the same.
    let numbers: Vec<_> = (1..20_000).collect();
    let many = json!({ "of": "events", "where": { "events": numbers } });
    assert_eq!(post(&host, REPLAY, &many, "many").await.unwrap().0, 202);
    let repeated = post(&host, REPLAY, &many, "many").await.unwrap();
    assert_eq!(kind(&repeated), (409, "/problems/already-done"), "{repeated:?}");
    assert_eq!(decisions(&host, "replay.begin").await, 6);
}

#[tokio::test]
async fn a_token_has_its_keys_and_all_answers_have_their_bytes() {
    let dir = with_admin_keys("idempotency_keys_per_token_max = 3\nidempotency_answers_max_bytes = 1");
    let host = dir.start().await;
    let operator = create(&dir, &["night-shift", "--role", "operate"]);
    for key in ["a", "b", "c"] {
        assert_eq!(post_as(&operator, &host, REPLAY, &all_events(), key).await.unwrap().0, 202, "{key}");
    }
    let full = post_as(&operator, &host, REPLAY, &all_events(), "d").await.unwrap();
    assert_eq!(kind(&full), (429, "/problems/too-many-idempotency-keys"), "{full:?}");
    assert!(full.2["detail"].as_str().unwrap().contains("idempotency_keys_per_token_max"), "{full:?}");
    // An answer that has no room is dropped, and the request is still made once.
    let repeated = post_as(&operator, &host, REPLAY, &all_events(), "c").await.unwrap();
    assert_eq!(kind(&repeated), (409, "/problems/already-done"), "{repeated:?}");
    assert_eq!(decisions(&host, "replay.begin").await, 3);
    // Its commands go on, without keys, and so does every other token.
    let replayed = run_as(&dir, &operator, &["event", "replay", "--all", "--again"]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
    assert_eq!(post(&host, REPLAY, &all_events(), "d").await.unwrap().0, 202);
    assert_eq!(decisions(&host, "replay.begin").await, 5);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended_and_its_key_and_body_are_free() {
    let dir = with_admin_keys("idempotency_timeout_ms = 1\nidempotency_bodies_max_bytes = 1");
    let host = dir.start().await;
    let push = async |key: &str| {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        let request = client.post(format!("{}/api/v1/plugins/desk/revisions", host.admin()));
        let request = request.bearer_auth(token(&dir)).header("Idempotency-Key", key);
        let response = request.body(example("statistics")).send().await.unwrap();
        (response.status().as_u16(), false, response.json::<Value>().await.unwrap())
    };
    let late = push("a").await;
    assert_eq!(kind(&late), (503, "/problems/request-timeout"), "{late:?}");
    // A body of a request in progress would leave no room for this one.
    let again = push("b").await;
    assert_eq!(kind(&again), (503, "/problems/request-timeout"), "{again:?}");
    assert_eq!(kind(&push("a").await), (503, "/problems/request-timeout"));
    assert_eq!(decisions(&host, "plugin.push").await, 0);
}

#[tokio::test]
async fn a_key_stays_taken_while_the_decision_of_an_ended_request_waits() {
    let dir = with_admin_keys("idempotency_timeout_ms = 300");
    let host = dir.start().await;
    let other = dir.lock_writes().await;
    let late = post(&host, REPLAY, &all_events(), "a").await.unwrap();
    assert_eq!(kind(&late), (503, "/problems/request-timeout"), "{late:?}");
    let repeated = post(&host, REPLAY, &all_events(), "a").await.unwrap();
    assert_eq!(kind(&repeated), (409, "/problems/in-progress"), "{repeated:?}");
    other.close().await.unwrap();
    let repeated = wait_until("the decision is made", async || {
        let repeated = post(&host, REPLAY, &all_events(), "a").await.unwrap();
        (kind(&repeated) != (409, "/problems/in-progress")).then_some(repeated)
    })
    .await;
    assert_eq!(kind(&repeated), (409, "/problems/already-done"), "{repeated:?}");
    assert_eq!(decisions(&host, "replay.begin").await, 1);
}

#[tokio::test]
async fn two_at_once_do_it_once() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    for round in 0..20 {
        let key = format!("both-{round}");
        let (body, other) = (all_events(), json!({ "of": "deliveries" }));
        let (one, two, third) = tokio::join!(
            post(&host, REPLAY, &body, &key),
            post(&host, REPLAY, &body, &key),
            post(&host, REPLAY, &other, &format!("other-{round}")),
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(third.unwrap().0, 202);
        let made = [&one, &two].iter().filter(|answer| answer.0 == 202 && !answer.1).count();
        assert_eq!(made, 1, "{one:?} {two:?}");
        for answer in [&one, &two] {
            assert!(answer.0 == 202 || kind(answer) == (409, "/problems/in-progress"), "{answer:?}");
        }
    }
    assert_eq!(decisions(&host, "replay.begin").await, 40);
}

#[tokio::test]
async fn the_secret_of_a_token_is_shown_once_and_stored_nowhere() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    let request = json!({ "name": "ci", "role": "read" });
    let (code, _, created) = post(&host, "/api/v1/tokens", &request, "t").await.unwrap();
    assert_eq!(code, 201, "{created}");
    let secret = created["secret"].as_str().unwrap().to_owned();
    let mut without = created.clone();
    without["secret"] = Value::Null;
    assert_eq!(post(&host, "/api/v1/tokens", &request, "t").await, Some((201, true, without)));
    let other = post(&host, "/api/v1/tokens", &json!({ "name": "ci", "role": "admin" }), "t").await.unwrap();
    assert_eq!(kind(&other), (422, "/problems/idempotency-key-reused"), "{other:?}");
    let taken = post(&host, "/api/v1/tokens", &request, "u").await.unwrap();
    assert_eq!(taken.0, 409, "{taken:?}");
    assert_eq!(decisions(&host, "token.create").await, 2, "this one, and that of the first start");
    for file in ["hookyard.db", "hookyard.db-wal"] {
        let bytes = fs::read(dir.path(&format!("hookyard-data/{file}"))).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "{file}");
    }
    assert!(!host.flushed_log().await.contains(&secret));
}

#[tokio::test]
async fn a_decision_whose_answer_was_lost_is_named_and_not_made_again() {
    let dir = HostDir::new("");
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", "keep-answer");
    let host = dir.start_with(command).await;
    assert_eq!(post(&host, REPLAY, &all_events(), "lost").await, None);
    host.wait_exit().await;
    let host = dir.start().await;
    let lost = post(&host, REPLAY, &all_events(), "lost").await.unwrap();
    assert_eq!(kind(&lost), (409, "/problems/already-done"), "{lost:?}");
    let (_, page) = host.api_get("/api/v1/audit?action=replay.begin").await;
    let number = page["items"][0]["number"].as_i64().unwrap();
    let detail = lost.2["detail"].as_str().unwrap();
    assert!(detail.contains(&format!("Entry {number} ")) && detail.contains("`replay.begin`"), "{detail}");
    assert_eq!(decisions(&host, "replay.begin").await, 1);
}

#[tokio::test]
async fn an_edit_whose_host_was_killed_is_one_event_when_it_is_repeated() {
    let dir = HostDir::new("");
    let host = dir.start().await;
    host.send(&Event::created("evt_1")).await;
    host.stop().await;
    let (path, body) = ("/api/v1/events/moncreneau/evt_1/edits", json!({ "payload": { "id": 1 } }));
    // Between the event and the entry of the decision, and after their commit.
    for point in [Point::EditStep, Point::KeepAnswer] {
        let mut command = dir.command(&["serve"]);
        command.env("HOOKYARD_KILL_AT", point.name());
        let host = dir.start_with(command).await;
        assert_eq!(post(&host, path, &body, point.name()).await, None, "{point:?}");
        host.wait_exit().await;
        let host = dir.start().await;
        let edits = async || host.event("evt_1").await.unwrap()["edits"].as_array().unwrap().clone();
        let before = edits().await.len();
        assert_eq!(decisions(&host, "event.edit").await, before, "{point:?}: an entry for each event");
        let made = post(&host, path, &body, point.name()).await.unwrap();
        let again = post(&host, path, &body, point.name()).await.unwrap();
        assert_eq!((made.0, again.0, again.1), (202, 202, true), "{point:?}: {made:?} {again:?}");
        assert_eq!(made.2["id"], again.2["id"]);
        let is_stored = point == Point::KeepAnswer;
        assert_eq!(edits().await.len(), before + usize::from(!is_stored), "{point:?}");
        assert!(edits().await.contains(&made.2["id"]), "{point:?}: {made:?}");
        assert_eq!(decisions(&host, "event.edit").await, edits().await.len(), "{point:?}");
        host.stop().await;
    }
}

#[tokio::test]
async fn an_edit_whose_answer_was_lost_is_answered_also_when_its_event_was_erased_since() {
    let dir = HostDir::new("personal = [\"/data/object/phone\"]\n");
    let mut command = dir.command(&["serve"]);
    command.env("HOOKYARD_KILL_AT", Point::KeepAnswer.name());
    let host = dir.start_with(command).await;
    host.send(&Event::created("evt_1")).await;
    let (path, body) = ("/api/v1/events/moncreneau/evt_1/edits", json!({ "payload": { "id": 1 } }));
    assert_eq!(post(&host, path, &body, "lost").await, None);
    host.wait_exit().await;
    let host = dir.start().await;
    assert_eq!(dir.run(&["event", "erase", "evt_1", "--yes"]).code, 0);
    let made = post(&host, path, &body, "lost").await.unwrap();
    assert_eq!(made.0, 202, "{made:?}");
    assert_eq!(host.event("evt_1").await.unwrap()["edits"], json!([made.2["id"]]));
    let other = post(&host, path, &body, "other").await.unwrap();
    assert_eq!(other.0, 409, "{other:?}");
    assert_eq!(decisions(&host, "event.edit").await, 1);
}

/// Kills the host at 20 moments from before a request arrives to after its answer, and repeats the request.
#[tokio::test]
async fn no_kill_makes_a_request_twice() {
    const ROUNDS: u64 = 20;
    let dir = HostDir::new("");
    let (mut lost, mut repeated) = (0, 0);
    for round in 0..ROUNDS {
        let (key, body) = (format!("round-{round}"), all_events());
        let host = dir.start_unloaded().await;
        let first = tokio::spawn(post(&host, REPLAY, &body, &key));
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..8_000))).await;
        host.kill();
        let answered = first.await.unwrap().is_some();

        let host = dir.start_unloaded().await;
        let again = post(&host, REPLAY, &body, &key).await.unwrap();
        match kind(&again) {
            (202, _) if again.1 => repeated += 1,
            (409, "/problems/already-done") => lost += 1,
            // It was not made before the kill, so it had no answer.
            (202, _) => assert!(!answered, "{again:?}"),
            _ => panic!("{again:?}"),
        }
        assert_eq!(decisions(&host, "replay.begin").await as u64, round + 1, "{again:?}");
        host.kill();
    }
    println!("of {ROUNDS} requests, {repeated} were answered again, and {lost} had lost their answers");
}
