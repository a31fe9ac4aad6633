"""Whatever a client returns, ``conform`` gives the exact schema or a SchemaMismatchError."""

from __future__ import annotations

from collections import ChainMap
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import DAY, MINUTE, SECOND, at, quick
from dsm_core.errors import SchemaMismatchError
from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange
from dsm_core.schema.chart_type import KLINES, ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.conform import Conformed, check_signs, conform, empty_table, times_of

FIRST = at(2024, 1, 1)
MINUTES = grid_for(Interval("1m"))
REQUIRED = ("open", "high", "low", "close")
OPTIONAL = ("volume", "quote_asset_volume", "count", "taker_buy_volume", "taker_buy_quote_volume")
EVENTS = ChartSchema(
    name="events",
    kind="events",
    index="time",
    columns=(
        Column("label", "string", "text"),
        Column("number", "int64", "count", nullable=True),
        Column("until", "time", "time", required=False, nullable=True),
    ),
)


def stamps(times: list[int], unit: str = "ns", tz: str | None = "UTC") -> pa.Array:
    scale = {"s": SECOND, "ms": 10**6, "us": 1000, "ns": 1}[unit]
    return pa.array([t // scale for t in times], pa.int64()).cast(pa.timestamp(unit, tz))


def bars(times: list[int], **columns: Any) -> dict[str, Any]:
    """A mapping of columns, every value 1 unless told otherwise; None leaves a column out."""
    made: dict[str, Any] = {"open_time": stamps(times)}
    made |= {name: pa.array([1.0] * len(times)) for name in (*REQUIRED, *OPTIONAL) if name != "count"}
    made |= {"close_time": stamps([t + MINUTE - 10**6 for t in times]), "count": pa.array([1] * len(times))}
    made |= columns
    return {name: values for name, values in made.items() if values is not None}


def minutes(*numbers: int) -> list[int]:
    return [FIRST + n * MINUTE for n in numbers]


def conformed(rows: Any, **how: Any) -> pa.Table:
    made = conform(rows, KLINES, **how)
    assert made.table.schema.equals(KLINES.arrow())
    return made.table


def opens(table: pa.Table) -> list[int]:
    return [(t - FIRST) // MINUTE for t in times_of(table, KLINES).tolist()]


def test_decimal_text_becomes_the_nearest_float64() -> None:
    text = ["0.1", "42283.58000000", "0.00000001", "1e-7", "123456789012345678", "179769313486231.57e294"]
    table = conformed(bars(minutes(*range(6)), volume=text))
    assert table["volume"].to_pylist() == [float(t) for t in text]


@quick
@given(st.lists(st.decimals(0, 10**12, places=8), min_size=1, max_size=20))
def test_decimals_and_their_text_become_the_same_nearest_float64(values: list[Decimal]) -> None:
    times = minutes(*range(len(values)))
    as_decimal = conformed(bars(times, volume=pa.array(values, pa.decimal128(30, 8))))
    as_text = conformed(bars(times, volume=[f"{v:f}" for v in values]))
    assert as_decimal["volume"].to_pylist() == [float(v) for v in values]
    assert as_decimal.equals(as_text)


def test_integers_become_the_nearest_float64() -> None:
    values = [2**53 + 1, 10**18 + 1, 7]
    table = conformed(bars(minutes(0, 1, 2), volume=pa.array(values, pa.int64())))
    assert table["volume"].to_pylist() == [float(v) for v in values]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("tz", ["UTC", None, "America/New_York", "+05:30"])
def test_times_of_any_unit_and_zone_become_utc_nanoseconds(unit: str, tz: str | None) -> None:
    times = minutes(0, 1)
    closes = stamps([t + 59 * SECOND for t in times], unit, tz)
    table = conformed(bars(times, open_time=stamps(times, unit, tz), close_time=closes))
    assert times_of(table, KLINES).tolist() == times
    assert table["close_time"].cast(pa.int64()).to_pylist() == [t + 59 * SECOND for t in times]


def test_close_time_is_cut_to_whole_milliseconds() -> None:
    table = conformed(bars([FIRST, -MINUTE], close_time=stamps([FIRST + MINUTE - 1000, -1])))
    assert table["close_time"].cast(pa.int64()).to_pylist() == [-(10**6), FIRST + MINUTE - 10**6]


def test_every_kind_of_table_gives_the_same_rows() -> None:
    table = pa.table(bars(minutes(0, 1, 2), volume=["1.5", "2.5", "0.1"]))
    expected = conformed(table)
    frame = table.to_pandas()
    for rows in (
        table,
        pa.concat_tables([table.slice(0, 1), table.slice(1)]),
        table.to_batches()[0],
        dict(zip(table.column_names, table.columns, strict=True)),
        MappingProxyType(dict(zip(table.column_names, table.columns, strict=True))),
        ChainMap(dict(zip(table.column_names, table.columns, strict=True))),
        frame,
        frame.set_index("open_time"),
        frame.convert_dtypes(),
        frame.astype({"volume": "category"}),
        pl.from_arrow(table),
        pl.DataFrame(pl.from_arrow(table)).with_columns(pl.col("volume").cast(pl.Categorical)),
        table.select(reversed(table.column_names)),
    ):
        assert conformed(rows).equals(expected)


def test_an_index_of_another_name_is_not_taken() -> None:
    frame = pa.table(bars(minutes(0))).to_pandas().set_index("open_time")
    frame.index.name = "time"
    with pytest.raises(SchemaMismatchError, match="'open_time': is missing"):
        conform(frame, KLINES)


def test_extra_columns_are_ignored() -> None:
    rows = bars(minutes(0), ignore=["0"], nested=[{"a": [1]}])
    assert conformed(rows).equals(conformed(bars(minutes(0))))


@pytest.mark.parametrize("name", ["open_time", *REQUIRED, "close_time"])
def test_a_missing_required_column_is_named(name: str) -> None:
    with pytest.raises(SchemaMismatchError, match=f"'{name}': is missing; the source gave .*volume"):
        conform(bars(minutes(0), **{name: None}), KLINES)


def test_a_missing_close_time_is_the_last_millisecond_of_the_slot_where_there_is_a_grid() -> None:
    rows = bars([FIRST, FIRST + MINUTE + SECOND], close_time=None)
    table = conformed(rows, grid=MINUTES, strays="moved")
    ends = [FIRST + MINUTE - 10**6, FIRST + 2 * MINUTE - 10**6]
    assert table["close_time"].cast(pa.int64()).to_pylist() == ends
    month = conformed(bars([at(2024, 2, 1)], close_time=None), grid=grid_for(Interval("1M")))
    assert month["close_time"].cast(pa.int64()).to_pylist() == [at(2024, 3, 1) - 10**6]


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_missing_optional_column_is_null(name: str) -> None:
    table = conformed(bars(minutes(0, 1), **{name: None}))
    assert table[name].null_count == 2


def test_absent_columns_are_null_whatever_the_source_gave() -> None:
    table = conformed(bars(minutes(0), volume=["garbage"]), absent=frozenset({"volume", "close_time"}))
    assert (table["volume"].null_count, table["close_time"].null_count) == (1, 1)


def test_a_column_that_comes_twice_is_refused() -> None:
    table = pa.table(bars(minutes(0)))
    for name in ("open", "open_time"):
        with pytest.raises(SchemaMismatchError, match=f"'{name}': comes 2 times"):
            conform(table.append_column(name, table[name]), KLINES)


@pytest.mark.parametrize("name", ["open_time", *REQUIRED, "close_time"])
def test_a_null_in_a_required_column_is_refused(name: str) -> None:
    rows = bars(minutes(0, 1))
    rows[name] = pa.array([rows[name][0].as_py(), None], rows[name].type)
    with pytest.raises(SchemaMismatchError, match=f"'{name}': 1 values are absent"):
        conform(rows, KLINES)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_null_in_an_optional_column_stays_null(name: str) -> None:
    table = conformed(bars(minutes(0, 1, 2), **{name: pa.array(["1", None, "3"])}))
    assert table[name].to_pylist() == [1, None, 3]


@pytest.mark.parametrize("name", OPTIONAL)
def test_nan_in_an_optional_column_is_null_whatever_holds_it(name: str) -> None:
    columns = bars(minutes(0, 1), **{name: np.array([1.0, np.nan])})
    frame = pa.table(columns).to_pandas()
    for rows in (columns, frame, pl.DataFrame(pl.from_arrow(pa.table(columns)))):
        assert conformed(rows)[name].to_pylist() == [1, None]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), "NaN", "inf", "1e400"])
