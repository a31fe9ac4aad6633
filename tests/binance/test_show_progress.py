"""The line of progress where people see it: at a terminal, and in a notebook with a kernel of its own."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from binance.venues import NOW, Desk, Venues
from dsm_binance.emulator import Emulator

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
MANY = """
with show_progress(manager):
    found = manager.get_many(["BTCUSDT", "ETHUSDT"], "2024-02", "2024-05", "1h")
"""
PREFETCH = """
with show_progress(manager):
    done = manager.prefetch("BTCUSDT", "2024-02", "2024-05", "1h")
"""
UPDATE = """
with show_progress(manager):
    lines = manager.update()
"""
WHOLE = re.compile(r"2 series, (\d+)/\1 parts, \d+ requests, [\d.]+ [kM]?B")


@pytest.fixture
def venue(venues: Venues) -> Emulator:
    return venues()


def opening(venue: Emulator, desk: Desk) -> str:
    """The first lines of a program that has a manager."""
    return f"""
from datetime import datetime
from dsm_core import DataSourceManager, show_progress
now = datetime.fromisoformat({NOW.isoformat()!r})
manager = DataSourceManager(
    "spot", cache_dir={str(desk.tmp_path / "cache")!r}, config={desk.settings(venue)!r}, clock=lambda: now
)
"""


def run_cells(*cells: str) -> list[list[dict[str, object]]]:
    """Outputs of cells, run in one kernel."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells]


def test_a_notebook_shows_one_line_for_many_series(venue: Emulator, desk: Desk) -> None:
    _, first, again = run_cells(opening(venue, desk), MANY, MANY)
    [output] = first
    assert output["output_type"] == "display_data"
    data = output["data"]
    assert isinstance(data, dict)
    assert WHOLE.search(data["text/html"])
    assert "<span style=" in data["text/html"], "there is a bar"
    assert WHOLE.search(data["text/plain"])
    assert again == [], "the cache needs no progress"


@needs_posix
@pytest.mark.parametrize(
    ("work", "told"),
    [
        (MANY, "2 series, 8/8 parts, 16 requests"),
        (PREFETCH, "4/4 parts, 8 requests"),
        (MANY + UPDATE, "2 series, 30/30 parts"),
    ],
    ids=["get_many", "prefetch", "update"],
)
def test_a_script_at_a_terminal_shows_one_line_and_leaves_none(
    venue: Emulator, desk: Desk, work: str, told: str, tmp_path: Path
) -> None:
    from cli.terminal import python_in_terminal  # noqa: PLC0415 - pty is not on Windows

    script = tmp_path / "script.py"
    script.write_text(opening(venue, desk) + work, encoding="utf-8")
    code, shown = python_in_terminal(str(script), NO_COLOR="1", COLUMNS="120")
    assert code == 0, shown
    assert told in shown
    # A line is gone when the cursor is back at its start and the line is wiped.
    assert shown.endswith("\x1b[1A\x1b[2K")
