"""How much a torture test does: a short form for every run, a full one under ``make torture``."""

from __future__ import annotations

import os
from typing import Final, Literal

__all__ = ["SCALE", "count"]

SCALE: Final[Literal["short", "full"]] = "full" if os.environ.get("DSM_TORTURE") == "full" else "short"


def count(short: int, full: int) -> int:
    """How many times: ``short`` in a usual run, ``full`` under ``make torture``."""
    return full if SCALE == "full" else short
