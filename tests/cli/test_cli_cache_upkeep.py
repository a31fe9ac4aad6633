"""`dsm cache stats`, `dsm cache clear` and `CacheStore.clear`."""

from __future__ import annotations

import json
import re
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.running import Run, Shell
from dsm_core.cache import CacheStore
from dsm_core.cache.opened import OPENED
from dsm_core.cli.store import open_store
from dsm_core.model import SeriesKey, TimeRange, to_ns
from dsm_core.model.wording import size_text
from dsm_core.schema.chart_type import KLINES

DAY = ("--market", "spot", "--start", "2024-03-01", "--end", "2024-03-01")
BTC = "binance/spot/klines/BTCUSDT/1h"
SYMBOLS = "binance/spot/universe/symbols"
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="links and terminals of POSIX")


@pytest.fixture
def held(run: Run, place: Path) -> Path:
    """A cache of two symbols, one at two intervals."""
    for symbol, interval in (("BTCUSDT", "1h"), ("BTCUSDT", "1m"), ("ETHUSDT", "1h")):
        assert run("prefetch", symbol, interval, *DAY).exit_code == 0
    return place / "cache"


def listed(run: Run) -> list[str]:
    return [series["series"] for series in json.loads(run("cache", "ls", "--json").stdout)]


def test_stats_counts_by_group_and_in_all(run: Run, held: Path) -> None:
    told = json.loads(run("cache", "stats", "--json").stdout)
    assert (told["series"], told["rows"], told["files"]) == (3, 48 + 1440, 3)
    assert [(group["interval"], group["series"]) for group in told["groups"]] == [("1h", 2), ("1m", 1)]
    assert told["oldest"] == "2024-03-01T00:00:00+00:00"
    assert told["newest"] == "2024-03-01T23:59:00+00:00"
    assert told["bytes"] == sum(path.stat().st_size for path in held.rglob("*.arrow"))
    lines = run("cache", "stats").stdout.splitlines()
    assert lines[0].split()[:4] == ["provider", "market", "chart", "type"]
    assert lines[-1].split()[:4] == ["all", "3", "3", "1,488"]


def test_stats_tells_of_files_set_aside(run: Run, shell: Shell, held: Path) -> None:
    file = next(path for path in held.rglob("*.arrow") if "ETHUSDT" in str(path))
    file.write_bytes(b"x" * 100)
    shell("get", "ETHUSDT", "1h", *DAY)
    result = run("cache", "stats", "--json")
    assert json.loads(result.stdout)["set_aside"] == [f"{file}.corrupt"]
    assert "1 damaged file set aside" in run("cache", "stats").stderr


def test_stats_of_no_cache(run: Run) -> None:
    result = run("cache", "stats")
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(run("cache", "stats", "--json").stdout)["oldest"] is None


def test_clear_asks_and_without_a_terminal_wants_yes(run: Run, held: Path) -> None:
    result = run("cache", "clear")
    assert result.exit_code == 2
    assert "Remove 3 series, 3 files" in result.stderr
    assert "add --yes" in result.stderr
    assert len(listed(run)) == 3


