"""What ``dsm doctor`` finds of the cache: whether it can be written, room on the disk, files set aside."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dsm_core.cache import CacheStore
from dsm_core.cli.checkup import Check, Status
from dsm_core.config import DSMConfig
from dsm_core.errors import CacheUnavailableError
from dsm_core.model.wording import size_text

__all__ = ["check_cache"]

# A year of one-second bars of one symbol takes about this much.
_LITTLE_BYTES: Final = 2 * 10**9
_NOTHING_BYTES: Final = 50 * 10**6
_CHOOSE: Final = "Choose another folder: cache.dir in the configuration, or DSM_CACHE_DIR."


def check_cache(config: DSMConfig, root: Path) -> Iterator[Check]:
    """Checks of the cache that a call would use.

    Parameters
    ----------
    config
        The configuration in force.
    root
        Folder of its cache; it need not exist, and is not made.
    """
    if not config.cache.enabled:
        yield Check("cache", "ok", "switched off (cache.enabled)")
        return
    root = root.absolute()
    writable = _check_writable(root)
    yield writable
    if writable.status != "failed":
        yield _check_room(root)
        yield _check_set_aside(root)
    for folder in config.cache.read_from:
        if not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
            remedy = "Correct cache.read_from, or make the folder readable."
            yield Check("cache to read from", "warning", f"{folder} cannot be read", remedy)


def _check_writable(root: Path) -> Check:
    folder = _nearest(root)
    try:
        if not folder.is_dir():
            return Check("cache folder", "failed", f"{folder} is no folder.", _CHOOSE)
        # Permission bits do not tell of read-only disks; a file that goes with its handle does.
        with tempfile.TemporaryFile(dir=folder, prefix=".dsm-doctor-") as file:
            file.write(b"written")
            file.flush()
    except OSError as error:
        detail = f"{folder} cannot be written: {error.strerror or error}."
        return Check("cache folder", "failed", detail, _CHOOSE)
    return Check("cache folder", "ok", str(root) if folder == root else f"{root}, made when it is needed")


def _check_room(root: Path) -> Check:
    free = shutil.disk_usage(_nearest(root)).free
    detail = f"{size_text(free)} free"
    if free >= _LITTLE_BYTES:
        return Check("cache room", "ok", detail)
    status: Status = "failed" if free < _NOTHING_BYTES else "warning"
    return Check("cache room", status, f"{detail}.", f"Free space, or `dsm cache clear`. {_CHOOSE}")


def _check_set_aside(root: Path) -> Check:
    name = "damaged cache files"
    try:
        store = CacheStore(root)
        aside = store.set_aside() if root.is_dir() else []
        lost = store.nameless()
    except CacheUnavailableError as error:
        return Check(name, "failed", error.message, error.hint)
    if not aside:
        return Check(name, "ok", "none set aside")
    if lost:
        detail = f"{len(aside)} set aside; of {len(lost)} no file tells which series it was: {lost[0]}."
        remedy = (
            "Fetch with `dsm prefetch` what is missing of that series; `dsm update` fetches what the others "
            "held. Delete them then; if more come, check the disk."
        )
        return Check(name, "warning", detail, remedy)
    detail = f"{len(aside)} set aside, the first: {aside[0]}."
    remedy = (
        "They serve no call any more, and `dsm update` fetches what they held: delete them then; "
        "if more come, check the disk."
    )
    return Check(name, "warning", detail, remedy)


def _nearest(path: Path) -> Path:
    """The path, or the first above it that exists."""
    return next((place for place in (path, *path.parents) if os.path.lexists(place)), path)
