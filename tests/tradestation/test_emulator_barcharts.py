"""The emulator's bars: parameters, limits and shapes, held against the vendor's own document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest

from dsm_tradestation.emulator import Listing, Manners, TradeStationEmulator
from tradestation.desk import DATA, recorded
from tradestation.emulated import Caller

NOW = datetime(2024, 6, 14, 15, 30, 30, tzinfo=UTC)
LISTINGS = [
    Listing("MSFT", price=380),
    Listing("@ES", "FUTURE", price=5000, increment="0.25"),
    Listing("BTCUSD", "UNKNOWN", price=60_000),
    Listing("EURUSD", "FOREX", price=1.1, increment="0.00001"),
    Listing("NO403", refused="403"),
    Listing("NO200", refused="200"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Caller]:
    with TradeStationEmulator(listings=LISTINGS, now=NOW, limit=10**6, expires_in=10**9) as venue:
        yield Caller(venue)


@pytest.fixture
def caller(running: Caller) -> Caller:
    running.venue.clock.set(NOW)
    running.venue.manners = Manners()
    return running


def checked(name: str, value: Any) -> None:
    """Hold a value against a schema of the vendor's document."""
    document = json.loads((DATA / "spec" / "webapi-v3-openapi.json").read_text("utf-8"))
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    # Times are described as objects there, and sent as text in its own examples.
    schema["components"]["schemas"]["TimeStamp"] = {"type": "string"}
    jsonschema.Draft4Validator(schema).validate(value)


@pytest.mark.parametrize("symbol", ["MSFT", "@ES", "BTCUSD", "EURUSD"])
@pytest.mark.parametrize("unit", ["Minute", "Daily", "Weekly", "Monthly"])
def test_bars_look_as_the_vendor_says(caller: Caller, symbol: str, unit: str) -> None:
    body = caller.ask(symbol, unit=unit, barsback=50).json
    checked("Bars", body)
    [example] = recorded("rest/barcharts_MSFT_daily_202503.json")["Bars"][:1]
    for row in body["Bars"]:
        assert list(row) == list(example)
        assert {name: type(value) for name, value in row.items()} == {
            name: type(value) for name, value in example.items()
        }
        assert row["TimeStamp"] == f"{datetime.fromtimestamp(row['Epoch'] / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
        assert row["TotalTicks"] == row["UpTicks"] + row["DownTicks"] > 0
        assert int(row["TotalVolume"]) == row["UpVolume"] + row["DownVolume"]
        assert float(row["Low"]) <= min(float(row["Open"]), float(row["Close"]))
        assert float(row["High"]) >= max(float(row["Open"]), float(row["Close"]))
    epochs = [row["Epoch"] for row in body["Bars"]]
    assert epochs == sorted(set(epochs))
    assert [row["IsEndOfHistory"] for row in body["Bars"]] == [False] * (len(epochs) - 1) + [True]


def test_prices_have_no_trailing_zeros(caller: Caller) -> None:
    prices = [row[n] for row in caller.bars("MSFT", unit="Minute", barsback=2000) for n in ("Open", "Close")]
    assert not [text for text in prices if "." in text and text.endswith(("0", "."))]
    assert {len(text.partition(".")[2]) for text in prices} == {0, 1, 2}
    quarters = [row["Close"].partition(".")[2] for row in caller.bars("@ES", unit="Minute", barsback=500)]
    assert set(quarters) == {"", "25", "5", "75"}


def test_open_interest_is_for_longer_bars_of_futures(caller: Caller) -> None:
    assert {row["OpenInterest"] for row in caller.bars("MSFT", unit="Daily", barsback=5)} == {"0"}
    assert {row["OpenInterest"] for row in caller.bars("@ES", unit="Minute", barsback=5)} == {"0"}
    held = [int(row["OpenInterest"]) for row in caller.bars("@ES", unit="Daily", barsback=5)]
    assert min(held) > 1_000_000
    assert len(set(held)) == 5


@pytest.mark.parametrize(
    "query",
    [
        {"unit": "Minute", "barsback": 57_601},
        {"unit": "Minute", "barsback": 0},
        {"barsback": "many"},
        {"unit": "Minute", "interval": 1441},
        {"unit": "Minute", "interval": 0},
        {"unit": "Daily", "interval": 2},
        {"unit": "Weekly", "interval": 2},
        {"unit": "Hour"},
        {"unit": "Daily", "barsback": 5, "firstdate": "2024-06-01"},
        {"firstdate": "2024-06-01", "lastdate": "2024-06-10", "startdate": "2024-06-10"},
        {"firstdate": "yesterday"},
        {"firstdate": "2024-06-10", "lastdate": "2024-06-01"},
        {"sessiontemplate": "USEQNight"},
        {"unit": "Minute", "firstdate": "2024-05-05", "lastdate": "2024-06-14T00:01:00Z"},
        {"unit": "Minute", "interval": 5, "firstdate": "2023-01-01"},
    ],
)
def test_a_request_beyond_the_document_is_refused(caller: Caller, query: dict[str, object]) -> None:
    answer = caller.ask("MSFT", **query)
    assert (answer.status, answer.json["Error"]) == (400, "BadRequest")
    checked("ErrorResponse", answer.json)


