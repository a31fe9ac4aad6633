"""What many processes do to one series at once: overlapping writes, reads, folds, and making room."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from core.cache_series import DAY, MINUTE, entry, key_of, rows_of, table_of
from dsm_core.cache import CacheBatch, CacheStore, DocumentStore
from dsm_core.errors import CacheWarning
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES
from plugins.venues import Server
from torture.cache_acts import FEBRUARY, KEY
from torture.minute_venue import minute_manager, wrong_rows

__all__ = ["EVERYTHING", "covered_by", "writes_of"]

# Two days on both sides of the end of a month.
FIRST, MINUTES = FEBRUARY - 2 * DAY, 4 * 1440
EVERYTHING = TimeRange(FIRST, FIRST + MINUTES * MINUTE)
_NUMBERS = 100_000


def writes_of(me: int, count: int) -> Iterator[tuple[float, int, int]]:
    """Each write of a process: the value that is its own, its first minute and the one after its last."""
    chosen = random.Random(me)
    for number in range(count):
        first = chosen.randrange(MINUTES - 10)
        yield float(me * _NUMBERS + number), first, min(MINUTES, first + chosen.randrange(10, 600))


def covered_by(value: float, known: dict[int, list[tuple[float, int, int]]]) -> tuple[int, int]:
    """Minutes that the write of a value covers."""
    me, number = divmod(int(value), _NUMBERS)
    return known[me][number][1:]


def crowd(root: str, me: str, writes: str, others: str) -> None:
    """Write what overlaps others' writes, before and after the month closes, and look at all of it."""
    store, count = CacheStore(Path(root)), int(writes)
    known = {other: list(writes_of(other, count)) for other in range(int(others))}
    seen: set[int] = set()
    for number, (value, first, after) in enumerate(known[int(me)]):
        start = FIRST + first * MINUTE
        rows = {start + i * MINUTE: value for i in range(after - first)}
        batch = CacheBatch(table=table_of(rows), entries=(entry(start, start + (after - first) * MINUTE),))
        store.write(KEY, KLINES, [batch], now=FEBRUARY - 1 if number < count // 2 else FEBRUARY + DAY)
        held = _minutes(store)
        assert seen <= held.keys(), "a row that was there is gone"
        assert all(_is_whole(one, held, known) for one in set(held.values())), "a write was seen in part"
        seen |= held.keys()


def _is_whole(value: float, held: dict[int, float], known: dict[int, list[tuple[float, int, int]]]) -> bool:
    """Whether each day's file that has rows of a write has all of them, or what came later."""
    first, after = covered_by(value, known)
    days = {i // 1440 for i, v in held.items() if v == value}
    return {i for i in range(first, after) if i // 1440 in days} <= held.keys()


def _minutes(store: CacheStore) -> dict[int, float]:
    table: pa.Table = store.read(KEY, KLINES, EVERYTHING, columns=["close"]).table
    return {(t - FIRST) // MINUTE: value for t, value in rows_of(table, "close").items()}


def hold(root: str, times: str) -> None:
    """Use a series while others make room: whatever was there stays."""
    store = CacheStore(Path(root))
    with store.using(KEY):
        before = _minutes(store)
        sys.stdout.write("held\n")
        sys.stdout.flush()
        for _ in range(int(times)):
            assert _minutes(store) == before, "room was made of what is in use"
            assert all(problem is None for _, problem in store.verify())
        sys.stdin.readline()
        assert _minutes(store) == before, "room was made of what is in use"


def make_room(root: str, times: str) -> None:
    """Want all of the cache gone, again and again."""
    store = CacheStore(Path(root))
    for _ in range(int(times)):
        store.prune(max_bytes=1)


def churn(root: str, me: str, times: str) -> None:
    """Write to series of a small cache, each used by others too, and read what was written at once."""
    store = CacheStore(Path(root), max_bytes=200_000)
    for number in range(int(times)):
        key = key_of("1m", f"S{(int(me) + number) % 5}")
        start = FIRST + (int(me) * 31 + number * 7) % 60 * DAY
        rows = {start + i * MINUTE: float(number) for i in range(200)}
        batch = CacheBatch(table=table_of(rows), entries=(entry(start, start + 200 * MINUTE),))
        with store.using(key):
            store.write(key, KLINES, [batch], now=FEBRUARY + 200 * DAY)
            held = store.read(key, KLINES, TimeRange(start, start + 200 * MINUTE))
            assert len(held.table) == 200, "what was written a moment ago is gone"
            assert {r.start for r in held.ledger.ranges()} == {start}


def scribble(root: str, me: str, times: str) -> None:
    """Write to series that others remove, and to documents."""
    store, documents = CacheStore(Path(root)), DocumentStore(Path(root))
    for number in range(int(times)):
        start = FIRST + (int(me) + number) % 40 * DAY
        rows = {start + i * MINUTE: 1.0 for i in range(50)}
        batch = CacheBatch(table=table_of(rows), entries=(entry(start, start + 50 * MINUTE),))
        late = FEBRUARY + (200 if number % 3 else 0) * DAY
        store.write(key_of("1m", f"S{(int(me) + number) % 5}"), KLINES, [batch], now=late)
        documents.write(("binance", "spot", f"d{number % 3}"), rows, fetched=number)


def call(root: str, url: str, me: str, times: str) -> None:
    """Ask for whole days, through a manager whose cache holds few of them, and says so."""
    warnings.filterwarnings("ignore", "The cache has too little room", CacheWarning)
    with minute_manager(Server(url), Path(root) / "cache", cache_max_size="500kB") as manager:
        for number in range(int(times)):
            symbol, day = f"S{(int(me) + number) % 4}", f"2024-06-{1 + number * 5 % 9:02d}"
            frame = manager.get_data(symbol, day, day, "1m")
            assert wrong_rows(frame, day) == 0, f"wrong rows of {symbol}, {day}"


if __name__ == "__main__":
    {
        "crowd": crowd,
        "hold": hold,
        "make_room": make_room,
        "churn": churn,
        "call": call,
        "scribble": scribble,
    }[sys.argv[1]](*sys.argv[2:])
