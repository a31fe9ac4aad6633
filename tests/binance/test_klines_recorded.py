"""Recorded archive files come back with the values an independent parser reads in them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from binance.venues import (
    DATA,
    HOUR,
    UTC_NS,
    VISION,
    Desk,
    Venues,
    assert_equal,
    check_frame,
    gaps,
    parse_zip,
    sent,
    sha256_of,
    step_ms,
    utc,
    write_zip,
)
from dsm_binance.emulator import Emulator

FILES = sorted(VISION.rglob("*.zip"))
GOLDEN = {"spot": "btcusdt_spot_1h_2024w01.parquet", "um": "btcusdt_futures_usdt_1h_2024w01.parquet"}


def _told(path: Path) -> tuple[str, str, str, str]:
    """Market, symbol, interval and date, from a file's place."""
    market, _, symbol, interval, name = path.relative_to(VISION).parts
    return market, symbol, interval, name.removesuffix(".zip").removeprefix(f"{symbol}-{interval}-")


@pytest.mark.parametrize("path", FILES, ids=lambda p: "-".join(_told(p)))
def test_a_recorded_file_comes_back_as_an_independent_parser_reads_it(
    path: Path, recorded: Emulator, desk: Desk
) -> None:
    market, symbol, interval, date = _told(path)
    manager = desk.manager(recorded, market)
    data = manager.query(symbol, date, date, interval, enforce_source="vision", on_gaps="ignore")
    frame, expected = data.to_pandas(), parse_zip(path, interval)
    check_frame(frame)
    assert_equal(frame, expected)
    opens = frame.index.as_unit("ms").asi8
    assert (opens % step_ms(interval) == 0).all()
    assert {s.source for s in data.provenance} == {"vision"}
    assert {s.sha256 for s in data.provenance} == {sha256_of(path)}
    assert {s.origin.rpartition("/")[2] for s in data.provenance} == {path.name}
    assert sum(s.rows for s in data.provenance) == len(expected)


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if "2018" not in p.name and "2022-09.zip" not in p.name],
    ids=lambda p: "-".join(_told(p)),
)
def test_a_file_read_again_from_the_cache_is_the_same(path: Path, recorded: Emulator, desk: Desk) -> None:
    market, symbol, interval, date = _told(path)
    arguments: dict[str, Any] = {"enforce_source": "vision", "on_gaps": "ignore"}
    first = desk.manager(recorded, market).get_data(symbol, date, date, interval, **arguments)
    recorded.clear_requests()
    again = desk.manager(recorded, market).query(symbol, date, date, interval, **arguments)
    assert_equal(again.to_pandas(), first)
    assert not recorded.requests
    assert {s.sha256 for s in again.provenance} == {sha256_of(path)}


def test_months_before_and_after_the_change_of_unit_read_as_one_series(
    recorded: Emulator, desk: Desk
) -> None:
    for symbol in ("BTCUSDT", "SOLUSDT"):
        data = desk.manager(recorded).query(symbol, "2024-12", "2025-01", "1h")
        frame = data.to_pandas()
        check_frame(frame)
        assert len(frame) == 1488
        assert (frame.index.to_series().diff().dropna() == HOUR).all()
        assert (frame["close_time"].astype("int64") % 1_000_000 == 0).all()
        assert (frame["close_time"] == frame.index + pd.Timedelta("1h") - pd.Timedelta("1ms")).all()
        assert data.gaps == ()
        assert data.coverage.complete


def test_bars_off_the_grid_after_an_outage_go_to_the_slots_that_hold_them(
    recorded: Emulator, desk: Desk
) -> None:
    data = desk.manager(recorded).query(
        "BTCUSDT", "2018-02", "2018-02", "1h", enforce_source="vision", on_gaps="ignore"
    )
    frame = data.to_pandas()
    assert data.coverage.off_grid == 43
    assert frame.loc["2018-02-08 00:00+00:00", "close_time"] == pd.Timestamp("2018-02-08 00:28:14.788Z")
    hole = (utc(2018, 2, 8, 1), utc(2018, 2, 9, 9))
    assert [(g[0], g[1]) for g in gaps(data)] == [hole]
    day = desk.manager(recorded).query("BTCUSDT", "2018-02-10", "2018-02-10", "1h")
    assert (day.coverage.off_grid, day.requests, len(day)) == (24, 0, 24)


