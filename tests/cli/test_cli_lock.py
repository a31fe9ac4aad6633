"""`dsm lock`, `dsm verify`, `dsm reproduce`: rows written down, and proven to be had again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.running import Run
from dsm_binance.emulator import Emulator, Fault

DAY_ZIP = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05-11.zip"
HOUR_3 = datetime(2024, 5, 11, 3, tzinfo=UTC)
REQUESTS = """\
defaults: {provider: binance, market_type: spot, interval: 1h}
series:
  - {symbol: BTCUSDT, start: 2024-05-10, end: 2024-05-12}
  - {symbol: BTCUSDT, market_type: um, chart_type: funding_rate, start: 2024-05-01, end: 2024-05-05}
"""


@pytest.fixture
def venue() -> Iterator[Emulator]:
    with Emulator(now=datetime(2024, 5, 20, 12, 0, 30, tzinfo=UTC)) as running:
        yield running


@pytest.fixture
def requests(place: Path) -> Path:
    path = place / "request.yaml"
    path.write_text(REQUESTS, encoding="utf-8")
    return path


def test_requests_are_locked_and_verified_without_a_request(
    run: Run, requests: Path, venue: Emulator
) -> None:
    done = run("lock", str(requests))
    assert done.exit_code == 0
    assert [line.partition(", sha256")[0] for line in done.stdout.splitlines()] == [
        "binance/spot/klines/BTCUSDT/1h: 72 rows",
        "binance/futures_usdt/funding_rate/BTCUSDT: 15 rows",
    ]
    lock = requests.with_suffix(".lock.json")
    assert f"2 ranges locked in {lock}" in done.stderr
    venue.clear_requests()
    done = run("verify", str(lock))
    assert (done.exit_code, len(venue.requests)) == (0, 0)
    assert "2 of 2 ranges the same; 0 requests sent" in done.stderr
    before = lock.read_bytes()
    assert run("lock", str(requests)).exit_code == 0
    assert lock.read_bytes() == before


def test_another_machine_has_the_same_bytes(run: Run, requests: Path, place: Path) -> None:
    run("lock", str(requests), "-o", "a.lock.json")
    done = run("reproduce", "a.lock.json", "--cache-dir", "other")
    assert done.exit_code == 0
    assert "2 of 2 ranges the same" in done.stderr
    assert list((place / "other").rglob("*.arrow"))


@pytest.mark.parametrize("values", [False, True])
def test_the_first_cell_that_differs_is_shown(
    run: Run, requests: Path, venue: Emulator, values: bool
) -> None:
    run("lock", str(requests), "-o", "a.lock.json", *(["--values"] if values else []))
    venue.republish(DAY_ZIP, changed={HOUR_3: {"close": "34950.00000000"}})
    assert run("verify", "a.lock.json").exit_code == 0
    done = run("reproduce", "a.lock.json", "--cache-dir", "other")
    assert done.exit_code == 1
    first, second = done.stdout.splitlines()
    told = "locked 349" if values else "now 34950.0; the lock keeps no values"
    assert f"binance/spot/klines/BTCUSDT/1h: differs, first at 2024-05-11 03:00 close: {told}" in first
    assert "now 34950.0" in first
    assert first.count("; then from vision BTCUSDT-1h-2024-05-11.zip sha256 ") == 1
    assert first.count(", now from vision BTCUSDT-1h-2024-05-11.zip sha256 ") == 1
    assert "same" in second
    assert "1 of 2 ranges the same" in done.stderr
    facts = json.loads(run("verify", "a.lock.json", "--cache-dir", "other", "--json").stdout)
    assert facts["same"] is False
    assert facts["entries"][0]["first"]["time"] == "2024-05-11T03:00:00+00:00"
    assert [entry["versions"] for entry in facts["entries"]] == [None, None]
    assert (facts["entries"][0]["first"]["columns"], facts["entries"][1]["status"]) == (["close"], "same")


def test_a_colleague_who_fetches_later_writes_the_same_file(
    run: Run, requests: Path, venue: Emulator
) -> None:
    assert run("lock", str(requests), "-o", "a.lock.json").exit_code == 0
    venue.clock.advance(timedelta(hours=7))
    assert run("lock", str(requests), "-o", "b.lock.json", "--cache-dir", "other").exit_code == 0
    assert (requests.parent / "a.lock.json").read_bytes() == (requests.parent / "b.lock.json").read_bytes()


@pytest.mark.parametrize("what", ["whole", "parts"])
def test_a_lock_that_contradicts_itself_is_exit_code_4(
    run: Run, requests: Path, place: Path, what: str
) -> None:
    run("lock", str(requests), "-o", "a.lock.json")
    told = json.loads((place / "a.lock.json").read_text("utf-8"))
    entry = told["entries"][0]
    if what == "whole":
        entry["content"]["sha256"] = "0" * 64
    else:
        entry["blocks"][0]["columns"] = ["0" * 32 for _ in entry["blocks"][0]["columns"]]
    (place / "a.lock.json").write_text(json.dumps(told), encoding="utf-8")
    done = run("verify", "a.lock.json")
    assert done.exit_code == 4
    (line,) = [line for line in done.stderr.splitlines() if "contradicts itself" in line]
    assert line.count("binance/spot/klines/BTCUSDT/1h") == 1
    assert "1 of 2 ranges the same" in done.stderr


@pytest.mark.parametrize("command", ["verify", "reproduce"])
def test_the_help_tells_every_exit_code(run: Run, command: str) -> None:
    told = run(command, "--help").stdout
    assert [line.split()[0] for line in told.partition("Exit codes:")[2].split("\n") if line.strip()] == list(
        "012345"
    )


def test_a_range_without_a_start_is_told_with_its_line(run: Run, requests: Path, venue: Emulator) -> None:
    requests.write_text(REQUESTS + "  - {symbol: ETHUSDT}\n", encoding="utf-8")
    venue.clear_requests()
    done = run("lock", str(requests))
    assert (done.exit_code, len(venue.requests)) == (4, 0)
    assert f"{requests}:5: series[2]: has no start; give one here or in defaults" in done.stderr
    assert "--last" not in done.stderr


def test_rows_that_are_not_held_are_exit_code_3(run: Run, requests: Path, venue: Emulator) -> None:
    run("lock", str(requests), "-o", "a.lock.json")
    venue.clear_requests()
    for command in (("verify",), ("reproduce", "--offline")):
        done = run(*command, "a.lock.json", "--cache-dir", "empty")
        assert done.exit_code == 3
        assert "rows are missing: 2024-05-10 00:00 to 2024-05-13 00:00, 72 bars: not_requested" in done.stdout
    assert len(venue.requests) == 0


def test_nothing_is_locked_unless_everything_can_be(
    run: Run, requests: Path, venue: Emulator, place: Path
) -> None:
    venue.add_fault(Fault("503", "api/v3/klines", times=None))
    venue.add_fault(Fault("503", "BTCUSDT-1h-2024-05-11", times=None))
    lock = requests.with_suffix(".lock.json")
    done = run("lock", str(requests))
    assert (done.exit_code, done.stdout, lock.exists()) == (3, "", False)
    assert "rows are missing: 2024-05-11 00:00 to 2024-05-12 00:00, 24 bars: source_failed" in done.stderr
    assert "was not written" in done.stderr
    assert run("lock", str(requests), "--allow-gaps").exit_code == 0
    venue.clear_faults()
    done = run("reproduce", str(lock))
    assert done.exit_code == 1
    assert "first at 2024-05-11 00:00: no row was locked here" in done.stdout


def test_an_unknown_symbol_is_told_and_nothing_is_written(run: Run, requests: Path) -> None:
    requests.write_text(
        REQUESTS + "  - {symbol: NOPEUSDT, start: 2024-05-10, end: 2024-05-10}\n", encoding="utf-8"
    )
    done = run("lock", str(requests))
    assert done.exit_code == 4
    assert "error: binance/spot/NOPEUSDT/1h: " in done.stderr
    assert not requests.with_suffix(".lock.json").exists()


def test_a_wrong_file_is_refused(run: Run, place: Path) -> None:
    (place / "new.lock.json").write_text('{"dsm_lock": 7, "entries": []}', encoding="utf-8")
    (place / "list.yaml").write_text(REQUESTS, encoding="utf-8")
    for args, told in (
        (("verify", "none.json"), "none.json: there is no such file\nhint: `dsm lock LIST -o FILE`"),
        (("verify", "list.yaml"), "it looks like a list of series\nhint: `dsm lock list.yaml` makes"),
        (("reproduce", "dsm.yaml"), "dsm.yaml: is no lock file; `dsm lock` writes them"),
        (("verify", "new.lock.json"), "knows formats up to 1; upgrade dsm-core"),
        (("lock", "none.yaml"), "hint: `dsm lock --help` shows what a list looks like"),
        (("lock", "dsm.yaml"), "dsm.yaml"),
    ):
        done = run(*args)
        assert (done.exit_code, done.stdout) == (4, "")
        assert told in done.stderr


def test_the_list_is_never_replaced_by_its_lock(run: Run, requests: Path, venue: Emulator) -> None:
    (requests.parent / "link.yaml").symlink_to(requests)
    venue.clear_requests()
    for target in ("request.yaml", "./request.yaml", "link.yaml"):
        done = run("lock", str(requests), "-o", target)
        assert (done.exit_code, len(venue.requests)) == (2, 0)
        assert "is LIST itself, which would be lost; give another -o FILE" in done.stderr
    assert requests.read_text("utf-8") == REQUESTS


def test_a_link_keeps_pointing_where_it_does(run: Run, requests: Path, place: Path) -> None:
    (place / "real.json").write_text("old", encoding="utf-8")
    (place / "link.json").symlink_to(place / "real.json")
    assert run("lock", str(requests), "-o", "link.json").exit_code == 0
    assert (place / "link.json").is_symlink()
    assert run("verify", "real.json").exit_code == 0


def test_a_dash_is_stdout_and_holds_the_lock_alone(run: Run, requests: Path, place: Path) -> None:
    done = run("lock", str(requests), "-o", "-")
    assert done.exit_code == 0
    assert not (place / "-").exists()
    assert "2 ranges locked in standard output" in done.stderr
    (place / "a.lock.json").write_text(done.stdout, encoding="utf-8")
    assert run("verify", "a.lock.json").exit_code == 0


def test_an_output_that_cannot_be_written_is_exit_code_1(run: Run, requests: Path) -> None:
    done = run("lock", str(requests), "-o", "none/a.lock.json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "none/a.lock.json" in done.stderr


def test_a_provider_that_is_not_installed_fails_its_entry_alone(
    run: Run, requests: Path, place: Path
) -> None:
    run("lock", str(requests), "-o", "a.lock.json")
    text = (place / "a.lock.json").read_text("utf-8").replace("binance/futures_usdt", "acme/futures_usdt", 1)
    (place / "a.lock.json").write_text(text, encoding="utf-8")
    done = run("verify", "a.lock.json")
    assert done.exit_code == 4
    assert (
        "error: acme/futures_usdt/funding_rate/BTCUSDT: No installed package provides 'acme'" in done.stderr
    )
    assert "binance/spot/klines/BTCUSDT/1h: same" in done.stdout