def test_a_price_that_is_not_finite_is_refused_with_its_row(bad: Any) -> None:
    good: Any = "1" if isinstance(bad, str) else 1.0
    with pytest.raises(SchemaMismatchError, match="'open': row 1 is not a finite number"):
        conform(bars(minutes(0, 1), open=pa.array([good, bad])), KLINES)


def test_an_infinite_optional_value_is_refused_with_its_row() -> None:
    volume = pa.array([None, 1.0, float("inf")])
    with pytest.raises(SchemaMismatchError, match="'volume': row 2 is not a finite number"):
        conform(bars(minutes(0, 1, 2), volume=volume), KLINES)


@pytest.mark.parametrize("bad", ["", " 1", "1 ", "1,5", "1_000", "abc", "0x10", "1.2.3", "\u0661", "1\x00"])
def test_text_that_is_no_number_is_refused_by_column(bad: str) -> None:
    with pytest.raises(SchemaMismatchError, match="'open': "):
        conform(bars(minutes(0, 1), open=["1", bad]), KLINES)


@pytest.mark.parametrize(
    "bad",
    [[2**63], [-(2**63) - 1], ["9223372036854775808"], ["1.5"], [1.5], [1e30], [float("inf")]],
)
def test_a_count_that_int64_cannot_hold_is_refused(bad: list[Any]) -> None:
    with pytest.raises(SchemaMismatchError):
        conform(bars(minutes(0), count=bad), KLINES)
    with pytest.raises(SchemaMismatchError, match="'count': "):
        conform(bars(minutes(0), count=pa.array([2**64 - 1], pa.uint64())), KLINES)


