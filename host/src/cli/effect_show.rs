//! `hookyard effect show`: one effect, with its request and its attempts.

use std::fmt::Write as _;

use super::author::report::format_effect;
use super::failure::Failure;
use super::settings::{Connection, Settings};
use super::{out, show};
use crate::admin::api::EffectDetail;
use crate::effect::Effect;

const EXAMPLE: &str = "\
Examples:
  hookyard effect show 12-1-1
  hookyard effect show 12-1-1 --json

`effect list` shows ids. Secrets, and the values of headers that may hold some, are not shown.";

/// Longest shown request.
const REQUEST_MAX_BYTES: usize = 16 * 1024;

/// Show an effect: its request, and the answers to it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Show {
    /// The effect's id; or its key, if it is among the newest 100,000
    #[arg(value_name = "ID")]
    id: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    /// Prints the effect.
    ///
    /// # Errors
    /// When there is none, or the host does not answer.
    pub(super) async fn run(self, settings: Settings) -> Result<(), Failure> {
        let client = settings.client(&self.connection)?;
        let effect: EffectDetail = client.get(&["effects", &self.id], &()).await?;
        if self.json { out::print_json(&effect) } else { out::print(format(&effect).trim_end()) }
    }
}

fn format(detail: &EffectDetail) -> String {
    let EffectDetail { id, source, event, delivery, plugin, effect } = detail;
    let [id, source, event] = [id, source, event].map(|text| out::escape(text));
    let [delivery, plugin, key] = [delivery, plugin, &effect.key].map(|text| out::escape(text));
    let mut text = format!(
        "effect    {id}\nkey       {key}\nevent     {event} of {source}\ndelivery  {delivery} to {plugin}\n\n"
    );
    if let Ok(request) = serde_json::from_value::<Effect>(effect.request.clone()) {
        let request = format_effect(&request, &effect.key);
        let end = request.floor_char_boundary(REQUEST_MAX_BYTES);
        text.push_str(&request[..end]);
        if end < request.len() {
            let _ =
                write!(text, "… ({} more: --json shows all)", out::format_size((request.len() - end) as u64));
        }
        text.push_str("\n\n");
    }
    show::write_effect(&mut text, effect);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_the_request_and_the_attempts() {
        let json = serde_json::json!({
            "id": "12-1-1", "source": "moncreneau", "event": "evt_1", "delivery": "12-1", "plugin": "desk",
            "key": "k.1", "kind": "http", "state": "dead", "due_at": null,
            "summary": "POST https://sms.example.gn/send", "request": {
                "kind": "http", "method": "POST", "url": "https://sms.example.gn/send?to=1",
                "headers": [["Content-Type", "text/plain"], ["Authorization", "(not shown)"]], "body": { "text": "Bonjour\u{1b}" },
            },
            "attempts": [{
                "number": 1, "outcome": "refused", "started_at": 0, "duration_us": 1234, "detail": "400 Bad Request",
            }],
        });
        let text = format(&serde_json::from_value(json).unwrap());
        for part in [
            "effect    12-1-1\nkey       k.1\nevent     evt_1 of moncreneau\ndelivery  12-1 to desk\n",
            "\nhttp POST https://sms.example.gn/send?to=1\nContent-Type: text/plain\nAuthorization: (not shown)\n",
            "\n> Bonjour\\u{1b}\n",
            "dead\n    attempt 1: 400 Bad Request in 1.23 ms",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