@pytest.mark.parametrize(
    "query",
    [
        {"unit": "Minute", "barsback": 57_600},
        {"unit": "Minute", "interval": 1440, "barsback": 57_600},
        {"unit": "Minute", "firstdate": "2024-05-05", "lastdate": "2024-06-14"},
        {"unit": "Minute", "interval": 5, "firstdate": "2023-12-01"},
        {"unit": "Daily", "barsback": 1_000_000},
        {"unit": "minute", "Interval": 30, "barsBack": 3, "sessionTemplate": "Default"},
        {"startdate": "2024-06-01", "barsback": 3},
    ],
)
def test_what_the_document_allows_is_answered(caller: Caller, query: dict[str, object]) -> None:
    assert caller.bars("MSFT", **query)


def test_a_full_answer_around_the_clock_holds_57600_bars_and_no_more(caller: Caller) -> None:
    span = {"unit": "Minute", "firstdate": "2024-05-01T00:01:00Z"}
    assert len(caller.bars("BTCUSD", **span, lastdate="2024-06-10")) == 57_600
    caller.venue.manners = Manners(span_limit="bars")
    assert caller.ask("BTCUSD", **span, lastdate="2024-06-10T00:01:00Z").status == 400
    assert len(caller.bars("MSFT", unit="Minute", firstdate="2024-03-01")) > 25_000


def test_without_parameters_there_is_the_last_day(caller: Caller) -> None:
    assert caller.stamps("MSFT") == ["2024-06-14T20:00:00Z"]


def test_barsback_counts_back_from_lastdate(caller: Caller) -> None:
    query = {"unit": "Minute", "interval": 60, "barsback": 3, "lastdate": "2024-06-13T14:45:00Z"}
    assert caller.stamps("MSFT", **query) == [
        "2024-06-12T19:30:00Z",
        "2024-06-12T20:00:00Z",
        "2024-06-13T14:30:00Z",
    ]


def test_dates_are_utc_unless_they_have_an_offset(caller: Caller) -> None:
    wanted = caller.stamps(
        "MSFT", unit="Minute", firstdate="2024-06-13T13:40:00Z", lastdate="2024-06-13T13:44:00Z"
    )
    assert len(wanted) == 5
    for first, last in (
        ("2024-06-13T13:40:00", "2024-06-13T13:44:00"),
        ("2024-06-13T09:40:00-04:00", "2024-06-13T09:44:00-04:00"),
    ):
        assert caller.stamps("MSFT", unit="Minute", firstdate=first, lastdate=last) == wanted


@pytest.mark.parametrize("inclusive", ["both", "left", "right", "neither"])
@pytest.mark.parametrize("bounds", ["end", "start"])
def test_the_meaning_of_the_bounds_is_a_switch(caller: Caller, bounds: Any, inclusive: Any) -> None:
    caller.venue.manners = Manners(bounds=bounds, inclusive=inclusive)
    stamps = caller.stamps(
        "MSFT", unit="Minute", firstdate="2024-06-13T14:00:00Z", lastdate="2024-06-13T14:03:00Z"
    )
    minutes = [0, 1, 2, 3] if bounds == "end" else [1, 2, 3, 4]
    first = 0 if inclusive in {"both", "left"} else 1
    last = 4 if inclusive in {"both", "right"} else 3
    assert stamps == [f"2024-06-13T14:{minute:02d}:00Z" for minute in minutes[first:last]]


def test_intraday_bars_may_tell_their_start_and_longer_ones_never_do(caller: Caller) -> None:
    query = {"unit": "Minute", "interval": 60, "barsback": 8}
    ends, daily = caller.bars("MSFT", **query), caller.bars("MSFT", barsback=3)
    caller.venue.manners = Manners(stamp="start")
    starts = caller.bars("MSFT", **query)
    assert [row["TimeStamp"][11:16] for row in ends] == [
        *("14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:00", "14:30", "15:30", "16:30")[-8:]
    ]
    assert [row["TimeStamp"][11:16] for row in starts] == [
        *("15:30", "16:30", "17:30", "18:30", "19:30", "13:30", "14:30", "15:30")
    ]
    assert [row["Close"] for row in starts] == [row["Close"] for row in ends]
    assert caller.bars("MSFT", barsback=3) == daily


