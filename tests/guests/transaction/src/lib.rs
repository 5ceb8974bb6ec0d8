//! What a transaction costs: the handler of an event does nothing in its store and asks for nothing, or
//! it reads an entry, writes it, and asks for a request. Which one, the key `do` of the configuration says.

use hookyard_plugin::moncreneau::{AppointmentCreated, Created};
use hookyard_plugin::{Context, Result, config, export, outbox, store};

struct Transaction;

export!(Transaction: AppointmentCreated);

impl AppointmentCreated for Transaction {
    fn handle(ctx: Context, appointment: Created) -> Result {
        let url = match config::get("do").as_deref() {
            // An entry of the event's own: in no cache, and in nobody's way.
            Some("own") => touch(&ctx.event_id, &appointment.name)?,
            // One that every event reads and writes.
            Some("shared") => touch("shared", &ctx.event_id)?,
            _ => return Ok(()),
        };
        outbox::http("POST", url).body(appointment.name).send()?;
        Ok(())
    }
}

fn touch(key: &str, value: &str) -> std::result::Result<String, hookyard_plugin::Failure> {
    let bucket = store::open("entries")?;
    bucket.get(key)?;
    bucket.set(key, value)?;
    Ok(config::require("url")?)
}
