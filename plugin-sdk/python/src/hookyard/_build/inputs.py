"""Whether a plugin has to be built again: a digest of all that goes into its component."""

import hashlib
from importlib import metadata
from pathlib import Path

from hookyard._build.discover import Discovery
from hookyard._build.wit import wit_folder


def digest(found: Discovery) -> str:
    """A digest of sources, contract and tools."""
    hashed = hashlib.sha256(metadata.version("componentize-py").encode())
    sdk = sorted(Path(__file__).parents[1].rglob("*.py"))
    for file in [*found.files, *sdk, *sorted(wit_folder().rglob("*.wit"))]:
        hashed.update(f"{file.name}\0".encode())
        hashed.update(hashlib.sha256(file.read_bytes()).digest())
    return hashed.hexdigest()