@pytest.mark.parametrize(
    "bad", [[True], [{"a": 1}], [[1]], [b"\xff"], stamps([FIRST]), pa.array([FIRST]).cast(pa.duration("ns"))]
)
def test_a_column_of_another_kind_is_refused_by_name(bad: Any) -> None:
    for name in ("open", "count"):
        with pytest.raises(SchemaMismatchError, match=f"'{name}': "):
            conform(bars(minutes(0), **{name: bad}), KLINES)


@pytest.mark.parametrize("values", [[FIRST], [float(FIRST)], ["2024-01-01"], [None], [b"x"]])
def test_a_time_without_unit_is_refused(values: list[Any]) -> None:
    for name in ("open_time", "close_time"):
        with pytest.raises(SchemaMismatchError, match=f"'{name}': "):
            conform(bars(minutes(0), **{name: values}), KLINES)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("value", [2**63 - 1, -(2**63) + 1])
def test_a_huge_time_is_refused(unit: str, value: int) -> None:
    huge = pa.array([value], pa.int64()).cast(pa.timestamp(unit, "UTC"))
    for name in ("open_time", "close_time"):
        for grid in (None, MINUTES, grid_for(Interval("1M"))):
            with pytest.raises(SchemaMismatchError, match=f"'{name}': "):
                conform(bars(minutes(0), **{name: huge}), KLINES, grid=grid, strays="moved")


@pytest.mark.parametrize(
    "changes",
    [{"low": 2.0}, {"high": 0.5}, {"open": 3.0}, {"close": 0.5}, {"open": 0.5}, {"close": 3.0}],
)
def test_crossed_prices_are_refused_with_their_row(changes: dict[str, float]) -> None:
    columns = {name: [1.0, value] for name, value in changes.items()}
    with pytest.raises(SchemaMismatchError, match=r"is above \w+ in row 1"):
        conform(bars(minutes(0, 1), **columns), KLINES)


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_amount_below_zero_is_refused_with_its_row(name: str) -> None:
    with pytest.raises(SchemaMismatchError, match=f"'{name}': is -2.* in row 1, below zero"):
        conform(bars(minutes(0, 1), **{name: [0, -2]}), KLINES)
    conform(bars(minutes(0, 1), **{name: [None, 0]}), KLINES)


