"""What a venue has at the moment of a request, as its answer needs it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from random import Random
from typing import Any, Final, Literal, overload

import numpy as np
from attrs import evolve, field, frozen

from dsm_core.model.time_range import TimeRange, from_ns
from dsm_core.testing.book import Book, Invented

__all__ = ["Bars", "Moment", "Row", "Unit"]

Unit = Literal["s", "ms", "us", "ns"]
Part = tuple[Invented, Sequence[int]]
Order = Literal["sorted", "shuffled", "repeated"]
_NS: Final[Mapping[str, int]] = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_FOREVER: Final = 2**62


class Moment(int):
    """An instant, as an integer of UTC nanoseconds that knows its other forms."""

    @property
    def s(self) -> int:
        """Whole seconds."""
        return self // 10**9

    @property
    def ms(self) -> int:
        """Whole milliseconds."""
        return self // 10**6

    @property
    def us(self) -> int:
        """Whole microseconds."""
        return self // 10**3

    @property
    def ns(self) -> int:
        """Nanoseconds."""
        return int(self)

    @property
    def iso(self) -> str:
        """ISO 8601 text with a ``Z``; milliseconds only where they matter."""
        moment = self.datetime
        text = moment.strftime("%Y-%m-%dT%H:%M:%S")
        return f"{text}.{moment.microsecond // 1000:03d}Z" if moment.microsecond else f"{text}Z"

    @property
    def datetime(self) -> datetime:
        """Aware UTC datetime, cut to microseconds."""
        return from_ns(int(self))


class Row(Mapping[str, Any]):
    """One row: ``row.open`` is decimal text, ``row.open_time.ms`` a time, ``row.count`` an integer."""

    __slots__ = ("_i", "_rows")

    def __init__(self, rows: Invented, i: int) -> None:
        self._rows = rows
        self._i = i

    @property
    def time(self) -> Moment:
        """The index: a bar's open, an event's instant."""
        return Moment(self._rows.times[self._i])

    def __getitem__(self, name: str) -> Any:
        schema = self._rows.schema
        if name == schema.index:
            return self.time
        value = self._rows.cell(name, self._i)
        kinds = {column.name: column.dtype for column in schema.columns}
        return Moment(value) if kinds[name] == "time" else value

    def __getattribute__(self, name: str) -> Any:
        # A column may be called like a method of mappings; the column is meant.
        if not name.startswith("_") and name != "time":
            rows = object.__getattribute__(self, "_rows")
            if name == rows.schema.index or name in rows.columns:
                return self[name]
        return object.__getattribute__(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter((self._rows.schema.index, *self._rows.schema.column_names))

    def __len__(self) -> int:
        return 1 + len(self._rows.schema.columns)

    def __repr__(self) -> str:
        return f"Row({', '.join(f'{k}={self[k]!r}' for k in self)})"


def _number(value: Any) -> int:
    return int(value) if not isinstance(value, float) else round(value)


@frozen(kw_only=True, eq=False)
class Bars(Sequence[Row]):
    """Rows of one series that the venue has now, oldest first, the unfinished bar last.

    Taking a part is cheap: rows are made when they are read. Indexing follows time; iterating, ``cells``,
    ``records`` and ``csv`` follow the order in which the venue sends, which a case may disturb.
    """

    book: Book
    now: Moment = field(converter=Moment)
    code: str = ""
    start: int = -_FOREVER
    end: int = _FOREVER
    order: Order = "sorted"
    cuts: bool = False
    _part: Part | None = field(default=None, alias="part", repr=False)

    @property
    def symbol(self) -> str:
        """Symbol of the rows."""
        return self.book.symbol

    @property
    def interval(self) -> str | None:
        """Interval of the rows as DSM calls it; ``code`` is what the client calls it."""
        return self.book.interval

    @property
    def closed(self) -> Bars:
        """The same without the bar that has not closed."""
        grid = self.book.grid
        return self if grid is None else evolve(self, end=min(self.end, grid.closed_until(self.now)))

    def between(self, start: Any = None, end: Any = None, *, unit: Unit = "ns", limit: Any = None) -> Bars:
        """Rows with ``start <= time < end``.

        Parameters
        ----------
        start, end
            Counts of ``unit``, also as text; None is no bound. For a venue whose end is inclusive, add 1.
        unit
            Of ``start`` and ``end``.
        limit
            At most so many, the oldest ones; for the newest ones use :meth:`last`.
        """
        low = self.start if start is None else max(self.start, _number(start) * _NS[unit])
        high = self.end if end is None else min(self.end, _number(end) * _NS[unit])
        found = evolve(self, start=low, end=max(low, high))
        return found if limit is None else found.first(limit)

    def first(self, most: Any) -> Bars:
        """The oldest ``most`` rows."""
        rows, places = self._nearest(int(most), newest=False)
        return evolve(self, part=(rows, places[: -(-len(places) // 2)] if self.cuts else places))

    def last(self, most: Any) -> Bars:
        """The newest ``most`` rows, oldest first."""
        rows, places = self._nearest(int(most), newest=True)
        # Where no end was asked for, the newest rows are all that such a venue ever sends.
        is_cut = self.cuts and self.end < _FOREVER
        return evolve(self, part=(rows, places[len(places) // 2 :] if is_cut else places))

    def cells(self, columns: str) -> list[list[Any]]:
        """Rows as lists, the inverse of ``Answer.from_rows``.

        Parameters
        ----------
        columns
            Names in order: ``"open_time:ms open high low close volume:float"``. Behind a time stands
            its form (``s ms us ns iso``), behind a number ``float`` when it is not to be text; ``_``
            is a cell of no meaning, ``"0"``.
        """
        rows, _ = self._source
        sent = self._sent()
        read = [_cells(rows, word, sent) for word in columns.split()]
        return [list(row) for row in zip(*read, strict=True)]

    def records(self, columns: str) -> list[dict[str, Any]]:
        """Rows as dicts: ``"t=open_time:ms o=open c=close"``; a name alone is its own key."""
        keys = [word.partition("=")[0].partition(":")[0] for word in columns.split()]
        cells = self.cells(" ".join(word.rpartition("=")[2] for word in columns.split()))
        return [dict(zip(keys, row, strict=True)) for row in cells]

    def csv(self, columns: str, *, header: bool = False) -> str:
        """Rows as CSV text, with a line of the columns' names where wanted."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        if header:
            writer.writerow([word.partition(":")[0] for word in columns.split()])
        writer.writerows(self.cells(columns))
        return out.getvalue()

    def __len__(self) -> int:
        return len(self._source[1])

    @overload
    def __getitem__(self, i: int) -> Row: ...
    @overload
    def __getitem__(self, i: slice) -> Bars: ...
    def __getitem__(self, i: int | slice) -> Row | Bars:
        if isinstance(i, slice):
            rows, places = self._source
            return evolve(self, part=(rows, places[i]))
        rows, places = self._nearest(i + 1 if i >= 0 else -i, newest=i < 0)
        return Row(rows, places[i])

    def __iter__(self) -> Iterator[Row]:
        rows, _ = self._source
        return (Row(rows, place) for place in self._sent())

    def invented(self) -> Invented:
        """The rows as columns, for comparing."""
        if self._part is not None:
            raise TypeError("a part taken by count has no columns; take it by time")
        low, high = max(self.start, self.book.listed_at), min(self.end, int(self.now) + 1)
        if high <= low:
            return self.book.rows(np.empty(0, dtype=np.int64))
        return self.book.rows(self.book.times(TimeRange(low, high)), open_at=self.now)

    @cached_property
    def _source(self) -> Part:
        """Rows, and the places of those that belong, by time."""
        if self._part is None:
            rows = self.invented()
            return rows, range(len(rows.times))
        rows, places = self._part
        return rows, [place for place in places if self.start <= rows.times[place] < self.end]

    def _sent(self) -> list[int]:
        """Places in the order in which the venue sends."""
        places = list(self._source[1])
        if self.order == "repeated":
            return [place for i, place in enumerate(places) for _ in range(2 if i % 3 == 0 else 1)]
        if self.order == "shuffled" and len(places) > 3:
            # The ends stay, since venues make their cursors of them.
            inner = places[1:-1]
            Random(7).shuffle(inner)  # noqa: S311 - an order, no secret
            return [places[0], *inner, places[-1]]
        return places

    def _nearest(self, most: int, *, newest: bool) -> Part:
        """The first or last ``most`` rows, without making the others."""
        grid = self.book.grid
        low, high = max(self.start, self.book.listed_at), min(self.end, int(self.now) + 1)
        if grid is None or self._part is not None or high <= low or most <= 0:
            rows, places = self._source
            return rows, places[max(0, len(places) - most) :] if newest else places[: max(most, 0)]
        reach = most + 1
        while True:
            start = max(low, grid.back(high, reach)) if newest else low
            end = high if newest else min(high, grid.back(low, -reach))
            rows = evolve(self, start=start, end=end).invented()
            found = len(rows.times)
            if found >= most or (start, end) == (low, high):
                return rows, range(max(0, found - most), found) if newest else range(min(most, found))
            reach *= 4


def _cells(rows: Invented, word: str, places: list[int]) -> list[Any]:
    """One column as ``cells`` gives it."""
    name, _, form = word.partition(":")
    if name == "_":
        return ["0"] * len(places)
    if not form:
        return rows.cells(name, places)
    if form == "float":
        return [float(text) for text in rows.cells(name, places)]
    if form not in (*_NS, "iso"):
        raise ValueError(f"{word!r}: write {name}:s, :ms, :us, :ns or :iso for a time, :float for a number")
    times = rows.cells(name, places)
    return [Moment(t).iso for t in times] if form == "iso" else [t // _NS[form] for t in times]
