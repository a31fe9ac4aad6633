"""The cache that a command means: its own option, the environment's, the configuration's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsm_core.cache import CacheStore
    from dsm_core.config import DSMConfig

__all__ = ["open_store", "opened_cache", "told_root"]


def open_store(cache_dir: Path | None, config: Path | None) -> CacheStore:
    """The cache; its folder need not exist.

    Raises
    ------
    ConfigError
        When the configuration is wrong, also where the folder is named: it is told here as everywhere.
    """
    return opened_cache(cache_dir, config)[0]


def opened_cache(cache_dir: Path | None, config: Path | None) -> tuple[CacheStore, DSMConfig]:
    """The cache, which reads the others that the configuration names, and the configuration."""
    from dsm_core.cache import CacheStore  # noqa: PLC0415 - brings Arrow
    from dsm_core.config import default_cache_dir, load_config  # noqa: PLC0415

    loaded = load_config(config)
    root, others = cache_dir or default_cache_dir(loaded), loaded.cache.read_from
    return CacheStore(root, read_from=others, max_bytes=loaded.cache.max_bytes), loaded


def told_root(store: CacheStore) -> str:
    """The cache's folder in words, where it was never made too."""
    return str(store.root) if store.root.is_dir() else f"{store.root} (there is no such folder yet)"
