"""Text on its way to the host, which takes Unicode only.

A Python string may hold half of a surrogate pair: `json.loads` makes one of `"\\ud83d"`. It becomes U+FFFD,
the replacement character, where it would end the handler otherwise.
"""


def unicode(text: str) -> str:
    """The text, with each lone surrogate replaced, and each pair of them joined."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def utf8(text: str) -> bytes:
    """The text as UTF-8."""
    return unicode(text).encode()
