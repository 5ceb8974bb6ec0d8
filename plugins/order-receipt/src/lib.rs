//! Emails a receipt for each paid order, and the parcel's number when it leaves. The events are those of another
//! provider, Acme: `acme.rs` is generated from its WIT package in `wit`.

pub mod acme;
mod receipt;

use acme::{Customer, Order, OrderPaid, OrderShipped, Shipment};
use hookyard_plugin::log::info;
use hookyard_plugin::{Context, Failure, Result, config, export, outbox, store};

/// The plugin.
pub struct Receipts;

export!(Receipts: OrderPaid, OrderShipped);

impl OrderPaid for Receipts {
    fn handle(_ctx: Context, order: Order) -> Result {
        let lines = order.lines.iter().map(receipt::line_cents).sum::<Option<i64>>();
        let (Some(lines), Some(total)) = (lines, receipt::cents(&order.total)) else {
            return Err(Failure::reject(format!("order {}: an amount is no decimal number", order.id)));
        };
        let number = store::open("counters")?.increment("receipt", 1)?;
        send(&order.customer, format!("Receipt {number}"), receipt::text(&order, total - lines))?;
        info!("receipt {number} for order {}", order.id);
        Ok(())
    }
}

impl OrderShipped for Receipts {
    fn handle(_ctx: Context, shipment: Shipment) -> Result {
        let Some(number) = &shipment.tracking_number else {
            info!("order {} was shipped without a number", shipment.order.id);
            return Ok(());
        };
        let text = format!("Your order {} is on its way: {number}\n", shipment.order.id);
        send(&shipment.order.customer, "Your parcel".into(), text)
    }
}

/// Sends an email to a customer who has an address.
fn send(customer: &Customer, subject: String, text: String) -> Result {
    let Some(address) = &customer.email else {
        info!("customer {} has no address", customer.id);
        return Ok(());
    };
    let shop = config::get("shop").unwrap_or_else(|| "Acme".into());
    outbox::email(address)
        .subject(format!("{shop}: {subject}"))
        .text(format!("Dear {},\n\n{text}", customer.name))
        .send()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::test::{Host, Outcome};

    use super::*;

    #[test]
    fn a_paid_order_gets_one_receipt_with_exact_amounts() {
        let mut host = Host::new().config("shop", "Acme Conakry");
        let handled = host.handle::<Receipts>(Order::sample()).done();
        // 64-bit numbers stay exact: as a float, this one would end in 2.
        assert_eq!(handled.lines, ["INFO receipt 1 for order 9007199254740993"]);
        let [email] = handled.effects.as_slice() else { panic!("{:?}", handled.effects) };
        let email = email.email().unwrap();
        assert_eq!(email.subject, "Acme Conakry: Receipt 1");
        assert_eq!(
            email.text,
            "Dear Ada Lovelace,\n\n2 × A-100 at 49.95\n1 × B-7 at 30.00\ntaxes and shipping: 0.00 EUR\n\
             total: 129.90 EUR\n"
        );
    }

    #[test]
    fn an_order_whose_total_is_no_amount_is_rejected() {
        let order = Order { total: "much".into(), ..Order::sample() };
        let handled = Host::new().handle::<Receipts>(order);
        let reason = "order 9007199254740993: an amount is no decimal number";
        assert_eq!(handled.outcome, Outcome::Rejected(reason.into()));
    }

    #[test]
    fn a_parcel_without_a_number_is_not_announced() {
        let shipment = Shipment { tracking_number: None, ..Shipment::sample() };
        assert!(Host::new().handle::<Receipts>(shipment).done().effects.is_empty());
        let handled = Host::new().handle::<Receipts>(Shipment::sample()).done();
        assert!(handled.effects[0].email().unwrap().text.contains("on its way: "), "{:?}", handled.effects);
    }
}
