"""Rows of JSON become typed columns, or a ProtocolChangedError that shows what came."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import quick
from dsm_core.errors import ProtocolChangedError
from dsm_core.model.coverage import Origin
from dsm_core.model.time_range import RangeSet
from dsm_core.plugins import Answer

COLUMNS = "open_time:ms open _ close"


def test_cells_become_named_columns() -> None:
    rows = [[1_704_067_200_000, "1.50", "skipped", 2.5], [1_704_067_260_000, "1.60", None, 2.75]]
    table = Answer.from_rows(rows, COLUMNS).rows
    assert table.column_names == ["open_time", "open", "close"]
    assert table["open_time"].type == pa.timestamp("ms", "UTC")
    assert table["open_time"].cast(pa.int64()).to_pylist() == [1_704_067_200_000, 1_704_067_260_000]
    assert table["open"].to_pylist() == ["1.50", "1.60"]
    assert table["close"].to_pylist() == [2.5, 2.75]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_time_has_the_unit_that_its_column_names(unit: str) -> None:
    for cell in (1_704_067_200, "1704067200", 1_704_067_200.0):
        table = Answer.from_rows([[cell]], f"time:{unit}").rows
        assert table["time"].type == pa.timestamp(unit, "UTC")
        assert table["time"].cast(pa.int64()).to_pylist() == [1_704_067_200]


def test_times_as_text_are_exact() -> None:
    table = Answer.from_rows([["1704067200000000001"], ["-5"]], "time:ns").rows
    assert table["time"].cast(pa.int64()).to_pylist() == [1_704_067_200_000_000_001, -5]


def test_a_unit_that_does_not_exist_is_the_authors_mistake() -> None:
    with pytest.raises(ValueError, match="'time:minutes'"):
        Answer.from_rows([[1]], "time:minutes")


def test_further_cells_are_ignored_and_tuples_are_rows() -> None:
    table = Answer.from_rows(iter([(1, 2, 3), [4, 5, 6, 7]]), "a b").rows
    assert table.to_pydict() == {"a": [1, 4], "b": [2, 5]}


def test_no_rows_keep_the_columns() -> None:
    table = Answer.from_rows([], COLUMNS).rows
    assert (table.num_rows, table.column_names) == (0, ["open_time", "open", "close"])
    assert table["open_time"].type == pa.timestamp("ms", "UTC")


def test_what_an_answer_vouches_for_is_kept() -> None:
    covered, origin = RangeSet.from_pairs([(0, 5)]), Origin(url="u")
    answer = Answer.from_rows([], "a", covered=covered, origin=origin, cursor=7)
    assert (answer.covered, answer.origin, answer.cursor) == (covered, origin, 7)


@pytest.mark.parametrize(
    "bad", [[1, "1", 2], [], "1234", {"open_time": 1}, None, 5, b"1234", {1, 2, 3, 4}], ids=repr
)
def test_a_row_that_is_short_or_no_list_is_shown(bad: Any) -> None:
    with pytest.raises(ProtocolChangedError, match="4 cells") as caught:
        Answer.from_rows([[1, "1", "1", 2], bad], COLUMNS)
    assert caught.value.details["row"] == repr(bad)


def test_a_long_bad_row_is_shown_in_part() -> None:
    with pytest.raises(ProtocolChangedError) as caught:
        Answer.from_rows(["x" * 10_000], COLUMNS)
    assert len(caught.value.details["row"]) <= 200


@pytest.mark.parametrize("bad", [None, 5, True, "", "text", b"", {}, {"code": -1}, 1.5], ids=repr)
def test_an_answer_that_is_no_list_of_rows_is_refused(bad: Any) -> None:
    with pytest.raises(ProtocolChangedError):
        Answer.from_rows(bad, COLUMNS)


@pytest.mark.parametrize(
    "cells",
    [
        ["1", 2],
        [1, "2"],
        [1, [2]],
        [{"a": 1}, 2],
        [1, 2**70],
        [2**70, 1],
        [object(), 1],
        ["\ud800", "1"],
        [Decimal("NaN"), Decimal(1)],
        ["1", None, {}],
    ],
)
def test_a_column_of_mixed_or_unreadable_values_is_named(cells: list[Any]) -> None:
    with pytest.raises(ProtocolChangedError, match="'price'"):
        Answer.from_rows([[c] for c in cells], "price")


@pytest.mark.parametrize(
    "cell", [None, "", "x", "2024-01-01", [1], {}, float("nan"), float("inf"), 2**63, 1.5, True, "1_000"]
)
def test_a_time_that_is_no_whole_number_is_refused(cell: Any) -> None:
    with pytest.raises(ProtocolChangedError, match="'time'"):
        Answer.from_rows([[1], [cell]], "time:ms")


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@quick
@given(json_values, st.sampled_from([COLUMNS, "a", "time:s _", "_"]))
def test_any_json_is_an_answer_or_a_protocol_error(body: Any, columns: str) -> None:
    for rows in (body, [body], [[1, body, "1", 2.5]]):
        try:
            answer = Answer.from_rows(rows, columns)
        except ProtocolChangedError:
            continue
        assert isinstance(answer.rows, pa.Table)
