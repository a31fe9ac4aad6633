"""`dsm export` and `dsm import`, the command of a provider among them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.request import urlopen

import pytest

from cli.running import Run, Shell
from dsm_binance.emulator import Emulator

DAY = ("get", "BTCUSDT", "1h", "--market", "spot", "--start", "2024-03-01", "--end", "2024-03-01")
KEY = "binance/spot/klines/BTCUSDT/1h"
START_MS = 1_704_067_200_000
ROWS = [[START_MS + i * 3_600_000, 1.5, 2.0, 1.0, 1.25, 10] for i in range(3)]
NOW = ("--now", "2024-06-15T12:00+00:00")


def test_export_writes_a_file_a_series_and_prints_its_path(run: Run, place: Path) -> None:
    run(*DAY)
    result = run("export", "--to", "parquet", "out")
    path = Path("out", f"{KEY}.parquet")
    assert (result.exit_code, result.stdout) == (0, f"{path}\n")
    assert path.stat().st_size > 0
    assert re.search(r"out: 1 series, 24 rows, \d+(\.\d)? kB", result.stderr)


def test_export_tells_what_it_wrote_as_json(run: Run, place: Path) -> None:
    run(*DAY)
    told = json.loads(run("export", "*/BTCUSDT/*", "out", "--to", "csv", "--json").stdout)
    assert (told["format"], told["rows"]) == ("csv", 24)
    assert told["series"] == [{"series": KEY, "path": str(Path("out", f"{KEY}.csv")), "rows": 24}]


def test_export_ends_as_every_command_does(run: Run, place: Path) -> None:
    result = run("export", "--to", "csv", "out")
    assert (result.exit_code, result.stderr.splitlines()[0]) == (4, "error: The cache is empty.")
    run(*DAY)
    (place / "out").mkdir()
    (place / "out" / "mine.txt").write_text("precious")
    result = run("export", "--to", "csv", "out")
    assert (result.exit_code, "--force" in result.stderr) == (4, True)
    assert run("export", "--to", "csv", "out", "--force").exit_code == 0
    assert (place / "out" / "mine.txt").read_text() == "precious"
    assert run("export", "a", "b", "c", "--to", "csv").exit_code == 2
    assert run("export", "out").exit_code == 2
    (place / "blocked").mkdir()
    (place / "blocked" / "binance").write_text("a file")
    result = run("export", "--to", "csv", "blocked", "--force")
    assert (result.exit_code, result.stderr[:7]) == (1, "error: ")


def test_a_csv_goes_round_through_export_and_import(run: Run, place: Path) -> None:
    run(*DAY)
    run("export", "--to", "csv", "out")
    result = run("import", "csv", f"out/{KEY}.csv", "--cache-dir", "second")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == [KEY, "1", "24", "0", "0"]
    run("export", "--to", "csv", "again", "--cache-dir", "second")
    assert (place / "again" / f"{KEY}.csv").read_bytes() == (place / "out" / f"{KEY}.csv").read_bytes()


def test_import_csv_takes_columns_unit_and_zone(run: Run, place: Path) -> None:
    lines = [f"2024-01-01 {hour:02}:00:00,1,2,1,1.5" for hour in range(5)]
    (place / "a.csv").write_text("\n".join(["t,o,h,l,c", *lines]))
    columns = "open_time=t,open=o,high=h,low=l,close=c"
    given = ("--series", KEY, "--columns", columns, "--time-unit", "iso", "--tz", "UTC", "--json")
    [told] = json.loads(run("import", "csv", "a.csv", *given, *NOW).stdout)
    assert told == {
        "file": "a.csv",
        "outcome": "imported",
        "series": KEY,
        "rows": 5,
        "held": 0,
        "unfinished": 0,
        "verified": False,
        "problem": "",
    }


def test_imported_rows_are_served_without_a_request(run: Run, place: Path, venue: Emulator) -> None:
    (place / "BTC_USDT-1h.json").write_text(json.dumps(ROWS))
    assert run("import", "ccxt", "BTC_USDT-1h.json", "--market", "spot").exit_code == 0
    venue.clear_requests()
    result = run(
        "get", "BTCUSDT", "1h", "--market", "spot", "--start", "2024-01-01T00:00+00:00",
        "--end", "2024-01-01T02:00+00:00", "--columns", "close", "--format", "csv",
    )  # fmt: skip
    assert [line.split(",")[1] for line in result.stdout.splitlines()] == ["close", "1.25", "1.25", "1.25"]
    assert venue.requests == []


def test_import_freqtrade_tells_of_each_file_and_exits_with_3(run: Run, place: Path) -> None:
    data = place / "data"
    data.mkdir()
    (data / "BTC_USDT-1h.json").write_text(json.dumps(ROWS))
    (data / "ETH_USDT-1h.json").write_text("no JSON")
    (data / "BTC_USDT_USDT-1h-mark.json").write_text("[]")
    done = run("import", "freqtrade", "data", *NOW)
    assert done.exit_code == 3
    assert done.stdout.splitlines()[1].split() == [KEY, "1", "3", "0", "0"]
    assert "refused: " in done.stderr
    assert "skipped: " in done.stderr
    assert "3 rows from 3 files, 1 refused" in done.stderr


def test_import_of_one_file_that_is_refused_exits_with_4(run: Run, place: Path) -> None:
    (place / "dump.json").write_text(json.dumps(ROWS))
    done = run("import", "ccxt", "dump.json", "--market", "spot")
    assert done.exit_code == 4
    assert "hint: Name the series: --series" in done.stderr
    (place / "empty.csv").write_text("")
    done = run("import", "csv", "empty.csv", "--series", KEY)
    assert (done.exit_code, "is empty" in done.stderr) == (4, True)
    assert run("import", "csv", "none.csv").exit_code == 2
    assert run("import", "csv", "empty.csv", "--columns", "open").exit_code == 2
    assert run("import", "csv", "empty.csv", "--now", "soon").exit_code == 2
    assert run("import", "csv", "empty.csv", "--series", "BTCUSDT").exit_code == 4


def test_import_vision_is_the_providers_command(run: Run, place: Path, venue: Emulator) -> None:
    name = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-05.zip"
    for suffix in ("", ".CHECKSUM"):
        file = place / "mirror" / f"{name}{suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        with urlopen(f"{venue.endpoints['vision']}/{name}{suffix}") as answer:
            file.write_bytes(answer.read())
    result = run("import", "vision", "mirror")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].split() == [KEY, "1", "24", "0", "0"]
    file.write_text("0" * 64)
    result = run("import", "vision", "mirror")
    assert result.exit_code == 3
    assert "does not match its checksum" in result.stderr


def test_core_and_packages_share_the_group(run: Run) -> None:
    text = run("import", "--help").stdout
    own, others = text.split("Commands of installed packages:")
    assert [name in own for name in ("ccxt", "csv", "freqtrade", "vision")] == [True, True, True, False]
    assert "vision  dsm-binance" in others
    result = run("--help")
    assert "hidden" not in result.stderr
    assert "import" in result.stdout.split("Commands of installed packages:")[0]


@pytest.mark.parametrize(
    "words", [("import", "--help"), ("import", "vision", "--help"), ("export", "--help")]
)
def test_help_loads_no_table_library(shell: Shell, words: tuple[str, ...]) -> None:
    done = shell(*words, PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert loaded & {"pandas", "pyarrow", "numpy", "polars"} == set()
    assert "Usage: dsm " in done.stdout + done.stderr