def test_the_bar_that_runs_is_open_and_grows(caller: Caller) -> None:
    query = {"unit": "Minute", "interval": 60, "barsback": 2}
    closed, forming = caller.bars("MSFT", **query)
    assert (closed["BarStatus"], closed["IsRealtime"]) == ("Closed", False)
    assert (forming["BarStatus"], forming["IsRealtime"], forming["TimeStamp"]) == (
        "Open",
        True,
        "2024-06-14T16:30:00Z",
    )
    caller.venue.clock.advance(timedelta(minutes=59, seconds=29))
    later = caller.bars("MSFT", **query)[-1]
    assert later["TotalTicks"] > forming["TotalTicks"]
    assert (later["Open"], later["BarStatus"]) == (forming["Open"], "Open")
    caller.venue.clock.advance(timedelta(seconds=1))
    assert caller.bars("MSFT", **query)[-1]["BarStatus"] == "Closed"
    whole = caller.bars("MSFT", **query)[-1]
    caller.venue.clock.advance(timedelta(days=10))
    assert caller.bars("MSFT", unit="Minute", interval=60, barsback=1, lastdate="2024-06-14T16:30:00Z") == [
        {**whole, "IsEndOfHistory": True}
    ]


def test_a_day_a_week_and_a_month_that_run_are_open_at_their_planned_close(caller: Caller) -> None:
    found = {unit: caller.bars("MSFT", unit=unit)[-1] for unit in ("Daily", "Weekly", "Monthly")}
    assert {unit: row["TimeStamp"] for unit, row in found.items()} == {
        "Daily": "2024-06-14T20:00:00Z",
        "Weekly": "2024-06-14T20:00:00Z",
        "Monthly": "2024-06-28T20:00:00Z",
    }
    assert {row["BarStatus"] for row in found.values()} == {"Open"}


def test_nothing_lies_beyond_the_clock(caller: Caller) -> None:
    rows = caller.minutes("BTCUSD", 1, "2024-06-14T15:00:00Z", "2024-06-20")
    assert rows[-1]["TimeStamp"] == "2024-06-14T15:31:00Z"
    assert caller.bars("BTCUSD", unit="Minute", firstdate="2024-06-18", lastdate="2024-06-20") == []


def test_fields_may_be_null_or_missing(caller: Caller) -> None:
    caller.venue.manners = Manners(bar_status=False, blanks={"OpenInterest": "null", "UpTicks": "omit"})
    [row] = caller.bars("MSFT", unit="Daily", barsback=1)
    assert row["OpenInterest"] is None
    assert "UpTicks" not in row
    assert "BarStatus" not in row


def test_a_weekend_is_empty_or_not_found(caller: Caller) -> None:
    weekend = {"unit": "Daily", "firstdate": "2024-06-08", "lastdate": "2024-06-10"}
    assert caller.ask("MSFT", **weekend).json == {"Bars": []}
    caller.venue.manners = Manners(empty="404")
    assert (caller.ask("MSFT", **weekend).status, caller.ask("MSFT", **weekend).json["Error"]) == (
        404,
        "NotFound",
    )


def test_an_unknown_symbol_is_not_found(caller: Caller) -> None:
    answer = caller.ask("NOPE")
    assert (answer.status, answer.json) == (404, {"Error": "NotFound", "Message": "Invalid symbol"})
    assert caller.ask("msft").status == 200


def test_who_is_not_entitled_is_told_in_either_way(caller: Caller) -> None:
    message = "Not entitled to data for this symbol"
    assert (caller.ask("NO403").status, caller.ask("NO403").json) == (
        403,
        {"Error": "Forbidden", "Message": message},
    )
    found = next(entry for entry in recorded("errors.json") if entry["endpoint"] == "barcharts")
    assert (caller.ask("NO200").status, caller.ask("NO200").json) == (found["http"], found["body"])


def test_recorded_bars_are_served_as_they_are_and_generated_ones_around_them() -> None:
    with TradeStationEmulator([DATA], [Listing("MSFT", price=400)], now=NOW.replace(year=2026)) as venue:
        caller = Caller(venue)
        rows = recorded("rest/barcharts_MSFT_daily_202503.json")["Bars"]
        span = {"unit": "Daily", "firstdate": "2025-03-25", "lastdate": "2025-04-01"}
        assert caller.bars("MSFT", **span) == rows
        around = caller.bars("MSFT", unit="Daily", firstdate="2025-03-24", lastdate="2025-04-02")
        assert [row["TimeStamp"][:10] for row in around] == [f"2025-03-{d}" for d in range(24, 29)] + [
            "2025-03-31",
            "2025-04-01",
        ]
        assert [{**row, "IsEndOfHistory": False} for row in around[1:6]] == [
            {**row, "IsEndOfHistory": False} for row in rows
        ]
        back = caller.bars("MSFT", unit="Daily", barsback=7, lastdate="2025-04-02")
        assert back == around


def test_recorded_symbols_need_no_listing() -> None:
    with TradeStationEmulator([DATA], [], now=NOW.replace(year=2026)) as venue:
        assert len(Caller(venue).bars("MSFT", unit="Daily", barsback=100)) == 12
        assert Caller(venue).bars("MSFT", unit="Weekly", barsback=100) == []
