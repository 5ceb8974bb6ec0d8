//! The text of a receipt. Amounts are decimal text in events and whole cents here, so nothing is rounded.

use std::fmt::Write as _;

use crate::acme::{Line, Order};

/// A decimal amount with at most two decimal places, in cents.
pub fn cents(amount: &str) -> Option<i64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if fraction.len() > 2 || whole.is_empty() || amount.ends_with('.') {
        return None;
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then_some(());
    digits(whole).and(digits(fraction))?;
    format!("{whole}{fraction:0<2}").parse().ok()
}

/// The price of a line, in cents.
pub fn line_cents(line: &Line) -> Option<i64> {
    cents(&line.unit_price)?.checked_mul(i64::from(line.quantity))
}

/// The text of an order's receipt.
pub fn text(order: &Order, other_cents: i64) -> String {
    let mut text = String::new();
    for Line { sku, quantity, unit_price } in &order.lines {
        let _ = writeln!(text, "{quantity} × {sku} at {unit_price}");
    }
    let currency = &order.currency;
    let _ = writeln!(text, "taxes and shipping: {} {currency}", amount(other_cents));
    let _ = writeln!(text, "total: {} {currency}", order.total);
    text
}

fn amount(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_whole_cents() {
        for (text, expected) in [
            ("129.90", Some(12990)),
            ("129.9", Some(12990)),
            ("5", Some(500)),
            ("0.07", Some(7)),
            ("1.005", None),
            ("1.", None),
            (".5", None),
            ("-1", None),
            ("1e3", None),
        ] {
            assert_eq!(cents(text), expected, "{text}");
        }
        assert_eq!(amount(-5), "-0.05");
    }
}
