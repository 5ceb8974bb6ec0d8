"""Prepares the interpreter for the snapshot in the component, which has no files later.

This module imports the modules that the standard library otherwise imports on demand.
"""

import _strptime  # type: ignore[import-not-found] # datetime.strptime imports it
import encodings.ascii
import encodings.cp1252
import encodings.idna
import encodings.latin_1
import encodings.punycode
import encodings.utf_8_sig
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le

from hookyard._guest import traceback

__all__ = ["_strptime", "encodings", "prepare"]


def prepare() -> None:
    """Runs last, before the snapshot is taken."""
    traceback.keep_sources()
