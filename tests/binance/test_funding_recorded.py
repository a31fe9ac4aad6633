"""Recorded funding rates, archive files and REST answers, come out number for number."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from binance.funding_frames import MINUTE_MS, ROW, answering, assert_same, frame, spacing
from binance.funding_venue import FUNDING
from binance.venues import DATA, Desk, Venues, sent, utc
from dsm_core import DataSourceManager

REST = DATA / "rest"


def rows_of(path: Path) -> list[ROW]:
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    head, *rows = csv.reader(io.StringIO(text))
    assert head == ["calc_time", "funding_interval_hours", "last_funding_rate"]
    return [(int(time), int(hours), rate) for time, hours, rate in rows]


def captured(name: str) -> list[dict[str, Any]]:
    found = json.loads((REST / name).read_text(encoding="utf-8"))
    assert isinstance(found, list)
    return found


FILES = sorted(FUNDING.rglob("*.zip"))


@pytest.mark.parametrize("path", FILES, ids=[p.stem for p in FILES])
def test_a_recorded_month_is_exact(path: Path, venues: Venues, desk: Desk) -> None:
    symbol, month = path.parent.name, path.stem.rpartition("-fundingRate-")[2]
    venue = venues(data=[FUNDING], now=utc(2026, 9, 20, 12, 30))
    manager = desk.manager(venue, "um", chart_type="funding_rate")
    data = manager.query(symbol, month, month)
    expected = frame(symbol, rows_of(path))
    assert_same(data.to_pandas(), expected)
    # One of the contracts was listed in the middle of its month.
    listed = expected.index[0] - pd.Timedelta(expected["funding_interval"].iloc[0])
    assert [(gap.start_time, gap.end_time) for gap in data.gaps] in ([], [(utc(int(month[:4])), listed)])
    assert {gap.reason for gap in data.gaps} <= {"not_listed_yet"}
    assert manager.get_data(symbol, month, month)["contracts"].tolist() == [symbol] * len(expected)
    venue.clear_requests()
    assert_same(manager.get_data(symbol, month, month), expected)
    assert sent(venue) == []


def test_recorded_rates_keep_every_digit_and_their_stamps_lose_only_the_jitter() -> None:
    rows = [row for path in FILES for row in rows_of(path)]
    assert any(time % MINUTE_MS for time, _, _ in rows)
    assert {hours for _, hours, _ in rows} >= {4, 8}
    for time, _, rate in rows:
        assert abs(time - round(time / MINUTE_MS) * MINUTE_MS) < 100
        assert Decimal(repr(float(Decimal(rate)))) == Decimal(rate)


CAPTURES = ["um/fundingRate-BTCUSDT-20260710-range.json", "um/fundingRate-BTCUSDT-limit3.json"]
CAPTURES += ["um/fundingRate-TSLAUSDT-limit3.json", "cm/fundingRate.docexample.json"]


@pytest.mark.parametrize("name", CAPTURES)
def test_a_captured_rest_answer_is_exact(name: str, desk: Desk) -> None:
    rows = captured(name)
    symbol, market = rows[0]["symbol"], name.partition("/")[0]
    start, end = (pd.Timestamp(rows[i]["fundingTime"] // MINUTE_MS, unit="m", tz="UTC") for i in (0, -1))
    with answering(rows) as endpoints:
        manager = desk.manager(endpoints, market, clock=lambda: utc(2026, 9, 1))
        data = manager.query(
            symbol,
            start.to_pydatetime(),
            end.to_pydatetime(),
            chart_type="funding_rate",
            enforce_source="rest",
        )
        assert_same(data.to_pandas(), frame(symbol, spacing(rows, 8)))
        assert not data.gaps


def test_a_settlement_alone_takes_its_interval_from_what_the_venue_says_today(desk: Desk) -> None:
    only = captured("um/fundingRate-TSLAUSDT-limit3.json")[:1]
    info = json.loads((REST / "um/fundingInfo-20260704.json").read_text(encoding="utf-8"))
    told = next(row["fundingIntervalHours"] for row in info if row["symbol"] == "TSLAUSDT")
    with answering(only, info) as endpoints:
        manager = desk.manager(endpoints, "um", clock=lambda: utc(2026, 9, 1))
        found = manager.get_data(
            "TSLAUSDT", "2026-07-03", "2026-07-03", chart_type="funding_rate", enforce_source="rest"
        )
    assert_same(found, frame("TSLAUSDT", spacing(only, told)))


def settlement(moment: datetime, rate: str = "0.00010000", **more: str) -> dict[str, Any]:
    return {"symbol": "XUSDT", "fundingTime": int(moment.timestamp() * 1000), "fundingRate": rate, **more}


@pytest.mark.parametrize("more", [{}, {"markPrice": ""}, {"markPrice": "1.5"}, {"surprise": "field"}])
def test_a_mark_price_may_be_empty_absent_or_beside_fields_unknown(more: dict[str, str], desk: Desk) -> None:
    rows = [settlement(utc(2026, 7, 3, hour), **more) for hour in (0, 8, 16)]
    with answering(rows) as endpoints:
        manager = desk.manager(endpoints, "um", clock=lambda: utc(2026, 9, 1))
        found = manager.get_data(
            "XUSDT", "2026-07-03", "2026-07-03", chart_type="funding_rate", enforce_source="rest"
        )
    assert_same(found, frame("XUSDT", spacing(rows, 8)))


def special_day(hour: int) -> list[dict[str, Any]]:
    """A day of three regular settlements and an extra one, at ``hour``."""
    rows = [settlement(utc(2026, 8, 7, h), "0.00010000", rateType="Regular") for h in (0, 8, 16)]
    rows.append(settlement(utc(2026, 8, 7, hour), "-0.00250000", rateType="Special"))
    return sorted(rows, key=lambda row: int(row["fundingTime"]))


@pytest.mark.parametrize("hour", [4, 12, 13, 16, 20])
@pytest.mark.parametrize("special_first", [False, True])
def test_special_settlements_come_only_when_asked_for_and_change_no_interval(
    hour: int, special_first: bool, desk: Desk
) -> None:
    rows = special_day(hour)
    if special_first:
        rows.sort(key=lambda row: (row["fundingTime"], row["rateType"] != "Special"))
    with answering(rows) as endpoints:
        manager: DataSourceManager = desk.manager(
            endpoints, "um", chart_type="funding_rate", clock=lambda: utc(2026, 9, 1)
        )
        asked: dict[str, Any] = {"enforce_source": "rest"}
        regular = manager.get_data("XUSDT", "2026-08-07", "2026-08-07", **asked)
        both = manager.get_data("XUSDT", "2026-08-07", "2026-08-07", options={"rate_type": "all"}, **asked)
    assert_same(regular, frame("XUSDT", spacing([r for r in rows if r["rateType"] == "Regular"], 8)))
    assert len(both) == 4
    assert both.index.is_unique
    assert both.index.is_monotonic_increasing
    assert set(both["funding_interval"]) == {"8h"}
    extra = both[both["funding_rate"] == -0.0025]
    assert extra.index[0].floor("min") == pd.Timestamp(utc(2026, 8, 7, hour))
    assert_same(both.drop(extra.index), regular)


def test_a_page_of_nothing_but_special_settlements_hides_no_regular_one_behind_it(desk: Desk) -> None:
    start = utc(2026, 8, 1).timestamp() * 1000
    rows = [settlement(utc(2026, 8, 1), rateType="Regular")]
    rows += [
        settlement(utc(2026, 8, 1), "-0.1", rateType="Special") | {"fundingTime": int(start) + i * MINUTE_MS}
        for i in range(1, 1200)
    ]
    rows += [settlement(utc(2026, 8, 2, hour), rateType="Regular") for hour in (0, 8)]
    with answering(rows) as endpoints:
        manager = desk.manager(endpoints, "um", chart_type="funding_rate", clock=lambda: utc(2026, 9, 1))
        found = manager.get_data("XUSDT", "2026-08-01", "2026-08-02", enforce_source="rest")
    assert [t.to_pydatetime() for t in found.index] == [utc(2026, 8, 1), utc(2026, 8, 2), utc(2026, 8, 2, 8)]


def test_the_asynchronous_face_gives_the_recorded_month_too(venues: Venues, desk: Desk) -> None:
    path = FILES[0]
    venue = venues(data=[FUNDING], now=utc(2026, 9, 20, 12, 30))
    symbol, month = path.parent.name, path.stem.rpartition("-fundingRate-")[2]

    async def ask() -> pd.DataFrame:
        async with desk.async_manager(venue, "um", chart_type="funding_rate") as manager:
            found = await manager.get_data(symbol, month, month)
            assert isinstance(found, pd.DataFrame)
            return found

    assert_same(asyncio.run(ask()), frame(symbol, rows_of(path)))