def test_prices_below_zero_are_refused_only_where_a_source_never_has_them() -> None:
    table = conformed(bars(minutes(0), **{name: [-37.63] for name in REQUIRED}))
    assert table["close"].to_pylist() == [-37.63]
    with pytest.raises(SchemaMismatchError, match=r"'low': is -37\.63 in row 0"):
        check_signs(table, ["low"])


def test_disorder_is_mended() -> None:
    table = conformed(bars(minutes(2, 0, 1), volume=[2.0, 0.0, 1.0]), grid=MINUTES)
    assert opens(table) == [0, 1, 2]
    assert table["volume"].to_pylist() == [0.0, 1.0, 2.0]


def test_of_two_rows_with_one_time_the_last_stays() -> None:
    made = conform(bars(minutes(1, 0, 1, 1), volume=[1.0, 2.0, 3.0, 4.0]), KLINES, grid=MINUTES)
    assert opens(made.table) == [0, 1]
    assert made.table["volume"].to_pylist() == [2.0, 4.0]
    assert made.duplicates == 2
    assert len(made.off_grid) == 0


def test_a_bar_off_the_grid_is_refused_with_its_time() -> None:
    rows = bars([FIRST, FIRST + MINUTE + SECOND])
    with pytest.raises(SchemaMismatchError, match="2024-01-01 00:01:01 stands off the grid"):
        conform(rows, KLINES, grid=MINUTES)
    assert len(conformed(rows)) == 2


def test_a_snapped_bar_goes_to_the_slot_that_holds_it_and_is_counted() -> None:
    made = conform(bars([FIRST + 59 * SECOND, FIRST + MINUTE]), KLINES, grid=MINUTES, strays="moved")
    assert opens(made.table) == [0, 1]
    assert made.off_grid.tolist() == [FIRST]
    assert made.table.schema.equals(KLINES.arrow())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (1, 2, 0)])
def test_of_two_bars_in_one_slot_the_one_on_the_grid_stays(order: tuple[int, ...]) -> None:
    times, volumes = [FIRST, FIRST + SECOND, FIRST + 2 * SECOND], [1.0, 2.0, 3.0]
    rows = bars([times[i] for i in order], volume=[volumes[i] for i in order])
    made = conform(rows, KLINES, grid=MINUTES, strays="moved")
    assert (opens(made.table), made.table["volume"].to_pylist()) == ([0], [1.0])
    assert (made.duplicates, len(made.off_grid)) == (2, 0)


def test_of_two_bars_off_the_grid_in_one_slot_the_last_stays() -> None:
    rows = bars([FIRST + 2 * SECOND, FIRST + SECOND], volume=[1.0, 2.0])
    made = conform(rows, KLINES, grid=MINUTES, strays="moved")
    assert made.table["volume"].to_pylist() == [2.0]
    assert made.off_grid.tolist() == [FIRST]


def test_rows_outside_the_span_are_dropped() -> None:
    rows = bars([FIRST - SECOND, *minutes(0, 1, 2, 3)])
    made = conform(rows, KLINES, grid=MINUTES, strays="moved", span=TimeRange(FIRST, FIRST + 2 * MINUTE))
    assert opens(made.table) == [0, 1]
    assert len(made.off_grid) == 0
    for span in (TimeRange(FIRST - DAY, FIRST - MINUTE), TimeRange(FIRST + DAY, FIRST + 2 * DAY)):
        assert conformed(rows, strays="moved", grid=MINUTES, span=span).equals(empty_table(KLINES))


@pytest.mark.parametrize(
    "rows",
    [
        {},
        bars([]),
        {"open_time": []},
        pd.DataFrame(),
        pd.DataFrame(columns=["open_time", *KLINES.column_names]),
        pl.DataFrame(),
        pa.table({}),
        KLINES.arrow().empty_table(),
    ],
)
def test_no_rows_keep_the_exact_schema(rows: Any) -> None:
    made = conform(rows, KLINES, grid=MINUTES, strays="moved", span=TimeRange(0, 1))
    assert made.table.equals(empty_table(KLINES))
    assert made.table.schema.equals(KLINES.arrow())
    assert (made.duplicates, len(made.off_grid)) == (0, 0)
    assert len(times_of(made.table, KLINES)) == 0


