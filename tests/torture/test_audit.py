"""Disagreements put into a venue at random, and files that lie: all are found, and where they are."""

from __future__ import annotations

import json
import random
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from binance.venues import Desk, utc
from core.two_sources import START, Files, Rest, again, ns, two_sources
from dsm_binance.emulator import Emulator
from dsm_core import DataSourceManager
from dsm_core.errors import DisagreementError, DisagreementWarning, DSMError
from dsm_core.lineage import read_lock, write_lock
from torture.scale import count
from torture.tally import tally

HOUR = timedelta(hours=1)
SYMBOL: dict[str, Any] = {"symbol": "BTCUSDT", "interval": "1h", "provider": "binance"}
MONTH = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip"
BARS = 2000


def test_every_cell_that_was_republished_is_found_by_an_audit_and_no_other(desk: Desk) -> None:
    chance, found_all = random.Random(7), 0
    rounds = count(3, 40)
    for number in range(rounds):
        hours = chance.sample(range(720), chance.randint(1, 60))
        changed = {utc(2024, 4) + h * HOUR: {"volume": f"{1000 + h}.5", "count": str(h)} for h in hours}
        with Emulator(now=utc(2024, 6, 15, 12)) as venue:
            venue.republish(MONTH, changed=changed)
            manager = desk.manager(venue, cache_dir=desk.tmp_path / f"cache{number}")
            found = manager.audit(**SYMBOL, start_time="2024-04", end_time="2024-04")
        told = {(d.time, d.column, d.first_value) for d in found.disagreements}
        put = {
            (t, name, f"{float(v)}" if name == "volume" else v)
            for t, row in changed.items()
            for name, v in row.items()
        }
        assert (told, found.compared, found.complete) == (put, 720, True)
        found_all += len(told)
    tally("cells that two sources tell differently", injected=found_all, survived=found_all)


@pytest.mark.parametrize("policy", ["prefer", "flag", "raise"])
def test_an_archive_file_that_differs_from_what_rest_brought(desk: Desk, policy: str) -> None:
    """REST brought two days of April before its file was out; the file takes their place, as told."""
    held = utc(2024, 4, 3), utc(2024, 4, 4, 23)
    changed = {utc(2024, 4, 3, 5): {"volume": "77.5"}, utc(2024, 4, 20): {"volume": "88.5"}}
    with Emulator(now=utc(2024, 6, 15, 12)) as venue:
        venue.republish(MONTH, changed=changed)
        manager = desk.manager(venue, config={"agreement": {"policy": policy}})
        before = manager.query(**SYMBOL, start_time=held[0], end_time=held[1], enforce_source="rest")
        ask: dict[str, Any] = {**SYMBOL, "start_time": "2024-04", "end_time": "2024-04"}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if policy == "raise":
                for _ in range(2):
                    with pytest.raises(DisagreementError, match=r"volume: vision 77\.5, rest") as error:
                        manager.query(**ask)
                    assert [d.time for d in error.value.disagreements] == [utc(2024, 4, 3, 5)]
                cached = manager.query(**SYMBOL, start_time=held[0], end_time=held[1], enforce_source="cache")
                assert cached.to_pandas().equals(before.to_pandas())
                return
            data = manager.query(**ask)
    told = [w for w in caught if w.category is DisagreementWarning]
    assert all(str(w.message).endswith("; the row of vision was given") for w in told)
    assert (len(told), [d.time for d in data.disagreements]) == (
        (1, [utc(2024, 4, 3, 5)]) if policy == "flag" else (0, [])
    )
    frame = data.to_pandas()
    assert {segment.source for segment in data.provenance} == {"vision"}
    assert frame.loc[utc(2024, 4, 3, 5), "volume"] == 77.5


def _bent(chance: random.Random) -> tuple[dict[datetime, dict[str, float]], set[datetime]]:
    """Something else to tell: cells changed, rows gone."""
    hours = chance.sample(range(BARS), chance.randint(1, 4))
    gone = {START + h * HOUR for h in hours if chance.random() < 0.3}
    kept = [START + h * HOUR for h in hours if START + h * HOUR not in gone]
    return {t: {chance.choice(("volume", "high")): 1e6 + chance.random()} for t in kept}, gone


