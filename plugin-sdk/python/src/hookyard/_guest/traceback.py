"""Formats tracebacks with the author's file, line and source, although a component has no files.

This module formats one traceback at import, because the formatting imports modules that are missing later.
"""

import linecache
import re
import sys
import traceback

_MOUNT = re.compile(r'(?m)^([ |]*File ")/\d+/')


def text(error: BaseException) -> str:
    """The traceback of a handler's exception, from the handler on."""
    trace = error.__traceback__
    while trace and trace.tb_next and "/hookyard/_guest/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    if isinstance(error, MemoryError):
        # The objects in the frames use the memory that is missing here.
        traceback.clear_frames(trace)
    lines = traceback.TracebackException(type(error), error, trace, compact=True).format()
    # componentize-py mounts the author's folders as /0, /1, …
    return _MOUNT.sub(r"\1", "".join(lines))


def keep_sources() -> None:
    """Keeps the sources of all modules outside the standard library for tracebacks."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and re.match(r"/\d+/", file):
            lines = linecache.getlines(file)
            # An entry without a modification time is not compared with the file.
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


try:
    raise RuntimeError("rehearsal")
except RuntimeError as rehearsal:
    text(rehearsal)