@pytest.mark.parametrize(
    "rows",
    [
        None,
        5,
        "rows",
        b"rows",
        [],
        [{"open": 1}],
        object(),
        int,
        iter(()),
        pd.Series([1.0]),
        pl.Series([1.0]),
        np.zeros((2, 2)),
        pd.DataFrame,
        pl.DataFrame,
    ],
)
def test_something_that_is_no_table_is_refused(rows: Any) -> None:
    with pytest.raises(SchemaMismatchError):
        conform(rows, KLINES)


@pytest.mark.parametrize(
    "rows",
    [
        {"open": [1, 2], "high": [1]},
        {"open": 5},
        {"open": ["1", 2]},
        {"open": [object()]},
        {1: [1], "open": [2]},
        pd.DataFrame({"open": ["1", 2, None, [3]]}),
        pd.DataFrame({"open": [object()]}),
        pd.DataFrame([[1, 2]], columns=["open", "open"]),
        pd.DataFrame({"open_time": [1]}, index=pd.Index([1], name="open_time")),
    ],
)
def test_columns_that_make_no_table_are_refused(rows: Any) -> None:
    with pytest.raises(SchemaMismatchError):
        conform(rows, KLINES)


def test_nullable_times_stay_null() -> None:
    rows = {"time": stamps([5, 3]), "label": ["a", "b"], "number": ["7", None]}
    made = conform({**rows, "until": pa.array([None, 8], pa.timestamp("ns"))}, EVENTS).table
    assert made["until"].cast(pa.int64()).to_pylist() == [8, None]
    assert conform(rows, EVENTS).table["until"].null_count == 2
    assert conform(made, EVENTS).table.equals(made)


def test_events_need_no_grid() -> None:
    rows = {"time": stamps([5, 3, 5]), "label": ["a", "b", "a"], "number": [1, 2, 1]}
    made = conform(rows, EVENTS)
    assert made.table["label"].to_pylist() == ["b", "a"]
    assert made.duplicates == 1


def test_times_are_read_across_chunks() -> None:
    table = conformed(bars(minutes(0, 1, 2)))
    parts = pa.concat_tables([table.slice(0, 1), table.slice(1, 0), table.slice(1)])
    assert times_of(parts, KLINES).tolist() == minutes(0, 1, 2)


random_bars = st.lists(
    st.tuples(st.integers(0, 20 * 60), st.floats(0, 1e9), st.one_of(st.none(), st.integers(0, 10**6))),
    max_size=15,
)


