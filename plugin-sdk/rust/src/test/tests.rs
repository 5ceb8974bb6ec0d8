//! Tests of the in-memory host and of the capabilities through it.

use std::time::Duration;

use super::{Effect, Handled, Host, Outcome};
use crate::{Context, EventHandler, Failure, Result, clock, config, http, log, outbox, store};

/// Uses every capability, and then ends as its payload says.
struct Everything;

impl EventHandler for Everything {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(_ctx: Context, data: String) -> Result {
        log::info!("{data}");
        let bucket = store::open("bucket")?;
        bucket.set("kept", "changed")?;
        bucket.delete("deleted")?;
        bucket.increment("counted", 2)?;
        let keys = [
            outbox::http("PUT", "https://example.gn/x").header("X", "y").json("{}").send()?,
            outbox::email("a@example.gn").cc("B <b@example.gn>").attach("f", "text/plain", "x").send()?,
            outbox::emit("thing.done", "1")?,
        ];
        bucket.set("keys", keys.join(" "))?;
        let answer = http::get("https://example.gn/").fetch()?;
        match data.as_str() {
            "retry" => Err(Failure::retry_after("later", Duration::from_secs(1))),
            "reject" => Err(Failure::reject(answer.text())),
            "trap" => panic!("told to at {}", clock::now().as_secs()),
            _ => Ok(()),
        }
    }
}

fn host() -> Host {
    let host =
        Host::new().set("bucket", "kept", "as it was").set("bucket", "deleted", "").set("other", "x", "");
    host.answer("GET", "https://example.gn/", 200, "no").at(Duration::from_secs(7))
}

fn handle(data: &str) -> (Handled, Host) {
    let mut host = host();
    (host.event::<Everything>("thing.asked", data), host)
}

#[test]
fn a_handler_that_is_done_leaves_its_writes_and_effects() {
    let (handled, host) = handle("go on");
    let handled = handled.done();
    assert_eq!(handled.lines, ["INFO go on"]);
    let writes: Vec<_> = handled.writes.iter().map(|write| (write.key.as_str(), write.text())).collect();
    let key = "0".repeat(32);
    let keys = format!("{key}.1 {key}.2 {key}.3");
    assert_eq!(writes, [("counted", "2"), ("deleted", ""), ("kept", "changed"), ("keys", keys.as_str())]);
    assert_eq!(host.text("bucket", "kept").as_deref(), Some("changed"));
    assert_eq!(host.get("bucket", "deleted"), None);
    let [request, email, event] = handled.effects.as_slice() else { panic!("{:?}", handled.effects) };
    let request = request.http().unwrap();
    assert_eq!(
        request.headers,
        [("X".into(), "y".into()), ("Content-Type".into(), "application/json".into())]
    );
    assert_eq!(request.body, b"{}");
    assert_eq!(email.email().unwrap().attachments[0].filename, "f");
    assert_eq!(event.event(), Some(("thing.done", "1")));
}

#[test]
fn a_handler_that_fails_leaves_nothing_but_what_it_fetched() {
    for (data, outcome) in [
        ("retry", Outcome::Retry { reason: "later".into(), after: Some(Duration::from_secs(1)) }),
        ("reject", Outcome::Rejected("no".into())),
        ("trap", Outcome::Trapped("told to at 7".into())),
    ] {
        let (handled, host) = handle(data);
        assert_eq!(handled.outcome, outcome);
        assert!(handled.writes.is_empty() && handled.effects.is_empty(), "{handled:?}");
        assert_eq!(host.text("bucket", "kept").as_deref(), Some("as it was"));
        assert_eq!(handled.fetched.len(), 1, "that is outside of the transaction");
        assert_eq!(handled.lines, [format!("INFO {data}")]);
    }
}

#[test]
fn the_store_lasts_from_event_to_event_and_no_longer_than_its_host() {
    let mut host = host();
    for _ in 0..3 {
        host.event::<Everything>("thing.asked", "go on").done();
    }
    assert_eq!(host.text("bucket", "counted").as_deref(), Some("6"));
    assert!(!store::open("bucket").unwrap().exists("counted").unwrap(), "the thread has a world of its own");
    assert_eq!(config::all(), []);
}

