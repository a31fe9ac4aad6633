"""A schema that contradicts itself is refused when it is made, with the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dsm_core.errors import PluginConflictError, PluginContractError, RequestError
from dsm_core.schema import (
    CHART_TYPES,
    ChartSchema,
    Column,
    chart_schema,
    register_chart_type,
    unregister_chart_type,
)
from dsm_core.schema.chart_type import declared_by

PRICE = Column("price", "float64", "quote currency")
LABEL = Column("label", "string", "in words")
MAYBE = Column("maybe", "int64", "a count", required=False, nullable=True)


def schema(**more: Any) -> ChartSchema:
    facts: dict[str, Any] = {
        "name": "prices_of_a_test",
        "kind": "events",
        "index": "time",
        "columns": [PRICE, LABEL],
    }
    return ChartSchema(**(facts | more))


def column(**more: Any) -> Column:
    facts: dict[str, Any] = {"name": "price", "dtype": "float64", "unit": "quote currency"}
    return Column(**(facts | more))


@pytest.mark.parametrize(
    ("make", "facts", "told"),
    [
        (schema, {"name": "../prices"}, r"'\.\./prices' is no name of a chart type"),
        (schema, {"name": "Prices"}, "'Prices' is no name"),
        (schema, {"name": "p" * 61}, "is no name of a chart type"),
        (schema, {"name": None}, "None is no name of a chart type"),
        (schema, {"kind": "event"}, "kind='event'.*Did you mean 'events'"),
        (schema, {"index": "price"}, "index 'price' among the columns"),
        (schema, {"index": 5}, "5 is no name of a column"),
        (schema, {"columns": [PRICE, PRICE]}, "the column 'price' twice"),
        (schema, {"columns": [PRICE, column(name="PRICE")]}, "both columns 'price' and 'PRICE'"),
        (schema, {"columns": ["price"]}, "'price' among its columns.*Column\\("),
        (schema, {"columns": 5}, "5 among its columns"),
        (schema, {"ordered": [("price", "prize")]}, "'prize' in ordered.*Did you mean 'price'"),
        (schema, {"ordered": [("price", "label")]}, "orders 'price' and 'label'"),
        (schema, {"ordered": [("price",)]}, "ordered=\\('price',\\)"),
        (schema, {"ordered": "price"}, "ordered='price'"),
        (schema, {"key": ["lable"]}, "'lable' in key.*Did you mean 'label'"),
        (schema, {"key": ["time"]}, "'time' in key, which is none of its columns"),
        (schema, {"key": "label"}, "key='label'"),
        (schema, {"columns": [PRICE, MAYBE], "key": ["maybe"]}, "'maybe' in its key, which may be absent"),
        (schema, {"kind": "bars", "key": ["label"]}, "kind bars and has key"),
        (schema, {"kind": "documents"}, "kind documents and has ttl_s=None"),
        (schema, {"kind": "documents", "ttl_s": 0}, "ttl_s=0"),
        (schema, {"kind": "documents", "ttl_s": "1h"}, "ttl_s='1h'"),
        (schema, {"kind": "documents", "ttl_s": float("nan")}, "ttl_s=nan"),
        (schema, {"kind": "documents", "ttl_s": 1e9}, "ttl_s=1000000000.0"),
        (schema, {"ttl_s": 60}, "kind events and has ttl_s=60"),
        (column, {"dtype": "float"}, "dtype='float'.*Did you mean 'float64'"),
        (column, {"agg": "mean"}, "agg='mean'.*one of first, max, min, last, sum"),
        (column, {"dtype": "bool", "agg": "max"}, "of bool has agg='max'"),
        (column, {"dtype": "string", "agg": "sum"}, "of string has agg='sum'.*one of first, last"),
        (column, {"dtype": "time", "agg": "sum"}, "of time has agg='sum'"),
        (column, {"whole_ms": True}, "of float64 has whole_ms or ends_slot"),
        (column, {"dtype": "string", "not_negative": True}, "of string has not_negative=True"),
        (column, {"not_negative": 0}, "not_negative=0"),
        (column, {"name": "mark price"}, "'mark price' is no name of a column"),
        (column, {"name": "a,b"}, "'a,b' is no name"),
        (column, {"name": "symbol"}, "cannot be called 'symbol'"),
        (column, {"name": "_data_source"}, "'_data_source' is no name"),
        (column, {"unit": None}, "unit=None"),
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused(make: Callable[..., Any], facts: Any, told: str) -> None:
    with pytest.raises(PluginContractError, match=told) as caught:
        make(**facts)
    assert caught.value.hint


def test_lists_are_as_good_as_tuples() -> None:
    made = schema(columns=[PRICE, LABEL], key=["label"], ordered=[["time", "time"]])
    assert made == schema(columns=(PRICE, LABEL), key=("label",), ordered=(("time", "time"),))
    assert hash(made)


def test_a_registered_schema_is_found_until_it_is_forgotten() -> None:
    made = schema()
    register_chart_type(made, by="house")
    register_chart_type(schema())
    assert chart_schema("prices_of_a_test") is made
    assert declared_by("prices_of_a_test") == "house"
    with pytest.raises(PluginConflictError, match=r"'prices_of_a_test'.*unregister_chart_type"):
        register_chart_type(schema(columns=[PRICE]))
    unregister_chart_type("prices_of_a_test")
    unregister_chart_type("prices_of_a_test")
    assert "prices_of_a_test" not in CHART_TYPES
    register_chart_type(schema(columns=[PRICE]))
    unregister_chart_type("prices_of_a_test")


def test_what_is_no_schema_is_not_registered() -> None:
    with pytest.raises(PluginContractError, match="'klines' is no ChartSchema"):
        register_chart_type("klines")  # type: ignore[arg-type]


def test_cores_own_stay() -> None:
    with pytest.raises(RequestError, match="'klines' is a chart type of dsm-core"):
        unregister_chart_type("klines")
    assert declared_by("klines") == "dsm-core"
