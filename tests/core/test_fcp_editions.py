"""What differs between two editions, and when two are one."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from core.cache_series import MINUTE, at, table_of
from dsm_core.fcp.edition import is_same
from dsm_core.fcp.row_changes import MOST_ROWS, CellChange, changes_between, rows_inside
from dsm_core.model import Origin, RangeSet
from dsm_core.schema.chart_type import KLINES, ChartSchema
from dsm_core.schema.column import Column

START = at(2024, 1, 1)
TRADES = ChartSchema(
    name="desk_trades",
    kind="events",
    index="time",
    key=("trade_id",),
    columns=(
        Column("trade_id", "string", "id"),
        Column("price", "float64", "price", nullable=True, required=False),
    ),
)


def times(count: int) -> list[int]:
    return [START + i * MINUTE for i in range(count)]


def trades(*rows: tuple[int, str, float | None]) -> pa.Table:
    moments, ids, prices = zip(*rows, strict=True) if rows else ((), (), ())
    columns = [
        pa.array([START + t for t in moments], pa.int64()).cast(pa.timestamp("ns", "UTC")),
        pa.array(ids, pa.string()),
        pa.array(prices, pa.float64()),
    ]
    return pa.Table.from_arrays(columns, schema=TRADES.arrow())


def test_equal_editions_differ_in_nothing() -> None:
    table = table_of(dict.fromkeys(times(5), 1.0))
    found = changes_between(table, table, KLINES)
    assert (found.changed, found.withdrawn, found.added, found.rows) == (0, 0, 0, ())


def test_changed_withdrawn_and_added_rows_are_told_by_time() -> None:
    a, b, c, d = times(4)
    found = changes_between(table_of({a: 1.0, b: 1.0, c: 1.0}), table_of({a: 1.0, c: 2.0, d: 1.0}), KLINES)
    assert [(row.kind, row.time_ns) for row in found.rows] == [("withdrawn", b), ("changed", c), ("added", d)]
    assert (found.changed, found.withdrawn, found.added) == (1, 1, 1)
    assert CellChange("close", 1.0, 2.0) in found.rows[1].cells
    assert "close_time" not in {cell.column for cell in found.rows[1].cells}
    closed = {cell.column: cell.old for cell in found.rows[0].cells}["close_time"]
    assert closed == datetime(2024, 1, 1, 0, 1, 0, 999000, tzinfo=UTC)
    assert found.rows[1].lines()[0] == "2024-01-01 00:02  open  1.0 -> 2.0"
    assert found.rows[0].lines()[0].startswith("2024-01-01 00:01  withdrawn  open 1.0, high 1.0")


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (0, 0)])
def test_an_edition_may_be_empty(counts: tuple[int, int]) -> None:
    old, new = (table_of(dict.fromkeys(times(count), 1.0)) for count in counts)
    found = changes_between(old, new, KLINES)
    assert (found.changed, found.withdrawn, found.added) == (0, *counts)


def test_events_are_paired_by_their_key_and_nulls_equal_each_other() -> None:
    old = trades((0, "a", 1.0), (0, "b", None), (1, "c", 1.0), (1, "d", None))
    new = trades((0, "b", None), (0, "a", 2.0), (1, "d", 3.0), (2, "c", 1.0))
    found = changes_between(old, new, TRADES)
    assert [(row.kind, row.time_ns - START, row.cells[0].column) for row in found.rows] == [
        ("changed", 0, "price"),
        ("changed", 1, "price"),
        ("withdrawn", 1, "trade_id"),
        ("added", 2, "trade_id"),
    ]
    assert found.rows[1].cells == (CellChange("price", None, 3.0),)


def test_so_many_rows_are_counted_and_the_first_told() -> None:
    old = table_of(dict.fromkeys(times(MOST_ROWS + 5), 1.0))
    new = table_of(dict.fromkeys(times(MOST_ROWS + 5), 2.0))
    found = changes_between(old, new, KLINES)
    assert (found.changed, len(found.rows)) == (MOST_ROWS + 5, MOST_ROWS)


def test_rows_inside_ranges_are_cut() -> None:
    table = table_of(dict.fromkeys(times(10), 1.0))
    ranges = RangeSet.from_pairs([(START, START + MINUTE), (START + 8 * MINUTE, START + 99 * MINUTE)])
    assert rows_inside(table, KLINES, ranges).num_rows == 3
    assert rows_inside(table, KLINES, RangeSet()).num_rows == 0


@pytest.mark.parametrize(
    ("known", "told", "same"),
    [
        ({"sha256": "1", "etag": "a"}, {"sha256": "1", "etag": "b"}, True),
        ({"sha256": "1", "etag": "a"}, {"sha256": "2", "etag": "a"}, False),
        ({"sha256": "1", "etag": '"a"'}, {"etag": 'W/"a"'}, True),
        ({"sha256": "1", "etag": "a"}, {"etag": "b"}, False),
        ({"last_modified": "m", "size": 1}, {"last_modified": "m", "size": 1}, True),
        ({"last_modified": "m", "size": 1}, {"last_modified": "m", "size": 2}, False),
        ({"last_modified": "m"}, {"last_modified": "m"}, None),
        ({"sha256": "1"}, {"etag": "a"}, None),
        ({}, {"sha256": "1"}, None),
    ],
)
def test_the_strongest_common_mark_decides(known: dict, told: dict, same: bool | None) -> None:  # type: ignore[type-arg]
    assert is_same(Origin(**known), Origin(**told)) is same
