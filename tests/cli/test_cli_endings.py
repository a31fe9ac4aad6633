"""How `dsm` ends: exit codes, and what stands on stderr."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import Run, Shell, wait_until, write_config
from dsm_binance.emulator import Emulator, Fault
from dsm_core.cli.failure import exit_code_of
from dsm_core.errors import (
    AllSourcesFailedError,
    AuthenticationError,
    CacheUnavailableError,
    ChecksumMismatchError,
    ConfigError,
    DSMError,
    IncompleteDataError,
    InvalidRangeError,
    ProviderNotFoundError,
    RateLimitError,
    SymbolNotFoundError,
)

SPOT = ("get", "BTCUSDT", "1h", "--market", "spot")
DAY = (*SPOT, "--start", "2024-03-01", "--end", "2024-03-01")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (IncompleteDataError, 3),
        (InvalidRangeError, 4),
        (ConfigError, 4),
        (ProviderNotFoundError, 4),
        (SymbolNotFoundError, 4),
        (AllSourcesFailedError, 5),
        (RateLimitError, 5),
        (AuthenticationError, 5),
        (ChecksumMismatchError, 5),
        (CacheUnavailableError, 1),
    ],
)
def test_an_error_has_its_exit_code(kind: type[DSMError], code: int) -> None:
    assert exit_code_of(kind("It went wrong.")) == code


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (SPOT, "Say which bars: --last 7d, or --start and --end."),
        ((*DAY, "--last", "3"), "--last and --start exclude each other."),
        ((*DAY, "--nonsense"), "No such option"),
        ((*DAY, "-o", "rows.xls"), "'rows.xls' does not tell the format; add --format."),
        ((*DAY, "--columns", "open,,close"), "give names with commas between"),
        (("got",), "No such command 'got'"),
        (("cache",), "Missing command."),
    ],
)
def test_wrong_usage_exits_with_2_and_says_where_help_is(
    run: Run, args: tuple[str, ...], message: str
) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "--help` tells what it takes." in result.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("get", "../../x", "1h", "--market", "spot", "--last", "3"), "'../../x' is not a symbol of spot."),
        (
            (*DAY, "--provider", "binanc"),
            "No installed package provides 'binanc'; installed: binance, tradestation.",
        ),
        ((*SPOT[:3], "--market", "sopt", "--last", "3"), "Provider 'binance' has no market 'sopt'."),
        (("get", "BTCUSDT", "7h", "--market", "spot", "--last", "3"), "7h"),
        (("get", "NOSUCHUSDT", *DAY[2:]), "NOSUCHUSDT"),
        (
            (*SPOT, "--start", "2024-03-02", "--end", "2024-03-01"),
            "--start 2024-03-02 00:00 is after --end 2024-03-01 00:00.",
        ),
        ((*SPOT, "--start", "2024-03-01T00:00"), "has no time zone"),
        ((*DAY, "--columns", "opne"), "klines has no column 'opne'."),
        ((*DAY, "--source", "tape"), "There is no source 'tape'."),
        ((*DAY, "--config", "absent.yaml"), "absent.yaml"),
    ],
)
def test_a_refused_request_exits_with_4(run: Run, args: tuple[str, ...], message: str) -> None:
    result = run(*args)
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        ((*SPOT[:3], "--last", "3"), "hint: Pass --market one of spot, futures_usdt, futures_coin."),
        ((*SPOT, "--start", "2024-03-01T00:00"), "hint: Write 2024-03-01T00:00:00+00:00 for UTC."),
    ],
)
def test_a_hint_speaks_of_options_and_not_of_python(run: Run, args: tuple[str, ...], hint: str) -> None:
    assert run(*args).stderr.splitlines()[1] == hint


def test_a_symbol_that_climbs_writes_nothing(run: Run, place: Path) -> None:
    run("get", "../../x", "1h", "--market", "spot", "--last", "3")
    assert {path.name for path in place.iterdir()} <= {"dsm.yaml", "state"}
    assert not list(place.parent.glob("x*"))


def test_an_unknown_provider_comes_with_a_hint(run: Run) -> None:
    lines = run(*DAY, "--provider", "binanc").stderr.splitlines()
    assert lines[1].startswith("hint: Did you mean 'binance'?")
    assert len(lines) == 2


def test_strict_prints_nothing_and_exits_with_3(run: Run) -> None:
    result = run(*DAY, "--source", "cache", "--strict", "--format", "csv")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.splitlines()[0].startswith("error: binance/spot/klines/BTCUSDT/1h: 1 gap, 24 bars")
    assert "hint: Without --strict" in result.stderr


def test_strict_forgives_what_the_venue_never_had(run: Run) -> None:
    assert run("get", "BTCUSDT", "1h", "--market", "um", *DAY[5:], "--strict").exit_code == 0


def test_failing_sources_exit_with_5(run: Run, place: Path) -> None:
    with Emulator(faults=[Fault("503", times=None)]) as broken:
        write_config(place, broken.endpoints)
        result = run(*DAY)
    assert (result.exit_code, result.stdout) == (5, "")
    assert result.stderr.startswith("error: ")


def test_debug_shows_a_traceback_before_the_error(run: Run) -> None:
    for args in (("--debug", *DAY), (*DAY, "--debug")):
        result = run(*args, "--columns", "opne")
        assert result.exit_code == 4
        assert result.stderr.startswith("Traceback")
        assert "\nerror: klines has no column" in result.stderr


def test_a_wrong_configuration_has_a_line_for_each_mistake(run: Run, place: Path) -> None:
    (place / "dsm.yaml").write_text("chache: {}\nhttp: {retry_count: many}\n")
    result = run(*DAY)
    assert result.exit_code == 4
    assert [line.startswith("error: ") for line in result.stderr.splitlines()] == [True, True]


@needs_posix
def test_a_reader_that_goes_away_is_no_noise(place: Path) -> None:
    args = [*SPOT[:2], "1m", *SPOT[3:], "--start", "2024-03-01", "--end", "2024-03-14", "--format", "csv"]
    command = [sys.executable, "-m", "dsm_core", *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"open_time,")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@needs_posix
def test_ctrl_c_exits_with_130_and_no_traceback(place: Path) -> None:
    with Emulator(faults=[Fault("timeout", times=None)]) as silent:
        write_config(place, silent.endpoints)
        process = subprocess.Popen(
            [sys.executable, "-m", "dsm_core", *DAY], stderr=subprocess.PIPE, text=True
        )
        with process:
            wait_until(lambda: bool(silent.requests))
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            said = process.stderr.read()
    assert process.returncode == 130
    assert said.strip() == "error: interrupted"


@needs_posix
def test_colours_are_for_terminals_and_no_color_is_kept(place: Path, shell: Shell) -> None:
    from cli.terminal import in_terminal  # noqa: PLC0415 - pty is not on Windows

    assert COLOUR.search(in_terminal("got")[1])
    assert "\x1b" not in in_terminal("got", NO_COLOR="1")[1]
    assert "\x1b" not in shell("got").stderr


@needs_posix
def test_progress_is_shown_at_a_terminal_and_gone_at_the_end(place: Path) -> None:
    from cli.terminal import in_terminal  # noqa: PLC0415 - pty is not on Windows

    code, shown = in_terminal(*DAY, NO_COLOR="1")
    assert code == 0
    assert not COLOUR.search(shown)
    assert "0/1 part, " in shown
    assert " part" not in in_terminal(*DAY)[1], "the cache needs no progress"
