"""For unit tests of handlers, run by Python itself, without hookyard: a host in memory, and samples.

    host = Host(config={"crm_url": "https://crm.example.gn"})
    host.deliver(plugin.enter, appointment_created(phone=None))
    [request] = host.requests

A handler that fails raises here too, and leaves nothing behind.
"""

from hookyard.test.host import Host
from hookyard.test.samples import (
    appointment_cancelled,
    appointment_completed,
    appointment_created,
    appointment_updated,
    appointment_validated,
)

__all__ = [
    "Host",
    "appointment_cancelled",
    "appointment_completed",
    "appointment_created",
    "appointment_updated",
    "appointment_validated",
]
