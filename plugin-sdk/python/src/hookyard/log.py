"""Log lines for the operator, which the host keeps with the attempt.

`print` and the standard library's `logging` write there too.
"""

import logging

from hookyard import _host

seam: _host.Seam[_host.Log] = _host.Seam("log")


def trace(message: object) -> None:
    """Logs values of variables and the flow of control."""
    seam.host().line("trace", "", str(message))


def debug(message: object) -> None:
    """Logs details that help to find a bug."""
    seam.host().line("debug", "", str(message))


def info(message: object) -> None:
    """Logs normal progress."""
    seam.host().line("info", "", str(message))


def warning(message: object) -> None:
    """Logs a dangerous situation."""
    seam.host().line("warn", "", str(message))


def error(message: object) -> None:
    """Logs a failure that the plugin handled."""
    seam.host().line("error", "", str(message))


def critical(message: object) -> None:
    """Logs a failure that the plugin could not handle."""
    seam.host().line("critical", "", str(message))


class LogHandler(logging.Handler):
    """Writes the records of the standard library's `logging`. The logger's name is the line's context."""

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
