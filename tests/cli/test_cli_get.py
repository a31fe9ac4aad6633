"""`dsm get` and `dsm explain`: what stands on stdout, form by form."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from cli.running import Run, Shell

DAY = ("get", "BTCUSDT", "1h", "--market", "spot", "--start", "2024-03-01", "--end", "2024-03-01")
HOLED = ("get", "BTCUSDT", "1h", "--market", "um", "--start", "2024-03-01", "--end", "2024-03-01")


def csv_rows(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_a_table_shows_first_and_last_rows_and_says_how_many_are_between(run: Run) -> None:
    result = run(*DAY, "--columns", "open,close")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["open_time", "open", "close"]
    assert lines[1].startswith("2024-03-01T00:00:00+00:00")
    assert lines[11] == "... 4 more rows; --format csv prints all"
    assert lines[-1].startswith("2024-03-01T23:00:00+00:00")
    assert "24 rows of binance/spot/klines/BTCUSDT/1h, from vision 24" in result.stderr


def test_csv_has_the_index_first_and_times_with_offset(run: Run) -> None:
    rows = csv_rows(run(*DAY, "--format", "csv"))
    assert next(iter(rows[0])) == "open_time"
    assert len(rows) == 24
    assert datetime.fromisoformat(rows[5]["open_time"]).isoformat() == "2024-03-01T05:00:00+00:00"
    assert rows[5]["close_time"] == "2024-03-01T05:59:59.999+00:00"
    assert float(rows[5]["high"]) >= float(rows[5]["low"])


def test_csv_has_the_columns_asked_for_in_their_order(run: Run) -> None:
    rows = csv_rows(run(*DAY, "--format", "csv", "--columns", "volume, open"))
    assert list(rows[0]) == ["open_time", "volume", "open"]


def test_json_is_one_object_with_rows_gaps_and_provenance(run: Run) -> None:
    result = run(*HOLED, "--format", "json")
    told = json.loads(result.stdout)
    assert told["series"] == "binance/futures_usdt/klines/BTCUSDT/1h"
    assert len(told["rows"]) == 21
    assert told["rows"][2]["open_time"] == "2024-03-01T05:00:00+00:00"
    [gap] = told["gaps"]
    assert (gap["start_time"], gap["bars"]) == ("2024-03-01T02:00:00+00:00", 3)
    assert (gap["reason"], gap["final"]) == ("venue_has_none", True)
    assert sum(part["rows"] for part in told["provenance"]) == 21


def test_json_of_no_row_is_json(run: Run) -> None:
    result = run(*DAY, "--format", "json", "--source", "cache")
    assert json.loads(result.stdout)["rows"] == []
    assert result.exit_code == 0


def test_warnings_go_to_stderr_and_json_stays_json(run: Run) -> None:
    result = run(*DAY, "--format", "json", "--source", "cache")
    assert json.loads(result.stdout)["gaps"][0]["reason"] == "not_requested"
    assert result.stderr.startswith("warning: binance/spot/klines/BTCUSDT/1h: 1 gap, 24 bars missing")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.feather"])
def test_a_files_suffix_tells_the_format(run: Run, place: Path, name: str) -> None:
    result = run(*DAY, "-o", name)
    assert (result.exit_code, result.stdout) == (0, "")
    path = place / name
    table = pq.read_table(path) if path.suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    assert table.column_names[0] == "open_time"
    assert table.schema.field("open_time").type == pa.timestamp("ns", "UTC")
    assert len(table) == 24
    assert json.loads(table.schema.metadata[b"dsm"])["rows"] == 24
    assert f"written to {name}" in result.stderr


def test_arrow_bytes_go_to_a_pipe_as_they_go_to_a_file(run: Run, place: Path) -> None:
    run(*DAY, "--format", "arrow")
    piped = run(*DAY, "--format", "arrow").stdout_bytes
    run(*DAY, "-o", "rows.arrow")
    assert piped == (place / "rows.arrow").read_bytes()


def test_a_dash_is_stdout_and_no_file(run: Run, place: Path) -> None:
    assert run(*DAY, "-o", "-", "--format", "csv").stdout.startswith("open_time,open,")
    assert run(*DAY, "-o", "-").stdout.splitlines()[0].split()[0] == "open_time"
    assert not (place / "-").exists()


def test_parquet_bytes_go_to_a_pipe(run: Run) -> None:
    assert len(pq.read_table(io.BytesIO(run(*DAY, "--format", "parquet").stdout_bytes))) == 24


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal is made with pty")
def test_a_terminal_gets_no_parquet(place: Path) -> None:
    from cli.terminal import in_terminal  # noqa: PLC0415 - pty is not on Windows

    code, text = in_terminal(*DAY, "--format", "parquet", NO_COLOR="1")
    assert code == 2
    assert "error: --format parquet is not for a terminal; add -o FILE." in text


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(run: Run, place: Path) -> None:
    result = run(*DAY, "-o", "missing/rows.csv")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "error: Could not open file 'missing/rows.csv'" in result.stderr
    assert not list(place.rglob("*.part"))


def test_a_failed_call_leaves_the_old_file(run: Run, place: Path) -> None:
    (place / "rows.csv").write_text("old")
    assert run(*DAY, "-o", "rows.csv", "--source", "cache", "--strict").exit_code == 3
    assert (place / "rows.csv").read_text() == "old"


def test_last_takes_a_number_of_bars(run: Run) -> None:
    rows = csv_rows(run(*DAY[:5], "--last", "30", "--end", "2024-03-01", "--format", "csv"))
    assert len(rows) == 30
    assert rows[0]["open_time"] == "2024-02-29T18:00:00+00:00"


def test_last_takes_a_span(run: Run) -> None:
    rows = csv_rows(run(*DAY[:5], "--last", "2d", "--end", "2024-03-02", "--format", "csv"))
    assert (len(rows), rows[0]["open_time"]) == (48, "2024-03-01T00:00:00+00:00")


def test_a_second_call_sends_no_request(run: Run) -> None:
    assert json.loads(run(*DAY, "--format", "json").stdout)["requests"] > 0
    assert json.loads(run(*DAY, "--format", "json").stdout)["requests"] == 0


def test_no_cache_leaves_no_cache(run: Run, place: Path) -> None:
    assert run(*DAY, "--no-cache").exit_code == 0
    assert not (place / "cache").exists()


def test_cache_dir_wins_over_the_environment(run: Run, place: Path) -> None:
    assert run(*DAY, "--cache-dir", "other").exit_code == 0
    assert (place / "other").is_dir()
    assert not (place / "cache").exists()


def test_explain_prints_the_plan_and_fetches_nothing(run: Run, place: Path) -> None:
    result = run("explain", *DAY[1:])
    assert result.exit_code == 0
    assert "daily file: BTCUSDT-1h-2024-03-01.zip" in result.stdout
    assert not (place / "cache").exists()


def test_explain_has_the_plan_as_json(run: Run) -> None:
    told = json.loads(run("explain", *DAY[1:], "--format", "json").stdout)
    assert told["requests"] == 2
    [step] = told["steps"]
    assert (step["source"], step["bars"]) == ("vision", 24)
    assert step["start_time"] == "2024-03-01T00:00:00+00:00"


def test_explain_after_get_plans_nothing(run: Run) -> None:
    run(*DAY)
    told = json.loads(run("explain", *DAY[1:], "--format", "json").stdout)
    assert (told["requests"], told["steps"], len(told["cached"])) == (0, [], 1)


def test_a_real_process_prints_nothing_but_rows_on_stdout(shell: Shell) -> None:
    done = shell(*DAY, "--format", "csv")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 25
    assert done.stderr == ""


def test_an_option_of_the_client_is_part_of_the_series(run: Run) -> None:
    asked = ("get", "BTCUSDT", "--chart-type", "funding_rate", "--market", "um", "--start", "2024-03-01")
    result = run(*asked, "--end", "2024-03-01", "--option", "rate_type=all", "--format", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["series"] == "binance/futures_usdt/funding_rate/BTCUSDT;rate_type=all"
    wrong = run(*asked, "--option", "rate_tpye=all")
    assert wrong.exit_code == 4
    assert "rate_type" in wrong.stderr
    for text in ("rate_type", "=all", "rate_type="):
        assert "NAME=VALUE" in run(*asked, "--option", text).stderr
    assert "twice" in run(*asked, "--option", "rate_type=all", "--option", "rate_type=all").stderr


def test_a_misspelt_chart_type_names_the_one_that_was_meant(run: Run) -> None:
    result = run(*DAY, "--chart-type", "klinse")
    assert result.exit_code == 4
    assert "Did you mean 'klines'?" in result.stderr