@quick
@given(random_bars, st.booleans())
def test_conforming_again_changes_nothing(rows: list[tuple[int, float, int | None]], snap: bool) -> None:
    times = [FIRST + (s if snap else s // 60 * 60) * SECOND for s, _, _ in rows]
    volume, count = (
        pa.array([v for _, v, _ in rows], pa.float64()),
        pa.array([c for *_, c in rows], pa.int64()),
    )
    span = TimeRange(FIRST + 2 * MINUTE, FIRST + 15 * MINUTE)
    how: dict[str, Any] = {"grid": MINUTES, "strays": "moved" if snap else "refused", "span": span}
    once = conform(bars(times, volume=volume, count=count), KLINES, **how)
    for again in (once.table, once.table.to_pandas(), pl.from_arrow(once.table)):
        assert conform(again, KLINES, **how).table.equals(once.table)
    made = times_of(once.table, KLINES)
    assert (np.diff(made) > 0).all()
    assert set(made.tolist()) == {MINUTES.floor(t) for t in times if MINUTES.floor(t) in span}


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.binary(max_size=3),
    st.datetimes(),
    st.dates(),
    st.timedeltas(),
    st.decimals(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
typed_columns = st.one_of(
    st.lists(cells, max_size=3),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=2, max_size=2).flatmap(
        lambda values: st.sampled_from(["s", "ms", "us", "ns"]).map(
            lambda unit: pa.array(values, pa.int64()).cast(pa.timestamp(unit, "UTC"))
        )
    ),
    st.sampled_from([pa.nulls(2), pa.array([1, 2], pa.date64()), pa.array(["1", "2"]).dictionary_encode()]),
    st.sampled_from([pa.array([1.0, 2.0], pa.float16()), pa.array(["1", "2"], pa.string_view())]),
)


@quick
@given(
    st.dictionaries(st.sampled_from(["open_time", *KLINES.column_names, "x"]), typed_columns), st.booleans()
)
def test_a_mapping_of_garbage_raises_nothing_but_a_mismatch(garbage: dict[str, Any], replaces: bool) -> None:
    rows = {**bars(minutes(0, 1)), **garbage} if replaces else garbage
    for make in (dict, pd.DataFrame):
        try:
            made = make(rows)
        except Exception:
            continue
        try:
            found = conform(made, KLINES, grid=MINUTES, strays="moved")
        except SchemaMismatchError:
            continue
        assert isinstance(found, Conformed)
        assert found.table.schema.equals(KLINES.arrow())


def test_a_close_time_that_the_source_lacks_is_the_last_millisecond_of_the_slot() -> None:
    for absent in (frozenset[str](), frozenset({"close_time"})):
        rows = bars(minutes(0, 1))
        del rows["close_time"]
        table = conform(rows, KLINES, grid=grid_for(Interval("1m")), absent=absent).table
        step = pa.scalar(60_000_000_000 - 1_000_000, pa.duration("ns"))
        assert table["close_time"].to_pylist() == pc.add(table["open_time"], step).to_pylist()


TRUTH = ChartSchema(
    "truth_of_a_test", "events", "time", [Column("ok", "bool", "in words", required=False, nullable=True)]
)


@pytest.mark.parametrize(
    "given", [[True, False, None], ["true", "false", None], ["1", "0", None], [1, 0, None], [1.0, 0.0, None]]
)
def test_truths_are_read_from_words_and_numbers(given: list[Any]) -> None:
    made = conform({"time": stamps([1, 2, 3]), "ok": given}, TRUTH).table
    assert made["ok"].to_pylist() == [True, False, None]


@pytest.mark.parametrize("bad", ["yes it is", 2, 0.5, -1])
def test_what_is_neither_true_nor_false_is_refused(bad: Any) -> None:
    with pytest.raises(SchemaMismatchError, match=f"'ok'.*{bad}"):
        conform({"time": stamps([1]), "ok": [bad]}, TRUTH)


@pytest.mark.parametrize(
    "nested", [{"a": 1}, {}, ["x"], ["x", "y"], [], (), b"AB", b"\xff", {"x"}, np.array(["q"])]
)
def test_a_nested_value_of_a_document_is_not_stored_as_something_else(nested: Any) -> None:
    schema = document()
    with pytest.raises(SchemaMismatchError, match=r"'status': holds .*Give a mapping of single values"):
        conform({"status": nested, "tick": "0.1"}, schema, stamp=0)


def test_a_document_holds_no_nan_for_text_and_takes_numpy_values() -> None:
    schema = document()
    with pytest.raises(SchemaMismatchError, match=r"'status': holds nan, not text"):
        conform({"status": float("nan"), "tick": 0.1}, schema, stamp=0)
    found = conform({"status": np.str_("on"), "tick": np.int64(3)}, schema, stamp=0).table
    assert found.select(["status", "tick"]).to_pylist() == [{"status": "on", "tick": 3.0}]
    columns = conform({"status": ["on", "off"], "tick": [1, 2], "as_of": times(0, 1)}, schema).table
    assert columns.column("status").to_pylist() == ["on", "off"]


def document() -> ChartSchema:
    columns = [Column("status", "string", "w"), Column("tick", "float64", "q")]
    return ChartSchema(name="info", kind="documents", index="as_of", columns=columns, ttl_s=3600)


def times(*seconds: int) -> pa.Array:
    return pa.array(seconds, pa.timestamp("s", "UTC"))
