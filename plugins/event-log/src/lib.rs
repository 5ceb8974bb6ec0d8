//! Logs every event of any type and source: its type, its size, and its payload on one line.

use hookyard_plugin::log::info;
use hookyard_plugin::{Context, EventHandler, OrReject as _, Result, export};
use serde_json::Value;

/// The plugin.
pub struct EventLog;

export!(EventLog: EventHandler);

/// The longest payload that is logged completely, in characters.
const SHOWN_MAX: usize = 2000;

impl EventHandler for EventLog {
    fn subscriptions() -> Vec<String> {
        vec!["*".into()]
    }

    fn handle(ctx: Context, data: String) -> Result {
        let Context { event_type, event_id, source, attempt, .. } = ctx;
        info!("{event_type} {event_id} from {source}, attempt {attempt}, {} bytes", data.len());
        let compact = serde_json::from_str::<Value>(&data).or_reject()?.to_string();
        match compact.char_indices().nth(SHOWN_MAX) {
            Some((end, _)) => info!("{} …", &compact[..end]),
            None => info!("{compact}"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::Failure;
    use hookyard_plugin::test::logged;

    use super::*;

    fn handle(data: &str) -> Result {
        EventLog::handle(Context::sample("order.paid"), data.into())
    }

    #[test]
    fn logs_what_came_on_one_line() {
        assert_eq!(
            logged(|| handle("{\n  \"id\": 1,\n  \"name\": \"Aïssatou\"\n}")),
            [
                "INFO order.paid evt_sample from moncreneau, attempt 1, 36 bytes",
                r#"INFO {"id":1,"name":"Aïssatou"}"#
            ]
        );
    }

    #[test]
    fn cuts_what_is_long_and_rejects_what_is_no_json() {
        let long = format!("\"{}\"", "é".repeat(3000));
        let lines = logged(|| handle(&long));
        assert_eq!(lines[1].chars().count(), "INFO ".len() + SHOWN_MAX + 2);
        assert!(matches!(handle("{"), Err(Failure::Reject(_))));
    }
}
