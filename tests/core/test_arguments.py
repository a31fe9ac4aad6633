"""An argument of the wrong kind is an error of DSM's tree that names the value and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.two_sources import HOUR, START, two_sources
from dsm_core import DataSourceManager, MarketData
from dsm_core.errors import RequestError
from dsm_core.lineage import read_lock, write_lock

RANGE: dict[str, Any] = {"start_time": START, "end_time": START + 24 * HOUR, "interval": "1h"}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DataSourceManager]:
    with two_sources(tmp_path) as made:
        yield made


@pytest.fixture
def data(manager: DataSourceManager) -> MarketData:
    return manager.query("ACME", **RANGE)


@pytest.mark.parametrize("verb", ["update", "refresh"])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"pattern": 5}, r'pattern=5 is no text\. Give a glob such as "BTC\*"'),
        ({"pattern": ["BTC*"]}, r"keys go into series=\[\.\.\.\]"),
        ({"jobs": "x"}, r"jobs='x'\. Give a whole number, 1 or more"),
        ({"jobs": 1.5}, r"jobs=1\.5"),
        ({"jobs": True}, "jobs=True"),
        ({"jobs": 0}, "jobs=0"),
        ({"series": 5}, "series=5 is no list"),
        ({"series": [5]}, r"5 is no series key\. Give text or a SeriesKey"),
        ({"series": "BTC"}, r"series='BTC' is one text\. Write series=\['BTC'\]"),
        ({"series": ["BTC"]}, "'BTC' is no series key"),
    ],
)
def test_what_names_no_held_series_is_refused(
    manager: DataSourceManager, verb: str, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        getattr(manager, verb)(**given)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"absolute": "close"}, r"absolute='close' is no mapping\. Write absolute=\{"),
        ({"relative": ["close"]}, r"relative=\['close'\] is no mapping"),
        ({"relative": ""}, "relative='' is no mapping"),
        ({"absolute": {"close": 10**400}}, r"The tolerance 10{10}.*\.\.\. of 'close' is none"),
        ({"absolute": {"close": 10**5000}}, "of 'close' is none"),
        ({"relative": {"close": float("nan")}}, "The tolerance nan of 'close'"),
        ({"sources": 5}, r"sources=5 is no list\. Write sources=\['files', 'rest'\]"),
    ],
)
def test_what_bounds_no_audit_is_refused(
    manager: DataSourceManager, given: dict[str, Any], told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        manager.audit("ACME", **RANGE, **given)


def test_symbols_are_a_list(manager: DataSourceManager) -> None:
    for call in (manager.get_many, manager.scan):
        with pytest.raises(RequestError, match=r"symbols=5 is no list\. Write symbols=\["):
            call(5)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", ["manifest", None, "text"])
def test_rows_are_held_against_a_lock_only(data: MarketData, other: str | None) -> None:
    told: Any = data.manifest() if other == "manifest" else other
    with pytest.raises(RequestError, match=r"is no lock\. Give what data\.lock\(\) gives"):
        data.verify(told)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda lock: write_lock("a\0b", [lock]), r"'a\\x00b' names no file"),
        (lambda lock: write_lock("", [lock]), "'' names no file"),
        (lambda lock: write_lock(None, [lock]), r"None is no path\. Give the path of a file"),
        (lambda lock: write_lock(b"a", [lock]), "b'a' is no path"),
        (lambda lock: write_lock("a.json", lock), r"entries=<Lock of .* is no list"),
        (lambda lock: write_lock("a.json", [lock.manifest]), r"is no lock\. Give what data\.lock\(\) gives"),
        (lambda _: read_lock(None), "None is no path"),  # type: ignore[arg-type]
        (lambda _: read_lock(5), "5 is no path"),  # type: ignore[arg-type]
    ],
)
def test_a_lock_file_has_a_path_and_locks(
    data: MarketData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Callable[[Any], Any], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=told):
        call(data.lock())
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
