"""Every byte of a cache file turned over: all of it found, nothing of it delivered, all of it healed."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from dsm_core import DataSourceManager
from dsm_core.cache.file import Unusable, decode
from dsm_core.cache.opened import OPENED
from dsm_core.errors import CacheWarning
from plugins.venues import Server
from torture.minute_venue import day, minute_manager, minute_venue, wrong_rows
from torture.scale import SCALE, count
from torture.tally import tally

HEALS = count(12, 500)
SAMPLE = 3000


@pytest.fixture(scope="module")
def venue() -> Iterator[Server]:
    with minute_venue() as server:
        yield server


@pytest.fixture
def manager(venue: Server, tmp_path: Path) -> Iterator[DataSourceManager]:
    with minute_manager(venue, tmp_path / "cache") as made:
        yield made


@pytest.fixture
def file(manager: DataSourceManager, tmp_path: Path) -> Path:
    assert wrong_rows(day(manager)) == 0
    (path,) = (tmp_path / "cache").rglob("*.arrow")
    return path


def test_no_flipped_byte_of_a_day_is_missed(file: Path) -> None:
    data = bytearray(file.read_bytes())
    result = decode(str(file), pa.py_buffer(bytes(data)))
    assert not isinstance(result, Unusable)
    assert result[0].rows == 1440
    chosen = random.Random(1)
    places = range(len(data)) if SCALE == "full" else sorted(chosen.sample(range(len(data)), SAMPLE))
    flips = [0xFF, *(1 << chosen.randrange(8) for _ in range(count(0, 1)))]
    buffer = pa.py_buffer(data)
    found = 0
    for place in places:
        for flip in flips:
            data[place] ^= flip
            told = decode(str(file), buffer)
            found += isinstance(told, Unusable) and told.why == "damaged"
            data[place] ^= flip
    tally("cache file: one byte flipped", injected=len(places) * len(flips), survived=found)
    assert found == len(places) * len(flips)


def test_a_call_heals_a_flipped_byte_and_delivers_no_wrong_row(
    manager: DataSourceManager, file: Path, venue: Server
) -> None:
    good, chosen, lost = file.read_bytes(), random.Random(2), 0
    for _ in range(HEALS):
        data = bytearray(good)
        data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        file.write_bytes(data)
        OPENED.reset()
        asked = len(venue.asked)
        with pytest.warns(CacheWarning, match="set aside"):
            lost += wrong_rows(day(manager))
        assert len(venue.asked) > asked
        OPENED.reset()
        asked = len(venue.asked)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            lost += wrong_rows(day(manager))
        assert len(venue.asked) == asked
        for aside in file.parent.glob("*.corrupt*"):
            aside.unlink()
        assert file.exists()
    tally("cache file: one byte flipped, healed by a call", injected=HEALS, survived=HEALS, rows_lost=lost)
    assert lost == 0


@pytest.mark.parametrize("keep", [0, 1, 17, 0.25, 0.5, 0.999])
def test_a_file_cut_short_is_healed_by_the_call_that_meets_it(
    manager: DataSourceManager, file: Path, keep: float
) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    OPENED.reset()
    with pytest.warns(CacheWarning, match="set aside"):
        assert wrong_rows(day(manager)) == 0
    tally("cache file cut short", injected=1, survived=1)
