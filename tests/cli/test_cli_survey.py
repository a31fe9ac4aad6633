"""`dsm coverage`, `dsm symbols`, `dsm completion`, and `--json` wherever a program may read."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from cli.running import Run, Shell

DAY = ("--start", "2024-03-01", "--end", "2024-03-01")
UM = "binance/futures_usdt/klines/BTCUSDT/1h"


@pytest.fixture
def held(run: Run) -> None:
    run("prefetch", "BTCUSDT", "1h", "--market", "um", *DAY)
    run("prefetch", "ETHUSDT", "1h", "--market", "spot", *DAY)


@pytest.mark.usefixtures("held")
def test_coverage_draws_each_series_within_the_terminals_width(shell: Shell) -> None:
    wide = shell("coverage", COLUMNS="60").stdout
    assert UM in wide
    assert "█" in wide
    assert max(len(line) for line in wide.splitlines() if line.startswith("  2024")) <= 60
    ascii_only = shell("coverage", "BTC*", COLUMNS="60", PYTHONIOENCODING="ascii").stdout
    assert ascii_only.isascii()
    assert "#" in ascii_only
    assert "ETHUSDT" not in ascii_only


@pytest.mark.usefixtures("held")
def test_coverage_as_json_tells_every_gap(run: Run) -> None:
    series = json.loads(run("coverage", "--json").stdout)
    assert [one["series"] for one in series] == [UM, "binance/spot/klines/ETHUSDT/1h"]
    assert (series[0]["rows"], series[0]["held_share"], series[0]["open_gaps"]) == (21, 1.0, 0)
    [gap] = series[0]["gaps"]
    assert (gap["start_time"], gap["bars"], gap["final"]) == ("2024-03-01T02:00:00+00:00", 3, True)
    assert series[1]["behind_s"] > 0


@pytest.mark.usefixtures("held")
def test_coverage_writes_a_page(run: Run, place: Path) -> None:
    result = run("coverage", "--html", "page.html")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 series, written to page.html" in result.stderr
    assert UM in (place / "page.html").read_text("utf-8")
    refused = run("coverage", "--html", "absent/page.html")
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: Could not open file")


def test_coverage_of_no_cache(run: Run) -> None:
    assert run("coverage").stdout == "The cache holds no such series.\n"
    assert json.loads(run("coverage", "--json").stdout) == []


@pytest.mark.usefixtures("held")
@pytest.mark.skipif(sys.platform == "win32", reason="a terminal is made with pty")
def test_coverage_has_colours_at_a_terminal_only_and_no_color_is_kept(place: Path) -> None:
    from cli.terminal import in_terminal  # noqa: PLC0415 - pty is not on Windows

    assert "\x1b[" in in_terminal("coverage")[1]
    assert "\x1b[" not in in_terminal("coverage", NO_COLOR="1")[1]


def test_symbols_are_listed_in_three_forms(run: Run) -> None:
    table = run("symbols", "binance", "--market", "um")
    assert table.exit_code == 0
    assert table.stdout.split()[:3] == ["symbol", "base", "quote"]
    names = [line.split()[0] for line in table.stdout.splitlines()[1:]]
    assert "BTCUSDT" in names
    told = json.loads(run("symbols", "binance", "--market", "um", "--json").stdout)
    assert [row["symbol"] for row in told] == names
    rows = list(csv.DictReader(io.StringIO(run("symbols", "binance", "--market", "um", "--csv").stdout)))
    assert [row["symbol"] for row in rows] == names
    assert rows[0]["listed_at"].endswith("+00:00")


def test_symbols_of_a_time_before_any_are_none(run: Run) -> None:
    result = run("symbols", "binance", "--market", "um", "--at", "2001")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 symbols" in result.stderr
    assert json.loads(run("symbols", "binance", "--market", "um", "--at", "2001", "--json").stdout) == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("symbols", "binanc"), "No installed package provides 'binanc'"),
        (("symbols", "binance"), "has several markets and none was named"),
        (("symbols", "binance", "--market", "sopt"), "has no market 'sopt'"),
        (("symbols", "binance", "--market", "um", "--at", "noon"), "is not a time"),
    ],
)
def test_symbols_of_nothing_that_is_there_are_refused(run: Run, args: tuple[str, ...], message: str) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (4, "")
    assert message in result.stderr


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_and_says_where_it_goes(run: Run, shell_name: str) -> None:
    result = run("completion", shell_name)
    assert result.exit_code == 0
    assert f"_DSM_COMPLETE={shell_name}_complete" in result.stdout
    assert result.stderr.startswith(f"To install: dsm completion {shell_name} > ~/.")


def test_json_is_short_for_the_format_and_contradicts_any_other(run: Run) -> None:
    args = ("BTCUSDT", "1h", "--market", "um", *DAY)
    assert len(json.loads(run("get", *args, "--json").stdout)["rows"]) == 21
    assert json.loads(run("explain", *args, "--json").stdout)["steps"] == []
    assert json.loads(run("providers", "--json").stdout)
    result = run("get", *args, "--json", "--format", "csv")
    assert result.exit_code == 2
    assert "--json and --format csv exclude each other." in result.stderr


def test_config_and_verify_have_json_too(run: Run, place: Path) -> None:
    assert json.loads(run("config", "path", "--json").stdout) == {"path": str(place / "dsm.yaml")}
    assert json.loads(run("cache", "verify", "--json").stdout) == {"files": 0, "damaged": [], "set_aside": []}
    (place / "dsm.yaml").write_text("offline: perhaps\n")
    result = run("config", "check", "--json")
    assert result.exit_code == 4
    [problem] = json.loads(result.stdout)["problems"]
    assert (problem["line"], problem["path"]) == (1, "offline")
