"""What the tests of the cache run in processes of their own: a crowd of writers, and one that dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from core.cache_series import DAY, MINUTE, at, entry, key_of, minutes, rows_of, table_of
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES

BORDER = at(2024, 2, 1)
BLOCKS = 40
BLOCK = 10
FIRST = BORDER - BLOCKS // 2 * BLOCK * MINUTE
KEY = key_of("1m")
EVERYTHING = TimeRange(FIRST, FIRST + BLOCKS * BLOCK * MINUTE)


def blocks_of(store: CacheStore) -> dict[int, set[float]]:
    """Values of each block that has rows; a whole block has one."""
    rows = rows_of(store.read(KEY, KLINES, EVERYTHING, columns=["close"]).table, "close")
    found: dict[int, list[float]] = {}
    for t, value in rows.items():
        found.setdefault((t - FIRST) // (BLOCK * MINUTE), []).append(value)
    assert all(len(values) == BLOCK for values in found.values()), "a block is torn"
    return {number: set(values) for number, values in found.items()}


def crowd(root: str, number: str, writes: str) -> None:
    """Write blocks that others write too, before and after the month closes, and look at them all."""
    store, me, seen = CacheStore(Path(root)), int(number), set[int]()
    for i in range(int(writes)):
        block = (me * 7 + i * 3) % BLOCKS
        batch = minutes(FIRST + block * BLOCK * MINUTE, BLOCK, value=float(me * 1000 + i))
        store.write(KEY, KLINES, [batch], now=BORDER - DAY if i < int(writes) // 2 else BORDER + DAY)
        blocks = blocks_of(store)
        assert all(len(values) == 1 for values in blocks.values()), "a block mixes two writes"
        seen.add(block)
        assert seen <= blocks.keys(), "a block vanished"
        seen |= blocks.keys()


def before(root: str) -> None:
    """Two days of January, written while it was open."""
    store = CacheStore(Path(root))
    for day in (BORDER - 2 * DAY, BORDER - DAY):
        store.write(KEY, KLINES, [minutes(day, 5, value=1.0)], now=BORDER - 1)


def change() -> list[CacheBatch]:
    """Other rows for the last day of January, and the first of February."""
    rows = {BORDER - DAY + i * MINUTE: 2.0 for i in range(3)} | {BORDER: 2.0}
    entries = (entry(BORDER - DAY, BORDER - DAY + 3 * MINUTE), entry(BORDER, BORDER + MINUTE))
    return [CacheBatch(table=table_of(rows), entries=entries)]


def dying(root: str, step: str) -> None:
    """Make the change, which folds January too, and die before or after the given step."""
    left = int(step)

    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            for act in (lambda: None, lambda: function(*args, **kwargs)):
                result = act()
                left -= 1
                if left < 0:
                    os._exit(9)
            return result

        return call

    for name in ("fsync", "replace", "unlink", "mkdir", "rename"):
        setattr(os, name, mortal(getattr(os, name)))
    CacheStore(Path(root)).write(KEY, KLINES, change(), now=BORDER + DAY)


if __name__ == "__main__":
    {"crowd": crowd, "dying": dying}[sys.argv[1]](*sys.argv[2:])
