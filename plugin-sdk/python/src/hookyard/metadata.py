"""What the event says beside its payload. Most signatures cover the body alone, and so do not prove what
came in headers."""

from hookyard import _host

seam: _host.Seam[_host.Metadata] = _host.Seam("metadata")


def content_type() -> str | None:
    """The media type of the content that the payload was made of, as the sender wrote it:
    `application/xml; charset=utf-8`. None if the content was JSON, or if the sender named no type."""
    return seam.host().content_type()


def attribute(name: str) -> str | None:
    """The value of a context attribute of a CloudEvent, such as `subject`, or of an extension."""
    return seam.host().attribute(name)


def attributes() -> dict[str, str]:
    """All context attributes of a CloudEvent, sorted by name. Other events have none."""
    return seam.host().attributes()
