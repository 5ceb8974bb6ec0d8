"""Finds the WIT contract, and writes the world of one plugin."""

from pathlib import Path

from hookyard import events
from hookyard._build import BuildError
from hookyard._build.discover import Discovery

IMPORTS = {
    "wasi:config/store@0.2.0-rc.1": "config_store",
    "wasi:keyvalue/store@0.2.0-draft2": "keyvalue_store",
    "wasi:keyvalue/atomics@0.2.0-draft2": "keyvalue_atomics",
    "wasi:keyvalue/batch@0.2.0-draft2": "keyvalue_batch",
    "hookyard:plugin/outbox@0.1.0": "outbox",
    "hookyard:plugin/types@0.1.0": "plugin_types",
    "hookyard:event/metadata@0.1.0": "event_metadata",
    "wasi:http/types@0.2.12": "http_types",
    "wasi:http/outgoing-handler@0.2.12": "http_outgoing_handler",
    "wasi:io/streams@0.2.12": "io_streams",
    "wasi:logging/logging@0.1.0-draft": "logging",
}
"""The name of each interface's Python module, for componentize-py. Its default name depends on the rest of
the world."""

_CAPABILITIES = {
    "config": ["wasi:config/store@0.2.0-rc.1"],
    "store": [
        "wasi:keyvalue/store@0.2.0-draft2",
        "wasi:keyvalue/atomics@0.2.0-draft2",
        "wasi:keyvalue/batch@0.2.0-draft2",
    ],
    "outbox": ["hookyard:plugin/outbox@0.1.0"],
    "http": ["wasi:http/outgoing-handler@0.2.12"],
    "log": ["wasi:logging/logging@0.1.0-draft"],
    "metadata": ["hookyard:event/metadata@0.1.0"],
}

EVENT_HANDLER = "hookyard:plugin/event-handler@0.1.0"
WORLD = "hookyard:build/plugin"


def wit_folder() -> Path:
    """The WIT contract: packaged with the SDK, beside it, or in hookyard's repository."""
    package = Path(__file__).resolve().parents[1]
    sdk = package.parents[1]
    for folder in (package / "wit", sdk / "wit", sdk.parents[1] / "wit"):
        if (folder / "hookyard-plugin-0.1.0").is_dir():
            return folder
    raise BuildError(f"the contract is missing: there is no folder wit in {sdk}")


def typed_handler(event_type: str) -> str:
    """The handler interface of an event type."""
    return events.by_name[event_type].interface


def world(found: Discovery) -> str:
    """The world with the plugin's handlers as exports and its capabilities as imports."""
    imports = [interface for name in found.capabilities for interface in _CAPABILITIES[name]]
    exports = [typed_handler(event_type) for event_type in found.event_types]
    if found.subscriptions:
        exports.append(EVENT_HANDLER)
    lines = ["import hookyard:plugin/types@0.1.0"]  # defines the failures
    lines += [f"import {interface}" for interface in imports]
    lines += [f"export {interface}" for interface in exports]
    return "package hookyard:build;\n\nworld plugin {\n" + "".join(f"    {line};\n" for line in lines) + "}\n"
