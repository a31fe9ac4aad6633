"""Funding rates over the emulated venue: complete and exact from whichever source, and cheap to ask again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from binance.funding_frames import answering, assert_same, frame, told
from binance.funding_venue import LISTINGS, NOW
from binance.venues import Desk, Venues, gaps, sent, sources, utc
from dsm_binance.emulator import Emulator, Fault, Listing
from dsm_core.errors import (
    AllSourcesFailedError,
    IncompleteDataWarning,
    ProtocolChangedError,
    RequestError,
    SymbolNotFoundError,
)
from dsm_core.testing import LoopbackServer, Request, Response

HOUR = timedelta(hours=1)
FUNDING: dict[str, Any] = {"chart_type": "funding_rate"}


@pytest.fixture(scope="module")
def _market() -> Iterator[Emulator]:
    with Emulator(listings=LISTINGS, now=NOW) as venue:
        yield venue


@pytest.fixture
def market(_market: Emulator) -> Emulator:
    """Contracts with every habit of funding, at one instant; the tests change nothing of them."""
    _market.clear_requests()
    _market.reset_limits()
    return _market


def times(found: pd.DataFrame) -> list[datetime]:
    return [t.to_pydatetime() for t in found.index]


@pytest.mark.parametrize("how", ["auto", "vision", "rest"])
def test_a_month_that_goes_from_8_hours_to_1_and_to_4_has_no_false_gap(
    how: str, market: Emulator, desk: Desk
) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    expected = frame("XECUSDT", told(market, "um", "XECUSDT", utc(2026, 7), utc(2026, 8)))
    assert set(expected["funding_interval"]) == {"8h", "1h", "4h"}
    data = manager.query("XECUSDT", "2026-07", "2026-07", enforce_source=how)
    assert_same(data.to_pandas(), expected)
    assert not data.gaps
    assert set(sources(data)) <= {"vision", "rest"} & ({how} if how != "auto" else {"vision", "rest"})
    market.clear_requests()
    assert_same(manager.get_data("XECUSDT", "2026-07", "2026-07", enforce_source=how), expected)
    assert sent(market) == []


def test_archive_and_rest_mix_without_a_seam(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    first = manager.get_data("XECUSDT", utc(2026, 7, 10), utc(2026, 7, 11), enforce_source="rest")
    data = manager.query("XECUSDT", "2026-06-30", NOW)
    expected = frame("XECUSDT", told(market, "um", "XECUSDT", utc(2026, 6, 30), NOW))
    assert_same(data.to_pandas(), expected)
    assert_same(first, expected.loc[utc(2026, 7, 10) : utc(2026, 7, 11)])
    assert {"vision", "rest"} <= set(sources(data))
    assert all(gap.reason == "not_closed_yet" for gap in data.gaps)
    market.clear_requests()
    assert_same(manager.get_data("XECUSDT", "2026-06-30", NOW), expected)
    assert_same(manager.get_data("XECUSDT", last="7d"), expected.loc[NOW - timedelta(days=7) :])
    assert sent(market) == []


def test_a_range_that_begins_between_two_settlements_knows_the_interval_of_the_first(
    market: Emulator, desk: Desk
) -> None:
    manager = desk.manager(market, "um", use_cache=False, **FUNDING)
    rows = told(market, "um", "XECUSDT", utc(2026, 7, 8), utc(2026, 7, 14))
    whole = frame("XECUSDT", rows)
    for hour in range(0, 96, 5):
        start = utc(2026, 7, 8, 16) + hour * HOUR
        found = manager.get_data("XECUSDT", start, start + 9 * HOUR, enforce_source="rest")
        assert_same(found, whole.loc[start : start + 9 * HOUR])


@pytest.mark.parametrize("how", ["auto", "rest"])
def test_coin_margined_contracts_settle_alike(how: str, market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "cm", **FUNDING)
    for symbol in ("BTCUSD_PERP", "ADAUSD_PERP"):
        data = manager.query(symbol, "2022-06", "2022-08", enforce_source=how)
        assert_same(data.to_pandas(), frame(symbol, told(market, "cm", symbol, utc(2022, 6), utc(2022, 9))))
        assert not data.gaps


def test_settlements_of_years_page_by_cursor_without_loss(venues: Venues, desk: Desk) -> None:
    hourly = Listing("FASTUSDT", "um", listed_at=utc(2026, 1, 1, 5), funding=((None, 1),))
    venue = venues(listings=[hourly], now=NOW, vision=False)
    manager = desk.manager(venue, "um", config={"binance": {"sources": ["rest"]}}, **FUNDING)
    data = manager.query("FASTUSDT", "2026-01", "2026-08")
    expected = frame("FASTUSDT", told(venue, "um", "FASTUSDT", utc(2026), utc(2026, 9)))
    assert len(expected) > 5000
    assert_same(data.to_pandas(), expected)
    asked = [int(r.query["startTime"]) for r in sent(venue, "fundingRate")]
    assert len(asked) == len(set(asked)) == -(-len(expected) // 990)
    venue.clear_requests()
    assert_same(manager.get_data("FASTUSDT", "2026-01", "2026-08"), expected)
    assert sent(venue) == []


def test_special_settlements_are_left_out_unless_asked_for(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    expected = frame("TSLAUSDT", told(market, "um", "TSLAUSDT", utc(2026, 8), utc(2026, 9)))
    both = manager.get_data("TSLAUSDT", "2026-08", "2026-08", options={"rate_type": "all"})
    assert len(both) == len(expected) + 2
    # An extra rate that shares its minute comes a millisecond after the regular one.
    extra = [utc(2026, 8, 7, 16) + timedelta(milliseconds=1), utc(2026, 8, 9, 13)]
    assert sorted(set(times(both)) - set(times(expected))) == extra
    assert (both.loc[extra, "funding_rate"] < -0.002).all()
    assert_same(both.drop(pd.DatetimeIndex(extra)), expected)
    for how in ("auto", "rest"):
        found = manager.get_data(
            "TSLAUSDT", "2026-08", "2026-08", enforce_source=how, options={"rate_type": "regular"}
        )
        assert_same(found, expected)


def test_an_unknown_kind_of_rate_is_refused_before_anything_is_asked(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    with pytest.raises(RequestError, match="rate_type"):
        manager.get_data("TSLAUSDT", "2026-08", "2026-08", options={"rate_type": "special"})
    assert sent(market) == []


def test_bars_and_funding_come_side_by_side_from_one_manager(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    bars = manager.get_data("BTCUSDT", "2026-07-01", "2026-07-02", "1h")
    rates = manager.get_data("BTCUSDT", "2026-07-01", "2026-07-02", **FUNDING)
    assert len(bars) == 48
    assert_same(rates, frame("BTCUSDT", told(market, "um", "BTCUSDT", utc(2026, 7), utc(2026, 7, 3))))
    market.clear_requests()
    for interval in ("1h", "8h", "1s", None):
        assert_same(manager.get_data("BTCUSDT", "2026-07-01", "2026-07-02", interval, **FUNDING), rates)
    joined = bars.join(rates["funding_rate"])
    assert joined["funding_rate"].notna().sum() == len(rates) == 6
    pd.testing.assert_frame_equal(manager.get_data("BTCUSDT", "2026-07-01", "2026-07-02", "1h"), bars)
    assert sent(market) == []


def test_funding_is_written_into_no_other_series_files(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um")
    manager.get_data("BTCUSDT", "2026-07-01", "2026-07-02", "1h")

    def held() -> dict[Path, bytes]:
        root = desk.tmp_path / "cache"
        return {p.relative_to(root): p.read_bytes() for p in root.rglob("*.arrow")}

    before = held()
    manager.get_data("BTCUSDT", "2026-06", NOW, **FUNDING)
    manager.get_data("BTCUSDT", "2026-08", "2026-08", options={"rate_type": "all"}, **FUNDING)
    manager.get_data("TSLAUSDT", "2026-08", "2026-08", options={"rate_type": "all"}, **FUNDING)
    after = held()
    assert before
    assert {path: after[path] for path in before} == before
    added = set(after) - set(before)
    assert all("funding_rate" in path.parts for path in added)
    assert len({path.parent for path in added}) == 3
    manager.get_data("TSLAUSDT", "2026-08", "2026-08", **FUNDING)
    assert {path: body for path, body in held().items() if path in after} == after


def test_a_settlement_due_just_now_is_asked_for_again_and_never_lost(desk: Desk) -> None:
    """The venue writes the settlement of 16:00 half a minute later."""
    clock = [utc(2026, 8, 7, 15, 59, 30)]
    rows: list[dict[str, Any]] = []

    def settle(at: datetime) -> None:
        stamp = int(at.timestamp() * 1000) + 3
        rows.append({"symbol": "XUSDT", "fundingTime": stamp, "fundingRate": "0.0001", "markPrice": "1"})

    for hour in range(-80, 16, 8):
        settle(utc(2026, 8, 7, 8) + hour * HOUR - 8 * HOUR)
    with answering(rows, clock=lambda: clock[0]) as endpoints:
        manager = desk.manager(endpoints, "um", clock=lambda: clock[0], **FUNDING)

        def newest() -> datetime:
            found = manager.query("XUSDT", utc(2026, 8, 6), clock[0], enforce_source="rest")
            assert all(gap.reason == "not_closed_yet" for gap in found.gaps)
            return times(found.to_pandas())[-1]

        assert newest() == utc(2026, 8, 7, 8)
        for minutes in (30, 31, 35, 40, 50, 75):
            clock[0] = utc(2026, 8, 7, 15, 30) + timedelta(minutes=minutes)
            assert newest() == utc(2026, 8, 7, 8)
        settle(utc(2026, 8, 7, 16))
        assert newest() == utc(2026, 8, 7, 16)
        found = manager.get_data("XUSDT", utc(2026, 8, 7), clock[0], enforce_source="rest")
    assert times(found) == [utc(2026, 8, 7, hour) for hour in (0, 8, 16)]
    assert set(found["funding_interval"]) == {"8h"}


def test_the_first_settlement_of_a_new_interval_is_never_lost(desk: Desk) -> None:
    """Every 8 hours until 08:00, then hourly: 09:00 is not due by what is known a second after it."""
    clock = [utc(2026, 8, 7, 9, 0, 1)]
    rows = [
        {
            "symbol": "XUSDT",
            "fundingTime": int((utc(2026, 8, 7, 8) - h * HOUR).timestamp() * 1000),
            "fundingRate": "1",
        }
        for h in (24, 16, 8, 0)
    ]
    with answering(rows, clock=lambda: clock[0]) as endpoints:
        manager = desk.manager(endpoints, "um", clock=lambda: clock[0], **FUNDING)

        def ask() -> pd.DataFrame:
            # A contract without any settlement is no proof that none is missing.
            return manager.get_data(
                "XUSDT", utc(2026, 8, 7), clock[0], enforce_source="rest", on_gaps="ignore"
            )

        assert times(ask())[-1] == utc(2026, 8, 7, 8)
        rows.append(
            {"symbol": "XUSDT", "fundingTime": rows[-1]["fundingTime"] + 3_600_000, "fundingRate": "1"}
        )
        clock[0] += timedelta(seconds=20)
        assert times(ask())[-1] == utc(2026, 8, 7, 9)
        assert ask()["funding_interval"].tolist() == ["8h", "8h", "1h"]


def test_the_first_settlement_ever_is_never_lost(desk: Desk) -> None:
    clock = [utc(2026, 8, 7, 8, 0, 1)]
    rows: list[dict[str, Any]] = []
    with answering(rows, clock=lambda: clock[0]) as endpoints:
        manager = desk.manager(endpoints, "um", clock=lambda: clock[0], **FUNDING)

        def ask() -> pd.DataFrame:
            # A contract without any settlement is no proof that none is missing.
            return manager.get_data(
                "XUSDT", utc(2026, 8, 7), clock[0], enforce_source="rest", on_gaps="ignore"
            )

        assert ask().empty
        stamp = int(utc(2026, 8, 7, 8).timestamp() * 1000)
        rows.append({"symbol": "XUSDT", "fundingTime": stamp, "fundingRate": "1"})
        clock[0] += timedelta(seconds=20)
        assert times(ask()) == [utc(2026, 8, 7, 8)]


def test_new_settlements_follow_as_time_goes_on(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS, now=NOW)
    manager = desk.manager(venue, "um", **FUNDING)
    manager.get_data("XECUSDT", utc(2026, 9, 10))
    for _ in range(9):
        venue.clock.advance(timedelta(hours=3, minutes=7))
        now = venue.clock.now()
        found = manager.get_data("XECUSDT", utc(2026, 9, 10))
        assert_same(found, frame("XECUSDT", told(venue, "um", "XECUSDT", utc(2026, 9, 10), now)))
    starts = [int(r.query["startTime"]) for r in sent(venue, "fundingRate")][1:]
    assert min(starts) > (NOW - 17 * HOUR).timestamp() * 1000


def test_before_its_listing_a_contract_has_no_settlement_and_that_is_asked_once(
    market: Emulator, desk: Desk
) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    data = manager.query("XECUSDT", "2026-04", "2026-05")
    assert len(data) == 0
    assert [(a, b, why) for a, b, why, _ in gaps(data)] == [(utc(2026, 4), utc(2026, 6), "not_listed_yet")]
    assert data.to_pandas().columns.tolist() == ["contracts", "funding_interval", "funding_rate"]
    market.clear_requests()
    assert len(manager.query("XECUSDT", "2026-04", "2026-05")) == 0
    assert sent(market) == []


@pytest.mark.parametrize("times", [1, 2])
def test_an_empty_answer_of_a_venue_in_trouble_is_not_believed(
    times: int, venues: Venues, desk: Desk
) -> None:
    venue = venues(listings=LISTINGS, now=NOW)
    manager = desk.manager(venue, "um", **FUNDING)
    venue.add_fault(Fault("empty", match="fundingRate?", times=times))
    asked = {"start_time": "2026-09-03", "end_time": "2026-09-05", "on_gaps": "ignore"}
    first = manager.query("BTCUSDT", **asked, enforce_source="rest")
    expected = told(venue, "um", "BTCUSDT", utc(2026, 9, 3), utc(2026, 9, 6))
    if times == 1:
        # The second look, with the settlements around it, tells the truth.
        assert_same(first.to_pandas(), frame("BTCUSDT", expected))
        assert not first.gaps
    else:
        assert (len(first), [gap.final for gap in first.gaps]) == (0, [False])
    venue.clear_faults()
    assert_same(manager.query("BTCUSDT", **asked).to_pandas(), frame("BTCUSDT", expected))


def test_an_unknown_symbol_is_an_error(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    with pytest.raises(SymbolNotFoundError, match="NOPEUSDT"):
        manager.get_data("NOPEUSDT", "2026-08", "2026-08")
    with pytest.raises(RequestError, match="BTCUSD_PERP"):
        manager.get_data("BTCUSD_PERP", "2026-08", "2026-08")


@pytest.mark.parametrize(("side", "symbol"), [("um", "BTCUSDT_261225"), ("cm", "BTCUSD_261225")])
def test_contracts_with_a_delivery_have_no_funding(
    side: str, symbol: str, market: Emulator, desk: Desk
) -> None:
    manager = desk.manager(market, side, **FUNDING)
    data = manager.query(symbol, "2026-08", "2026-08")
    assert (len(data), data.gaps) == (0, ())


def test_spot_has_no_funding(market: Emulator, desk: Desk) -> None:
    with pytest.raises(RequestError, match="funding_rate"):
        desk.manager(market, "spot").get_data("BTCUSDT", "2026-08", "2026-08", **FUNDING)
    assert sent(market) == []


def test_a_delisted_contract_that_rest_forgot_is_whole_from_the_archive(market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    data = manager.query("GONEUSDT", "2024-01", "2024-05")
    rows = told(market, "um", "GONEUSDT", utc(2024), utc(2024, 6))
    assert_same(data.to_pandas(), frame("GONEUSDT", rows))
    assert [(a, b, why) for a, b, why, _ in gaps(data)] == [
        (utc(2024), utc(2024, 2, 1), "not_listed_yet"),
        (utc(2024, 3, 5, 16), utc(2024, 6), "delisted"),
    ]
    market.clear_requests()
    assert len(manager.query("GONEUSDT", "2024-01", "2024-05")) == len(rows)
    assert sent(market) == []


def test_rates_of_a_failing_source_are_taken_from_the_other(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS, now=NOW, faults=[Fault("500", "re:\\.zip$", times=None)])
    manager = desk.manager(venue, "um", config={"http": {"retry_count": 0}}, **FUNDING)
    data = manager.query("XECUSDT", "2026-07", "2026-07", on_gaps="raise")
    assert_same(data.to_pandas(), frame("XECUSDT", told(venue, "um", "XECUSDT", utc(2026, 7), utc(2026, 8))))
    assert sources(data) == ["rest"]


AUGUST: dict[str, Any] = {"symbol": "XUSDT", "fundingTime": 1_786_089_600_000, "fundingRate": "0.0001"}


@pytest.mark.parametrize(
    ("row", "info"),
    [
        (AUGUST | {"fundingTime": 2**64 - 1}, []),
        (AUGUST | {"fundingTime": "soon"}, []),
        ({"symbol": "XUSDT", "fundingRate": "0.0001"}, []),
        (AUGUST, [{"symbol": "XUSDT"}]),
        (AUGUST, [{"symbol": "XUSDT", "fundingIntervalHours": "few"}]),
    ],
    ids=["a time of no table", "a time of words", "no time", "no interval", "an interval of words"],
)
def test_a_settlement_that_cannot_be_read_is_the_venues_fault_and_not_the_clients(
    row: dict[str, Any], info: list[Any], desk: Desk
) -> None:
    bodies = {"fundingRate": [row], "fundingInfo": info}

    def answer(request: Request) -> Any:
        clock = {"serverTime": int(NOW.timestamp() * 1000)}
        return Response(json=bodies.get(request.path.rpartition("/")[2], clock))

    with LoopbackServer(answer) as server:
        endpoints = dict.fromkeys(("um", "vision"), server.url)
        manager = desk.manager(endpoints, "um", clock=lambda: NOW, **FUNDING)
        with pytest.raises(AllSourcesFailedError) as caught:
            manager.query("XUSDT", utc(2026, 8, 7), utc(2026, 8, 8), enforce_source="rest")
    assert isinstance(caught.value.__cause__, ProtocolChangedError)


def test_a_month_whose_rest_part_failed_says_so_and_heals(venues: Venues, desk: Desk) -> None:
    venue = venues(listings=LISTINGS, now=NOW, faults=[Fault("500", "fapi/v1/fundingRate", times=None)])
    manager = desk.manager(venue, "um", config={"http": {"retry_count": 0}}, **FUNDING)
    with pytest.warns(IncompleteDataWarning):
        short = manager.query("XECUSDT", "2026-08", NOW)
    assert {why for _, _, why, _ in gaps(short)} == {"source_failed", "not_closed_yet"}
    venue.clear_faults()
    whole = manager.query("XECUSDT", "2026-08", NOW)
    assert_same(whole.to_pandas(), frame("XECUSDT", told(venue, "um", "XECUSDT", utc(2026, 8), NOW)))


@pytest.mark.parametrize("inclusive", ["both", "left", "right", "neither"])
def test_the_ends_of_a_range_belong_as_asked(inclusive: Any, market: Emulator, desk: Desk) -> None:
    manager = desk.manager(market, "um", **FUNDING)
    for how in ("rest", "auto"):
        found = manager.get_data(
            "BTCUSDT", utc(2026, 7, 2), utc(2026, 7, 3), inclusive=inclusive, enforce_source=how
        )
        hours = [0, 8, 16, 24]
        hours = hours[inclusive in ("right", "neither") :]
        hours = hours[: len(hours) - (inclusive in ("left", "neither"))]
        assert times(found) == [utc(2026, 7, 2) + h * HOUR for h in hours]
