"""Write hookyard plugins in Python: a decorated function for each event type.

Capabilities are modules beside this one: `config`, `store`, `outbox`, `http`, `log`. A plugin asks
the operator for those that it imports and no others.
"""

from hookyard.context import Context
from hookyard.failure import Reject, Retry
from hookyard.handlers import on, on_event

__all__ = ["Context", "Reject", "Retry", "on", "on_event"]