def test_whatever_changed_since_a_lock_is_found_at_its_first_cell(tmp_path: Path) -> None:
    chance = random.Random(11)
    rounds, found_all = count(15, 400), 0
    ask: dict[str, Any] = {
        "start_time": START,
        "end_time": START + BARS * HOUR,
        "interval": "1h",
        "inclusive": "left",
    }
    with two_sources(tmp_path, use_cache=False) as manager:
        data = manager.query("ACME", **ask)
        entries = {values: data.lock(values=values) for values in (False, True)}
        for _ in range(rounds):
            Files.changed, gone = _bent(chance)
            Files.absent = Rest.absent = gone
            now = manager.query("ACME", **ask, on_gaps="ignore")
            first = min([*Files.changed, *gone])
            for values, entry in entries.items():
                found = now.verify(entry)
                assert (found.status, found.sha256 == entry.manifest.sha256) == ("differs", False)
                assert found.first is not None
                exact = values or (first not in gone and not any(t - first < 256 * HOUR for t in gone))
                if exact:
                    assert found.first.time_ns == ns(first)
                    columns, put = set(found.first.columns), set(Files.changed.get(first, ()))
                    # Without values the columns are those that differ somewhere in the part.
                    assert columns == put if values else columns >= put
                else:
                    # Hashes of rows tell the part; a row that is gone is told by the one behind it.
                    assert abs(found.first.time_ns - ns(first)) <= 256 * 3600 * 10**9
                found_all += 1
    tally("rows that changed since a lock", injected=found_all, survived=found_all)


def test_a_spoiled_lock_file_proves_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    """A byte or value of a lock file changed: it says the same, what differs, or what is wrong with it."""
    chance = random.Random(13)
    rounds, outcomes = count(250, 20_000), {"same": 0, "differs": 0, "missing": 0, "refused": 0}
    path = tmp_path / "a.lock.json"
    ask: dict[str, Any] = {"start_time": START, "end_time": START + 300 * HOUR, "interval": "1h"}
    with two_sources(tmp_path) as manager:
        write_lock(path, [manager.query("ACME", **ask).lock(values=True)])
    sound = path.read_bytes()
    with again(tmp_path, config={"offline": True}) as manager:
        for _ in range(rounds):
            path.write_bytes(_spoiled(sound, chance))
            outcomes[_outcome(manager, path)] += 1
    assert outcomes["refused"] > rounds // 4
    assert sum(outcomes.values()) == rounds
    outside = [p.name for p in tmp_path.iterdir() if p.name not in ("cache", "limits")]
    assert outside == [path.name]
    tally("spoiled lock files", injected=rounds, survived=rounds)


def _outcome(manager: DataSourceManager, path: Path) -> str:
    try:
        (entry,) = read_lock(path)
        return manager.query(**entry.call(), on_gaps="ignore").verify(entry).status
    except DSMError:
        return "refused"


def _spoiled(sound: bytes, chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        at = chance.randrange(len(sound))
        return sound[:at] + bytes([chance.randrange(256)]) + sound[at + 1 :]
    if kind == 1:
        a, b = sorted(chance.sample(range(len(sound)), 2))
        return sound[:a] + sound[b:]
    told = json.loads(sound)
    _bend(told, chance)
    return json.dumps(told).encode()


def _bend(told: Any, chance: random.Random) -> None:
    """Replace one value somewhere by something else."""
    odd = (
        None,
        True,
        -1,
        2**80,
        1e300,
        "",
        "\x1b[2J",
        "../" * 40,
        "%00",
        [],
        {},
        [[]],
        "x" * 10_000,
        "2024",
        0,
    )
    while True:
        keys = list(told) if isinstance(told, dict) else list(range(len(told)))
        key = chance.choice(keys)
        if isinstance(told[key], dict | list) and told[key] and chance.random() < 0.85:
            told = told[key]
            continue
        told[key] = chance.choice(odd)
        return


def test_the_cache_gives_the_locked_bytes_after_folds_and_rewrites(desk: Desk) -> None:
    """However the rows got into the cache, day by day or at once, they are the same bytes."""
    days = count(12, 90)
    with Emulator(now=utc(2024, 6, 15, 12, 0, 30)) as venue:
        ask: dict[str, Any] = {
            **SYMBOL,
            "start_time": utc(2024, 3, 10),
            "end_time": utc(2024, 3, 10) + days * 24 * HOUR,
        }
        whole = desk.manager(venue, cache_dir=desk.tmp_path / "at once").query(**ask)
        manager = desk.manager(venue, cache_dir=desk.tmp_path / "piece by piece")
        order = np.random.default_rng(5).permutation(days)
        for day in order.tolist():
            start = ask["start_time"] + timedelta(days=day)
            manager.query(**SYMBOL, start_time=start, end_time=start + 24 * HOUR)
        entry = whole.lock(values=True)
        venue.clear_requests()
        found = manager.query(**ask).verify(entry)
    assert (found.status, len(venue.requests)) == ("same", 0)
    assert found.rows == days * 24 + 1
    assert entry.manifest.made_by["dsm-binance"]
