"""An audit asks each source alone, holds row against row, and leaves the cache as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq
import pytest

from core.two_sources import HOUR, START, Files, Rest, two_sources
from dsm_core import AsyncDataSourceManager, DataSourceManager
from dsm_core.errors import AllSourcesFailedError, RequestError
from dsm_core.plugins import ClientSpec, Provider, Registry

DAY = {"start_time": START, "end_time": START + 24 * HOUR, "interval": "1h", "inclusive": "left"}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DataSourceManager]:
    with two_sources(tmp_path) as made:
        yield made


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.arrow"))}


def test_sources_that_tell_the_same_agree(manager: DataSourceManager) -> None:
    found = manager.audit("ACME", **DAY)
    assert (found.sources, found.compared, found.agrees, found.complete) == (
        ("files", "rest"),
        24,
        True,
        True,
    )
    assert str(found).splitlines()[-1] == "24 rows compared: they agree."


def test_what_differs_is_told_and_what_one_lacks(manager: DataSourceManager, tmp_path: Path) -> None:
    Files.changed = {START + 3 * HOUR: {"close": 104.0}}
    Files.absent, Rest.absent = {START + 5 * HOUR}, {START + 7 * HOUR}
    found = manager.audit("ACME", **DAY)
    assert [str(d) for d in found.disagreements] == [
        "2024-01-01 03:00 close: files 104.0, rest 108.0",
        "2024-01-01 05:00: rest has the row, files has not",
        "2024-01-01 07:00: files has the row, rest has not",
    ]
    assert found.summary == "22 rows compared: 1 cell differs, 2 rows stand in one source only."
    assert found.complete
    found.to_parquet(tmp_path / "found.parquet")
    assert pq.read_table(tmp_path / "found.parquet").column("difference").to_pylist() == [4.0, None, None]
    assert list(found.to_pandas()["kind"]) == ["value", "only_second", "only_first"]


def test_an_audit_changes_nothing_that_calls_are_given(manager: DataSourceManager, tmp_path: Path) -> None:
    Rest.changed = {START: {"close": 1e3, "high": 1e3}}
    frame = manager.get_data("ACME", **DAY)
    before = snapshot(tmp_path / "cache")
    assert not manager.audit("ACME", **(DAY | {"end_time": START + 48 * HOUR})).agrees
    assert snapshot(tmp_path / "cache") == before
    assert manager.get_data("ACME", **DAY).equals(frame)


def test_rows_that_are_held_of_a_source_are_not_fetched_again(manager: DataSourceManager) -> None:
    manager.get_data("ACME", **DAY)
    Files.asked.clear()
    assert manager.audit("ACME", **DAY).compared == 24
    assert (Files.asked, len(Rest.asked)) == ([], 1)
    assert manager.audit("ACME", **DAY, use_cache=False).compared == 24
    assert len(Files.asked) == 1


def test_a_source_that_fails_is_not_said_to_lack_rows(manager: DataSourceManager) -> None:
    Files.broken = {START + 30 * HOUR}
    found = manager.audit("ACME", **(DAY | {"end_time": START + 48 * HOUR}))
    assert found.agrees
    assert not found.complete
    assert {gap.reason for gap in found.untold["files"]} | set(found.failures) >= {"source_failed"}


def test_one_source_that_delivers_nothing_leaves_nothing_to_compare(manager: DataSourceManager) -> None:
    Files.broken = {START}
    found = manager.audit("ACME", **DAY)
    assert (found.compared, found.agrees, found.complete, list(found.failures)) == (0, True, False, ["files"])
    assert "No row could be compared." in str(found)
    assert "files: failed: " in str(found)


def test_why_a_source_cannot_tell_is_told_with_the_range_once(manager: DataSourceManager) -> None:
    Files.broken = {START + 30 * HOUR}
    whole = str(
        manager.audit("ACME", **(DAY | {"start_time": START + 24 * HOUR, "end_time": START + 48 * HOUR}))
    )
    Files.broken = {START}
    for told in (whole, str(manager.audit("ACME", **DAY))):
        (line,) = [line for line in told.splitlines() if "The disk hums" in line]
        assert line.startswith("files: failed: The disk hums.")


def test_sources_that_all_fail_raise(manager: DataSourceManager) -> None:
    Files.broken = Rest.broken = {START}
    with pytest.raises(AllSourcesFailedError):
        manager.audit("ACME", **DAY)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"relative": {"close": 0.05}}, True),
        ({"absolute": {"close": 4.0}}, True),
        ({"absolute": {"close": 3.9}}, False),
        ({"columns": ["open", "volume"]}, True),
    ],
)
def test_tolerances_and_columns_bound_what_differs(
    manager: DataSourceManager, given: dict[str, Any], told: bool
) -> None:
    Files.changed = {START: {"close": 101.0}}
    assert manager.audit("ACME", **DAY, **given).agrees is told


def test_tolerances_of_the_configuration_hold_unless_the_call_says_otherwise(tmp_path: Path) -> None:
    config = {"agreement": {"absolute": {"close": 4.0, "funding_rate": 1.0}}}
    with two_sources(tmp_path, config=config) as manager:
        Files.changed = {START: {"close": 101.0}}
        assert manager.audit("ACME", **DAY).agrees
        assert not manager.audit("ACME", **DAY, absolute={"close": 1.0}).agrees
        assert manager.audit("ACME", **DAY, absolute={"open": 1.0}).agrees


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"sources": ["files"]},
            "needs two sources, and one was named: 'files'.*Name two or more of files, rest",
        ),
        ({"sources": []}, "needs two sources, and none was named"),
        ({"sources": ["files", "archive"]}, "no source 'archive'.*files, rest"),
        ({"sources": "files"}, "is one text"),
        ({"relative": {"clos": 1e-3}}, "no column 'clos'.*Did you mean 'close'"),
        ({"absolute": {"close": -1}}, "tolerance -1 of 'close'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    manager: DataSourceManager, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        manager.audit("ACME", **DAY, **given)
    assert Files.asked == Rest.asked == []


def test_a_series_with_one_source_cannot_be_audited(tmp_path: Path) -> None:
    registry = Registry.of(Provider(name="house", clients=[Rest]))
    with (
        two_sources(tmp_path, registry=registry) as manager,
        pytest.raises(RequestError, match=r"served by rest alone\. An audit needs two sources"),
    ):
        manager.audit("ACME", **DAY)


def test_the_sources_of_an_audit_may_be_more_than_two(tmp_path: Path) -> None:
    class Third(Rest):
        spec = ClientSpec(
            market_type="spot",
            chart_type="klines",
            source="third",
            intervals=["1h"],
            columns="open high low close",
        )
        changed: ClassVar[dict[datetime, dict[str, float]]] = {START: {"close": 108.0}}

        def fetch(self, *args: Any, **kwargs: Any) -> Any:
            rows = super().fetch(*args, **kwargs)
            del rows["volume"]
            return rows

    registry = Registry.of(Provider(name="house", clients=[Files, Rest, Third]))
    with two_sources(tmp_path, registry=registry) as manager:
        found = manager.audit("ACME", **DAY)
    assert found.compared == 72
    assert found.lacking["third"][0] == "volume"
    assert [(d.first_source, d.second_source) for d in found.disagreements] == [
        ("files", "third"),
        ("rest", "third"),
    ]


def test_offline_what_the_cache_lacks_is_not_held_against_a_source(tmp_path: Path) -> None:
    with two_sources(tmp_path) as manager:
        manager.get_data("ACME", **DAY)
        with two_sources(tmp_path, config={"offline": True}) as offline:
            found = offline.audit("ACME", **DAY)
    assert (found.rows, found.agrees, found.complete) == ({"files": 24, "rest": 0}, True, False)


def test_both_faces_audit_alike(tmp_path: Path) -> None:
    with two_sources(tmp_path) as manager:
        Files.changed = {START: {"close": 101.0}}
        told = manager.audit("ACME", **DAY)
    registry = Registry.of(Provider(name="house", clients=[Files, Rest]))

    async def audited() -> Any:
        async with AsyncDataSourceManager(
            "spot", provider="house", registry=registry, use_cache=False
        ) as other:
            return await other.audit("ACME", **DAY)

    found = asyncio.run(audited())
    assert found.to_arrow().equals(told.to_arrow())
    assert not found.agrees
