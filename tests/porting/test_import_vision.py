"""Zips of the public archive come in as if they had been downloaded, checked where they can be."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pandas as pd
import pytest

from binance.venues import COLUMNS, NOW, VISION, Desk, assert_equal, make_rows, ns, parse_zip, utc, write_zip
from dsm_binance.emulator import Emulator
from dsm_binance.vision_import import import_archive
from dsm_core.cache import CacheStore
from dsm_core.errors import RequestError
from dsm_core.model.series import SeriesKey
from dsm_core.porting import ImportedFile, import_csv
from porting.files import NOW_NS, candles, held, sources, write_csv

LATE_NS = 1_796_083_200 * 10**9  # 2026-12
JANUARY = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip"
HEADER = "open_time,open,high,low,close,volume"


def bring(store: CacheStore, folder: Path, **given: Any) -> list[ImportedFile]:
    return list(import_archive(store, folder, **({"now": LATE_NS} | given)))


def take(venue: Emulator, folder: Path, *paths: str) -> None:
    """Download files as a mirror of the archive would."""
    for path in paths:
        for suffix in ("", ".CHECKSUM"):
            target = folder / f"{path}{suffix}"
            target.parent.mkdir(parents=True, exist_ok=True)
            with urlopen(f"{venue.endpoints['vision']}/{path}{suffix}") as answer:
                target.write_bytes(answer.read())


def test_recorded_files_come_in_as_they_are(tmp_path: Path, desk: Desk, venue: Emulator) -> None:
    done = bring(CacheStore(tmp_path / "cache"), VISION)
    assert {file.outcome for file in done} == {"imported"}
    assert all(file.verified for file in done)
    assert len(done) == len(list(VISION.rglob("*.zip")))
    manager = desk.manager(venue, clock=lambda: utc(2026, 12))
    data = manager.query("BTCUSDT", "2025-01", "2025-01", "1h", enforce_source="cache")
    path = VISION / "spot/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01.zip"
    assert_equal(data.to_pandas(), parse_zip(path, "1h"))
    [segment] = data.provenance
    assert (segment.source, segment.origin) == ("vision", f"imported:{path.name}")
    assert segment.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_mirror_answers_without_a_request(venue: Emulator, desk: Desk, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    take(
        venue,
        mirror,
        JANUARY,
        "data/futures/um/monthly/klines/BTCUSDT/1d/BTCUSDT-1d-2024-01.zip",
        "data/futures/cm/daily/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2024-01-05.zip",
        "data/spot/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-01.zip",
        "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip",
    )
    done = bring(CacheStore(tmp_path / "cache"), mirror, now=NOW_NS)
    assert sorted((str(file.key), file.rows, file.verified) for file in done) == [
        ("binance/futures_coin/klines/BTCUSD_PERP/1h", 24, True),
        ("binance/futures_usdt/funding_rate/BTCUSDT", 93, True),
        ("binance/futures_usdt/klines/BTCUSDT/1d", 31, True),
        ("binance/spot/klines/BTCUSDT/1M", 1, True),
        ("binance/spot/klines/BTCUSDT/1h", 744, True),
    ]
    venue.clear_requests()
    spot, futures = desk.manager(venue), desk.manager(venue, "um")
    asked = spot.query("BTCUSDT", "2024-01", "2024-01", "1h", include_source_metadata=True)
    rates = futures.query("BTCUSDT", "2024-01", "2024-01", None, chart_type="funding_rate")
    assert (len(asked), len(rates), asked.gaps, rates.gaps) == (744, 93, (), ())
    assert venue.requests == []
    assert set(asked.to_pandas()["_data_source"]) == {"VISION"}
    fresh = desk.manager(venue, cache_dir=tmp_path / "fresh").get_data("BTCUSDT", "2024-01", "2024-01", "1h")
    pd.testing.assert_frame_equal(asked.to_pandas()[COLUMNS], fresh)


def test_days_fill_what_the_month_lacks(tmp_path: Path, store: CacheStore) -> None:
    rows = make_rows(utc(2024, 1, 1), 48)
    write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01", rows[:24])
    write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01-01", rows[:24])
    write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01-02", rows[24:])
    assert [(f.rows, f.held) for f in bring(store, tmp_path / "zips")] == [(24, 0), (0, 24), (24, 0)]
    assert [origin for _, origin in sources(store)] == [
        "imported:BTCUSDT-1h-2024-01.zip",
        "imported:BTCUSDT-1h-2024-01-02.zip",
    ]


def test_rows_that_are_held_stay_unless_forced(tmp_path: Path, store: CacheStore) -> None:
    key = SeriesKey.parse("binance/spot/klines/BTCUSDT/1h")
    import_csv(store, write_csv(tmp_path / "a.csv", HEADER, candles(2)), key, now=NOW_NS)
    write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01", make_rows(utc(2024, 1, 1), 4))
    assert [(f.rows, f.held) for f in bring(store, tmp_path / "zips")] == [(2, 2)]
    assert [source for source, _ in sources(store)] == ["imported", "vision"]
    assert [(f.rows, f.held) for f in bring(store, tmp_path / "zips", force=True)] == [(4, 0)]
    assert list(held(store).values()) == [105.2, 106.2, 107.2, 108.2]


def test_bars_that_have_not_closed_are_left_out(tmp_path: Path, store: CacheStore) -> None:
    write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-06", make_rows(utc(2024, 6, 15), 24))
    [done] = bring(store, tmp_path / "zips", now=ns(NOW))
    assert (done.rows, done.unfinished) == (12, 12)


def one(tmp_path: Path, store: CacheStore, path: Path, **given: Any) -> ImportedFile:
    [done] = bring(store, tmp_path / "zips", **given)
    assert done.path == path
    return done


def test_a_file_that_differs_from_its_checksum_is_refused(tmp_path: Path, store: CacheStore) -> None:
    good = write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01", make_rows(utc(2024), 4))
    bad = write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-02", make_rows(utc(2024, 2), 4))
    for text in (f"{'0' * 64}  {bad.name}\n", "", "<html>"):
        bad.with_name(f"{bad.name}.CHECKSUM").write_text(text)
        done = {file.path: file for file in bring(store, tmp_path / "zips", force=True)}
        assert (done[good].outcome, done[bad].outcome) == ("imported", "refused")
        assert "does not match its checksum" in done[bad].problem
    assert len(held(store)) == 4


def test_a_file_without_checksum_comes_in_unverified(tmp_path: Path, store: CacheStore) -> None:
    path = write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01", make_rows(utc(2024), 4))
    path.with_name(f"{path.name}.CHECKSUM").unlink()
    done = one(tmp_path, store, path)
    assert (done.outcome, done.verified, done.rows) == ("imported", False, 4)


@pytest.mark.parametrize("market", ["spot", "um"])
def test_the_market_is_named_where_folders_do_not_tell_it(
    tmp_path: Path, store: CacheStore, market: str
) -> None:
    made = write_zip(tmp_path / "made", "spot/BTCUSDT/1h/2024-01", make_rows(utc(2024), 4))
    path = tmp_path / "zips" / made.name
    path.parent.mkdir()
    shutil.copy(made, path)
    done = one(tmp_path, store, path)
    assert (done.outcome, "--market" in done.problem) == ("refused", True)
    done = one(tmp_path, store, path, market=market)
    assert str(done.key) == str(SeriesKey.parse(f"binance/{market}/klines/BTCUSDT/1h"))
    with pytest.raises(RequestError, match="no market 'nasdaq'"):
        bring(store, tmp_path / "zips", market="nasdaq")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("BTCUSDT-1h-2024-01.zip", b"", "not a zip"),
        ("BTCUSDT-1h-2024-01.zip", b"Dear reader, this is a letter.", "not a zip"),
        ("BTCUSDT-1h-2024-13.zip", b"x", "no date"),
        ("BTCUSDT-7h-2024-01.zip", b"x", "no interval 7h"),
        ("btcusdt-1h-2024-01.zip", b"x", "'BTCUSDT'"),
        ("backup.zip", b"x", "neither symbol nor interval"),
    ],
)
def test_what_is_no_file_of_the_archive_is_refused(
    tmp_path: Path, store: CacheStore, name: str, content: bytes, told: str
) -> None:
    path = tmp_path / "zips" / "spot" / "klines" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    done = one(tmp_path, store, path)
    assert done.outcome == "refused"
    assert told in done.problem
    assert store.ls() == []


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (make_rows(utc(2023), 4), "another period"),
        (b"a,b,c\n1,2,3\n", "BTCUSDT-1h-2024-01.zip"),
        ([[*row[:1], "9" * 400, *row[2:]] for row in make_rows(utc(2024), 4)], "finite"),
    ],
)
def test_a_zip_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, store: CacheStore, rows: Any, told: str
) -> None:
    path = write_zip(tmp_path / "zips", "spot/BTCUSDT/1h/2024-01", rows)
    done = one(tmp_path, store, path)
    assert done.outcome == "refused"
    assert told in done.problem


@pytest.mark.parametrize(
    "path",
    [
        "futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01-01.zip",
        "futures/um/daily/bookTicker/BTCUSDT/BTCUSDT-bookTicker-2024-01-01.zip",
        "option/daily/EOHSummary/BTCUSDT/BTCUSDT-EOHSummary-2024-01-01.zip",
    ],
)
def test_other_kinds_of_the_archive_are_skipped(tmp_path: Path, store: CacheStore, path: str) -> None:
    file = tmp_path / "zips" / path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"whatever")
    assert one(tmp_path, store, file).outcome == "skipped"


def test_a_folder_without_zips_is_refused(tmp_path: Path, store: CacheStore) -> None:
    with pytest.raises(RequestError, match="holds no zip"):
        bring(store, tmp_path)
