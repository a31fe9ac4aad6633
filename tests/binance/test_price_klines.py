"""Bars of mark prices, index prices and the premium index: both markets, both sources, one cache."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from binance.price_frames import (
    EVERY,
    METHODS,
    check_prices,
    name_of,
    told,
)
from binance.venues import (
    HOUR,
    NOW,
    Desk,
    Venues,
    assert_equal,
    check_frame,
    gaps,
    sent,
    sources,
    utc,
)
from dsm_binance.emulator import Emulator, Fault, Listing, Outage

STRICT: dict[str, Any] = {"on_gaps": "raise_any"}


@pytest.mark.parametrize(("market", "chart"), EVERY)
def test_bars_come_whole_from_archive_and_rest_and_then_from_the_cache(
    market: str, chart: str, venue: Emulator, desk: Desk
) -> None:
    name, span = name_of(market, chart), (utc(2024, 4, 20), utc(2024, 6, 15, 11))
    manager = desk.manager(venue, market)
    data = manager.query(name, *span, "1h", chart_type=chart, **STRICT)
    check_prices(data.to_pandas())
    assert_equal(data.to_pandas(), told(venue, market, chart, name, "1h", span[0], utc(2024, 6, 15, 12)))
    assert len(data) == (span[1] - span[0]) // HOUR + 1
    assert sources(data) == ["vision", "rest"]
    files = Counter(r.path.split("/")[5] for r in sent(venue, "zip"))
    assert files == {"monthly": 1, "daily": 11 + 14}
    assert {r.path.split("/")[6] for r in sent(venue, "zip")} == {METHODS[chart]}
    assert {r.kind for r in sent(venue)} - {"zip", "checksum", "time"} == {METHODS[chart]}
    venue.clear_requests()
    again = desk.manager(venue, market).query(name, *span, "1h", chart_type=chart, **STRICT)
    assert_equal(again.to_pandas(), data.to_pandas())
    assert sent(venue) == []


@pytest.mark.parametrize(("market", "chart"), EVERY)
@pytest.mark.parametrize("interval", ["1m", "15m", "8h", "1d", "3d", "1w", "1M"])
def test_archive_and_rest_tell_the_same_bars(
    interval: str, market: str, chart: str, venue: Emulator, desk: Desk
) -> None:
    first, last = ("2024-02-03", "2024-02-05") if interval == "1m" else ("2024-01", "2024-03")
    frames = [
        desk.manager(venue, market, cache_dir=desk.tmp_path / source).get_data(
            name_of(market, chart), first, last, interval, chart_type=chart, enforce_source=source, **STRICT
        )
        for source in ("vision", "rest")
    ]
    check_prices(frames[0])
    assert len(frames[0]) > 2
    assert_equal(*frames)


def test_every_kind_stands_beside_klines_in_one_cache_and_none_is_mixed(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, "um")
    charts = ["klines", *METHODS]
    span: tuple[Any, ...] = ("BTCUSDT", "2024-05-10", "2024-05-12", "1h")
    found = {chart: manager.get_data(*span, chart_type=chart, **STRICT) for chart in charts}
    check_frame(found["klines"])
    assert len({frame["close"].iloc[0] for frame in found.values()}) == len(charts)
    near = found["mark_price_klines"]["close"] / found["klines"]["close"]
    assert near.between(0.99, 1.01).all()
    assert (near != 1).all()
    venue.clear_requests()
    for chart, frame in found.items():
        kept = manager.get_data(*span, chart_type=chart, enforce_source="cache", **STRICT)
        assert_equal(kept, frame)
    assert sent(venue) == []
    files = {p.relative_to(desk.tmp_path / "cache").as_posix() for p in desk.tmp_path.rglob("*.arrow")}
    assert all(sum(f"/{chart}/" in file for file in files) == 1 for chart in charts)


def test_a_hole_in_one_kind_is_no_hole_in_another(venues: Venues, desk: Desk) -> None:
    hole = (utc(2024, 5, 10, 6), utc(2024, 5, 10, 9))
    venue = venues(outages=[Outage(*hole, "um", kinds=("markPriceKlines",))])
    manager = desk.manager(venue, "um")
    data = manager.query("BTCUSDT", "2024-05-10", "2024-05-11", "1h", chart_type="mark_price_klines")
    assert gaps(data) == [(*hole, "venue_has_none", True)]
    assert len(data) == 45
    for chart in ("klines", "index_price_klines", "premium_index_klines"):
        assert manager.query("BTCUSDT", "2024-05-10", "2024-05-11", "1h", chart_type=chart).gaps == ()
    venue.clear_requests()
    again = manager.query("BTCUSDT", "2024-05-10", "2024-05-11", "1h", chart_type="mark_price_klines")
    assert gaps(again) == gaps(data)
    assert sent(venue) == []


def test_a_file_that_differs_from_its_checksum_moves_on_to_rest(venues: Venues, desk: Desk) -> None:
    venue = venues(
        faults=[Fault("bad-checksum", "markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-05-10", times=None)]
    )
    manager = desk.manager(venue, "um")
    data = manager.query(
        "BTCUSDT", "2024-05-10", "2024-05-10", "1h", chart_type="mark_price_klines", **STRICT
    )
    assert sources(data) == ["rest"]
    assert type(data.failures[0].error).__name__ == "ChecksumMismatchError"
    assert sources(manager.query("BTCUSDT", "2024-05-10", "2024-05-10", "1h")) == ["vision"]


def test_a_month_that_lacks_a_day_is_filled_from_its_daily_file(venues: Venues, desk: Desk) -> None:
    month = "data/futures/um/monthly/premiumIndexKlines/BTCUSDT/1h/BTCUSDT-1h-2024-04.zip"
    venue = venues(lacking={month: ["2024-04-09"]})
    manager = desk.manager(venue, "um")
    data = manager.query("BTCUSDT", "2024-04", "2024-04", "1h", chart_type="premium_index_klines", **STRICT)
    assert len(data) == 720
    assert [r.path.rpartition("/")[2] for r in sent(venue, "zip")] == [
        "BTCUSDT-1h-2024-04.zip",
        "BTCUSDT-1h-2024-04-09.zip",
    ]
    assert sent(venue, "premiumIndexKlines") == []


def test_requests_of_price_klines_count_against_the_futures_limit(venues: Venues, desk: Desk) -> None:
    venue = venues()
    manager = desk.manager(venue, "um")
    plan = manager.explain(
        "BTCUSDT", "2024-06-01", "2024-06-10", "15m", chart_type="mark_price_klines", enforce_source="rest"
    )
    manager.get_data(
        "BTCUSDT", "2024-06-01", "2024-06-10", "15m", chart_type="mark_price_klines", enforce_source="rest"
    )
    asked = sent(venue, "markPriceKlines")
    assert [int(r.query["limit"]) for r in asked] == [499, 461]
    assert [r.weight for r in asked] == [2, 2]
    assert plan.weight == 4


@pytest.mark.parametrize("chart", METHODS)
def test_windows_of_coin_m_never_exceed_a_page_or_200_days(chart: str, venue: Emulator, desk: Desk) -> None:
    name = name_of("cm", chart)
    manager = desk.manager(venue, "cm")
    given: dict[str, Any] = {"chart_type": chart, "enforce_source": "rest"} | STRICT
    days = manager.get_data(name, "2021-01-01", "2023-12-31", "1d", **given)
    hours = manager.get_data(name, "2024-01-01", "2024-02-29", "1h", **given)
    assert_equal(days, told(venue, "cm", chart, name, "1d", utc(2021), utc(2024)))
    assert_equal(hours, told(venue, "cm", chart, name, "1h", utc(2024), utc(2024, 3)))
    asked = sent(venue, METHODS[chart])
    spans = [int(r.query["endTime"]) - int(r.query["startTime"]) for r in asked]
    assert max(spans) < 200 * 86_400_000
    assert max(int(r.query["limit"]) for r in asked) <= 499
    assert {tuple(sorted(r.query)) for r in asked} == {
        tuple(
            sorted(
                ["endTime", "interval", "limit", "pair" if "index_price" in chart else "symbol", "startTime"]
            )
        )
    }


@pytest.mark.parametrize(("market", "chart"), EVERY)
def test_years_before_the_first_price_are_not_listed_yet_and_cost_few_requests(
    market: str, chart: str, venue: Emulator, desk: Desk
) -> None:
    manager = desk.manager(venue, market)
    first = utc(2019, 12, 31) if market == "um" else utc(2020, 8, 11)
    span: tuple[Any, ...] = (name_of(market, chart), "2015", "2020-09", "1h")
    data = manager.query(*span, chart_type=chart, on_gaps="raise")
    assert gaps(data) == [(utc(2015), first, "not_listed_yet", True)]
    assert len(data) == (utc(2020, 10) - first) // HOUR
    assert len(sent(venue)) - len(sent(venue, "zip", "checksum")) <= 40
    venue.clear_requests()
    assert len(manager.query(*span, chart_type=chart, on_gaps="raise")) == len(data)
    assert sent(venue) == []


def test_an_index_that_is_older_than_its_contract_is_not_cut(venues: Venues, desk: Desk) -> None:
    older = Listing(
        "BTCUSD_230331", "cm", listed_at=utc(2022, 9, 5, 9), delisted_at=utc(2023, 3, 31, 8), removed=True
    )
    venue = venues(listings=[older, Listing("BTCUSD_PERP", "cm", listed_at=utc(2023, 2, 1))], vision=False)
    manager = desk.manager(venue, "cm", config={"binance": {"sources": ["rest"]}})
    data = manager.query(
        "BTCUSD", "2022-01", "2022-10", "1h", chart_type="index_price_klines", on_gaps="ignore"
    )
    assert data.to_pandas().index[0] == pd.Timestamp(utc(2022, 9, 5, 9))
    assert len(data) == (utc(2022, 11) - utc(2022, 9, 5, 9)) // HOUR
    assert gaps(data)[0] == (utc(2022), utc(2022, 9, 5), "not_listed_yet", True)


def test_an_empty_answer_while_the_first_day_is_looked_for_confirms_nothing(
    venues: Venues, desk: Desk
) -> None:
    late = Listing("BTCUSD_PERP", "cm", listed_at=utc(2022, 9, 5))
    # The window of 200 days that holds the first price.
    trouble = Fault("empty", "interval=1d&startTime=1646956800000")
    venue = venues(listings=[late], vision=False, faults=[trouble])
    manager = desk.manager(venue, "cm", config={"binance": {"sources": ["rest"]}})
    given: dict[str, Any] = {"chart_type": "index_price_klines", "on_gaps": "ignore"}
    data = manager.query("BTCUSD", "2022-01", "2022-10", "1h", **given)
    assert len(data) == (utc(2022, 11) - utc(2022, 9, 5)) // HOUR
    assert [(g.start_time, g.end_time) for g in data.gaps] == [(utc(2022), utc(2022, 9, 5))]
    assert not data.gaps[0].final
    assert [r.query["startTime"] for r in sent(venue, "indexPriceKlines")].count("1646956800000") == 2


def test_prices_of_a_delisted_contract_end_with_it_and_those_of_its_pair_go_on(
    venues: Venues, desk: Desk
) -> None:
    gone = Listing("BTCUSD_240329", "cm", listed_at=utc(2023, 9, 1), delisted_at=utc(2024, 3, 29, 8))
    venue = venues(listings=[gone, Listing("BTCUSD_PERP", "cm")])
    manager = desk.manager(venue, "cm")
    mark = manager.query(
        "BTCUSD_240329", "2024-03-20", "2024-04-10", "1h", chart_type="mark_price_klines", on_gaps="raise"
    )
    assert gaps(mark) == [(utc(2024, 3, 29, 8), utc(2024, 4, 11), "delisted", True)]
    index = manager.query(
        "BTCUSD", "2024-03-20", "2024-04-10", "1h", chart_type="index_price_klines", on_gaps="raise"
    )
    assert index.gaps == ()


@pytest.mark.parametrize("chart", METHODS)
def test_a_contract_that_rest_forgot_is_told_by_the_archive(chart: str, venues: Venues, desk: Desk) -> None:
    old = Listing("OLDUSDT", "um", listed_at=utc(2023, 9, 1), delisted_at=utc(2024, 4, 20, 3), removed=True)
    manager = desk.manager(venues(listings=[old, Listing("BTCUSDT", "um")]), "um")
    data = manager.query("OLDUSDT", "2024-04", "2024-05", "1h", chart_type=chart, on_gaps="raise")
    assert sources(data) == ["vision"]
    assert gaps(data) == [(utc(2024, 4, 20, 3), utc(2024, 6), "delisted", True)]


def test_many_contracts_and_kinds_come_in_one_call(venue: Emulator, desk: Desk) -> None:
    manager = desk.manager(venue, "um")
    span: tuple[Any, ...] = ("2024-06-10", "2024-06-11", "1h")
    marks = manager.get_many(["BTCUSDT", "ETHUSDT"], *span, chart_type="mark_price_klines", **STRICT)
    for symbol, data in marks.items():
        assert_equal(
            data.to_pandas(),
            told(venue, "um", "mark_price_klines", symbol, "1h", utc(2024, 6, 10), utc(2024, 6, 12)),
        )
    keys = [
        "binance/um/klines/BTCUSDT/1h",
        "binance/um/mark_price_klines/BTCUSDT/1h",
        "binance/cm/index_price_klines/BTCUSD/1h",
    ]
    mixed = manager.get_many(keys, *span, shape="wide", **STRICT)
    assert [len(data) for data in mixed.values()] == [48] * 3
    assert not mixed.errors


def test_update_brings_held_prices_to_their_last_closed_bar(venues: Venues, desk: Desk) -> None:
    venue = venues()
    for market, chart in EVERY:
        name = name_of(market, chart)
        desk.manager(venue, market).prefetch(name, "2024-06-10", "2024-06-11", "1h", chart_type=chart)
    venue.clock.set(NOW + timedelta(days=2))
    venue.clear_requests()
    lines = desk.manager(venue, "um").update()
    assert {(str(line.key.chart_type), line.key.symbol) for line in lines} == {
        (chart, name_of(market, chart)) for market, chart in EVERY
    }
    assert [(line.rows, line.error, line.partial) for line in lines] == [(5 * 24 + 12, None, False)] * 6
    assert {r.kind for r in sent(venue)} - {"zip", "checksum", "time", "listing", "klines"} == set(
        METHODS.values()
    )
    venue.clear_requests()
    span = (utc(2024, 6, 10), utc(2024, 6, 17, 11))
    data = desk.manager(venue, "cm").query("BTCUSD", *span, "1h", chart_type="index_price_klines", **STRICT)
    assert len(data) == (span[1] - span[0]) // HOUR + 1
    assert sent(venue) == []
