//! Asks the visitor for feedback once the appointment is over, by SMS with a link.

use hookyard_plugin::log::info;
use hookyard_plugin::moncreneau::{AppointmentCompleted, Completed};
use hookyard_plugin::serde_json::json;
use hookyard_plugin::{Context, Result, config, export, outbox};

/// The plugin.
pub struct FeedbackRequest;

export!(FeedbackRequest: AppointmentCompleted);

impl AppointmentCompleted for FeedbackRequest {
    fn handle(_ctx: Context, appointment: Completed) -> Result {
        let Some(phone) = &appointment.phone else {
            info!("{}: no phone, so {} is not asked", appointment.id, appointment.name);
            return Ok(());
        };
        let link = link(&config::require("feedback_url")?, appointment.id);
        let text = format!("Bonjour {}, comment s'est passé votre rendez-vous ? {link}", appointment.name);
        outbox::http("POST", config::require("sms_url")?)
            .header("Authorization", format!("Bearer {}", config::require("sms_api_key")?))
            .json(json!({ "to": phone, "from": config::require("sender")?, "text": text }))
            .send()?;
        Ok(())
    }
}

/// The page for this appointment's feedback.
fn link(page: &str, id: u64) -> String {
    let separator = if page.contains('?') { '&' } else { '?' };
    format!("{page}{separator}appointment={id}")
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::serde_json::{Value, from_slice};
    use hookyard_plugin::test::{Host, Outcome};

    use super::*;

    const KEYS: [(&str, &str); 4] = [
        ("sms_url", "https://sms.example.gn/messages"),
        ("sms_api_key", "k-1"),
        ("sender", "Passeports"),
        ("feedback_url", "https://example.gn/avis"),
    ];

    fn host() -> Host {
        KEYS.iter().fold(Host::new(), |host, (key, value)| host.config(key, value))
    }

    #[test]
    fn sends_the_link_by_sms() {
        let handled = host().handle::<FeedbackRequest>(Completed::sample()).done();
        let [effect] = handled.effects.as_slice() else { panic!("{:?}", handled.effects) };
        let request = effect.http().expect("a request");
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("POST", "https://sms.example.gn/messages")
        );
        assert!(request.headers.contains(&("Authorization".into(), "Bearer k-1".into())));
        let body: Value = from_slice(&request.body).expect("JSON");
        let text = "Bonjour Jean Dupont, comment s'est passé votre rendez-vous ? https://example.gn/avis?appointment=12345";
        assert_eq!(body, json!({ "to": "+224621234567", "from": "Passeports", "text": text }));
    }

    #[test]
    fn lets_those_without_a_phone_go() {
        let silent = Completed { phone: None, ..Completed::sample() };
        let handled = host().handle::<FeedbackRequest>(silent).done();
        assert_eq!(handled.lines, ["INFO 12345: no phone, so Jean Dupont is not asked"]);
        assert!(handled.effects.is_empty());
    }

    #[test]
    fn names_the_key_that_the_configuration_lacks() {
        for (absent, _) in KEYS {
            let present = KEYS.iter().filter(|(key, _)| *key != absent);
            let mut host = present.fold(Host::new(), |host, (key, value)| host.config(key, value));
            let outcome = host.handle::<FeedbackRequest>(Completed::sample()).outcome;
            assert_eq!(outcome, Outcome::Rejected(format!("the configuration has no `{absent}`")));
        }
    }

    #[test]
    fn keeps_the_query_that_a_page_has() {
        assert_eq!(link("https://example.gn/?lang=fr", 7), "https://example.gn/?lang=fr&appointment=7");
    }
}
