"""What is done to a cache by processes that are killed while they do it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core.cache_series import DAY, MINUTE, at, entry, key_of, minutes, rows_of, table_of
from dsm_core.cache import CacheBatch, CacheStore, DocumentStore, repair
from dsm_core.errors import CacheWarning
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins.schemas import schema_of
from dsm_core.schema.chart_type import KLINES

KEY = key_of("1m")
FEBRUARY = at(2024, 2, 1)
LATER = at(2026, 1, 1)
SPANS = (TimeRange(at(2024, 1, 1), FEBRUARY), TimeRange(FEBRUARY, at(2024, 3, 1)))
DOCUMENT = ("binance", "spot", "symbols")


class Act(NamedTuple):
    """A state, what is done to it, and the parts of it that each change in one step."""

    before: Callable[[Path], None]
    act: Callable[[Path], None]
    look: Callable[[Path], tuple[object, ...]]


def two_months(value: float, count: int = 5) -> CacheBatch:
    """Rows at the end of January and the beginning of February."""
    first = FEBRUARY - count * MINUTE
    rows = {first + i * MINUTE: value for i in range(2 * count)}
    return CacheBatch(table=table_of(rows), entries=(entry(first, first + 2 * count * MINUTE),))


def series(root: Path) -> tuple[object, ...]:
    """Rows and ledger of each month."""
    found = [CacheStore(root).read(KEY, KLINES, span) for span in SPANS]
    assert all(held.damaged == () for held in found)
    return tuple((rows_of(held.table, "close"), held.ledger) for held in found)


def body(root: Path) -> tuple[object, ...]:
    held = DocumentStore(root).read(DOCUMENT)
    return (None if held is None else held.body,)


def rows_in_spite_of_damage(root: Path) -> tuple[object, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        return tuple(rows_of(CacheStore(root).read(KEY, KLINES, span).table, "close") for span in SPANS)


def _nothing(root: Path) -> None:
    root.mkdir()


def _write(*batches: CacheBatch, now: int = LATER) -> Callable[[Path], None]:
    return lambda root: CacheStore(root).write(KEY, KLINES, batches, now=now)


def _days(root: Path) -> None:
    """January in three days' files, and a leftover of somebody who died before."""
    for number, day in enumerate((FEBRUARY - 3 * DAY, FEBRUARY - 2 * DAY, FEBRUARY - DAY)):
        _write(minutes(day, 5, value=float(number)), now=FEBRUARY - 1)(root)
    folder = root / "binance/spot/klines/BTCUSDT/1m"
    (folder / ".2024-01.0123456789abcdef.tmp").write_bytes(b"half")


def _document(version: int) -> Callable[[Path], None]:
    return lambda root: DocumentStore(root).write(DOCUMENT, {"version": version}, fetched=version)


def _held(root: Path) -> None:
    _write(two_months(1.0))(root)
    _document(1)(root)


def _damaged(root: Path) -> None:
    _held(root)
    file = next(root.rglob("2024-01.arrow"))
    data = bytearray(file.read_bytes())
    data[700] ^= 1
    file.write_bytes(data)


def _cut_short(root: Path) -> None:
    """A fold that died before it removed what it had joined: old rows beside newer ones."""
    day = FEBRUARY - DAY
    _write(minutes(day, 5, value=1.0), now=FEBRUARY - 1)(root)
    (fine,) = root.rglob("*.arrow")
    leftover = fine.read_bytes()
    _write(minutes(day, 5, value=2.0))(root)
    fine.write_bytes(leftover)


def _repair(root: Path) -> None:
    repair(CacheStore(root), schema_of, now=LATER)


def _prune(root: Path) -> None:
    CacheStore(root).prune(max_bytes=1)


def _clear(root: Path) -> None:
    CacheStore(root).clear()


def _read(root: Path) -> None:
    rows_in_spite_of_damage(root)


def _months(value: float) -> CacheBatch:
    """One history of two months, whose every row tells which one."""
    return two_months(value, 8)


def _restate(root: Path) -> None:
    """What a call does that found a whole series restated."""
    store = CacheStore(root)
    store.put_away(KEY, KLINES)
    store.write(KEY, KLINES, [_months(2.0)], now=LATER)
    store.drop_put_away(KEY, KLINES)


def _meet_damage(root: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        _write(minutes(FEBRUARY - DAY, 5))(root)


def known(root: Path) -> RangeSet:
    """What is known or wanted of both months, once it was looked at and lost files were looked for."""
    store = CacheStore(root)
    rows_in_spite_of_damage(root)
    store.want_lost(KEY, KLINES)
    return RangeSet.of(*(r for span in SPANS for r in store.read(KEY, KLINES, span).ledger.ranges()))


MOVES = {
    "set aside": Act(_damaged, _read, rows_in_spite_of_damage),
    "set aside by a writer": Act(_damaged, _meet_damage, rows_in_spite_of_damage),
    "repair": Act(_damaged, _repair, rows_in_spite_of_damage),
    "restate": Act(_write(_months(1.0)), _restate, rows_in_spite_of_damage),
}
"""What moves files out of the way, and replaces them after that."""

WORLD = {
    "first write": Act(_nothing, _write(two_months(1.0)), series),
    "rewrite": Act(_write(two_months(1.0)), _write(two_months(2.0, 3)), series),
    "append": Act(_days, _write(minutes(FEBRUARY - DAY + 5 * MINUTE, 4), now=FEBRUARY - 1), series),
    "fold": Act(_days, _write(minutes(FEBRUARY, 3, value=9.0)), series),
    "document": Act(_document(1), _document(2), body),
    "prune": Act(_held, _prune, series),
    "prune after a fold cut short": Act(_cut_short, _prune, series),
    "clear": Act(_held, _clear, series),
    "set aside": Act(_damaged, _read, rows_in_spite_of_damage),
    "repair": Act(_damaged, _repair, rows_in_spite_of_damage),
}

STORM_DAY = 12
WRITES_A_DAY = 4
STORM_SPAN = TimeRange(FEBRUARY, at(2200, 1, 1))


def storm_write(number: int) -> tuple[dict[int, float], int]:
    """Rows of a write, and its time: it fills a day, rewrites the beginning, and goes eleven days on."""
    day, place = divmod(number, WRITES_A_DAY)
    start = FEBRUARY + 11 * day * DAY
    first = start + (place % (WRITES_A_DAY - 1)) * 20 * MINUTE
    return {first + i * MINUTE: float(number + 1) for i in range(30)}, start + DAY


def storm(root: Path, report: Callable[[], None], first: int) -> None:
    """Write on and on; months close and are folded on the way."""
    store = CacheStore(root)
    for number in range(first, first + 10_000):
        rows, now = storm_write(number)
        start = min(rows)
        batch = CacheBatch(table=table_of(rows), entries=(entry(start, start + 30 * MINUTE),))
        store.write(KEY, KLINES, [batch], now=now)
        report()


ACTS: dict[str, Callable[..., None]] = {name: act.act for name, act in (WORLD | MOVES).items()} | {
    "storm": storm
}
