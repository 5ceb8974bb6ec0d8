"""An in-memory host and sample payloads, for unit tests that Python runs without hookyard.

    host = Host(config={"crm_url": "https://crm.example.gn"})
    host.deliver(plugin.enter, appointment_created(phone=None))
    [request] = host.requests

A handler that fails raises in the test too, and leaves no writes or effects.
"""

from hookyard.test.component import Trapped
from hookyard.test.host import Host
from hookyard.test.samples import (
    appointment_cancelled,
    appointment_completed,
    appointment_created,
    appointment_updated,
    appointment_validated,
    sample,
)

__all__ = [
    "Host",
    "Trapped",
    "appointment_cancelled",
    "appointment_completed",
    "appointment_created",
    "appointment_updated",
    "appointment_validated",
    "sample",
]
