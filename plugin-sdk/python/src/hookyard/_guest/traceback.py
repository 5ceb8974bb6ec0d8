"""Tracebacks with the author's file, line and source, though a component has no files.

Importing this module rehearses one, since formatting a traceback imports modules that cannot be found later.
"""

import linecache
import re
import sys
import traceback

_MOUNT = re.compile(r'(?m)^([ |]*File ")/\d+/')


def text(error: BaseException) -> str:
    """The traceback of an error that a handler raised, from the handler on."""
    trace = error.__traceback__
    while trace and trace.tb_next and "/hookyard/_guest/" in trace.tb_frame.f_code.co_filename:
        trace = trace.tb_next
    if isinstance(error, MemoryError):
        # What the frames hold is what there is no room left for.
        traceback.clear_frames(trace)
    lines = traceback.TracebackException(type(error), error, trace, compact=True).format()
    # Folders of the author's are mounted as /0, /1, … when the component is made.
    return _MOUNT.sub(r"\1", "".join(lines))


def keep_sources() -> None:
    """Keeps the sources of the modules outside the standard library, for tracebacks to quote."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and re.match(r"/\d+/", file):
            lines = linecache.getlines(file)
            # Without a time of change the entry is not compared with the file.
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


try:
    raise RuntimeError("rehearsal")
except RuntimeError as rehearsal:
    text(rehearsal)
