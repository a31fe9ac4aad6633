"""Invented rows: all that a venue ever had of one series, the same for everyone who asks.

Rows follow from the symbol, the interval and the slot alone, so any range can be had without those
before it, and two views of one bar agree to the last decimal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Final

import numpy as np
import pyarrow as pa
from attrs import field, frozen
from numpy.typing import NDArray

from dsm_core.model.grid import EpochGrid, Grid
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import NS_PER_MS, RangeSet, TimeRange
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column

__all__ = ["PLACES", "Book", "Invented"]

PLACES: Final = 8
"""Decimals of every invented number."""
_SCALE: Final = 10**PLACES
_HOUR_NS: Final = 3600 * 10**9
_FOUR_HOURS: Final = EpochGrid(4 * _HOUR_NS)
_HOURS: Final = EpochGrid(_HOUR_NS)
_WORDS: Final = ("buy", "sell", "north", "south")
Ints = NDArray[np.int64]


def _mixed(values: Ints, salt: int) -> Ints:
    """Well-spread numbers of 40 bits, one for each value (splitmix64)."""
    x = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt & (2**64 - 1))
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Ints = ((x ^ (x >> np.uint64(31))) >> np.uint64(24)).astype(np.int64)
    return mixed


@frozen
class Invented:
    """Rows of a book: their times, and a column of each name.

    Numbers are held as whole multiples of ``10**-PLACES``.
    """

    schema: ChartSchema
    times: Ints
    columns: Mapping[str, Any]

    def cell(self, name: str, i: int) -> Any:
        """A value as a venue would write it: decimal text, an integer, text, or UTC nanoseconds."""
        return self.cells(name, [i])[0]

    def cells(self, name: str, places: Sequence[int]) -> list[Any]:
        """Values of one column at ``places``."""
        if name == self.schema.index:
            times: list[int] = self.times[places].tolist()
            return times
        column = self.columns[name]
        if isinstance(column, list):
            return [column[i] for i in places]
        values: list[Any] = column[places].tolist()
        if self._dtypes[name] != "float64":
            return values
        return [f"{'-' if v < 0 else ''}{abs(v) // _SCALE}.{abs(v) % _SCALE:0{PLACES}d}" for v in values]

    @cached_property
    def _dtypes(self) -> dict[str, str]:
        return {column.name: column.dtype for column in self.schema.columns}

    def table(self, present: frozenset[str]) -> pa.Table:
        """The rows as DSM must hand them out, columns outside ``present`` null."""
        arrays: list[Any] = [pa.array(self.times)]
        for column, kind in zip(self.schema.columns, self.schema.arrow().types[1:], strict=True):
            if column.name not in present:
                arrays.append(pa.nulls(len(self.times), kind))
            elif column.dtype == "float64":
                # Both are exact float64, so the quotient is the nearest one to the decimal text.
                arrays.append(pa.array(self.columns[column.name] / float(_SCALE)))
            else:
                arrays.append(pa.array(self.columns[column.name]))
        schema = self.schema.arrow()
        return pa.table(
            [array.cast(kind) for array, kind in zip(arrays, schema.types, strict=True)], schema=schema
        )


@frozen(kw_only=True)
class Book:
    """One series of an invented venue.

    Parameters
    ----------
    schema, symbol, interval
        What it is of; no interval for events.
    grid
        Where its bars open; None for events.
    listed_at
        First instant that can have rows, UTC nanoseconds.
    holes
        Ranges in which the venue has none.
    values
        Functions of a row's time that replace what is invented, by column.
    """

    schema: ChartSchema
    symbol: str
    interval: Interval | None
    grid: Grid | None
    listed_at: int
    holes: RangeSet = field(factory=RangeSet)
    values: Mapping[str, Callable[[int], Any]] = field(factory=dict)

    def times(self, span: TimeRange) -> Ints:
        """Times of the rows in ``span``, ascending."""
        times = self.grid.slots(span) if self.grid is not None else self._event_times(span)
        kept = times >= self.listed_at
        for hole in self.holes:
            kept &= (times < hole.start) | (times >= hole.end)
        return times[kept]

    def rows(self, times: Ints, open_at: int | None = None) -> Invented:
        """The rows at ``times``; the bar that is open at ``open_at`` has other values than its final ones."""
        keys = times // NS_PER_MS
        ends = times
        if self.grid is not None:
            keys = self.grid.indices(times)
            ends = self.grid.ends(keys)
        salt = np.zeros(len(times), dtype=np.int64)
        slot = None if open_at is None or self.grid is None else self.grid.slot_at(open_at)
        if slot is not None:
            salt[times == slot.start] = 1
        columns = self._numbers(keys * 2 + salt)
        for number, column in enumerate(self.schema.columns):
            if column.dtype != "float64":
                columns[column.name] = self._other(column, number, keys * 2 + salt, times, ends)
        if "count" in columns and "volume" in columns:
            columns["count"] = columns["count"] * (columns["volume"] != 0)
        return Invented(self.schema, times, {**columns, **self._replaced(times)})

    @property
    def _seed(self) -> int:
        text = f"{self.schema.name}\0{self.symbol}\0{self.interval}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")

    def _draw(self, keys: Ints, number: int) -> Ints:
        return _mixed(keys, self._seed + 7919 * number)

    def _event_times(self, span: TimeRange) -> Ints:
        if self.schema.name == "funding_rate":
            slots = _FOUR_HOURS.slots(span)
            # Every second week settles every four hours, the others every eight.
            dense = slots // (7 * 24 * _HOUR_NS) % 2 == 1
            kept: Ints = slots[dense | (slots % (8 * _HOUR_NS) == 0)]
            return kept
        if self.schema.kind == "documents":
            # A record of each hour, of which a venue tells the newest.
            return _HOURS.slots(span)
        slots = _HOURS.slots(TimeRange(span.start - _HOUR_NS, span.end))
        drawn = self._draw(slots // _HOUR_NS, 101)
        times: Ints = (slots + drawn % 3_599_000 * NS_PER_MS)[drawn % 5 != 0]
        return times[(times >= span.start) & (times < span.end)]

    def _numbers(self, keys: Ints) -> dict[str, Any]:
        names = [c.name for c in self.schema.columns if c.dtype == "float64"]
        if self.schema.kind == "events":
            return {name: self._draw(keys, i) % 200_001 - 100_000 for i, name in enumerate(names)}
        level = 100 * _SCALE + self._draw(keys // 512, 211) % (40_000 * _SCALE)
        columns = {}
        for i, name in enumerate(names):
            columns[name] = 1 + self._draw(keys, i) % (900 * _SCALE)
        columns.update(self._ordered(keys, level))
        if {"volume", "quote_asset_volume", "close"} <= columns.keys():
            self._trade(keys, columns)
        return columns

    def _ordered(self, keys: Ints, level: Ints) -> dict[str, Ints]:
        """Columns of which one is never above another: draws, sorted, in one of two fitting orders."""
        graph: dict[str, set[str]] = {}
        for low, high in self.schema.ordered:
            graph.setdefault(high, set()).add(low)
            graph.setdefault(low, set())
        first = list(TopologicalSorter(graph).static_order())
        mirrored = {name: graph[name] for name in reversed(graph)}
        second = list(TopologicalSorter(mirrored).static_order())
        draws = np.sort([self._draw(keys, 31 + i) % (40 * _SCALE) for i in range(len(first))], axis=0)
        coin = self._draw(keys, 53) % 2 == 0
        return {
            name: level + np.where(coin, draws[first.index(name)], draws[second.index(name)])
            for name in first
        }

    def _trade(self, keys: Ints, columns: dict[str, Any]) -> None:
        """Make amounts fit each other; one bar in eleven has no trade."""
        traded = self._draw(keys // 2, 61) % 11 != 0
        columns["volume"] = columns["volume"] * traded
        price = columns["close"] / _SCALE
        columns["quote_asset_volume"] = (columns["volume"] * price).astype(np.int64)
        share = self._draw(keys, 67) % 1000 / 1000
        for part, whole in (
            ("taker_buy_volume", "volume"),
            ("taker_buy_quote_volume", "quote_asset_volume"),
        ):
            if part in columns:
                columns[part] = (columns[whole] * share).astype(np.int64)

    def _other(self, column: Column, number: int, keys: Ints, times: Ints, ends: Ints) -> Any:
        if column.dtype == "time":
            return ends - NS_PER_MS if column.ends_slot else times
        drawn = self._draw(keys, 301 + number)
        if column.dtype == "bool":
            return drawn % 2 == 0
        if column.dtype == "int64":
            return 1 + drawn % 100_000
        if column.name == "funding_interval":
            return self._intervals(times)
        if column.name in ("symbol", "contracts"):
            return [self.symbol] * len(times)
        return [_WORDS[i] for i in (drawn % len(_WORDS)).tolist()]

    def _intervals(self, times: Ints) -> list[str]:
        """Hours since the settlement before, holes and listing left out of account."""
        if not len(times):
            return []
        wide = self._event_times(TimeRange(int(times[0]) - 8 * _HOUR_NS, int(times[-1]) + 1))
        places = np.searchsorted(wide, times)
        return [f"{h}h" for h in ((times - wide[places - 1]) // _HOUR_NS).tolist()]

    def _replaced(self, times: Ints) -> dict[str, Any]:
        replaced: dict[str, Any] = {}
        for column in self.schema.columns:
            if column.name in self.values:
                given = [self.values[column.name](t) for t in times.tolist()]
                is_number = column.dtype == "float64"
                replaced[column.name] = (
                    np.array([round(float(v) * _SCALE) for v in given], dtype=np.int64)
                    if is_number
                    else given
                )
        return replaced
