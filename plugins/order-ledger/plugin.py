"""Books each paid order of the shop Acme, and orders an article again when little is left. `acme.py` is
generated from the shop's WIT package in `wit`."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from hookyard import Context, Reject, config, log, on, outbox, store

from acme import Order, OrderStatus, Stock

LARGEST = Decimal("1e12")


@on("order.paid")
def book(ctx: Context, order: Order) -> None:
    if order.status is not OrderStatus.PAID:
        raise Reject(f"order {order.id} is {order.status}, not paid")
    goods = sum((_amount(line.unit_price) * line.quantity for line in order.lines), Decimal(0))
    total = _amount(order.total)
    zone = ZoneInfo(config.get("zone") or "UTC")
    channel = order.metadata.get("channel", "unknown")
    booking = {
        # As text: many programs keep 53 bits of a number.
        "order": str(order.id),
        "customer": str(order.customer.id),
        "day": datetime.fromisoformat(order.placed_at).astimezone(zone).date().isoformat(),
        "channel": channel,
        "goods": f"{goods:.2f}",
        "other": f"{total - goods:.2f}",
        "total": f"{total:.2f}",
        "currency": order.currency,
    }
    outbox.send_json("PUT", f"{config.require('ledger_url').rstrip('/')}/{order.id}", booking)
    number = store.Bucket("counters").increment(f"orders/{channel}", 1)
    log.info(f"order {order.id} is booked: number {number} of {channel}")


@on("stock.low")
def reorder(ctx: Context, stock: Stock) -> None:
    outbox.send_email(
        config.require("purchasing"),
        subject=f"Order {stock.sku} again",
        text=f"{stock.left} of {stock.sku} are left; the threshold is {stock.threshold}.\n",
    )


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise Reject(f"{text!r} is no decimal number") from None
    # `NaN`, `Infinity` and `1e999` are numbers to Decimal, too.
    if not amount.is_finite() or abs(amount) > LARGEST:
        raise Reject(f"{text!r} is no amount of money")
    return amount
