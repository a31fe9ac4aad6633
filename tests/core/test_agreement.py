"""Two sources side by side: tolerances, cells that differ, rows that only one has."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsm_core.agreement import Disagreement, Tolerance, Tolerances, compare_rows, disagreements_of
from dsm_core.errors import RequestError
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.schema.chart_type import FUNDING_RATE, KLINES, ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.conform import conform

START = 1_704_067_200 * 10**9
HOUR = 3600 * 10**9
_COLUMNS = (Column("id", "int64", "number"), Column("side", "string", "b or s"))
TRADES = ChartSchema("trades_of_a_test", "events", "time", _COLUMNS, key=("id",))


def bars(*closes: float, first: int = 0, volume: float | None = 10.0) -> pa.Table:
    opens = [START + (first + i) * HOUR for i in range(len(closes))]
    columns: dict[str, Any] = {name: list(closes) for name in ("open", "high", "low", "close")}
    times = pa.array(opens).cast(pa.timestamp("ns", "UTC"))
    ends = pa.array([t + HOUR - 10**6 for t in opens]).cast(pa.timestamp("ns", "UTC"))
    columns |= {"open_time": times, "close_time": ends}
    columns["volume"] = pa.array([volume] * len(closes), pa.float64())
    return conform(columns, KLINES).table


def compared(
    a: pa.Table, b: pa.Table, schema: ChartSchema = KLINES, **given: Any
) -> tuple[Disagreement, ...]:
    tolerances = given.pop("tolerances", Tolerances.for_schema(schema))
    return disagreements_of(compare_rows(("vision", a), ("rest", b), schema, tolerances, **given).cells)


def test_equal_rows_agree_and_are_counted() -> None:
    found = compare_rows(("a", bars(1, 2)), ("b", bars(1, 2)), KLINES, Tolerances.for_schema(KLINES))
    assert found.rows == 2
    assert len(found.cells) == 0


def test_a_cell_that_differs_is_told_with_time_column_and_both_values() -> None:
    found = compared(bars(1.0, 2.0), bars(1.0, 2.5), columns=["close"])
    assert [str(d) for d in found] == ["2024-01-01 01:00 close: vision 2.0, rest 2.5"]
    assert found[0].time_ns == START + HOUR


def test_cells_come_by_time_and_then_in_the_order_of_the_schema() -> None:
    found = compared(bars(1.0, 2.0), bars(1.5, 2.5))
    assert [(d.time_ns - START, d.column) for d in found] == [
        (hour * HOUR, name) for hour in range(2) for name in ("open", "high", "low", "close")
    ]


def test_a_row_that_only_one_has_is_told_once() -> None:
    found = compared(bars(1, 2), bars(2, 3, first=1))
    assert [(d.kind, d.time_ns) for d in found] == [("only_first", START), ("only_second", START + 2 * HOUR)]
    assert str(found[0]) == "2024-01-01 00:00: vision has the row, rest has not"


def test_a_row_is_not_held_against_a_source_that_could_not_tell() -> None:
    untold = RangeSet.of(TimeRange(START, START + HOUR))
    assert compared(bars(1, 2), bars(2, first=1), unknown=(RangeSet(), untold)) == ()
    assert len(compared(bars(1, 2), bars(2, first=1), unknown=(untold, RangeSet()))) == 1


@pytest.mark.parametrize(
    ("volume", "agrees"), [(10.0 + 1e-9, True), (10.0 - 1e-9, True), (10.0 + 2e-8, False), (None, False)]
)
def test_volumes_agree_within_a_billionth(volume: float | None, agrees: bool) -> None:
    assert (compared(bars(1), bars(1, volume=volume)) == ()) is agrees


def test_prices_must_be_equal_unless_a_tolerance_is_given() -> None:
    a, b = bars(100.0), bars(100.0 + 1e-9)
    assert {d.column for d in compared(a, b)} == {"open", "high", "low", "close"}
    wide = Tolerances.for_schema(KLINES, {"open": 1e-10, "high": 1e-10}, {"low": 1e-8, "close": 1e-8})
    assert compared(a, b, tolerances=wide) == ()


def test_a_missing_value_agrees_with_a_missing_one_alone() -> None:
    assert compared(bars(1, volume=None), bars(1, volume=None)) == ()
    (found,) = compared(bars(1, volume=None), bars(1, volume=0.0))
    assert (found.column, found.first_value, found.second_value) == ("volume", None, "0.0")


def test_rows_of_one_instant_are_told_apart_by_their_key() -> None:
    def trades(*rows: tuple[int, str]) -> pa.Table:
        told = {"time": [START] * len(rows), "id": [r[0] for r in rows], "side": [r[1] for r in rows]}
        times = pa.array(told["time"]).cast(pa.timestamp("ns", "UTC"))
        return pa.table([times, told["id"], told["side"]], schema=TRADES.arrow())

    found = compared(trades((1, "b"), (2, "s")), trades((1, "b"), (2, "b"), (3, "s")), TRADES)
    assert [(d.kind, d.row, d.first_value) for d in found] == [
        ("value", "id=2", "s"),
        ("only_second", "id=3", None),
    ]


def test_text_and_times_are_compared_too() -> None:
    def funding(interval: str) -> pa.Table:
        rows = {"contracts": ["BTCUSDT"], "funding_interval": [interval], "funding_rate": [0.0001]}
        return conform(
            {"funding_time": pa.array([START]).cast(pa.timestamp("ns", "UTC")), **rows}, FUNDING_RATE
        ).table

    (found,) = compared(funding("8h"), funding("4h"), FUNDING_RATE)
    assert (found.column, found.first_value, found.second_value) == ("funding_interval", "8h", "4h")


@pytest.mark.parametrize("bound", [-1.0, float("nan"), float("inf"), True, "a lot"])
def test_a_bound_that_is_none_is_refused(bound: Any) -> None:
    with pytest.raises(RequestError, match=r"tolerance .* of 'volume'"):
        Tolerances.for_schema(KLINES, {"volume": bound})


def test_a_tolerance_of_no_column_is_refused_or_passed_over() -> None:
    with pytest.raises(RequestError, match="Did you mean 'volume'"):
        Tolerances.for_schema(KLINES, {"volum": 1e-6})
    with pytest.raises(RequestError, match="holds string"):
        Tolerances.for_schema(FUNDING_RATE, {"contracts": 1e-6})
    assert Tolerances.for_schema(FUNDING_RATE, {"volume": 1}, is_strict=False).of("volume") == Tolerance()


PRICES = st.dictionaries(st.integers(0, 8), st.floats(1, 3, width=16) | st.just(2.0), max_size=9)


@given(a=PRICES, b=PRICES, bound=st.sampled_from((0.0, 0.25)), untold=st.sets(st.integers(0, 8), max_size=3))
def test_what_differs_is_what_a_look_at_each_cell_tells(
    a: dict[int, float], b: dict[int, float], bound: float, untold: set[int]
) -> None:
    def table(told: dict[int, float]) -> pa.Table:
        return pa.concat_tables([bars(told[hour], first=hour) for hour in sorted(told)] or [bars()])

    ranges = RangeSet.of(*(TimeRange(START + h * HOUR, START + (h + 1) * HOUR) for h in untold))
    tolerances = Tolerances.for_schema(KLINES, absolute={"close": bound})
    found = compared(
        table(a), table(b), tolerances=tolerances, columns=["close"], unknown=(RangeSet(), ranges)
    )
    expected = [(h, "value") for h in a if h in b and abs(a[h] - b[h]) > bound]
    expected += [(h, "only_first") for h in a if h not in b and h not in untold]
    expected += [(h, "only_second") for h in b if h not in a]
    assert [((d.time_ns - START) // HOUR, d.kind) for d in found] == sorted(expected)
