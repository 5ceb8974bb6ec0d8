"""Runs a handler for the host. An exception becomes a failure or a trap."""

import io
import os
import sys
from collections.abc import Callable
from typing import Any

from componentize_py_types import Err
from wit_world.imports import plugin_types

from hookyard._guest import traceback
from hookyard._text import unicode
from hookyard.failure import Reject, Retry

# Printed text may contain lone surrogates.
for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="replace")

at_end: list[Callable[[], None]] = []
"""The cleanup functions that run after every call, before the next call in the same instance."""


def run(handler: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a handler. An exception other than a failure ends the instance: `abort` traps."""
    try:
        return handler(*arguments)
    except Retry as failure:
        retry = plugin_types.Retry(unicode(failure.reason), failure.after_ms)
        raise Err(plugin_types.Failure_Retry(retry)) from None
    except Reject as failure:
        raise Err(plugin_types.Failure_Reject(unicode(failure.reason))) from None
    except BaseException as error:
        sys.stderr.write(unicode(traceback.text(error)))
        sys.stderr.flush()
        os.abort()
    finally:
        sys.stdout.flush()
        for end in at_end:
            end()
