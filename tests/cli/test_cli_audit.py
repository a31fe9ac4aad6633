"""`dsm audit`: what is compared, what is printed and written, and how it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cli.running import Run
from dsm_binance.emulator import Emulator, Fault
from dsm_core.cli.audit_run import _number

SPOT = "BTCUSDT", "1h", "--provider", "binance", "--market", "spot"
MAY = *SPOT, "--start", "2024-05-10", "--end", "2024-05-12"
CHANGED = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05-11.zip"
HOUR_3 = datetime(2024, 5, 11, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    """A venue whose archive tells one close otherwise than its REST does."""
    with Emulator(now=datetime(2024, 5, 20, 12, 0, 30, tzinfo=UTC)) as running:
        running.republish(CHANGED, changed={HOUR_3: {"close": "34950.00000000"}})
        yield running


def test_what_differs_is_printed_and_makes_exit_code_1(run: Run) -> None:
    done = run("audit", *MAY)
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "binance/spot/klines/BTCUSDT/1h [2024-05-10 00:00, 2024-05-13 00:00)",
        "vision: 72 rows",
        "rest: 72 rows",
        "72 rows compared: 1 cell differs.",
    ]
    assert lines[4].startswith("  2024-05-11 03:00 close: vision 34950.0, rest 349")
    assert "nothing was cached" in done.stderr


def test_what_agrees_or_is_within_a_tolerance_is_exit_code_0(run: Run, place: Path) -> None:
    assert run("audit", *MAY, "--absolute", "close=1000").exit_code == 0
    assert run("audit", *MAY, "--relative", "close=0.5", "--sources", "rest,vision").exit_code == 0
    assert run("audit", *MAY, "--columns", "open,volume").exit_code == 0
    assert list((place / "cache").rglob("*.arrow")) == []


def test_a_tolerance_of_the_configuration_counts(run: Run, place: Path) -> None:
    told = json.loads((place / "dsm.yaml").read_text("utf-8"))
    (place / "dsm.yaml").write_text(json.dumps(told | {"agreement": {"absolute": {"close": 1000}}}), "utf-8")
    assert run("audit", *MAY).exit_code == 0


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_what_differs_goes_to_a_file(run: Run, place: Path, suffix: str) -> None:
    target = place / f"found.{suffix}"
    done = run("audit", *MAY, "-o", str(target))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "1 cell differs. Written to" in done.stderr
    if suffix == "csv":
        (row,) = csv.DictReader(target.read_text("utf-8").splitlines())
    elif suffix == "json":
        told = json.loads(target.read_text("utf-8"))
        (row,) = told["disagreements"]
        assert (told["compared"], told["agrees"], told["complete"]) == (72, False, True)
    else:
        (row,) = pq.read_table(target).to_pylist()
        row["time"] = row["time"].isoformat()
    # Numbers of JSON are numbers; the others tell every column alike, as text that loses nothing.
    first = 34950.0 if suffix == "json" else "34950.0"
    assert (row["time"], row["column"], row["first_value"]) == ("2024-05-11T03:00:00+00:00", "close", first)


def test_a_number_that_not_every_reader_of_json_holds_exactly_stays_text() -> None:
    assert (_number("34950.1", "float64"), _number("9007199254740992", "int64")) == (34950.1, 2**53)
    assert _number("9007199254740993", "int64") == "9007199254740993"
    assert (_number("7", "string"), _number("inf", "float64"), _number(None, "float64")) == ("7", "inf", None)


def test_each_request_is_counted_once(run: Run, venue: Emulator) -> None:
    venue.clear_requests()
    done = run("audit", *MAY, "--format", "json")
    sent = len(venue.requests)
    assert sorted({r.kind for r in venue.requests}) == ["checksum", "klines", "zip"]
    assert json.loads(done.stdout)["requests"] == sent
    assert f"{sent} requests; nothing was cached" in done.stderr


def test_a_source_that_fails_is_exit_code_3(run: Run, venue: Emulator) -> None:
    venue.add_fault(Fault("bad-checksum", "BTCUSDT-1h-2024-05-12", times=None))
    try:
        done = run("audit", *MAY, "--columns", "open")
    finally:
        venue.clear_faults()
    assert done.exit_code == 3
    told = (
        "vision: cannot tell 2024-05-12 00:00 to 2024-05-13 00:00, 24 bars: source_failed (not final): http"
    )
    assert told in done.stdout
    assert "next source" not in done.stdout
    assert "48 rows compared: they agree." in done.stdout


def test_what_the_archive_has_not_published_yet_is_no_failure(run: Run) -> None:
    done = run("audit", *SPOT, "--start", "2024-05-18", "--end", "2024-05-19")
    assert done.exit_code == 0
    assert "vision: 48 rows" in done.stdout
    done = run("audit", *SPOT, "--start", "2024-05-19T00:00+00:00")
    assert done.exit_code == 0
    assert (
        "vision: cannot tell 2024-05-20 00:00 to 2024-05-20 12:00, 12 bars: not_published_yet" in done.stdout
    )


def test_cached_rows_are_used_unless_told_otherwise(run: Run, venue: Emulator) -> None:
    run("prefetch", *MAY)
    venue.clear_requests()
    run("audit", *MAY)
    assert {r.kind for r in venue.requests} == {"klines"}
    venue.clear_requests()
    run("audit", *MAY, "--no-cache")
    assert {r.kind for r in venue.requests} >= {"klines", "zip", "checksum"}


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        ((), 2, "Say which series"),
        (("BTCUSDT", "1h"), 2, "Say which bars"),
        ((*MAY, "--relative", "close"), 2, "'close' is no COLUMN=FRACTION"),
        ((*MAY, "--absolute", "close=much"), 2, "'close=much' is no COLUMN=NUMBER"),
        ((*MAY, "--absolute", "close=nan"), 4, "The tolerance nan of 'close' is none"),
        ((*MAY, "--sources", "vision"), 4, "needs two sources, and one was named: 'vision'"),
        ((*MAY, "--sources", "vision,,"), 2, "names with commas"),
        ((*MAY, "--format", "parquet"), 2, "needs -o FILE"),
        ((*MAY, "-o", "found.xlsx"), 2, "does not tell the format"),
        (("NOPEUSDT", *MAY[1:]), 4, "has no symbol 'NOPEUSDT'"),
        ((*MAY, "--option", "a=b"), 4, "No client reads the option 'a'"),
    ],
)
def test_a_wrong_command_line_is_told(run: Run, args: tuple[str, ...], code: int, told: str) -> None:
    done = run("audit", *args)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr
