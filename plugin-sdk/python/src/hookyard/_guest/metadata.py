"""Implements `metadata` with `hookyard:event/metadata`."""

from wit_world.imports import event_metadata

from hookyard import metadata


class _Metadata:
    def content_type(self) -> str | None:
        return event_metadata.content_type()

    def attribute(self, name: str) -> str | None:
        return event_metadata.attribute(name)

    def attributes(self) -> dict[str, str]:
        return dict(event_metadata.attributes())


metadata.seam.install(_Metadata())
