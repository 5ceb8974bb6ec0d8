//! Keeps books that tell afterwards what it did: how much, how often for each event, in which order for each
//! appointment. Asks for one request for each event. Fails where the payload says so, when all is written.
//!
//! The payload: `id`, the appointment; `number`, which of its events this is, from 1; `fail`, how; `busy_ms`,
//! how long to work between reading and writing.

use std::time::Duration;

use hookyard_plugin::serde_json::{Value, from_str};
use hookyard_plugin::{
    Context, EventHandler, Failure, OrReject as _, Result, clock, config, export, outbox, store,
};

struct Clerk;

export!(Clerk: EventHandler);

impl EventHandler for Clerk {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        let told: Value = from_str(&data).or_reject()?;
        let appointment = told["id"].as_str().unwrap_or_default();
        let number = told["number"].as_u64().unwrap_or_default();

        let books = store::open("books")?;
        let read = |key: &str| -> std::result::Result<u64, Failure> {
            Ok(books.get_text(key)?.map_or(Ok(0), |text| text.parse())?)
        };
        let (all, own, last) =
            (read("done")?, read(&format!("event/{}", ctx.event_id))?, read(&format!("last/{appointment}"))?);
        work(told["busy_ms"].as_u64().unwrap_or_default());
        books.set("done", (all + 1).to_string())?;
        books.set(&format!("event/{}", ctx.event_id), (own + 1).to_string())?;
        books.set(&format!("last/{appointment}"), number.to_string())?;
        if number <= last {
            books.set(&format!("disorder/{}", ctx.event_id), format!("{number} after {last}"))?;
        }
        outbox::http("POST", config::require("url")?).body(ctx.event_id.clone()).send()?;
        fail(&ctx, told["fail"].as_str().unwrap_or_default())
    }
}

/// What fails does so at its first attempt, but for what is rejected.
fn fail(ctx: &Context, how: &str) -> Result {
    match how {
        "retry" if ctx.attempt == 1 => Err(Failure::retry("told to")),
        "trap" if ctx.attempt == 1 => panic!("told to"),
        "reject" => Err(Failure::reject("told to")),
        _ => Ok(()),
    }
}

fn work(ms: u64) {
    let end = clock::monotonic() + Duration::from_millis(ms);
    while clock::monotonic() < end {}
}
