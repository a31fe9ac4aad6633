"""`dsm update` and `dsm prefetch`: many series, each with its line, and one exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.running import Run, wait_until, write_config
from dsm_binance.emulator import Emulator, Fault

BTC = "binance/spot/klines/BTCUSDT/1h"
ETH = "binance/spot/klines/ETHUSDT/1h"
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def one(symbol: str, first: int, last: int, interval: str = "1h") -> tuple[str, ...]:
    return ("prefetch", symbol, interval, "--market", "spot", "--start", day(first), "--end", day(last))


def write_list(place: Path, series: str, **defaults: str) -> str:
    told = {"market_type": "spot", "interval": "1h", **defaults}
    (place / "list.yaml").write_text(f"defaults: {json.dumps(told)}\nseries: {series}\n")
    return "list.yaml"


def test_update_of_no_cache_says_so(run: Run) -> None:
    result = run("update")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing is held" in result.stderr


def test_prefetch_then_update_brings_what_is_new_and_nothing_twice(run: Run) -> None:
    first = run(*one("BTCUSDT", 6, 5))
    assert (first.exit_code, first.stdout) == (0, f"{BTC}: 48 new rows, 5 requests\n")
    assert run(*one("BTCUSDT", 6, 5)).stdout == f"{BTC}: 0 new rows, 0 requests\n"
    told = json.loads(run("update", "--json").stdout)
    [series] = told["series"]
    assert (series["series"], series["partial"], series["error"]) == (BTC, False, None)
    assert series["rows"] >= 96
    assert told["requests"] == series["requests"] > 0
    assert json.loads(run("update", "--json").stdout)["rows"] <= 1


def test_update_takes_a_glob(run: Run) -> None:
    run(*one("BTCUSDT", 3, 3))
    run(*one("ETHUSDT", 3, 3))
    result = run("update", "ETH*")
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == [ETH]
    nothing = run("update", "DOGE*")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Nothing is held that 'DOGE*' means." in nothing.stderr


def test_update_of_a_list_extends_the_held_and_fetches_the_others_from_their_start(
    run: Run, place: Path
) -> None:
    run(*one("BTCUSDT", 5, 5))
    name = write_list(
        place, f"[BTCUSDT, {{symbol: ETHUSDT, start: {day(2)}}}, {{symbol: ETHUSDT, interval: 1d}}]"
    )
    result = run("update", "--list", name)
    btc, eth_day, eth = sorted(result.stdout.splitlines(), key=lambda line: (line[20:23], "1h:" in line))
    assert result.exit_code == 3
    assert btc.startswith(f"{BTC}: ")
    assert " new rows, to " in btc
    assert "failed: It has no start. Give it a start in the list" in eth_day
    assert eth.startswith(f"{ETH}: ")
    assert "failed" not in eth


def test_a_listed_series_that_ends_is_not_extended(run: Run, place: Path) -> None:
    name = write_list(place, "[BTCUSDT]", start=day(5), end=day(4))
    for rows in (48, 0):
        told = json.loads(run("update", "--list", name, "--json").stdout)
        assert [series["rows"] for series in told["series"]] == [rows]


def test_unknown_wrong_and_twofold_entries_hurt_nobody_else(run: Run, place: Path) -> None:
    wrong = "{symbol: ETHUSDT, market_type: sopt}, {symbol: ETHUSDT, interval: 7h}"
    series = f"[BTCUSDT, BTCUSDT, NOSUCHUSDT, {wrong}]"
    name = write_list(place, series, start=day(3), end=day(3))
    result = run("prefetch", "--list", name, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 3
    assert (told["rows"], told["failed"], len(told["series"])) == (24, 3, 4)
    kinds = {series["series"]: series["error"] and series["error"]["kind"] for series in told["series"]}
    assert kinds == {
        BTC: None,
        "binance/spot/klines/NOSUCHUSDT/1h": "SymbolNotFoundError",
        "sopt/ETHUSDT/1h": "RequestError",
        "spot/ETHUSDT/7h": "UnsupportedIntervalError",
    }


def test_all_failed_exits_with_5_and_some_with_3(run: Run, place: Path) -> None:
    name = write_list(place, "[NOSUCHUSDT, NONEUSDT]", start=day(3), end=day(3))
    assert run("prefetch", "--list", name).exit_code == 5
    run(*one("BTCUSDT", 4, 4))
    with Emulator(faults=[Fault("503", times=None)]) as broken:
        write_config(place, broken.endpoints)
        result = run("update")
    assert result.exit_code in (3, 5)
    assert result.stdout.startswith(f"{BTC}: ")


def test_a_single_range_that_is_refused_ends_as_get_does(run: Run) -> None:
    result = run(*one("NOSUCHUSDT", 3, 3))
    assert (result.exit_code, result.stdout) == (4, "")
    assert "NOSUCHUSDT" in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("prefetch",), "Say what: SYMBOL INTERVAL and a range, or --list FILE."),
        (("prefetch", "BTCUSDT", "1h"), "Say which bars"),
        (("prefetch", "BTCUSDT", "--list", "x.yaml"), "SYMBOL and --list exclude each other"),
        (("prefetch", "--start", "2024", "--list", "x.yaml"), "--start and --list exclude each other"),
        (("update", "BTC*", "--list", "x.yaml"), "GLOB and --list exclude each other."),
        (("update", "--jobs", "0"), "0 is not in the range"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, args: tuple[str, ...], message: str) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_funding_rates_need_no_interval(run: Run) -> None:
    args = ("BTCUSDT", "--chart-type", "funding_rate", "--market", "um", "--last", "7d")
    told = json.loads(run("get", *args, "--json").stdout)
    assert len(told["rows"]) >= 20
    assert {row["contracts"] for row in told["rows"]} == {"BTCUSDT"}
    assert run("prefetch", *args).exit_code == 0
    without = run("get", "BTCUSDT", "--market", "um", "--last", "7d")
    assert without.exit_code == 4
    assert "klines needs an interval." in without.stderr


@needs_posix
def test_ctrl_c_leaves_a_whole_cache_and_the_next_run_goes_on(run: Run, place: Path) -> None:
    name = write_list(place, "[BTCUSDT, ETHUSDT, {symbol: BTCUSDT, interval: 1d}]", start=day(40), end=day(1))
    with Emulator(faults=[Fault("timeout", after=40, times=None)]) as silent:
        write_config(place, silent.endpoints)
        command = [sys.executable, "-m", "dsm_core", "prefetch", "--list", name]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: len(silent.requests) > 40)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            said = process.stderr.read()
    assert (process.returncode, said.strip()) == (130, "error: interrupted")
    assert run("cache", "verify").exit_code == 0
    held = sum(series["rows"] for series in json.loads(run("cache", "ls", "--json").stdout))
    assert held > 0
    with Emulator() as whole:
        write_config(place, whole.endpoints)
        told = json.loads(run("prefetch", "--list", name, "--json").stdout)
    assert told["failed"] == 0
    total = sum(series["rows"] for series in json.loads(run("cache", "ls", "--json").stdout))
    assert told["rows"] == total - held


@needs_posix
def test_one_line_tells_of_many_series_at_a_terminal(place: Path) -> None:
    from cli.terminal import in_terminal  # noqa: PLC0415 - pty is not on Windows

    name = write_list(place, "[BTCUSDT, ETHUSDT]", start=day(5), end=day(3))
    code, shown = in_terminal("prefetch", "--list", name, NO_COLOR="1")
    assert code == 0
    assert "2 series, " in shown
    assert f"{ETH}: 72 new rows" in shown


@pytest.fixture
def tiny_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder with room for half a megabyte."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0 and _mount("-o", "size=512k", folder)
    if not mounted:
        pytest.skip("no tmpfs can be mounted here")
    monkeypatch.setenv("DSM_CACHE_DIR", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True, timeout=10)


def _mount(flag: str, options: str, folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", flag, options, "tmpfs", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
    except FileNotFoundError:
        return False


def test_a_disk_that_fills_up_during_an_update_is_told_and_hurts_nothing(
    run: Run, place: Path, tiny_disk: Path
) -> None:
    assert run(*one("BTCUSDT", 12, 12, "1m")).exit_code == 0
    full = run("update")
    assert full.exit_code in (1, 3, 5)
    assert "No space left on device" in full.stdout
    assert run("cache", "verify").exit_code == 0
    assert not list(tiny_disk.rglob("*.tmp"))
    assert _mount("-o", "remount,size=64m", tiny_disk)
    # Files are fetched side by side, so a later day may be there and an earlier one not.
    assert run("update").exit_code == 0
    [held] = json.loads(run("cache", "ls", "--json").stdout)
    assert held["rows"] >= 12 * 1440
    assert run("cache", "verify").exit_code == 0