def test_a_day_read_from_its_own_file_still_counts_its_bars_off_the_grid(venues: Venues, desk: Desk) -> None:
    venue = venues(data=[VISION], rest=False)
    data = desk.manager(venue).query(
        "BTCUSDT", "2018-02", "2018-02", "1h", enforce_source="vision", on_gaps="ignore"
    )
    assert sent(venue, "zip")[0].path[-14:] == "1h-2018-02.zip"
    assert data.coverage.off_grid == 43


def test_a_hole_that_only_the_archive_shows_is_never_confirmed(recorded: Emulator, desk: Desk) -> None:
    data = desk.manager(recorded).query("BTCUSDT", "2018-02", "2018-02", "1h", on_gaps="ignore")
    assert [(g.reason, g.final) for g in data.gaps] == [("source_failed", False)]
    assert sent(recorded, "other"), "REST was asked for the hole"


@pytest.mark.parametrize("market", ["spot", "um"])
def test_the_golden_week_comes_back_out_of_archive_files(
    market: str, venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    golden = pd.read_parquet(DATA / "golden" / GOLDEN[market])
    if "open_time" in golden.columns:
        golden = golden.set_index("open_time")
    for day, rows in golden.groupby(golden.index.floor("D")):
        write_zip(
            tmp_path / "files",
            f"{market}/BTCUSDT/1h/{day:%Y-%m-%d}",
            [_cells(o, r) for o, r in rows.iterrows()],
        )
    venue = venues(data=[tmp_path / "files"], rest=False)
    frame = desk.manager(venue, market).get_data("BTCUSDT", "2024-01-01", "2024-01-07", "1h")
    check_frame(frame)
    assert len(frame) == 168
    _assert_golden(frame, golden)


@pytest.mark.parametrize("market", ["spot", "um"])
def test_the_golden_week_comes_back_over_rest(
    market: str, venues: Venues, desk: Desk, tmp_path: Path
) -> None:
    golden = pd.read_parquet(DATA / "golden" / GOLDEN[market])
    if "open_time" in golden.columns:
        golden = golden.set_index("open_time")
    for day, rows in golden.groupby(golden.index.floor("D")):
        write_zip(
            tmp_path / "files",
            f"{market}/BTCUSDT/1h/{day:%Y-%m-%d}",
            [_cells(o, r) for o, r in rows.iterrows()],
        )
    venue = venues(data=[tmp_path / "files"], vision=False)
    frame = desk.manager(venue, market).get_data(
        "BTCUSDT", "2024-01-01", "2024-01-07", "1h", enforce_source="rest"
    )
    check_frame(frame)
    _assert_golden(frame, golden)


def _assert_golden(frame: pd.DataFrame, golden: pd.DataFrame) -> None:
    expected = golden[list(frame.columns)].copy()
    expected.index = pd.DatetimeIndex(expected.index).as_unit("ns")
    expected["close_time"] = expected["close_time"].dt.as_unit("ms").astype(UTC_NS)
    assert_equal(frame, expected.astype({"count": "int64"}))


def _cells(opened: pd.Timestamp, row: pd.Series) -> list[str]:
    def ms(moment: datetime | pd.Timestamp) -> str:
        return str(pd.Timestamp(moment).value // 1_000_000)

    prices = [repr(float(row[c])) for c in ("open", "high", "low", "close", "volume")]
    taker = [repr(float(row[c])) for c in ("taker_buy_volume", "taker_buy_quote_volume")]
    quote = repr(float(row["quote_asset_volume"]))
    return [ms(opened), *prices, ms(row["close_time"]), quote, str(int(row["count"])), *taker, "0"]
