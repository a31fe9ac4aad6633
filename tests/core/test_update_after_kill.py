"""What an update does after a process was killed between setting a file aside and noting what it held."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from core.two_sources import HOUR, START, two_sources
from dsm_core import DataSourceManager
from dsm_core.cache.opened import OPENED

SPRING = {"start_time": START, "end_time": START + 24 * 91 * HOUR, "interval": "1h", "inclusive": "left"}
ROWS = 24 * 91


@pytest.fixture
def manager(tmp_path: Path) -> DataSourceManager:
    made = two_sources(tmp_path)
    assert len(made.query("ACME", **SPRING)) == ROWS
    return made


def files(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.arrow"))


def held(manager: DataSourceManager) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return len(manager.query("ACME", **SPRING, enforce_source="cache"))


@pytest.mark.parametrize("month", [0, 1, 2, None])
@pytest.mark.parametrize("moved", ["corrupt", "restated"])
def test_what_was_moved_and_not_noted_is_fetched_by_the_next_update(
    moved: str, month: int | None, manager: DataSourceManager, tmp_path: Path
) -> None:
    whole = manager.query("ACME", **SPRING).to_pandas()
    for file in files(tmp_path) if month is None else [files(tmp_path)[month]]:
        # As a process leaves it that is killed right then.
        file.rename(f"{file}.{moved}")
    OPENED.reset()
    assert held(manager) < ROWS
    (line,) = manager.update()
    assert line.error is None
    assert held(manager) == ROWS
    if month is None:
        # What came after its last row is asked for as soon as it has one again.
        manager.update()
    assert manager.query("ACME", **SPRING).to_pandas().equals(whole)
    (line,) = manager.update()
    assert (line.rows, line.requests) == (0, 0)
    assert list((tmp_path / "cache").rglob("*.restated*")) == []


def test_what_was_removed_for_good_is_not_wanted_again(manager: DataSourceManager, tmp_path: Path) -> None:
    january, *_ = files(tmp_path)
    january.unlink()
    OPENED.reset()
    manager.update()
    assert held(manager) == ROWS - 24 * 31
