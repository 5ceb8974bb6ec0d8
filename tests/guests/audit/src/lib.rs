//! Records its calls in its store: their number, how often it ran for each event, and the last event of each
//! appointment. Queues one request per event. Fails, after its writes, if the payload says so.
//!
//! The payload: `id`, the appointment; `number`, the position of the event among those of its appointment, from 1;
//! `fail`, the kind of failure; `busy_ms`, the computing time between reads and writes.

use std::time::Duration;

use hookyard_plugin::serde_json::{Value, from_str};
use hookyard_plugin::{
    Context, EventHandler, Failure, OrReject as _, Result, clock, config, export, outbox, store,
};

struct Audit;

export!(Audit: EventHandler);

impl EventHandler for Audit {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        let payload: Value = from_str(&data).or_reject()?;
        let appointment = payload["id"].as_str().unwrap_or_default();
        let number = payload["number"].as_u64().unwrap_or_default();

        let books = store::open("books")?;
        let read = |key: &str| -> std::result::Result<u64, Failure> {
            Ok(books.get_text(key)?.map_or(Ok(0), |text| text.parse())?)
        };
        let (all, own, last) =
            (read("done")?, read(&format!("event/{}", ctx.event_id))?, read(&format!("last/{appointment}"))?);
        work(payload["busy_ms"].as_u64().unwrap_or_default());
        books.set("done", (all + 1).to_string())?;
        books.set(&format!("event/{}", ctx.event_id), (own + 1).to_string())?;
        books.set(&format!("last/{appointment}"), number.to_string())?;
        if number <= last {
            books.set(&format!("disorder/{}", ctx.event_id), format!("{number} after {last}"))?;
        }
        outbox::http("POST", config::require("url")?).body(ctx.event_id.clone()).send()?;
        fail(&ctx, payload["fail"].as_str().unwrap_or_default())
    }
}

/// Fails as requested: a retry and a trap only at the first attempt, a rejection at every attempt.
fn fail(ctx: &Context, how: &str) -> Result {
    match how {
        "retry" if ctx.attempt == 1 => Err(Failure::retry("payload to")),
        "trap" if ctx.attempt == 1 => panic!("payload to"),
        "reject" => Err(Failure::reject("payload to")),
        _ => Ok(()),
    }
}

fn work(ms: u64) {
    let end = clock::monotonic() + Duration::from_millis(ms);
    while clock::monotonic() < end {}
}
