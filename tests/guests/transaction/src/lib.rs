//! Measures the cost of a transaction. As the key `do` of the configuration says, the handler does nothing, or it
//! reads an entry, writes it, and queues a request.

use hookyard_plugin::moncreneau::{AppointmentCreated, Created};
use hookyard_plugin::{Context, Result, config, export, outbox, store};

struct Transaction;

export!(Transaction: AppointmentCreated);

impl AppointmentCreated for Transaction {
    fn handle(ctx: Context, appointment: Created) -> Result {
        let url = match config::get("do").as_deref() {
            // An entry per event, which is in no cache and conflicts with no other call.
            Some("own") => touch(&ctx.event_id, &appointment.name)?,
            // One entry that every event reads and writes.
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
