"""The emulator's faults, over real connections, and how they are read from a command line."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from dsm_binance.emulator import Clock, Emulator, Fault, Listing, Outage

NOW = datetime(2025, 6, 10, tzinfo=UTC)
ZIP = "/vision/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-03-05.zip"
KLINES = "/spot/api/v3/klines?symbol=BTCUSDT&interval=1h&limit=50"


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW, spot_weight=10**6) as running:
        yield running


@pytest.fixture
def venue(server: Emulator) -> Emulator:
    server.clear_faults()
    server.clear_requests()
    return server


def get(venue: Emulator, path: str, timeout: float = 5.0) -> tuple[int, bytes, dict[str, str]]:
    base = venue.endpoints["spot"]
    assert isinstance(base, str)
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize("status", [429, 418, 403, 451, 500, 502, 503])
def test_a_status_fault_hits_as_often_as_told(venue: Emulator, status: int) -> None:
    venue.add_fault(Fault(str(status), match="/api/v3/klines", times=2, after=1))
    assert [get(venue, KLINES)[0] for _ in range(5)] == [200, status, status, 200, 200]
    assert [record.status for record in venue.requests] == [200, status, status, 200, 200]


def test_refusals_say_what_the_venue_says(venue: Emulator) -> None:
    venue.add_fault(Fault("429", retry_after=7))
    venue.add_fault(Fault("418", retry_after=300))
    venue.add_fault(Fault("451"))
    _, body, headers = get(venue, KLINES)
    assert (json.loads(body)["code"], headers["retry-after"]) == (-1003, "7")
    _, body, headers = get(venue, KLINES)
    assert f"banned until {int(NOW.timestamp() * 1000) + 300_000}" in json.loads(body)["msg"]
    assert headers["retry-after"] == "300"
    _, body, headers = get(venue, KLINES)
    assert json.loads(body)["code"] == 0
    assert "restricted location" in json.loads(body)["msg"]
    assert "retry-after" not in headers


def test_a_fault_hits_only_what_it_matches(venue: Emulator) -> None:
    venue.add_fault(Fault("500", match="re:^GET /vision/.*-2024-03-0[1-5]\\.zip$", times=None))
    assert get(venue, ZIP)[0] == 500
    assert get(venue, ZIP + ".CHECKSUM")[0] == 200
    assert get(venue, KLINES)[0] == 200
    venue.clear_faults()
    assert get(venue, ZIP)[0] == 200


def test_checksum_and_zip_faults_wait_for_their_files(venue: Emulator) -> None:
    _, body, _ = get(venue, ZIP)
    for kind in ("bad-checksum", "no-checksum", "bad-zip"):
        venue.add_fault(Fault(kind))
    digest = sha256(body).hexdigest()
    _, spoiled, headers = get(venue, ZIP)
    assert len(spoiled) == len(body)
    assert sha256(spoiled).hexdigest() != digest
    assert headers["content-type"] == "application/zip"
    status, sidecar, _ = get(venue, ZIP + ".CHECKSUM")
    assert (status, sidecar[64:]) == (200, b"  BTCUSDT-1h-2024-03-05.zip")
    assert sidecar[:64].decode() != digest
    assert get(venue, ZIP + ".CHECKSUM")[0] == 404
    assert get(venue, ZIP + ".CHECKSUM")[1][:64].decode() == digest
    assert get(venue, ZIP)[1] == body


def test_bodies_can_be_half_empty_or_a_page(venue: Emulator) -> None:
    for kind in ("malformed", "empty", "html"):
        venue.add_fault(Fault(kind, match="klines"))
    with pytest.raises(json.JSONDecodeError):
        json.loads(get(venue, KLINES)[1])
    assert get(venue, KLINES)[:2] == (200, b"[]")
    status, body, headers = get(venue, KLINES)
    assert (status, headers["content-type"]) == (200, "text/html")
    assert b"<html>" in body


def test_a_cut_body_is_shorter_than_promised(venue: Emulator) -> None:
    venue.add_fault(Fault("cut"))
    with pytest.raises(http.client.IncompleteRead) as caught:
        get(venue, ZIP)
    assert len(caught.value.partial) > 0
    assert get(venue, ZIP)[0] == 200


def test_a_slow_body_arrives_whole(venue: Emulator) -> None:
    _, body, _ = get(venue, ZIP)
    venue.add_fault(Fault("slow", seconds=0.05))
    assert get(venue, ZIP)[1] == body


def test_a_reset_connection_gives_no_answer(venue: Emulator) -> None:
    venue.add_fault(Fault("reset"))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        get(venue, KLINES)
    assert venue.requests[0].status == 0


def test_a_timeout_is_silent_until_it_is_released(venue: Emulator) -> None:
    venue.add_fault(Fault("timeout", times=2))
    with pytest.raises(socket.timeout):
        get(venue, KLINES, timeout=0.1)
    waiting = threading.Thread(target=_expect_no_answer, args=(venue,))
    waiting.start()
    while len(venue.requests) < 2:
        pass
    venue.release()
    waiting.join(timeout=5)
    assert not waiting.is_alive()


def _expect_no_answer(venue: Emulator) -> None:
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
        get(venue, KLINES)


def test_stopping_ends_every_wait() -> None:
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW, faults=[Fault("timeout")]) as venue:
        waiting = threading.Thread(target=_expect_no_answer, args=(venue,))
        waiting.start()
        while not venue.requests:
            pass
    waiting.join(timeout=5)
    assert not waiting.is_alive()


def test_a_redirect_loop_leads_to_itself(venue: Emulator) -> None:
    venue.add_fault(Fault("redirect-loop", times=None))
    status, _, headers = get(venue, KLINES)
    assert (status, headers["location"]) == (302, KLINES)


def test_one_of_two_spot_hosts_can_refuse() -> None:
    faults = [Fault("451", match="/spot2/", times=None)]
    with Emulator(listings=[Listing("BTCUSDT")], now=NOW, spot_hosts=2, faults=faults) as venue:
        statuses = []
        for base in venue.endpoints["spot"]:
            where = urlsplit(base)
            connection = http.client.HTTPConnection(where.netloc, timeout=5)
            connection.request("GET", f"{where.path}/api/v3/ping")
            statuses.append(connection.getresponse().status)
            connection.close()
        assert statuses == [200, 451]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("429:klines:times=2:retry_after=1", Fault("429", "klines", times=2, retry_after=1)),
        ("timeout", Fault("timeout")),
        ("slow::seconds=0.5:times=all", Fault("slow", seconds=0.5, times=None)),
        ("503:re:^GET /um/:after=3", Fault("503", "re:^GET /um/", after=3)),
        ("cut:BTCUSDT-1h-2024-03-05.zip", Fault("cut", "BTCUSDT-1h-2024-03-05.zip")),
        ("empty:limit=5", Fault("empty", "limit=5")),
    ],
)
def test_a_fault_is_read_from_text(text: str, fault: Fault) -> None:
    assert Fault.parse(text) == fault


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("explode:klines", "unknown fault 'explode'; take one of 429"),
        ("429:klines:times=many", "times='many' is not a whole number"),
        ("429:klines:times=0", "times=0 hits nothing"),
        ("429::retry_after=soon", "retry_after='soon' is not a number of seconds"),
        ("429::seconds=-1", "seconds=-1 is negative"),
        ("429:re:(", "is no regular expression"),
    ],
)
def test_a_fault_that_cannot_be_read_names_value_and_remedy(text: str, named: str) -> None:
    with pytest.raises(ValueError) as caught:
        Fault.parse(text)
    assert named in str(caught.value)
    assert "KIND[:MATCH]" in str(caught.value)


def test_listings_refuse_what_the_venue_does_not_have() -> None:
    with pytest.raises(ValueError, match="unknown market 'options'"):
        Listing("BTCUSDT", "options")
    with pytest.raises(ValueError, match="spot writes at most 8"):
        Listing("BTCUSDT", price_decimals=6, volume_decimals=6)
    with pytest.raises(ValueError, match="has no zone"):
        _ = Outage(datetime(2024, 1, 1), datetime(2024, 1, 2)).start_ms


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = Clock(NOW)
    assert clock.now() == clock.now() == NOW
    running = Clock(NOW, running=True)
    assert running.now() >= NOW
    running.freeze()
    assert running.now() == running.now()
    running.run()
    assert running.now() >= NOW
