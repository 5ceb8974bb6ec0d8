"""Makes the interpreter ready for the picture that a component is: later there are no files.

What the standard library imports only when it is needed has to be imported now.
"""

import _strptime  # type: ignore[import-not-found] # by datetime.strptime
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
    """The last thing that happens before the picture is taken."""
    traceback.keep_sources()
