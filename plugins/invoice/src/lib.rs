//! Writes an invoice for each validated appointment, numbered without gaps.
//!
//! The handler is one transaction: it takes the number, stores the invoice, and queues the email and the
//! event. If the handler fails, it takes no number. If two calls run at once, the host runs one of them
//! again, and that call takes the next number.

mod invoice;

use hookyard_plugin::log::info;
use hookyard_plugin::moncreneau::{AppointmentValidated, Validated};
use hookyard_plugin::serde_json::json;
use hookyard_plugin::{Context, Result, config, export, outbox, store};

use invoice::Invoice;

/// The plugin.
pub struct Invoices;

export!(Invoices: AppointmentValidated);

impl AppointmentValidated for Invoices {
    fn handle(ctx: Context, appointment: Validated) -> Result {
        let number = store::open("counters")?.increment("invoice", 1)?;
        let price = config::get("price").unwrap_or_else(|| "gratuit".into());
        let invoice = Invoice { number, price: &price, appointment: &appointment, event: &ctx };
        store::open("invoices")?.set_json(&invoice.name(), &invoice.record())?;
        if let Some(address) = &appointment.email {
            outbox::email(address)
                .subject(format!("Facture n° {}", invoice.name()))
                .text(format!("Bonjour {},\n\nvotre facture est jointe.\n", appointment.name))
                .attach(
                    format!("facture-{}.txt", invoice.name()),
                    "text/plain; charset=utf-8",
                    invoice.text(),
                )
                .send()?;
        }
        outbox::emit("invoice.created", json!({ "number": number, "appointment": appointment.id }))?;
        info!("invoice {number} for appointment {}", appointment.id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::serde_json::{Value, from_str};
    use hookyard_plugin::test::{Host, Outcome};

    use super::*;

    fn with_address() -> Validated {
        Validated { email: Some("jean.dupont@example.gn".into()), ..Validated::sample() }
    }

    #[test]
    fn keeps_the_invoice_sends_it_and_says_so() {
        let mut host = Host::new().config("price", "50 000 GNF");
        let handled = host.handle::<Invoices>(with_address()).done();
        assert_eq!(handled.lines, ["INFO invoice 1 for appointment 12345"]);
        let [email, event] = handled.effects.as_slice() else { panic!("{:?}", handled.effects) };

        let email = email.email().expect("an email");
        assert_eq!(
            (email.to[0].as_str(), email.subject.as_str()),
            ("jean.dupont@example.gn", "Facture n° 000001")
        );
        let attachment = &email.attachments[0];
        assert_eq!(attachment.filename, "facture-000001.txt");
        assert_eq!(event.event(), Some(("invoice.created", r#"{"appointment":12345,"number":1}"#)));

        let kept: Value = from_str(&host.text("invoices", "000001").expect("kept")).expect("JSON");
        assert_eq!(kept["text"].as_str().map(str::as_bytes), Some(attachment.content.as_slice()));
        assert_eq!((&kept["appointment"], &kept["price"]), (&12345.into(), &"50 000 GNF".into()));
    }

    #[test]
    fn numbers_follow_each_other() {
        let mut host = Host::new();
        for number in 1..=3 {
            let handled = host.handle::<Invoices>(Validated::sample()).done();
            let data = format!(r#"{{"appointment":12345,"number":{number}}}"#);
            assert_eq!(
                handled.effects[0].event(),
                Some(("invoice.created", data.as_str())),
                "no address, no email"
            );
        }
        assert_eq!(host.text("counters", "invoice").as_deref(), Some("3"));
    }

    #[test]
    fn a_failure_takes_no_number() {
        let mut host = Host::new().set("counters", "invoice", "41").refuse("no grant for email");
        let handled = host.handle::<Invoices>(with_address());
        assert_eq!(handled.outcome, Outcome::Rejected("no grant for email".into()));
        assert_eq!(host.text("counters", "invoice").as_deref(), Some("41"));
        assert_eq!(host.get("invoices", "000042"), None);
    }
}
