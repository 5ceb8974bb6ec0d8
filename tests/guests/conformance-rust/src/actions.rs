//! Actions that succeed. Each stores its result in the bucket `conformance`, under its own name.

use std::fmt::Write as _;

use hookyard_plugin::log::{error, info};
use hookyard_plugin::store::{self, Bucket};
use hookyard_plugin::{Context, Failure, Result, clock, config, http, metadata, outbox, random};
use serde_json::{Value, json};

pub fn bucket() -> std::result::Result<Bucket, store::Error> {
    store::open("conformance")
}

pub fn echo(text: &str) -> Result {
    bucket()?.set("echo", text)?;
    info!("{text}");
    Ok(())
}

pub fn context(ctx: &Context) -> Result {
    let context = json!({
        "eventId": ctx.event_id,
        "eventType": ctx.event_type,
        "source": ctx.source,
        "created": ctx.created,
        "receivedAt": ctx.received_at,
        "idempotencyKey": ctx.idempotency_key,
        "attempt": ctx.attempt,
    });
    Ok(bucket()?.set_json("context", &context)?)
}

pub fn config() -> Result {
    let all = config::all().into_iter().map(|(key, value)| (key, Value::String(value)));
    // Its map is sorted by key.
    Ok(bucket()?.set_json("config", &all.collect::<serde_json::Map<_, _>>())?)
}

pub fn metadata() -> Result {
    let all = metadata::attributes().into_iter().map(|(name, value)| (name, Value::String(value)));
    let found = json!({
        "contentType": metadata::content_type(),
        "subject": metadata::attribute("subject"),
        "attributes": all.collect::<serde_json::Map<_, _>>(),
    });
    Ok(bucket()?.set_json("metadata", &found)?)
}

pub fn store() -> Result {
    let bucket = bucket()?;
    bucket.set("a", "1")?;
    expect("get", bucket.get_text("a")?.as_deref() == Some("1"))?;
    expect("exists", bucket.exists("a")?)?;
    bucket.delete("a")?;
    expect("delete", !bucket.exists("a")? && bucket.get("a")?.is_none())?;

    bucket.increment("counter", 2)?;
    bucket.delete("cas")?;
    expect("compare_and_swap", bucket.compare_and_swap("cas", None, "swapped")?)?;
    expect("compare_and_swap", !bucket.compare_and_swap("cas", None, "again")?)?;

    bucket.set_many([("x", "1"), ("y", "2"), ("z", "3")])?;
    let values = bucket.get_many(["z", "a", "x"])?;
    expect("get_many", values == [Some(b"3".to_vec()), None, Some(b"1".to_vec())])?;
    bucket.delete_many(["y", "a"])?;

    let mut keys = bucket.keys()?;
    keys.sort_unstable();
    Ok(bucket.set_json("keys", &keys)?)
}

fn expect(what: &str, held: bool) -> Result {
    if held { Ok(()) } else { Err(Failure::reject(format!("{what} does not do what it says"))) }
}

pub fn outbox(url: &str, to: &str, text: &str) -> Result {
    let keys = [
        outbox::http("POST", url).header("X-Test", "yes").body(text).send()?,
        outbox::email(to)
            .subject(text)
            .text(text)
            .html(format!("<p>{text}</p>"))
            .attach("attachment.txt", "text/plain; charset=utf-8", text)
            .send()?,
        outbox::emit("conformance.emitted", json!({ "do": "echo", "text": text }))?,
    ];
    Ok(bucket()?.set_json("effects", &keys)?)
}

pub fn refused() -> Result {
    match outbox::http("GET", "http://169.254.169.254/").send() {
        Ok(key) => Err(Failure::reject(format!("{key} was granted"))),
        Err(refused) => Ok(bucket()?.set("refused", refused.to_string())?),
    }
}

pub fn fetch(url: &str) -> Result {
    let answer = http::get(url).fetch()?;
    Ok(bucket()?.set_json("fetch", &json!({ "status": answer.status, "body": answer.text() }))?)
}

pub fn clock() -> Result {
    Ok(bucket()?.set("clock", clock::now().as_millis().to_string())?)
}

pub fn random() -> Result {
    let bytes = random::u64().to_be_bytes().into_iter().chain(random::bytes(8));
    let hex = bytes.fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    Ok(bucket()?.set("random", hex)?)
}

pub fn large(text: &str) -> Result {
    Ok(bucket()?.set("large", text.chars().count().to_string())?)
}

/// The target has no stdout and stderr; languages that have them print.
pub fn print() {
    info!("to stdout");
    error!("to stderr");
}
