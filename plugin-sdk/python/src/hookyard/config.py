"""The plugin's configuration: `config` and `secrets` of its section in `hookyard.toml`."""

from typing import overload

from hookyard import _host
from hookyard.failure import Reject

seam: _host.Seam[_host.Config] = _host.Seam("config")


@overload
def get(key: str) -> str | None: ...
@overload
def get(key: str, default: str) -> str: ...
def get(key: str, default: str | None = None) -> str | None:
    """The value of a key, or `default` if the operator has not set the key."""
    value = seam.host().get(key)
    return default if value is None else value


def require(key: str) -> str:
    """The value of a required key. If the key is missing, the event is rejected with a reason that names the
    key."""
    value = seam.host().get(key)
    if value is None:
        raise Reject(f"the operator's config of this plugin lacks the key {key}")
    return value


def all() -> dict[str, str]:
    """All keys and values."""
    return seam.host().all()
