"""The emulator's funding over REST: which settlements, in which fields, under which limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from binance.funding_venue import (
    DATA,
    EPOCH,
    HOUR,
    LISTINGS,
    NOW,
    ask,
    fetch,
    month_of,
    ms,
    rates,
    utc,
    zip_path,
)
from dsm_binance.emulator import Emulator, Fault, Listing


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    with Emulator(listings=LISTINGS, now=NOW, funding_limit=10**6) as running:
        yield running


def test_any_range_is_told_without_its_past(venue: Emulator) -> None:
    whole = rates(venue, startTime=ms(2025, 1, 1), limit=1000)
    assert rates(venue, startTime=whole[700]["fundingTime"], limit=5) == whole[700:705]


def test_both_bounds_are_inclusive(venue: Emulator) -> None:
    rows = rates(venue, startTime=ms(2024, 5, 1), limit=20)
    first, last = rows[3]["fundingTime"], rows[9]["fundingTime"]
    assert rates(venue, startTime=first, endTime=last) == rows[3:10]
    assert rates(venue, startTime=first + 1, endTime=last - 1) == rows[4:9]


def test_pages_over_the_limit_count_from_the_start(venue: Emulator) -> None:
    start, end = ms(2023, 1, 1), ms(2025, 1, 1) - 1
    rows: list[Any] = []
    while page := rates(venue, startTime=start, endTime=end, limit=1000):
        rows += page
        start = page[-1]["fundingTime"] + 1
    assert len(rows) == 3 * (365 + 366)
    assert [row["fundingTime"] // HOUR % 24 for row in rows[:3]] == [0, 8, 16]
    assert [r["fundingTime"] for r in rows] == sorted({r["fundingTime"] for r in rows})


def test_limits_default_to_100_and_are_capped_in_silence(venue: Emulator) -> None:
    assert len(rates(venue, startTime=ms(2022, 1, 1))) == 100
    assert len(rates(venue, startTime=ms(2022, 1, 1), limit=5000)) == 1000


def test_without_bounds_the_newest_200_at_most_come(venue: Emulator) -> None:
    newest = rates(venue, limit=3)
    assert [row["fundingTime"] // HOUR % 24 for row in newest] == [16, 0, 8]
    assert newest[-1]["fundingTime"] // HOUR * HOUR == ms(2026, 9, 20, 8)
    assert len(rates(venue)) == 100
    assert len(rates(venue, limit=1000)) == 200
    ended = rates(venue, endTime=ms(2024, 5, 1) - 1, limit=1000)
    assert len(ended) == 1000
    assert ended[-1]["fundingTime"] // HOUR * HOUR == ms(2024, 4, 30, 16)


def test_a_settlement_is_told_from_its_jittered_time_on() -> None:
    with Emulator(listings=[Listing("BTCUSDT", "um")], now=NOW) as venue:
        late = next(row["fundingTime"] for row in rates(venue) if row["fundingTime"] % HOUR > 5)
        venue.clock.set(EPOCH + timedelta(milliseconds=late - 1))
        assert rates(venue, limit=1)[0]["fundingTime"] < late
        venue.clock.set(EPOCH + timedelta(milliseconds=late))
        assert rates(venue, limit=1)[0]["fundingTime"] == late


def test_listing_dates_bound_funding(venue: Emulator) -> None:
    first, last = (month_of(venue, "um", "GONEUSDT", month) for month in ("2024-02", "2024-03"))
    assert first[0][:2] == (first[0][0], 8)
    assert first[0][0] // HOUR * HOUR == ms(2024, 2, 1, 8)
    assert last[-1][0] // HOUR * HOUR == ms(2024, 3, 5, 8)
    for month in ("2024-01", "2024-04"):
        assert fetch(venue, zip_path("um", "GONEUSDT", month)).status == 404
    assert rates(venue, startTime=0, limit=1)[0]["fundingTime"] // HOUR * HOUR == ms(2019, 12, 31)


def test_um_without_a_symbol_tells_of_every_contract(venue: Emulator) -> None:
    rows = ask(venue, "um", "fundingRate", startTime=ms(2026, 7, 1), endTime=ms(2026, 7, 1, 9)).json
    assert [row["symbol"] for row in rows].count("TSLAUSDT") == 2
    assert {row["symbol"] for row in rows} == {"BTCUSDT", "ETHUSDT", "TSLAUSDT", "XECUSDT"}
    assert [row["fundingTime"] for row in rows] == sorted(row["fundingTime"] for row in rows)
    assert len(ask(venue, "um", "fundingRate", limit=7).json) == 7


def test_rows_have_the_fields_and_types_of_recorded_ones(venue: Emulator) -> None:
    told = json.loads((DATA / "rest/um/fundingRate-BTCUSDT-20260710-range.json").read_text())
    row = rates(venue, startTime=told[0]["fundingTime"], limit=1)[0]
    assert list(row) == list(told[0])
    assert [type(cell) for cell in row.values()] == [type(cell) for cell in told[0].values()]
    assert len(row["markPrice"].partition(".")[2]) == len(told[0]["markPrice"].partition(".")[2])


def test_mark_prices_are_empty_before_the_31st_of_october_2023_at_8(venue: Emulator) -> None:
    rows = rates(venue, startTime=ms(2023, 10, 30, 16), limit=5)
    assert [row["markPrice"] == "" for row in rows] == [True, True, False, False, False]
    start = rows[2]["fundingTime"] // HOUR * HOUR
    bar = ask(venue, "um", "klines", symbol="BTCUSDT", interval="1m", startTime=start, limit=1).json[0]
    assert float(rows[2]["markPrice"]) == float(bar[1])


def test_the_rate_type_is_told_from_august_2026_on(venue: Emulator) -> None:
    rows = rates(venue, startTime=ms(2026, 7, 31, 16), limit=3)
    assert [row.get("rateType") for row in rows] == [None, "Regular", "Regular"]
    assert list(rows[1])[-1] == "rateType"


def test_a_special_rate_may_share_its_time_with_a_regular_one(venue: Emulator) -> None:
    rows = rates(venue, symbol="TSLAUSDT", startTime=ms(2026, 8, 7, 15), endTime=ms(2026, 8, 9, 15))
    special = [i for i, row in enumerate(rows) if row["rateType"] == "Special"]
    assert special == [1, 7]
    assert rows[0]["fundingTime"] == rows[1]["fundingTime"]
    assert rows[0]["fundingRate"] != rows[1]["fundingRate"]
    assert rows[7]["fundingTime"] // HOUR * HOUR == ms(2026, 8, 9, 13)
    written = [time for time, _, _ in month_of(venue, "um", "TSLAUSDT", "2026-08")]
    assert written.count(rows[0]["fundingTime"]) == 2


def test_cm_wants_a_symbol_and_states_no_mark_price(venue: Emulator) -> None:
    refused = ask(venue, "cm", "fundingRate")
    assert (refused.status, refused.json["code"]) == (400, -1102)
    row = rates(venue, "cm", "BTCUSD_PERP", startTime=ms(2026, 9, 1), limit=1)[0]
    assert list(row) == ["symbol", "fundingTime", "fundingRate"]
    assert ask(venue, "cm", "fundingRate", symbol="BTCUSD_PERP").headers["x-mbx-used-weight-1m"]
    assert venue.requests[-1].weight == 1


def test_cm_can_be_told_to_state_mark_prices() -> None:
    example = json.loads((DATA / "rest/cm/fundingRate.docexample.json").read_text())[0]
    with Emulator(now=NOW, cm_mark_price=True) as venue:
        assert list(rates(venue, "cm", "BTCUSD_PERP", limit=1)[0]) == list(example)


def test_contracts_with_a_delivery_have_no_funding(venue: Emulator) -> None:
    assert rates(venue, "cm", "BTCUSD_261225") == []
    assert rates(venue, "um", "BTCUSDT_261225") == []
    assert fetch(venue, zip_path("cm", "BTCUSD_261225", "2024-01")).status == 404


@pytest.mark.parametrize(
    ("market", "query", "code"),
    [
        ("um", {"symbol": "NOPEUSDT"}, -1121),
        ("um", {"symbol": "GONEUSDT"}, -1121),
        ("um", {"symbol": "btcusdt"}, -1100),
        ("um", {"symbol": ""}, -1105),
        ("cm", {"symbol": ""}, -1102),
        ("um", {"startTime": 2, "endTime": 1}, -1023),
        ("um", {"limit": 0}, -1130),
        ("um", {"startTime": "now"}, -1100),
    ],
)
def test_a_bad_request_is_refused_with_the_venues_code(
    venue: Emulator, market: str, query: dict[str, object], code: int
) -> None:
    answer = ask(venue, market, "fundingRate", **query)
    assert (answer.status, answer.json["code"]) == (400, code)


def test_bounds_outside_the_history_give_an_empty_list(venue: Emulator) -> None:
    assert rates(venue, startTime=0, endTime=ms(2015, 1, 1)) == []
    assert rates(venue, endTime=ms(2015, 1, 1)) == []
    assert rates(venue, startTime=10**19) == []


def test_spot_has_no_funding(venue: Emulator) -> None:
    assert ask(venue, "spot", "fundingRate", symbol="BTCUSDT").status == 404
    assert ask(venue, "spot", "fundingInfo").status == 404
    assert venue.requests[-1].kind == "other"


def test_funding_info_lists_adjusted_contracts_alone(venue: Emulator) -> None:
    rows = {row["symbol"]: row for row in ask(venue, "um", "fundingInfo").json}
    assert list(rows) == ["BTCUSDT", "XECUSDT"]
    told = {
        row["symbol"]: row for row in json.loads((DATA / "rest/um/fundingInfo-20260704.json").read_text())
    }
    assert rows["BTCUSDT"] == told["BTCUSDT"]
    assert list(rows["XECUSDT"]) == list(told["WIFUSDT"])
    assert (rows["XECUSDT"]["fundingIntervalHours"], rows["XECUSDT"]["disclaimer"]) == (4, False)
    assert rows["XECUSDT"]["updateTime"] == ms(2026, 7, 11, 4)
    coin = ask(venue, "cm", "fundingInfo").json
    assert [(row["symbol"], row["fundingIntervalHours"]) for row in coin] == [("ADAUSD_PERP", 4)]


def test_funding_info_follows_the_clock() -> None:
    with Emulator(listings=LISTINGS, now=utc(2026, 7, 9, 15)) as venue:
        found = []
        for now in (utc(2026, 7, 9, 15), utc(2026, 7, 9, 16), utc(2026, 7, 12)):
            venue.clock.set(now)
            told = ask(venue, "um", "fundingInfo").json
            found.append({r["symbol"]: r["fundingIntervalHours"] for r in told}.get("XECUSDT"))
    assert found == [None, 1, 4]


def test_funding_requests_have_a_limit_of_their_own() -> None:
    with Emulator(now=NOW, funding_limit=3, futures_weight=1) as venue:
        answers = [
            ask(venue, "um", "fundingRate"),
            ask(venue, "cm", "fundingRate", symbol="BTCUSD_PERP"),
            ask(venue, "um", "fundingInfo"),
            ask(venue, "cm", "fundingInfo"),
        ]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert answers[3].json["code"] == -1003
        assert "3 requests per 5 minutes" in answers[3].json["msg"]
        assert 290 <= int(answers[3].headers["Retry-After"]) <= 300
        assert [answer.headers["x-mbx-used-weight-1m"] for answer in answers] == ["0", "1", "1", "1"]
        assert [(record.kind, record.weight) for record in venue.requests] == [
            ("fundingRate", 0),
            ("fundingRate", 1),
            ("fundingInfo", 0),
            ("fundingInfo", 0),
        ]
        venue.reset_limits()
        assert ask(venue, "um", "fundingInfo").status == 200


def test_the_funding_window_ends_and_never_bans() -> None:
    with Emulator(now=NOW, funding_limit=1, funding_window_s=0.0, ban_after=0) as venue:
        assert [ask(venue, "um", "fundingInfo").status for _ in range(3)] == [200] * 3
    with Emulator(now=NOW, funding_limit=1, ban_after=0) as venue:
        assert [ask(venue, "um", "fundingInfo").status for _ in range(4)] == [200, 429, 429, 429]
        assert ask(venue, "um", "ping").status == 200


def test_a_used_up_weight_pool_does_not_stop_funding() -> None:
    with Emulator(now=NOW, futures_weight=1) as venue:
        assert ask(venue, "um", "klines", symbol="BTCUSDT", interval="1h").status == 429
        assert ask(venue, "um", "fundingRate", symbol="BTCUSDT").status == 200
        assert ask(venue, "cm", "fundingRate", symbol="BTCUSD_PERP").status == 429


def test_faults_of_rest_answers_hit_funding_too() -> None:
    faults = [Fault("malformed", "fundingRate"), Fault("empty", "fundingRate")]
    with Emulator(now=NOW, faults=faults) as venue:
        with pytest.raises(json.JSONDecodeError):
            rates(venue, limit=2)
        assert rates(venue, limit=2) == []
        assert len(rates(venue, limit=2)) == 2
