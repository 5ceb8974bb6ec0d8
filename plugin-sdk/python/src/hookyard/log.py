"""Lines for the operator, kept with the attempt.

`print` and the standard library's `logging` end up there too.
"""

import logging

from hookyard import _host

seam: _host.Seam[_host.Log] = _host.Seam("log")


def trace(message: object) -> None:
    """The values of variables and the flow of control."""
    seam.host().line("trace", "", str(message))


def debug(message: object) -> None:
    """For someone who looks for a bug."""
    seam.host().line("debug", "", str(message))


def info(message: object) -> None:
    """For someone who watches."""
    seam.host().line("info", "", str(message))


def warning(message: object) -> None:
    """A dangerous situation."""
    seam.host().line("warn", "", str(message))


def error(message: object) -> None:
    """A failure that was dealt with."""
    seam.host().line("error", "", str(message))


def critical(message: object) -> None:
    """A failure that could not be dealt with."""
    seam.host().line("critical", "", str(message))


class LogHandler(logging.Handler):
    """Takes what the standard library's `logging` is given. The logger's name is the line's context."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            context = "" if record.name == "root" else record.name
            seam.host().line(_level(record.levelno), context, self.format(record))
        except Exception:
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.CRITICAL:
        return "critical"
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"
