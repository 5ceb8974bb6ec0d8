"""Converts text for the host, which accepts only valid Unicode.

A Python string may contain a lone surrogate, for example from `json.loads` of `"\\ud83d"`. It becomes U+FFFD,
the replacement character. Without this, it would end the handler.
"""


def unicode(text: str) -> str:
    """The text with each lone surrogate replaced and each surrogate pair joined."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def utf8(text: str) -> bytes:
    """The text as UTF-8."""
    return unicode(text).encode()