def test_clear_removes_what_the_glob_means_and_the_empty_folders(run: Run, held: Path) -> None:
    result = run("cache", "clear", "ETH*", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("Removed 1 series, 1 file, ")
    assert listed(run) == [BTC, "binance/spot/klines/BTCUSDT/1m"]
    assert not (held / "binance" / "spot" / "klines" / "ETHUSDT").exists()
    assert json.loads(run("cache", "clear", "--yes", "--json").stdout)["series"] == 2
    assert held.is_dir()
    assert list(held.iterdir()) == []


def test_clear_of_nothing_removes_nothing_and_asks_nobody(run: Run, held: Path) -> None:
    result = run("cache", "clear", "DOGE*")
    told = "Nothing is held that 'DOGE*' means; `dsm cache ls` lists what is.\n"
    assert (result.exit_code, result.stderr) == (0, told)
    assert len(listed(run)) == 3


def test_clear_takes_files_set_aside_and_leaves_what_is_not_the_caches(run: Run, held: Path) -> None:
    [file] = (held / "binance" / "spot" / "klines" / "BTCUSDT" / "1h").glob("*.arrow")
    aside, mine = file.with_name(f"{file.name}.corrupt"), file.with_name("notes.txt")
    aside.write_bytes(b"x")
    mine.write_text("mine")
    assert run("cache", "clear", BTC, "--yes").exit_code == 0
    assert [path.name for path in file.parent.iterdir()] == ["notes.txt"]


@pytest.fixture
def worn(run: Run, held: Path) -> Path:
    """The same cache with a list of symbols, and one series all of whose files are set aside."""
    assert run("symbols", "binance", "--market", "spot").exit_code == 0
    [file] = (held / "binance" / "spot" / "klines" / "ETHUSDT" / "1h").glob("*.arrow")
    file.write_bytes(b"x" * 100)
    file.rename(f"{file}.corrupt")
    return held


def test_ls_and_stats_count_documents_and_damaged_series(run: Run, worn: Path) -> None:
    told = json.loads(run("cache", "ls", "--json").stdout)
    assert [(one["series"], one["kind"]) for one in told] == [
        (BTC, "series"),
        ("binance/spot/klines/BTCUSDT/1m", "series"),
        ("binance/spot/klines/ETHUSDT/1h", "damaged"),
        (SYMBOLS, "document"),
    ]
    listing = run("cache", "ls")
    assert [line.split()[0] for line in listing.stdout.splitlines()][1:] == [one["series"] for one in told]
    assert "3 series, 1 document, 4 files" in listing.stderr
    counts = json.loads(run("cache", "stats", "--json").stdout)
    assert (counts["series"], counts["damaged"]) == (3, ["binance/spot/klines/ETHUSDT/1h"])
    size = (worn / f"{SYMBOLS}.json").stat().st_size
    assert counts["documents"] == {"count": 1, "bytes": size}
    assert "3 series, 1 document, 4 files" in run("cache", "stats").stderr


def test_clear_asks_for_documents_and_damaged_series_too(run: Run, worn: Path) -> None:
    asked = run("cache", "clear", "binance/spot/universe/*")
    assert (asked.exit_code, "Remove 0 series, 1 document, 1 file" in asked.stderr) == (2, True)
    assert (worn / f"{SYMBOLS}.json").exists()
    assert run("cache", "clear", "ETH*").exit_code == 2


def test_clear_removes_a_damaged_series_by_its_symbol(run: Run, worn: Path) -> None:
    told = json.loads(run("cache", "clear", "ETH*", "--yes", "--json").stdout)
    assert told == {"series": 1, "documents": 0, "files": 1, "bytes": 100, "newer": 0}
    assert not (worn / "binance" / "spot" / "klines" / "ETHUSDT").exists()


def test_clear_leaves_nothing_of_documents_and_damaged_series(run: Run, worn: Path) -> None:
    (worn / f"{SYMBOLS}.json.0123456789abcdef.tmp").write_bytes(b"a killed writer's")
    result = run("cache", "clear", "--yes")
    assert result.stderr.startswith("Removed 3 series, 1 document, 5 files, ")
    assert list(worn.iterdir()) == []


def test_clear_leaves_documents_of_other_make(run: Run, worn: Path) -> None:
    mine = worn / "binance" / "spot" / "universe" / "mine.json"
    mine.write_text('{"body": 1}')
    assert run("cache", "clear", "--yes").exit_code == 0
    assert [path for path in worn.rglob("*") if path.is_file()] == [mine]


def test_clear_leaves_a_series_that_a_newer_dsm_wrote(run: Run, held: Path) -> None:
    [file] = (held / "binance" / "spot" / "klines" / "ETHUSDT" / "1h").glob("*.arrow")
    file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":9'))
    assert run("cache", "clear", "--yes").exit_code == 0
    assert file.exists()


def test_a_cleared_series_is_fetched_again(run: Run, held: Path) -> None:
    run("cache", "clear", BTC, "--yes")
    assert ": 24 new rows" in run("prefetch", "BTCUSDT", "1h", *DAY).stdout


@needs_posix
def test_clear_follows_no_link_out_of_the_cache(run: Run, held: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (held / "binance" / "spot" / "klines" / "ETHUSDT").rename(outside)
    (held / "binance" / "spot" / "klines" / "ETHUSDT").symlink_to(outside)
    assert run("cache", "clear", "--yes").exit_code == 0
    assert len(list(outside.rglob("*.arrow"))) == 1


def test_clear_waits_for_a_writer_and_forgets_opened_files(run: Run, held: Path) -> None:
    run("get", "BTCUSDT", "1h", *DAY)
    store = CacheStore(held)
    [series] = [series for series in store.ls() if str(series.key) == BTC]
    [file] = series.path.glob("*.arrow")
    from filelock import FileLock  # noqa: PLC0415 - as the writer of the period would

    with FileLock(series.path / ".2024.lock"):
        clearing = threading.Thread(target=store.clear, args=(lambda key: key != series.key,))
        clearing.start()
        clearing.join(0.2)
        assert clearing.is_alive()
        assert file.exists()
    clearing.join(10)
    assert not series.path.exists()
    assert str(file) not in OPENED._files


@needs_posix
def test_clear_at_a_terminal_takes_no_for_an_answer(run: Run, held: Path) -> None:
    import os  # noqa: PLC0415 - pty is not on Windows
    import pty  # noqa: PLC0415
    import subprocess  # noqa: PLC0415

    main, child = pty.openpty()
    os.write(main, b"n\n")
    done = subprocess.run(
        [sys.executable, "-m", "dsm_core", "cache", "clear"],
        stdin=child, stdout=subprocess.PIPE, stderr=child, timeout=30, check=False,
    )  # fmt: skip
    os.close(child)
    os.close(main)
    assert done.returncode == 1
    assert len(listed(run)) == 3


def test_a_command_reads_the_other_caches_that_the_configuration_names(held: Path, place: Path) -> None:
    config = place / "two.yaml"
    config.write_text(f"cache: {{dir: {place / 'empty'}, read_from: [{held}]}}\n", encoding="utf-8")
    day = TimeRange(to_ns(datetime(2024, 3, 1, tzinfo=UTC)), to_ns(datetime(2024, 3, 2, tzinfo=UTC)))
    store = open_store(place / "empty", config)
    assert store.ls() == []
    assert len(store.read(SeriesKey.parse(BTC), KLINES, day).table) == 24


@pytest.mark.parametrize(
    "command",
    ["ls", "verify", "stats", "repair", "prune", "clear", "quarantine", "quarantine ls", "quarantine clear"],
)
def test_a_mistyped_folder_is_no_empty_cache(run: Run, held: Path, command: str) -> None:
    result = run("cache", *command.split(), "--cache-dir", str(held / "nowhere"))
    assert result.exit_code == 2
    assert "nowhere' does not exist" in result.stderr
    assert not (held / "nowhere").exists()


def test_a_cache_that_was_never_made_is_whole_and_told(run: Run, place: Path) -> None:
    result = run("cache", "verify")
    assert result.exit_code == 0
    assert result.stderr == f"{place / 'cache'} (there is no such folder yet): 0 files, 0 damaged\n"


def test_sizes_are_told_in_the_unit_that_reads_best(run: Run, held: Path) -> None:
    file = next(path for path in held.rglob("*.arrow") if "1m" in str(path))
    size = size_text(file.stat().st_size)
    assert size.endswith(" kB")
    for command in ("ls", "stats"):
        assert f" {size} " in run("cache", command).stdout
    aside = file.with_name(f"{file.name}.corrupt")
    aside.write_bytes(b"x" * 100)
    file.unlink()
    assert re.search(r"ETHUSDT/1h +1 +24 +\d\.\d kB ", run("cache", "ls").stdout)
    assert re.search(r" 100 B  damaged", run("cache", "ls").stdout)


@pytest.mark.parametrize("command", ["ls", "verify", "stats", "repair", "prune", "clear", "quarantine ls"])
def test_every_command_of_the_cache_takes_the_same_options(run: Run, held: Path, command: str) -> None:
    usage = run("cache", *command.split(), "--help").stdout
    for option in ("--json", "--cache-dir", "--config", "--debug", "--verbose", "--log-json"):
        assert option in usage


def test_the_quarantine_takes_the_options_of_its_list(run: Run, held: Path) -> None:
    for arguments in ((), ("ls",)):
        result = run("cache", "quarantine", *arguments, "--cache-dir", str(held), "--json")
        assert (result.exit_code, json.loads(result.stdout)) == (0, [])
    assert json.loads(run("cache", "quarantine", "clear", "--yes", "--json").stdout) == {"objects": 0}
    assert "--json" in run("cache", "quarantine", "show", "--help").stdout
    assert "Commands:" in run("cache", "quarantine", "--help").stdout
