"""Decides whether a plugin needs a new build, by a digest of all inputs of its component."""

import hashlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from hookyard._build.discover import Discovery
from hookyard._build.wit import wit_folder


def digest(found: Discovery) -> str:
    """The digest of sources, contract and tools."""
    return _of_files(tools(found), found.files)


def tools(found: Discovery) -> str:
    """The digest of contract and tools."""
    versions = " ".join(metadata.version(name) for name in ("componentize-py", "tzdata"))
    sdk = sorted(Path(__file__).parents[1].rglob("*.py"))
    contract = [*sorted(wit_folder().rglob("*.wit")), *sorted((found.folder / "wit").rglob("*.wit"))]
    return _of_files(versions, [*sdk, *contract])


def _of_files(text: str, files: Iterable[Path]) -> str:
    hashed = hashlib.sha256(text.encode())
    for file in files:
        hashed.update(f"{file.name}\0".encode())
        hashed.update(hashlib.sha256(file.read_bytes()).digest())
    return hashed.hexdigest()
