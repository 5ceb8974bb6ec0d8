"""Refunds the credits of a cancelled appointment to its visitor, once for each appointment.

Refund, balance, ledger entry and emitted event are committed together.
"""

from hookyard import Context, log, on, outbox
from hookyard.moncreneau import AppointmentCancelled
from hookyard.store import Bucket

refunds = Bucket("refunds")  # refunds by appointment; a second cancellation finds the refund here
balances = Bucket("balances")  # balances by visitor
ledger = Bucket("ledger")  # ledger entries by visitor and running number


@on("appointment.cancelled")
def refund(ctx: Context, appointment: AppointmentCancelled) -> None:
    credits = appointment.credits_refunded or 0
    if credits == 0:
        log.info(f"appointment {appointment.id} was cancelled without a refund")
        return
    claim = str(appointment.id)
    if not refunds.compare_and_swap(claim, None, ctx.event_id):
        log.info(f"appointment {appointment.id} was refunded before, on {refunds.get_text(claim)}")
        return
    visitor = identity(appointment)
    balance = balances.increment(visitor, credits)
    entry = {"appointment": appointment.id, "credits": credits, "balance": balance, "at": ctx.created}
    number = ledger.increment(f"{visitor}/last")
    ledger.set_json(f"{visitor}/{number:06}", entry)
    outbox.emit_event("credits.refunded", {"visitor": visitor, **entry})
    log.info(f"{credits} credits for appointment {appointment.id} back to {visitor}, who has {balance} now")


def identity(appointment: AppointmentCancelled) -> str:
    """The key of the visitor. Visitors have no id, so it is the phone number."""
    return appointment.phone or appointment.email or appointment.name
