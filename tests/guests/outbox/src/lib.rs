//! Queues effects or uses its store, as the key `do` of the payload says, and then ends as `end` says.

use std::time::Duration;

use hookyard_plugin::log::info;
use hookyard_plugin::serde_json::{Value, from_str};
use hookyard_plugin::{
    Context, EventHandler, Failure, OrReject as _, Result, clock, config, export, outbox, store,
};

struct OutboxGuest;

export!(OutboxGuest: EventHandler);

impl EventHandler for OutboxGuest {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        let payload: Value = from_str(&data).or_reject()?;
        act(&ctx, &payload, payload["do"].as_str().unwrap_or_default())?;
        end(payload["end"].as_str().unwrap_or_default())
    }
}

fn act(ctx: &Context, payload: &Value, action: &str) -> Result {
    let text = |key: &str| payload[key].as_str().unwrap_or_default();
    let number = |key: &str| payload[key].as_u64().unwrap_or(1);
    match action {
        "http" => {
            for _ in 0..number("times") {
                outbox::http("POST", text("url")).body(text("text")).send()?;
            }
        }
        "email" => {
            let mut email = outbox::email(text("to")).subject("told").text(text("text"));
            for cc in payload["cc"].as_array().into_iter().flatten() {
                email = email.cc(cc.as_str().unwrap_or_default());
            }
            if let Some(file) = payload["file"].as_str() {
                // `type_bytes` pads the media type.
                let kind = format!("text/plain{}", " ".repeat(number("type_bytes") as usize));
                email = email.attach("a.txt", kind, file);
            }
            email.send()?;
        }
        // Each event emits another, until the host refuses.
        "emit" => {
            for _ in 0..number("times") {
                outbox::emit(&ctx.event_type, r#"{"do":"emit"}"#)?;
            }
        }
        "emit-data" => drop(outbox::emit(text("type"), text("text"))?),
        // The secret encoded for basic authentication in a header, percent-encoded in a link, and as it is in the body.
        "encode-secret" => {
            let secret = config::get("key").unwrap_or_default();
            // The event holds both reversed, so that it does not contain the secret.
            let reversed = |key: &str| text(key).chars().rev().collect::<String>();
            let basic = format!("Basic {}", reversed("basic"));
            let request = outbox::http("POST", format!("{}?key={}", text("url"), reversed("encoded")));
            request.header("Authorization", basic).body(format!("{} {secret}", text("text"))).send()?;
        }
        "send-secret" => {
            let secret = config::get("key").unwrap_or_default();
            info!("the key is {secret}");
            let url = format!("{}/{secret}?key={secret}", text("url"));
            let request = outbox::http("POST", url).header("Authorization", format!("Bearer {secret}"));
            request.body(format!("{{\"key\":\"{secret}\"}}")).send()?;
        }
        // Waits between the read and the write, so that other calls can write in between.
        "count" => {
            let bucket = store::open("counts")?;
            let before: u64 = bucket.get_text("n")?.map_or(Ok(0), |text| text.parse())?;
            wait(number("ms"));
            bucket.set("n", (before + 1).to_string())?;
            bucket.set(&format!("by/{}", ctx.event_id), (before + 1).to_string())?;
        }
        "fill" => {
            let bucket = store::open("filled")?;
            for key in 0..number("keys") {
                bucket.set(&format!("{}{key}", text("prefix")), vec![b'x'; bytes(payload)])?;
            }
        }
        "touch" => drop(store::open(text("bucket"))?.get(text("key"))?),
        "list" => {
            let bucket = store::open("filled")?;
            bucket.set("own", "")?;
            info!("{} keys", bucket.keys()?.len());
        }
        _ => {}
    }
    Ok(())
}

fn bytes(payload: &Value) -> usize {
    payload["bytes"].as_u64().and_then(|bytes| bytes.try_into().ok()).unwrap_or(1)
}

fn end(how: &str) -> Result {
    match how {
        "retry" => Err(Failure::retry("told to")),
        "reject" => Err(Failure::reject("told to")),
        "trap" => panic!("told to"),
        "trap-with-secret" => panic!("{}", config::get("key").unwrap_or_default()),
        "late" => loop {
            wait(1);
        },
        _ => Ok(()),
    }
}

fn wait(ms: u64) {
    let end = clock::monotonic() + Duration::from_millis(ms);
    while clock::monotonic() < end {}
}
