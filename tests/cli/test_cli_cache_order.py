"""`dsm cache prune` and `dsm cache repair`: what they remove, mend and say."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve

from cli.running import Run, Shell
from dsm_core.cache import CacheStore
from dsm_core.cache.paths import series_folder
from dsm_core.model.series import SeriesKey

DAY = ("--market", "um", "--start", "2024-03-04", "--end", "2024-03-04")
DAY_S = 86_400
KEY = "binance/futures_usdt/klines/BTCUSDT/1h"


@pytest.fixture
def held(run: Run, place: Path) -> Path:
    """A cache of three series, the first used 30 days ago and the last a moment ago."""
    for interval in ("1h", "2h", "4h"):
        assert run("prefetch", "BTCUSDT", interval, *DAY).exit_code == 0
    for ago, interval in ((30, "1h"), (20, "2h")):
        (file,) = (place / "cache").rglob(f"BTCUSDT/{interval}/*.arrow")
        then = time.time() - ago * DAY_S
        os.utime(file, (then, then))
    for document in (place / "cache").rglob("*.json"):
        document.unlink()
    return place / "cache"


def intervals(held: Path) -> list[str]:
    return sorted(path.parent.name for path in held.rglob("*.arrow"))


def test_prune_keeps_what_was_used_last(run: Run, held: Path) -> None:
    size = sum(path.stat().st_size for path in held.rglob("*.arrow"))
    result = run("cache", "prune", "--max-size", str(size - 1), "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["files"], told["in_use"], told["dry_run"]) == (0, 1, 0, False)
    assert told["bytes_left"] == sum(path.stat().st_size for path in held.rglob("*.arrow"))
    assert intervals(held) == ["2h", "4h"]


def test_prune_removes_what_is_older(run: Run, held: Path) -> None:
    result = run("cache", "prune", "--older-than", "25d")
    assert (result.exit_code, result.stdout) == (0, "")
    assert re.search(r"removed 1 file, \d\.\d kB; \d+(\.\d)? kB held\.", result.stderr)
    assert intervals(held) == ["2h", "4h"]
    assert run("cache", "prune", "--older-than", "2w").exit_code == 0
    assert intervals(held) == ["4h"]


def test_prune_can_tell_before_it_does(run: Run, held: Path) -> None:
    result = run("cache", "prune", "--max-size", "1kB", "--dry-run")
    assert "would remove 3 files" in result.stderr
    assert len(intervals(held)) == 3


def test_prune_takes_the_limit_of_the_configuration(
    run: Run, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("cache", "prune")
    assert result.exit_code == 2
    assert "--max-size 20GB, or --older-than 90d; cache.max_size of the configuration" in result.stderr
    monkeypatch.setenv("DSM_CACHE_MAX_SIZE", "1 kB")
    assert run("cache", "prune").exit_code == 0
    assert intervals(held) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("--max-size", "much"), ("--max-size", "0"), ("--older-than", "1M"), ("--older-than", "old")],
)
def test_prune_refuses_what_is_no_bound(run: Run, held: Path, option: str, value: str) -> None:
    result = run("cache", "prune", option, value)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.stderr
    assert len(intervals(held)) == 3


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--older-than", "old", "'old' is no span; write one such as 90d"),
        ("--older-than", "99999999d", "'99999999d' is too large; a count has six digits at most"),
        ("--max-size", "99999999999999999999GB", "'99999999999999999999GB' is too large"),
        ("--max-size", "9" * 5000, "is too large"),
    ],
)
def test_prune_tells_what_is_too_large(run: Run, held: Path, option: str, value: str, told: str) -> None:
    result = run("cache", "prune", option, value)
    assert (result.exit_code, told in result.stderr) == (2, True)
    assert len(intervals(held)) == 3


def test_prune_leaves_what_another_program_uses(run: Run, held: Path) -> None:
    with CacheStore(held).using(SeriesKey.parse("binance/futures_usdt/klines/BTCUSDT/1h")):
        result = run("cache", "prune", "--max-size", "1kB")
    assert re.search(r"removed 2 files, \d+(\.\d)? kB, 1 in use left alone", result.stderr)
    assert intervals(held) == ["1h"]


def test_what_was_pruned_is_fetched_again(run: Run, held: Path) -> None:
    run("cache", "prune", "--max-size", "1kB")
    result = run("get", "BTCUSDT", "1h", *DAY, "--format", "csv")
    assert len(result.stdout.splitlines()) == 25
    assert intervals(held) == ["1h"]


def test_a_configured_limit_holds_while_series_are_fetched(run: Run, held: Path, shell: Shell) -> None:
    size = sum(path.stat().st_size for path in held.rglob("*.arrow"))
    done = shell("get", "ETHUSDT", "15m", *DAY, DSM_CACHE_MAX_SIZE=str(size))
    assert done.returncode == 0
    assert "1h" not in intervals(held)
    assert "15m" in intervals(held)
    assert sum(path.stat().st_size for path in held.rglob("*") if path.is_file()) <= size


def test_repair_of_a_whole_cache_does_nothing(run: Run, held: Path) -> None:
    run("cache", "repair")
    result = run("cache", "repair", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"set_aside": [], "folded": 0, "swept": 0, "left": []}


def test_repair_sets_aside_folds_and_sweeps(run: Run, held: Path) -> None:
    file = next(held.rglob("BTCUSDT/1h/*.arrow"))
    file.write_bytes(b"x" * 500)
    (held / "binance/futures_usdt/klines/BTCUSDT/2h/.2024.0123456789abcdef.tmp").write_bytes(b"half")
    assert run("cache", "verify").exit_code == 3
    result = run("cache", "repair", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["set_aside"], told["swept"]) == (0, [f"{file}.corrupt"], 1)
    assert told["left"] == []
    assert run("cache", "verify").exit_code == 0
    assert list(held.rglob("*.tmp")) == []
    assert "0 damaged files set aside, 0 periods folded, 0 leftovers swept" in run("cache", "repair").stderr


def test_repair_leaves_what_it_cannot_mend_and_says_so(run: Run, held: Path) -> None:
    file = next(held.rglob("BTCUSDT/1h/*.arrow"))
    unknown = held / "nobody" / "spot" / "tea_leaves" / "X" / "1h"
    unknown.mkdir(parents=True)
    (unknown / "2024.arrow").write_bytes(file.read_bytes())
    result = run("cache", "repair")
    assert result.exit_code == 3
    assert "2024.arrow: left as it is" in result.stdout
    assert (unknown / "2024.arrow").exists()


def flip_a_byte(file: Path) -> None:
    """In the rows, so that the footer still tells what they were."""
    body = bytearray(file.read_bytes())
    body[len(body) // 4] ^= 0xFF
    file.write_bytes(body)


def lose_the_footer(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


@pytest.mark.parametrize("harm", [flip_a_byte, lose_the_footer])
@pytest.mark.parametrize("repairs", [True, False])
def test_what_a_damaged_file_held_is_fetched_by_the_next_update(
    run: Run, held: Path, harm: Callable[[Path], None], repairs: bool
) -> None:
    file = next(held.rglob("BTCUSDT/1h/*.arrow"))
    harm(file)
    if repairs:
        result = run("cache", "repair")
        assert (result.exit_code, result.stdout) == (0, f"{file}.corrupt: set aside\n")
    assert run("update", "*/BTCUSDT/1h").exit_code == 0
    asked = run("get", "BTCUSDT", "1h", *DAY, "--source", "cache", "--strict", "--format", "csv")
    assert (asked.exit_code, len(asked.stdout.splitlines())) == (0, 25)


def test_a_call_that_meets_a_lost_footer_leaves_the_rest_to_update(run: Run, held: Path) -> None:
    days = ("--market", "um", "--start", "2024-03-05", "--end", "2024-03-06")
    run("prefetch", "BTCUSDT", "1h", *days)
    lose_the_footer(next(held.rglob("BTCUSDT/1h/*.arrow")))
    met = run("get", "BTCUSDT", "1h", *DAY, "--strict")
    assert met.exit_code == 0
    assert "set aside" in met.stderr
    other = (*days, "--source", "cache", "--strict")
    assert run("get", "BTCUSDT", "1h", *other).exit_code == 3
    assert run("update", "*/BTCUSDT/1h").exit_code == 0
    assert run("get", "BTCUSDT", "1h", *other).exit_code == 0


def test_repair_says_which_files_update_will_not_fetch(run: Run, held: Path) -> None:
    file = next(held.rglob("BTCUSDT/1h/*.arrow"))
    long = held / "/".join(series_folder(evolve(SeriesKey.parse(KEY), symbol="X" * 200)).split("/"))
    long.mkdir(parents=True)
    lose_the_footer(Path(shutil.copy(file, long)))
    result = run("cache", "repair")
    assert result.exit_code == 3
    assert "which series it is cannot be told from its folder" in result.stdout


def test_ls_and_verify_agree_on_what_repair_left(run: Run, held: Path) -> None:
    file = next(held.rglob("BTCUSDT/1h/*.arrow"))
    lose_the_footer(file)
    assert run("cache", "repair").exit_code == 0
    listed = json.loads(run("cache", "ls", "--json").stdout)
    assert [one["kind"] for one in listed] == ["series"] * 3
    verified = run("cache", "verify", "--json")
    assert verified.exit_code == 0
    told = json.loads(verified.stdout)
    assert (told["files"], told["damaged"], told["set_aside"]) == (3, [], [f"{file}.corrupt"])
    assert "3 files, 0 damaged, 1 set aside" in run("cache", "verify").stderr


def test_a_prefetch_that_does_not_fit_says_so(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSM_CACHE_MAX_SIZE", "3kB")
    result = run("prefetch", "BTCUSDT", "1h", *DAY)
    assert result.exit_code == 3
    assert result.stderr.count("cache.max_size is 3.0 kB; 0 B are held. Raise it") == 1
    assert result.stdout.startswith(f"{KEY}: 24 new rows, ")
    assert result.stdout.endswith(", not all of it stayed in the cache\n")


def test_the_reason_why_a_prefetch_did_not_stay_is_on_stderr(shell: Shell) -> None:
    done = shell("prefetch", "BTCUSDT", "1h", *DAY, "--json", DSM_CACHE_MAX_SIZE="3kB")
    assert done.returncode == 3
    assert done.stderr.count("cache.max_size is 3.0 kB") == 1
    (line,) = json.loads(done.stdout)["series"]
    assert (line["rows"], line["partial"]) == (24, True)
    assert "cache.max_size is 3.0 kB" in line["room_problem"]