#[test]
fn a_refused_effect_rejects_and_a_request_without_a_response_is_retried() {
    let handled = host().refuse("no grant").event::<Everything>("thing.asked", "");
    assert_eq!(handled.outcome, Outcome::Rejected("no grant".into()));
    let handled = Host::new().event::<Everything>("thing.asked", "");
    let reason = "GET https://example.gn/: this test has no answer to it".into();
    assert_eq!(handled.outcome, Outcome::Retry { reason, after: None });
}

#[test]
fn effects_that_no_operator_could_grant_are_refused() {
    let refused = |result: std::result::Result<String, outbox::Refused>| result.unwrap_err().to_string();
    for url in ["file:///etc/passwd", "/path", "https://", "http:///x", "https://a b/"] {
        assert!(refused(outbox::http("GET", url).send()).contains("no http(s) URL"), "{url}");
    }
    for (name, value) in [("Host", "x"), ("content-length", "1"), ("", "x"), ("a b", "x"), ("X", "a\r\nY: b")]
    {
        assert!(
            refused(outbox::http("GET", "http://a/").header(name, value).send()).contains("header"),
            "{name}"
        );
    }
    assert!(refused(outbox::http("", "http://a/").send()).contains("method"));
    for address in ["", "nobody", "@example.gn", "a@", "a@example.gn, b@example.gn"] {
        assert!(refused(outbox::email(address).send()).contains("no email address"), "{address}");
    }
    for event_type in ["", "a b", "appointment.*"] {
        assert!(refused(outbox::emit(event_type, "{}")).contains("no event type"), "{event_type}");
    }
    #[cfg(feature = "json")]
    assert!(refused(outbox::emit("a", "{")).contains("JSON"));
    assert!(matches!(ask("Jean <jean@example.gn>").as_slice(), [Effect::Email(_)]));
}

fn ask(address: &str) -> Vec<Effect> {
    outbox::email(address).send().unwrap();
    super::world::with(|world| std::mem::take(&mut world.effects))
}

#[test]
fn a_bucket_reads_what_it_wrote() {
    let bucket = store::open("names").unwrap();
    assert_eq!(bucket.get("é").unwrap(), None);
    bucket.set("é", "Aïssatou").unwrap();
    assert!(bucket.exists("é").unwrap());
    assert_eq!(bucket.get_text("é").unwrap().as_deref(), Some("Aïssatou"));
    bucket.set("bytes", [0xff]).unwrap();
    assert_eq!(
        bucket.get_text("bytes").unwrap_err().to_string(),
        r#"store: the value of "bytes" is no text"#
    );
    assert!(bucket.increment("é", 1).is_err(), "it is no number");

    bucket.set_many((0..250).map(|n| (format!("{n:03}"), n.to_string()))).unwrap();
    assert_eq!(bucket.keys().unwrap().len(), 252, "all pages");
    assert_eq!(bucket.get_many(["007", "x"]).unwrap(), [Some(b"7".to_vec()), None]);
    bucket.delete_many((0..250).map(|n| format!("{n:03}"))).unwrap();
    assert_eq!(bucket.keys().unwrap(), ["bytes", "é"]);
    assert!(store::open("nam").unwrap().keys().unwrap().is_empty(), "another bucket");
}

#[test]
fn a_value_is_swapped_if_it_is_the_one_expected() {
    let bucket = store::open("locks").unwrap();
    assert!(!bucket.compare_and_swap("a", Some(b"1"), "2").unwrap());
    assert!(bucket.compare_and_swap("a", None, "1").unwrap());
    assert!(!bucket.compare_and_swap("a", None, "2").unwrap());
    assert!(bucket.compare_and_swap("a", Some(b"1"), "2").unwrap());
    assert_eq!(bucket.get_text("a").unwrap().as_deref(), Some("2"));
}

#[cfg(feature = "json")]
#[test]
fn values_are_kept_as_json() {
    let bucket = store::open("json").unwrap();
    bucket.set_json("point", &[1, 2]).unwrap();
    assert_eq!(bucket.get_text("point").unwrap().as_deref(), Some("[1,2]"));
    assert_eq!(bucket.get_json::<(u8, u8)>("point").unwrap(), Some((1, 2)));
    assert!(bucket.get_json::<String>("point").unwrap_err().to_string().contains("point"));
    assert_eq!(bucket.get_json::<u8>("absent").unwrap(), None);
}
