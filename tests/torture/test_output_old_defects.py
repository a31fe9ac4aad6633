"""Defects of the older implementation that have to do with what is handed out; none may come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from core.two_sources import HOUR, START, Files, Rest, two_sources
from dsm_core import DataSourceManager
from dsm_core.config import AgreementConfig, CacheConfig, DefaultsConfig, HttpConfig, load_config
from dsm_core.fcp.request import CallOptions, Request

DAY: dict[str, Any] = {
    "start_time": START,
    "end_time": START + 48 * HOUR,
    "interval": "1h",
    "inclusive": "left",
}
# What only shapes what is handed out. `return_polars` is a keyword of `get_data` alone.
OUTPUT: list[dict[str, Any]] = [
    {"columns": ["close"]},
    {"columns": []},
    {"include_source_metadata": True},
    {"return_polars": True},
    {"return_polars": True, "columns": ["volume", "open"], "include_source_metadata": True},
    {"on_gaps": "ignore"},
]
CONFIGURED: dict[type, dict[str, Any]] = {
    CacheConfig: {"dir": "elsewhere", "read_from": ["other"], "enabled": False, "max_size": "1GB"},
    DefaultsConfig: {
        "provider": "house",
        "market_type": "um",
        "chart_type": "bars",
        "deadline_s": 7.0,
        "max_wait_s": 8.0,
        "on_gaps": "raise",
    },
    AgreementConfig: {"policy": "flag", "relative": {"volume": 1e-6}, "absolute": {"close": 1.0}},
    HttpConfig: {
        "connect_timeout_s": 1.0,
        "read_timeout_s": 2.0,
        "retry_count": 3,
        "max_concurrent": 4,
        "max_concurrent_downloads": 5,
        "user_agent": "me",
        "state_dir": "there",
    },
}
SECTIONS = {
    CacheConfig: "cache",
    DefaultsConfig: "defaults",
    AgreementConfig: "agreement",
    HttpConfig: "http",
}
CALLED: dict[str, Any] = {
    "last": "7d",
    "columns": ["close"],
    "inclusive": "left",
    "use_cache": False,
    "enforce_source": "rest",
    "provider": "house",
    "market_type": "um",
    "chart_type": "bars",
    "include_source_metadata": True,
    "include_open_bar": True,
    "on_gaps": "raise",
    "options": {"adjusted": "true"},
    "deadline_s": 7.0,
}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DataSourceManager]:
    with two_sources(tmp_path) as made:
        Files.absent = {START + h * HOUR for h in (3, 4, 20, 47)}
        Rest.absent = {START + 4 * HOUR}
        yield made


@pytest.mark.parametrize("given", OUTPUT, ids=range(len(OUTPUT)))
@pytest.mark.parametrize("held_hours", [0, 10])
def test_an_output_option_never_changes_what_is_fetched_or_kept(
    manager: DataSourceManager, tmp_path: Path, given: dict[str, Any], held_hours: int
) -> None:
    asked: list[Any] = []
    for options, symbol in (({}, "PLAIN"), (given, "SHAPED")):
        if held_hours:
            manager.get_data(symbol, START, START + held_hours * HOUR, "1h", on_gaps="ignore")
        Files.asked.clear()
        Rest.asked.clear()
        manager.get_data(symbol, **{**DAY, "on_gaps": "ignore", **options})
        # Tasks of one round run at the same time, in any order.
        asked.append((sorted(Files.asked), sorted(Rest.asked)))
    assert asked[0] == asked[1]
    assert asked[0][0]
    plain, shaped = (
        manager.query(s, **DAY, enforce_source="cache", on_gaps="ignore") for s in ("PLAIN", "SHAPED")
    )
    assert plain.to_arrow().equals(shaped.to_arrow())
    assert len(plain) == 47


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"columns": ["volume", "close"]},
        {"include_source_metadata": True},
        {"enforce_source": "files"},
        {"enforce_source": "rest"},
        {"inclusive": "neither"},
        {"use_cache": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("is_warm", [False, True])
def test_polars_and_pandas_have_the_same_rows_columns_and_nulls(
    manager: DataSourceManager, given: dict[str, Any], is_warm: bool
) -> None:
    if is_warm:
        manager.get_data("ACME", **DAY, on_gaps="ignore")
    call = {**DAY, "on_gaps": "ignore", **given}
    pandas, polars = manager.get_data("ACME", **call), manager.get_data("ACME", **call, return_polars=True)
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == ["open_time", *pandas.columns]
    again = polars.to_pandas().set_index("open_time")
    assert len(pandas) == len(polars) > 40
    assert pandas.index.equals(pd.DatetimeIndex(again.index))
    for name in pandas.columns:
        assert pandas[name].isna().tolist() == again[name].isna().tolist() == polars[name].is_null().to_list()
        assert pandas[name].dropna().tolist() == again[name].dropna().tolist(), name


def test_polars_and_pandas_have_the_same_rows_for_many_series_and_coarser_bars(
    manager: DataSourceManager,
) -> None:
    found = manager.get_many(["ACME", "OTHER"], **DAY, on_gaps="ignore")
    assert found.to_polars().height == len(found.to_pandas()) == 2 * 47
    coarse = found["ACME"].resample("4h")
    assert pa.table(coarse.to_polars()).column("close").to_pylist() == coarse.to_pandas()["close"].tolist()


@pytest.mark.parametrize(("cls", "key"), [(cls, key) for cls, keys in CONFIGURED.items() for key in keys])
def test_every_key_of_the_configuration_is_read(tmp_path: Path, cls: type, key: str) -> None:
    section = SECTIONS[cls]
    config = load_config({section: {key: CONFIGURED[cls][key]}}, env={}, cwd=tmp_path)
    assert getattr(config, section) != cls()
    assert load_config({"offline": True}, env={}, cwd=tmp_path).offline


def test_no_key_of_the_configuration_is_left_out_above() -> None:
    sections = {
        name: type(value) for name, value in attrs.asdict(load_config({}, env={}), recurse=False).items()
    }
    ours = {name for name, cls in sections.items() if attrs.has(cls)}
    assert ours == set(SECTIONS.values())
    for cls, keys in CONFIGURED.items():
        assert {field.alias for field in attrs.fields(cls)} == set(keys)


@pytest.mark.parametrize("keyword", sorted(CallOptions.__annotations__))
def test_every_keyword_of_a_call_is_read(keyword: str) -> None:
    plain = Request.of("ACME", None, None, "1h", {})
    told = Request.of("ACME", None, None, "1h", {keyword: CALLED[keyword]})  # type: ignore[misc]
    assert told != plain
