"""Implements `config` with `wasi:config/store`."""

from wit_world.imports import config_store

from hookyard import config


class _Config:
    def get(self, key: str) -> str | None:
        return config_store.get(key)

    def all(self) -> dict[str, str]:
        return dict(config_store.get_all())


config.seam.install(_Config())
