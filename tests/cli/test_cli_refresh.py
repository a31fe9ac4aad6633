"""`dsm refresh` tells the rows that differ; `dsm cache quarantine` shows what was refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.running import Run, write_config
from dsm_binance.emulator import Emulator, Fault
from dsm_core.cli.app import dsm

FOLDER = "data/spot/daily/klines/BTCUSDT/1h"
KEY = "binance/spot/klines/BTCUSDT/1h"
PREFETCH = ("prefetch", "BTCUSDT", "1h", "--provider", "binance", "--market", "spot", "--start", "2024-03-04",
            "--end", "2024-03-06")  # fmt: skip
AT, GONE = (datetime(2024, 3, 5, hour, tzinfo=UTC) for hour in (4, 5))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator() as venue:
        yield venue


@pytest.fixture
def run(own: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DSM_CONFIG", str(write_config(tmp_path, own.endpoints)))
    monkeypatch.setenv("DSM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str) -> Result:
        return CliRunner().invoke(dsm, args, prog_name="dsm", catch_exceptions=False)

    return invoke


def republish(venue: Emulator) -> None:
    venue.republish(f"{FOLDER}/BTCUSDT-1h-2024-03-05.zip", {AT: {"count": "7"}}, [GONE])
    venue.clear_requests()


def test_nothing_changed(run: Run, own: Emulator) -> None:
    run(*PREFETCH)
    done = run("refresh")
    assert (done.exit_code, done.stdout) == (
        0,
        f"{KEY}: 3 objects checked, 0 published anew, 3 requests\n",
    )
    assert "1 series, 3 files checked, 0 published anew" in done.stderr


def test_rows_that_differ_are_printed(run: Run, own: Emulator) -> None:
    run(*PREFETCH)
    republish(own)
    done = run("refresh", "--symbol", "BTC*", "--since", "2024-03-05")
    assert done.exit_code == 0
    first, name, changed, withdrawn = done.stdout.splitlines()
    assert first == f"{KEY}: 2 objects checked, 1 published anew, 3 requests"
    assert name == "  BTCUSDT-1h-2024-03-05.zip: 1 changed, 1 withdrawn, 0 added"
    assert changed.startswith("    2024-03-05 04:00  count  ")
    assert changed.endswith(" -> 7")
    assert withdrawn.startswith("    2024-03-05 05:00  withdrawn  open ")
    span = ("--start", "2024-03-05T04:00+00:00", "--end", "2024-03-05T05:00+00:00", "--format", "json")
    told = json.loads(run("get", *PREFETCH[1:7], *span).stdout)
    assert [row["count"] for row in told["rows"]] == [7]
    assert [(gap["reason"], gap["final"]) for gap in told["gaps"]] == [("withdrawn", True)]


def test_the_same_as_json(run: Run, own: Emulator) -> None:
    run(*PREFETCH)
    republish(own)
    told = json.loads(run("refresh", "--json").stdout)
    assert {name: told[name] for name in ("checked", "requests", "republished", "failed")} == {
        "checked": 3,
        "requests": 4,
        "republished": 1,
        "failed": 0,
    }
    (series,) = told["series"]
    (one,) = series["objects"]
    assert (series["series"], series["error"], one["error"]) == (KEY, None, None)
    assert (one["changed"], one["withdrawn"], one["added"]) == (1, 1, 0)
    assert one["old_sha256"] != one["new_sha256"]
    changed, withdrawn = one["rows"]
    assert changed == {
        "time": "2024-03-05T04:00:00+00:00",
        "kind": "changed",
        "cells": {"count": [changed["cells"]["count"][0], 7]},
    }
    assert withdrawn["kind"] == "withdrawn"
    assert withdrawn["cells"]["close_time"] == ["2024-03-05T05:59:59.999000+00:00", None]


def test_a_file_that_cannot_be_had_is_told_and_ends_with_3(run: Run, own: Emulator) -> None:
    run(*PREFETCH)
    republish(own)
    own.add_fault(Fault("no-checksum", "2024-03-05", times=None))
    done = run("refresh")
    assert done.exit_code == 3
    assert "  BTCUSDT-1h-2024-03-05.zip: what is held stays: " in done.stdout
    assert f"{KEY}: 3 objects checked, 0 published anew, 1 failed, " in done.stdout
    assert "1 series, 3 files checked, 0 published anew, 1 failed" in done.stderr


def test_a_venue_that_is_down_ends_with_5_and_one_series_that_could_be_looked_at_with_3(
    run: Run, own: Emulator
) -> None:
    run(*PREFETCH)
    own.refuse()
    done = run("refresh")
    assert (done.exit_code, done.stdout.count("what is held stays")) == (5, 3)
    own.serve()
    run(*PREFETCH[:2], "4h", *PREFETCH[3:])
    own.add_fault(Fault("no-checksum", "BTCUSDT-1h-", times=None))
    done = run("refresh")
    assert done.exit_code == 3
    assert "3 failed" in done.stderr


def test_a_wrong_checksum_claims_nothing_of_what_is_asked_next(run: Run, own: Emulator) -> None:
    run(*PREFETCH)
    republish(own)
    own.add_fault(Fault("bad-checksum", "2024-03-05", times=None))
    (line,) = [line for line in run("refresh").stdout.splitlines() if "what is held stays" in line]
    assert line.endswith("does not match its checksum. The file is not used.")


def test_a_series_is_named_as_elsewhere(run: Run, own: Emulator) -> None:
    run(*PREFETCH)
    said = run("refresh", "BTC*")
    assert (said.exit_code, said.stdout) == (0, run("refresh", "--symbol", "BTC*").stdout)
    assert said.stdout.startswith(f"{KEY}: 3 objects checked")
    assert "Nothing is held" in run("refresh", "ETH*").stderr
    both = run("refresh", "BTC*", "--symbol", "BTC*")
    assert (both.exit_code, "exclude each other" in both.stderr) == (2, True)


def test_nothing_held_and_a_wrong_time(run: Run, own: Emulator) -> None:
    done = run("refresh", "--symbol", "NOPE*")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "Nothing is held" in done.stderr
    wrong = run("refresh", "--since", "soon")
    assert wrong.exit_code != 0


def test_get_says_which_files_were_refused(run: Run, own: Emulator) -> None:
    own.add_fault(Fault("bad-zip", "2024-03-05", times=None))
    for more in (("--format", "csv"), ("--no-cache",)):
        done = run("get", *PREFETCH[1:], *more)
        assert done.exit_code == 0
        assert "1 answer refused, and had from elsewhere; the first, of vision: http://" in done.stderr
        assert "BTCUSDT-1h-2024-03-05.zip does not match its checksum" in done.stderr
        assert ("`dsm cache quarantine` lists" in done.stderr) == ("--no-cache" not in more)
        run("cache", "clear", "--yes")


def test_get_says_nothing_where_nothing_failed_or_nobody_made_it_good(run: Run, own: Emulator) -> None:
    assert "had from elsewhere" not in run("get", *PREFETCH[1:]).stderr
    own.add_fault(Fault("503", "", times=None))
    done = run("get", *PREFETCH[1:7], "--start", "2024-03-04", "--end", "2024-03-09")
    assert "source_failed" in done.stderr
    assert "had from elsewhere" not in done.stderr


def test_the_quarantine_is_listed_shown_and_cleared(run: Run, own: Emulator, tmp_path: Path) -> None:
    assert run("cache", "quarantine").exit_code == 0
    own.add_fault(Fault("bad-zip", "2024-03-05", times=None))
    run(*PREFETCH)
    listed = run("cache", "quarantine", "ls")
    assert "BTCUSDT-1h-2024-03-05.zip" in listed.stdout
    assert "does not match its checksum" in listed.stdout
    assert "1 object, " in listed.stderr
    assert run("cache", "quarantine").stdout == listed.stdout
    (one,) = json.loads(run("cache", "quarantine", "ls", "--json").stdout)
    shown = json.loads(run("cache", "quarantine", "show", one["id"]).stdout)
    assert shown == one
    assert (one["outcome"], one["error"], one["series"]) == ("refused", "ChecksumMismatchError", KEY)
    assert Path(one["path"]).stat().st_size == one["size"]
    for wrong in (("show", "nope"), ("clear", "nope", "--yes"), ("clear",)):
        assert run("cache", "quarantine", *wrong).exit_code == 2
    assert run("cache", "ls", "--format", "json").exit_code == 0
    done = run("cache", "quarantine", "clear", one["id"], "--yes")
    assert (done.exit_code, done.stderr) == (0, "Removed 1 object.\n")
    assert json.loads(run("cache", "quarantine", "ls", "--json").stdout) == []
