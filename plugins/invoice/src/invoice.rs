//! The content of an invoice.

use hookyard_plugin::Context;
use hookyard_plugin::moncreneau::Validated;
use hookyard_plugin::serde_json::{Value, json};

/// An invoice.
pub struct Invoice<'a> {
    /// The number, from 1 without gaps.
    pub number: i64,
    /// The text of the price, with its currency.
    pub price: &'a str,
    /// The appointment of the invoice.
    pub appointment: &'a Validated,
    /// The event of the invoice.
    pub event: &'a Context,
}

impl Invoice<'_> {
    /// The number with six digits, so names sort like numbers.
    pub fn name(&self) -> String {
        format!("{:06}", self.number)
    }

    /// The date of the invoice: the day of the check-in, or else of the event.
    fn date(&self) -> &str {
        let moment = self.appointment.validated_at.as_ref().unwrap_or(&self.event.created);
        moment.split('T').next().unwrap_or_default()
    }

    fn office(&self) -> String {
        match &self.appointment.department {
            Some(department) => department.name.clone(),
            None => format!("service {}", self.appointment.department_id),
        }
    }

    /// The text for the visitor.
    pub fn text(&self) -> String {
        let Validated { id, name, date_time, .. } = self.appointment;
        format!(
            "FACTURE n° {}\nDate : {}\n\nClient : {name}\nPrestation : rendez-vous n° {id} du {}, {}\nMontant : {}\n",
            self.name(),
            self.date(),
            date_time.replace('T', " à "),
            self.office(),
            self.price,
        )
    }

    /// The record for the store.
    pub fn record(&self) -> Value {
        json!({
            "number": self.number,
            "date": self.date(),
            "appointment": self.appointment.id,
            "visitor": self.appointment.name,
            "office": self.office(),
            "price": self.price,
            "event": self.event.event_id,
            "text": self.text(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_can_be_read() {
        let (appointment, event) = (Validated::sample(), Context::sample("appointment.validated"));
        let invoice = Invoice { number: 42, price: "50 000 GNF", appointment: &appointment, event: &event };
        assert_eq!(
            invoice.text(),
            "FACTURE n° 000042\nDate : 2026-01-25\n\nClient : Jean Dupont\n\
             Prestation : rendez-vous n° 12345 du 2026-01-25 à 14:30:00, service 5\nMontant : 50 000 GNF\n"
        );
    }

    #[test]
    fn it_is_dated_by_the_event_where_nothing_else_is_known() {
        let appointment = Validated { validated_at: None, ..Validated::sample() };
        let event = Context::sample("appointment.validated");
        let invoice = Invoice { number: 1, price: "", appointment: &appointment, event: &event };
        assert_eq!(invoice.record()["date"], "2026-01-21");
    }
}
