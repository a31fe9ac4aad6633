"""Quotas and faults of the emulator, over real connections."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dsm_core.emulation import Clock
from dsm_tradestation.emulator import CLIENT_ID, Fault, Manners, TradeStationEmulator
from dsm_tradestation.emulator.quota import Quotas
from tradestation.emulated import Caller, send

NOW = datetime(2024, 6, 14, 15, 30, tzinfo=UTC)


@pytest.fixture
def venue() -> Iterator[TradeStationEmulator]:
    with TradeStationEmulator(now=NOW, limit=3) as running:
        yield running


def test_the_quota_counts_bars_by_key(venue: TradeStationEmulator) -> None:
    venue.sign_in.add_client("other")
    one, other = Caller(venue), Caller(venue, "other")
    assert [one.ask("MSFT").status for _ in range(4)] == [200, 200, 200, 429]
    # Another token of the key is no way round, another key is.
    assert Caller(venue).ask("MSFT").status == 429
    assert other.ask("MSFT").status == 200
    assert one.get("/v3/marketdata/symbols/MSFT").status == 200
    venue.reset_limits()
    assert one.ask("MSFT").status == 200


def test_no_token_no_count(venue: TradeStationEmulator) -> None:
    for _ in range(5):
        assert send(f"{venue.url}/v3/marketdata/barcharts/MSFT").status == 401
    assert Caller(venue).ask("MSFT").status == 200


@pytest.mark.parametrize(
    ("told", "names"),
    [
        ("none", set()),
        ("retry-after", {"retry-after"}),
        ("x-ratelimit", {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"}),
        (
            "both",
            {"retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"},
        ),
    ],
)
def test_what_a_refusal_says_is_a_switch(venue: TradeStationEmulator, told: Any, names: set[str]) -> None:
    venue.manners = Manners(quota_headers=told)
    caller = Caller(venue)
    answer = [caller.ask("MSFT") for _ in range(4)][-1]
    assert (answer.status, answer.json["Error"]) == (429, "TooManyRequests")
    assert {name for name in answer.headers if name.startswith(("retry", "x-rate"))} == names
    if "retry-after" in names:
        assert 0 < int(answer.headers["retry-after"]) <= 300
    if "x-ratelimit-limit" in names:
        assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("3", "0")


def test_the_reset_may_be_an_instant(venue: TradeStationEmulator) -> None:
    venue.manners = Manners(rate_reset="epoch")
    caller = Caller(venue)
    reset = int([caller.ask("MSFT") for _ in range(4)][-1].headers["x-ratelimit-reset"])
    assert NOW.timestamp() < reset <= NOW.timestamp() + 300


def test_a_fixed_window_opens_anew_and_a_rolling_one_drips() -> None:
    at = 100.0
    fixed = Quotas(3, 300.0, rolling=False, monotonic=lambda: at)
    rolling = Quotas(3, 300.0, rolling=True, monotonic=lambda: at)
    for quotas in (fixed, rolling):
        assert [quotas.charge("k").status for _ in range(4)] == [200, 200, 200, 429]
    at = 210.0
    assert (fixed.charge("k").status, rolling.charge("k").status) == (429, 200)
    assert rolling.charge("k").retry_after_s == 90
    at = 405.0
    assert [fixed.charge("k").status for _ in range(4)] == [200, 200, 200, 429]
    assert [rolling.charge("k").status for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_a_status_can_be_shown(venue: TradeStationEmulator, status: int) -> None:
    caller = Caller(venue)
    venue.add_fault(Fault(str(status), "/barcharts/MSFT"))
    assert caller.ask("SPY").status == 200
    answer = caller.ask("MSFT")
    assert (answer.status, sorted(answer.json)) == (status, ["Error", "Message"])
    assert "retry-after" not in answer.headers
    assert caller.ask("MSFT").status == 200


@pytest.mark.parametrize(
    ("given", "said"),
    [("7", "7"), ("2.5", "3"), ("1000000", "1000000"), ("1e15", "1" + "0" * 15), ("inf", None)],
)
def test_a_shown_status_can_say_when_to_come_back_in_whole_seconds(
    venue: TradeStationEmulator, given: str, said: str | None
) -> None:
    venue.add_fault(Fault.parse(f"429:/barcharts:retry_after={given}"))
    answer = Caller(venue).ask("MSFT")
    assert (answer.status, answer.headers.get("retry-after")) == (429, said)


def test_bodies_can_be_spoiled(venue: TradeStationEmulator) -> None:
    caller = Caller(venue)
    venue.add_fault(Fault("empty", "/barcharts"))
    assert caller.ask("MSFT").json == {"Bars": []}
    venue.add_fault(Fault("not-entitled"))
    assert caller.get("/v3/marketdata/symbols/MSFT").json["Symbols"]
    assert caller.ask("MSFT").json["Error"] == "Failed"
    venue.add_fault(Fault("malformed"))
    with pytest.raises(json.JSONDecodeError):
        _ = caller.ask("MSFT").json
    venue.reset_limits()
    venue.add_fault(Fault("html"))
    assert caller.ask("MSFT").headers["content-type"] == "text/html"
    venue.add_fault(Fault("redirect-loop"))
    answer = caller.ask("MSFT", unit="Daily")
    assert (answer.status, answer.headers["location"]) == (302, "/v3/marketdata/barcharts/MSFT?unit=Daily")
    venue.add_fault(Fault("cut"))
    with pytest.raises(http.client.IncompleteRead):
        caller.ask("MSFT")


def test_a_request_can_be_kept_waiting_and_let_go(venue: TradeStationEmulator) -> None:
    caller = Caller(venue)
    venue.add_fault(Fault("timeout"))
    lost: list[BaseException] = []

    def ask() -> None:
        try:
            caller.ask("MSFT")
        except (OSError, http.client.HTTPException) as error:
            lost.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not venue.requests:
        thread.join(0.001)
    venue.release()
    thread.join(timeout=20)
    assert len(lost) == 1
    assert venue.requests[-1].status == 0


def test_the_journal_knows_each_request(venue: TradeStationEmulator) -> None:
    Caller(venue).ask("@ES", unit="Daily")
    [record] = venue.requests
    assert (record.kind, record.symbol, record.client_id, record.status) == (
        "barcharts",
        "@ES",
        CLIENT_ID,
        200,
    )
    assert (dict(record.query), record.target) == (
        {"unit": "Daily"},
        "/v3/marketdata/barcharts/%40ES?unit=Daily",
    )
    venue.clear_requests()
    assert venue.requests == []


def test_answers_carry_the_venues_own_date(venue: TradeStationEmulator) -> None:
    assert Caller(venue).ask("MSFT").headers["date"] == "Fri, 14 Jun 2024 15:30:00 GMT"
    assert isinstance(venue.clock, Clock)


def test_an_unknown_fault_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"unknown fault 'bad-checksum'; take one of 400, .*not-entitled"):
        Fault("bad-checksum")
