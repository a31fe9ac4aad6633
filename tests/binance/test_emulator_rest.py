"""The emulator's REST interface: which rows each market chooses, what it refuses, what it weighs."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from dsm_binance.emulator import RECORDED, Emulator, Listing

NOW = datetime(2025, 1, 20, 12, 30, tzinfo=UTC)
HOUR = 3_600_000
DAY = 24 * HOUR
ROOTS = {"spot": "/api/v3", "um": "/fapi/v1", "cm": "/dapi/v1"}
SYMBOLS = {"spot": "ETHUSDT", "um": "ETHUSDT", "cm": "BTCUSD_PERP"}


@dataclass
class Answer:
    status: int
    body: bytes
    headers: Message

    @property
    def json(self):
        return json.loads(self.body)


def ms(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1000


def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    try:
        with urlopen(Request(url, headers=dict(headers or {}))) as found:
            return Answer(found.status, found.read(), found.headers)
    except HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.read(), refused.headers)


def ask(venue: Emulator, market: str, endpoint: str, **query: object) -> Answer:
    asked = urlencode({name: str(value) for name, value in query.items()})
    return get(f"{venue.endpoints[market]}{ROOTS[market]}/{endpoint}?{asked}")


def klines(venue: Emulator, market: str, **query: object) -> Answer:
    return ask(venue, market, "klines", **{"symbol": SYMBOLS[market], "interval": "1h", **query})


@pytest.fixture(scope="module")
def venue() -> Iterator[Emulator]:
    gone = datetime(2024, 9, 1, tzinfo=UTC)
    listings = [
        Listing("ETHUSDT"),
        Listing("BTCUSDT"),
        Listing("OLDUSDT", delisted_at=gone),
        Listing("LOSTUSDT", delisted_at=gone, removed=True),
        Listing("ETHUSDT", "um"),
        Listing("OLDUSDT", "um", delisted_at=gone),
        Listing("BTCUSD_PERP", "cm"),
        Listing("LATERUSDT", listed_at=datetime(2025, 2, 1, tzinfo=UTC)),
    ]
    with Emulator(
        data=[RECORDED], listings=listings, now=NOW, spot_weight=10**6, futures_weight=10**6
    ) as running:
        yield running


@pytest.mark.parametrize("market", ["spot", "um"])
def test_a_start_counts_forward_and_both_bounds_are_inclusive(venue: Emulator, market: str) -> None:
    start = ms(2024, 3, 1)
    opens = [row[0] for row in klines(venue, market, startTime=start, limit=10).json]
    assert opens == [start + hour * HOUR for hour in range(10)]
    opens = [row[0] for row in klines(venue, market, startTime=start + 1, endTime=start + 5 * HOUR).json]
    assert opens == [start + hour * HOUR for hour in range(1, 6)]
    opens = [row[0] for row in klines(venue, market, startTime=start, endTime=start + DAY, limit=3).json]
    assert opens == [start, start + HOUR, start + 2 * HOUR]


@pytest.mark.parametrize("market", ["spot", "um", "cm"])
def test_without_bounds_or_with_an_end_the_newest_rows_come(venue: Emulator, market: str) -> None:
    opens = [row[0] for row in klines(venue, market, limit=3).json]
    assert opens == [ms(2025, 1, 20, hour) for hour in (10, 11, 12)]
    end = ms(2024, 3, 1)
    opens = [row[0] for row in klines(venue, market, endTime=end, limit=3).json]
    assert opens == [end - 2 * HOUR, end - HOUR, end]


@pytest.mark.parametrize(("market", "most"), [("spot", 1000), ("um", 1500), ("cm", 1500)])
def test_limits_default_to_500_and_are_capped_in_silence(venue: Emulator, market: str, most: int) -> None:
    assert len(klines(venue, market, interval="1m").json) == 500
    assert len(klines(venue, market, interval="1m", limit=5000).json) == most


def test_cm_counts_back_from_the_end_of_a_window(venue: Emulator) -> None:
    start = ms(2024, 3, 1)
    opens = [row[0] for row in klines(venue, "cm", startTime=start, endTime=start + DAY, limit=3).json]
    assert opens == [start + 22 * HOUR, start + 23 * HOUR, start + DAY]


def test_cm_makes_a_start_alone_a_window_of_200_days(venue: Emulator) -> None:
    start = ms(2024, 3, 1)
    opens = [row[0] for row in klines(venue, "cm", startTime=start, limit=2).json]
    assert opens == [start + 200 * DAY - HOUR, start + 200 * DAY]
    recent = [row[0] for row in klines(venue, "cm", startTime=ms(2025, 1, 20), limit=1500).json]
    assert recent == [ms(2025, 1, 20, hour) for hour in range(13)]


def test_cm_makes_an_end_alone_a_window_of_200_days(venue: Emulator) -> None:
    end = ms(2024, 3, 1)
    rows = klines(venue, "cm", interval="1d", endTime=end, limit=1500).json
    assert len(rows) == 201
    assert rows[0][0] == end - 200 * DAY


def test_cm_refuses_more_than_200_days(venue: Emulator) -> None:
    start = ms(2024, 3, 1)
    assert klines(venue, "cm", startTime=start, endTime=start + 200 * DAY).status == 200
    refused = klines(venue, "cm", startTime=start, endTime=start + 200 * DAY + 1)
    assert (refused.status, refused.json["code"]) == (400, -1127)


def test_before_the_listing_there_is_an_empty_list(venue: Emulator) -> None:
    for market in ("spot", "um", "cm"):
        answer = klines(venue, market, startTime=ms(2015, 1, 1), endTime=ms(2015, 2, 1))
        assert (answer.status, answer.json) == (200, [])


@pytest.mark.parametrize(
    ("market", "query", "code"),
    [
        ("spot", {"symbol": "NOPEUSDT"}, -1121),
        ("spot", {"symbol": "LOSTUSDT"}, -1121),
        ("spot", {"symbol": "LATERUSDT"}, -1121),
        ("spot", {"symbol": "ethusdt"}, -1100),
        ("spot", {"symbol": "ETH/USDT"}, -1100),
        ("spot", {"symbol": ""}, -1102),
        ("um", {"interval": ""}, -1102),
        ("um", {"interval": "1mo"}, -1120),
        ("um", {"interval": "1s"}, -1120),
        ("cm", {"interval": "1s"}, -1120),
        ("spot", {"interval": "45m"}, -1120),
        ("spot", {"startTime": "2024-01-01"}, -1100),
        ("um", {"startTime": ""}, -1105),
        ("um", {"startTime": 2, "endTime": 1}, -1023),
        ("spot", {"limit": 0}, -1130),
        ("spot", {"timeZone": "+08:00"}, -1104),
    ],
)
def test_a_bad_request_is_refused_with_the_venues_code(
    venue: Emulator, market: str, query: dict, code: int
) -> None:
    answer = klines(venue, market, **query)
    assert (answer.status, answer.json["code"]) == (400, code)
    assert answer.json["msg"]


def test_rows_are_twelve_cells_of_text_and_integers(venue: Emulator) -> None:
    row = klines(venue, "spot", startTime=ms(2024, 3, 1), limit=1).json[0]
    assert [type(cell) for cell in row] == [int, *[str] * 5, int, str, int, str, str, str]
    assert row[6] == row[0] + HOUR - 1


def test_spot_takes_and_gives_microseconds_when_asked_to(venue: Emulator) -> None:
    start = ms(2024, 3, 1)
    plain = klines(venue, "spot", startTime=start, limit=2).json
    assert klines(venue, "spot", startTime=start * 1000 - 5, limit=2).json == plain
    url = f"{venue.endpoints['spot']}/api/v3/klines?symbol=ETHUSDT&interval=1h&startTime={start}&limit=1"
    row = get(url, {"X-MBX-TIME-UNIT": "microsecond"}).json[0]
    assert (row[0], row[6]) == (start * 1000, start * 1000 + HOUR * 1000 - 1)


def recorded_lines(month: str) -> list[str]:
    file = RECORDED / f"spot/klines/BTCUSDT/1h/BTCUSDT-1h-{month}.zip"
    with zipfile.ZipFile(file) as archive:
        return archive.read(f"BTCUSDT-1h-{month}.csv").decode().splitlines()


def test_recorded_rows_are_told_as_they_were_written(venue: Emulator) -> None:
    rows = klines(venue, "spot", symbol="BTCUSDT", startTime=ms(2024, 12, 31, 23), limit=2).json
    older, newer = recorded_lines("2024-12")[-1], recorded_lines("2025-01")[0]
    assert ",".join(str(cell) for cell in rows[0]) == older
    assert [str(cell) for cell in rows[1][1:6] + rows[1][7:]] == newer.split(",")[1:6] + newer.split(",")[7:]
    assert (rows[1][0], rows[1][6]) == (ms(2025, 1, 1), ms(2025, 1, 1, 1) - 1)


def test_recorded_holes_and_bars_off_the_grid_stay_as_they_are(tmp_path: Path) -> None:
    opens = [
        ms(2018, 2, 8),
        ms(2018, 2, 9, 9) + 1_694_789,
        ms(2018, 2, 9, 10) + 1_694_789,
        ms(2018, 2, 11, 4),
    ]
    lines = [f"{at},1.0,3.0,0.5,2.0,10.0,{at + 5},20.0,3,4.0,8.0,0" for at in opens]
    folder = tmp_path / "spot/klines/BTCUSDT/1h"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "BTCUSDT-1h-2018-02.zip", "w") as archive:
        archive.writestr("BTCUSDT-1h-2018-02.csv", "\n".join(lines))
    listings = [Listing("BTCUSDT", listed_at=datetime(2018, 2, 1, tzinfo=UTC))]
    with Emulator(data=[tmp_path], listings=listings, now=NOW) as venue:
        rows = klines(venue, "spot", symbol="BTCUSDT", startTime=0, endTime=ms(2018, 3, 1)).json
        assert [",".join(str(cell) for cell in row) for row in rows[:4]] == lines
        assert [row[0] for row in rows[4:]] == [ms(2018, 3, 1)]
        inside = klines(venue, "spot", symbol="BTCUSDT", startTime=opens[0] + 1, endTime=opens[1], limit=1)
        assert inside.json[0][0] == opens[1]


def test_generated_rows_go_on_where_recorded_ones_end(venue: Emulator) -> None:
    start = ms(2024, 11, 30, 22)
    rows = klines(venue, "spot", symbol="BTCUSDT", startTime=start, limit=4).json
    assert [row[0] for row in rows] == [start + hour * HOUR for hour in range(4)]


def test_recorded_data_alone_trade_nothing_else() -> None:
    with Emulator(data=[RECORDED], now=NOW) as venue:
        rows = klines(venue, "spot", symbol="BTCUSDT", startTime=0, limit=1000).json
        assert len(rows) == 1000
        assert rows[0][0] == ms(2024, 12, 1)
        assert klines(venue, "spot", symbol="BTCUSDT", interval="1d", startTime=0).json == []
        assert klines(venue, "spot", symbol="BTCUSDT", limit=1).json[0][0] == ms(2025, 1, 20, 12)


def test_time_and_ping_answer(venue: Emulator) -> None:
    for market in ROOTS:
        assert ask(venue, market, "ping").json == {}
        assert ask(venue, market, "time").json == {"serverTime": ms(2025, 1, 20, 12, 30)}
        assert ask(venue, market, "nothing").status == 404


def test_exchange_info_has_the_fields_of_each_market(venue: Emulator) -> None:
    spot, um, cm = (
        {row["symbol"]: row for row in ask(venue, m, "exchangeInfo").json["symbols"]} for m in ROOTS
    )
    assert "onboardDate" not in spot["ETHUSDT"]
    assert {name: row["status"] for name, row in spot.items()} == {
        "BTCUSDT": "TRADING",
        "ETHUSDT": "TRADING",
        "OLDUSDT": "BREAK",
    }
    assert (um["ETHUSDT"]["status"], um["OLDUSDT"]["status"]) == ("TRADING", "SETTLING")
    assert um["ETHUSDT"]["onboardDate"] == ms(2019, 12, 31)
    assert (cm["BTCUSD_PERP"]["contractStatus"], cm["BTCUSD_PERP"]["contractSize"]) == ("TRADING", 100)
    assert (cm["BTCUSD_PERP"]["pair"], cm["BTCUSD_PERP"]["marginAsset"]) == ("BTCUSD", "BTC")


def test_exchange_info_states_the_weight_limit(venue: Emulator) -> None:
    with Emulator(spot_weight=123, futures_weight=45, now=NOW) as small:
        for market, limit in (("spot", 123), ("um", 45), ("cm", 45)):
            assert ask(small, market, "exchangeInfo").json["rateLimits"][0] == {
                "rateLimitType": "REQUEST_WEIGHT",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": limit,
            }


def test_spot_exchange_info_can_be_asked_for_symbols(venue: Emulator) -> None:
    one = ask(venue, "spot", "exchangeInfo", symbol="ETHUSDT").json["symbols"]
    two = ask(venue, "spot", "exchangeInfo", symbols='["BTCUSDT","ETHUSDT"]').json["symbols"]
    assert [row["symbol"] for row in one] == ["ETHUSDT"]
    assert [row["symbol"] for row in two] == ["BTCUSDT", "ETHUSDT"]
    assert ask(venue, "spot", "exchangeInfo", symbol="NOPEUSDT").json["code"] == -1121


@pytest.mark.parametrize(
    ("market", "limit", "weight"),
    [
        ("spot", 1, 2),
        ("spot", 1000, 2),
        ("um", 99, 1),
        ("um", 100, 2),
        ("cm", 499, 2),
        ("um", 1000, 5),
        ("cm", 1001, 10),
    ],
)
def test_a_klines_request_weighs_by_market_and_limit(market: str, limit: int, weight: int) -> None:
    with Emulator(now=NOW) as venue:
        answer = klines(venue, market, limit=limit)
        assert answer.headers["x-mbx-used-weight-1m"] == str(weight)
        assert venue.requests[0].weight == weight


def test_um_and_cm_share_a_pool_that_spot_does_not_touch() -> None:
    with Emulator(now=NOW) as venue:
        used = [
            ask(venue, m, "exchangeInfo").headers["x-mbx-used-weight-1m"] for m in ("um", "cm", "um", "spot")
        ]
        assert used == ["1", "2", "3", "20"]


def test_beyond_the_limit_comes_429_and_then_a_ban() -> None:
    with Emulator(now=NOW, spot_weight=4, ban_after=2, ban_s=120) as venue:
        statuses = [klines(venue, "spot").status for _ in range(6)]
        assert statuses == [200, 200, 429, 429, 418, 418]
        banned = klines(venue, "spot")
        assert 110 <= int(banned.headers["Retry-After"]) <= 120
        assert "banned until 17373" in banned.json["msg"]
        assert ask(venue, "um", "ping").status == 200
        assert [record.status for record in venue.requests][:3] == [200, 200, 429]
        venue.reset_limits()
        assert klines(venue, "spot").status == 200


def test_a_429_says_when_the_window_ends() -> None:
    with Emulator(now=NOW, futures_weight=1) as venue:
        klines(venue, "um", limit=5)
        refused = klines(venue, "cm", limit=5)
        assert (refused.status, refused.json["code"]) == (429, -1003)
        assert 50 <= int(refused.headers["Retry-After"]) <= 60
        assert "1 requests per minute" in refused.json["msg"]


def test_requests_are_written_down_as_they_were_sent() -> None:
    with Emulator(now=NOW) as venue:
        klines(venue, "um", limit=7)
        ask(venue, "spot", "time")
        first, second = venue.requests
        assert (first.method, first.path, first.status, first.market, first.kind) == (
            "GET", "/um/fapi/v1/klines", 200, "um", "klines",
        )  # fmt: skip
        assert dict(first.query) == {"symbol": "ETHUSDT", "interval": "1h", "limit": "7"}
        assert (second.kind, second.weight) == ("time", 1)
        assert first.when <= second.when
        venue.clear_requests()
        assert venue.requests == []


def test_without_rest_its_endpoints_are_absent() -> None:
    with Emulator(now=NOW, rest=False) as venue:
        assert set(venue.endpoints) == {"vision", "listing"}
    with Emulator(now=NOW, vision=False) as venue:
        assert set(venue.endpoints) == {"spot", "um", "cm"}


def test_a_second_spot_host_has_its_own_port_and_prefix() -> None:
    with Emulator(now=NOW, spot_hosts=2) as venue:
        first, second = venue.endpoints["spot"]
        assert first.rpartition("/")[0] != second.rpartition("/")[0]
        assert get(f"{second}/api/v3/ping").status == 200
        assert venue.requests[0].port == int(second.split(":")[2].partition("/")[0])


def test_a_stopped_emulator_says_so() -> None:
    venue = Emulator(now=NOW)
    with pytest.raises(RuntimeError, match="not running"):
        _ = venue.endpoints
    with venue.start():
        assert ask(venue, "spot", "ping").status == 200
    with pytest.raises(RuntimeError, match="not running"):
        _ = venue.endpoints
    assert len(venue.requests) == 1
