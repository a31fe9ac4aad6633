"""`dsm demo`: what it shows, and that it tells the truth."""

from __future__ import annotations

from functools import partial
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from cli.running import Run, Shell
from dsm_binance.commands.drawing import Style, can_draw, price_chart, timeline
from dsm_core import DataSourceManager


def test_the_demo_exits_with_0_and_its_second_call_sends_no_request(shell: Shell, place: Path) -> None:
    scratch = place / "scratch"
    scratch.mkdir()
    done = shell("demo", TMPDIR=str(scratch), TEMP=str(scratch), TMP=str(scratch))
    assert (done.returncode, done.stderr) == (0, "")
    assert "requests of the second call: 0" in done.stdout
    assert "rows of both calls are the same" in done.stdout
    assert "12 bars: venue_has_none (final)" in done.stdout
    assert "██ vision  ░░ confirmed hole  ▓▓ rest" in done.stdout
    assert list(scratch.iterdir()) == []
    assert not (place / "cache").exists()


def test_the_demo_says_the_same_each_time_but_for_seconds(run: Run) -> None:
    first, second = (
        [line for line in run("demo").stdout.splitlines() if not line.endswith(" s")] for _ in range(2)
    )
    assert first == second


def test_the_demo_draws_with_ascii_where_there_is_no_more(shell: Shell) -> None:
    done = shell("demo", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "vv vision  xx confirmed hole  rr rest" in done.stdout


def test_the_demo_fails_when_the_cache_does_not_keep_its_promise(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncached = partial(DataSourceManager, use_cache=False)
    monkeypatch.setattr("dsm_binance.commands.demo_run.DataSourceManager", uncached)
    result = run("demo")
    assert result.exit_code == 1
    assert "requests of the second call: 0" not in result.stdout


def test_the_demo_cannot_run_offline_and_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSM_OFFLINE", "1")
    result = run("demo")
    assert result.exit_code == 4
    assert "hint: Unset DSM_OFFLINE." in result.stderr


@pytest.mark.parametrize("args", [["demo"], ["emulate", "binance"]])
def test_without_the_extra_the_message_names_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    usual = util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name == "aiohttp" else usual(name, package)

    monkeypatch.setattr("dsm_core.emulation.command.find_spec", find)
    result = run(*args)
    assert result.exit_code == 4
    assert "pip install 'dsm-binance[emulator]'" in result.stderr


def test_a_chart_is_as_high_as_asked_and_names_both_ends() -> None:
    lines = price_chart([1.0, 2.0, 3.0], height=2)
    assert lines == ["  █  3.00".replace("  █", " ▁█"), "▁██  1.00"]


def test_a_chart_leaves_columns_without_price_empty() -> None:
    assert price_chart([5.0, None, 5.0], height=1, blocks=False) == [". .  5.00"]


def test_a_chart_of_no_price_is_no_chart() -> None:
    assert price_chart([None, None]) == []


def test_a_timeline_has_one_mark_for_each_cell_and_names_each_kind() -> None:
    styles, other = {"rest": Style("▓", "r", "green")}, Style("·", ".", "yellow")
    line, legend = timeline(["rest", "odd"], styles, other, blocks=False)
    assert [line.count(letter) for letter in "r."] == [1, 1]
    assert "rest" in legend
    assert "odd" in legend


@pytest.mark.parametrize(
    ("encoding", "can"), [("utf-8", True), ("ascii", False), (None, False), ("x", False)]
)
def test_blocks_are_drawn_where_the_encoding_has_them(encoding: str | None, can: bool) -> None:
    assert can_draw(encoding) is can
