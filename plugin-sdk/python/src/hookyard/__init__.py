"""Write hookyard plugins in Python: a decorated function for each event type.

Capabilities are modules of this package: `config`, `store`, `outbox`, `http`, `log`, `metadata`. A component
imports only the capabilities whose modules the plugin imports.
"""

from hookyard.context import Context
from hookyard.events import as_json
from hookyard.failure import Reject, Retry
from hookyard.handlers import on, on_event

__all__ = ["Context", "Reject", "Retry", "as_json", "on", "on_event"]
