"""Any history of writes, folds and clock steps reads back as a plain dictionary says."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from attrs import define, field
from hypothesis import given, settings
from hypothesis import strategies as st

from core.cache_series import DAY, FUNDING, HOUR, at, entry, key_of, rows_of, table_of
from dsm_core.cache import CacheBatch, CacheStore
from dsm_core.cache.opened import OPENED
from dsm_core.model.coverage import LedgerEntry, State
from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.series import SeriesKey
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES, ChartSchema

NEW_YEAR = at(2024, 1, 1)
SLOTS = 40
STATES: tuple[State, ...] = ("rows", "rows", "confirmed", "provisional")


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@define
class Shape:
    """A kind of series: opens of its slots (one more than has rows) and the moments that may be now."""

    key: SeriesKey
    schema: ChartSchema
    opens: list[int]
    nows: list[int]
    column: str

    @classmethod
    def bars(cls, interval: str, middle: int, step: int) -> Shape:
        """Slots around a border, ``step`` of them apart: entries may span many periods."""
        grid = grid_for(Interval(interval))
        first = grid.index_of(middle) - step * SLOTS // 2
        opens = [grid.open_of(first + i) for i in range(SLOTS + 1)]
        return cls(
            key_of(interval), KLINES, opens, [opens[0], middle, opens[-1], middle + 400 * DAY], "close"
        )

    @classmethod
    def events(cls) -> Shape:
        opens = [NEW_YEAR + (i - SLOTS // 2) * 9 * DAY + 7 for i in range(SLOTS + 1)]
        nows = [opens[0], NEW_YEAR, opens[-1], NEW_YEAR + 800 * DAY]
        return cls(key_of(None), FUNDING, opens, nows, "funding_rate")


SHAPES = {
    "1s": Shape.bars("1s", NEW_YEAR, 1),
    "1s at an hour": Shape.bars("1s", NEW_YEAR + 5 * HOUR, 1),
    "1m": Shape.bars("1m", NEW_YEAR, 1),
    "1h": Shape.bars("1h", NEW_YEAR, 1),
    "1d": Shape.bars("1d", NEW_YEAR, 1),
    "1w": Shape.bars("1w", NEW_YEAR, 1),
    "1M": Shape.bars("1M", NEW_YEAR, 1),
    "events": Shape.events(),
}


@define
class Model:
    """The same history in two dictionaries."""

    rows: dict[int, float] = field(factory=dict)
    told: dict[int, tuple[str, str]] = field(factory=dict)

    def take(self, shape: Shape, batch: CacheBatch) -> None:
        new = rows_of(batch.table, shape.column)
        for e in batch.entries:
            inside = [t for t in shape.opens if e.start <= t < e.end]
            for t in inside:
                if e.state == "rows":
                    self.rows.pop(t, None)
                    if t in new:
                        self.rows[t] = new[t]
                if e.state == "rows" or self._gives_way(t, e.state):
                    self.told[t] = (e.state, e.source)

    def _gives_way(self, t: int, state: State) -> bool:
        old = self.told.get(t, ("provisional", ""))[0]
        return old in ("provisional", state)


@st.composite
def batches(draw: st.DrawFn, shape: Shape) -> CacheBatch:
    """Disjoint entries; bars fill theirs, events leave holes; rows outside are there to be ignored."""
    cuts = sorted(draw(st.sets(st.integers(0, SLOTS), min_size=2, max_size=7)))
    entries: list[LedgerEntry] = []
    rows: dict[int, float] = {}
    for a, b in pairwise(cuts):
        kind = draw(st.sampled_from([*STATES, None]))
        inside = shape.opens[a:b]
        if kind is None or kind == "rows":
            kept = inside if shape.schema.kind == "bars" else draw(st.lists(st.sampled_from(inside)))
            rows |= {t: float(draw(st.integers(0, 99))) for t in kept}
        if kind is not None:
            source = draw(st.sampled_from(["vision", "rest"]))
            entries.append(entry(shape.opens[a], shape.opens[b], kind, source=source))
    return CacheBatch(table=table_of(rows, shape.schema), entries=tuple(entries))


@st.composite
def histories(draw: st.DrawFn, shape: Shape) -> list[tuple[str, int, list[CacheBatch]]]:
    steps = []
    for _ in range(draw(st.integers(1, 7))):
        what = draw(st.sampled_from(["write", "write", "write", "fold", "fold cut short", "forget"]))
        now = draw(st.sampled_from(shape.nows))
        told = [draw(batches(shape)) for _ in range(draw(st.integers(1, 3)))] if what == "write" else []
        steps.append((what, now, told))
    return steps


def play(store: CacheStore, shape: Shape, step: tuple[str, int, list[CacheBatch]], model: Model) -> None:
    what, now, told = step
    if what == "write":
        store.write(shape.key, shape.schema, told, now=now)
        for batch in told:
            model.take(shape, batch)
    elif what == "forget":
        OPENED.reset()
    else:
        before = {p: p.read_bytes() for p in store.root.rglob("*.arrow")}
        store.fold(shape.key, shape.schema, now=now)
        for path, content in before.items():
            if what == "fold cut short" and not path.exists():
                path.write_bytes(content)


def check(store: CacheStore, shape: Shape, model: Model, a: int, b: int) -> None:
    span = TimeRange(shape.opens[a], shape.opens[b])
    found = store.read(shape.key, shape.schema, span, columns=[shape.column])
    assert found.table.column_names == [shape.schema.index, shape.column]
    assert rows_of(found.table, shape.column) == {t: v for t, v in sorted(model.rows.items()) if t in span}
    told = {t: (e.state, e.source) for t in shape.opens for e in found.ledger if e.start <= t < e.end}
    assert told == {t: v for t, v in model.told.items() if t in span}
    t = shape.opens[a]
    assert store.has_rows_before(shape.key, shape.schema, t) == any(r < t for r in model.rows)
    assert store.has_rows_after(shape.key, shape.schema, t) == any(r >= t for r in model.rows)


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_history_reads_back_as_a_dictionary_says(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    root = Path(tempfile.mkdtemp())
    try:
        store, model = CacheStore(root), Model()
        for step in data.draw(histories(shape)):
            play(store, shape, step, model)
            a = data.draw(st.integers(0, SLOTS - 1))
            check(store, shape, model, a, data.draw(st.integers(a + 1, SLOTS)))
            check(store, shape, model, 0, SLOTS)
        assert [problem for _, problem in store.verify() if problem] == []
    finally:
        shutil.rmtree(root)
