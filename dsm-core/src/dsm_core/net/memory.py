"""How much memory the machine has left, where psutil can tell; decides nothing."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, Final

from attrs import frozen

__all__ = ["Memory", "read_memory"]

FLOOR_BYTES: Final = 512 * 1024 * 1024
FLOOR_SHARE: Final = 0.1


@frozen
class Memory:
    """The machine's memory at one moment.

    Parameters
    ----------
    free_bytes
        What programs can take without swapping.
    total_bytes
        What there is.
    """

    free_bytes: int
    total_bytes: int

    @property
    def is_short(self) -> bool:
        """Whether less than 512 MiB is free; on a machine below 5 GiB, less than a tenth."""
        # the smaller of both: a tenth of a large machine is room for hundreds of tasks
        return self.free_bytes < min(FLOOR_BYTES, self.total_bytes * FLOOR_SHARE)


def read_memory() -> Memory | None:
    """Give the machine's memory; None without psutil (the extra ``memory``) or where it cannot tell."""
    psutil = _load_psutil()
    if psutil is None:
        return None
    try:
        now = psutil.virtual_memory()
    except OSError:
        return None  # a sandbox without /proc: a hint that is missing must not stop a download
    return Memory(free_bytes=now.available, total_bytes=now.total)


@cache
def _load_psutil() -> Any:
    """Import psutil when a lane first works, not when the package is imported."""
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None
