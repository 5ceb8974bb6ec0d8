"""Implements `log` and the standard library's `logging` with `wasi:logging/logging`."""

import logging
from typing import Any

from wit_world.imports.logging import Level
from wit_world.imports.logging import log as host_log

from hookyard import log
from hookyard._guest import traceback
from hookyard._text import unicode

_LEVELS = {level.name.lower(): level for level in Level}


class _Log:
    def line(self, level: str, context: str, message: str) -> None:
        host_log(_LEVELS[level], unicode(context), unicode(message))


class _Formatter(logging.Formatter):
    def formatException(self, ei: Any) -> str:
        return traceback.text(ei[1]).rstrip()


def _install() -> None:
    log.seam.install(_Log())
    handler = log.LogHandler()
    handler.setFormatter(_Formatter())
    # The operator sets the level, so the plugin sends every line.
    logging.basicConfig(handlers=[handler], level=logging.NOTSET)


_install()
