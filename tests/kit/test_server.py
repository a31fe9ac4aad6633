"""The loopback server: it answers, remembers, and fails as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import importlib_metadata
import pytest

from dsm_core.testing import Fault, LoopbackServer, Request, Response, checksum_of, fake_distribution, zip_of


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(lambda request: {"path": request.path}, endpoints=("api",)) as made:
        yield made


def read(url: str, data: bytes | None = None) -> Any:
    with urlopen(url, data, timeout=10) as reply:
        return reply.read()


def test_requests_are_kept_as_they_came(server: LoopbackServer) -> None:
    assert json.loads(read(f"{server.address('api')}/v1/a%20b?x=1&y=%26&y=2")) == {"path": "/v1/a b"}
    read(f"{server.url}/token", urlencode({"grant": "a&b"}).encode())
    first, second = server.requests
    assert (first.endpoint, first.params, first.number) == ("api", {"x": "1", "y": "2"}, 1)
    assert first.target == "/v1/a%20b?x=1&y=%26&y=2"
    assert (second.method, second.endpoint, second.form) == ("POST", "", {"grant": "a&b"})
    assert "user-agent" in first.headers


@pytest.mark.parametrize(
    ("value", "status", "body"),
    [
        ([1], 200, b"[1]"),
        ("text", 200, b"text"),
        (b"\x00", 200, b"\x00"),
        (Response(201, body="made"), 201, b"made"),
        (None, 404, b'{"error": "not found"}'),
    ],
)
def test_an_answer_may_be_many_things(value: Any, status: int, body: bytes) -> None:
    with LoopbackServer(lambda request: value) as server:
        connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=10)
        connection.request("GET", "/")
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (status, body)
        connection.close()


def test_a_fault_is_for_so_many_requests_and_for_those_it_means(server: LoopbackServer) -> None:
    server.inject(Fault.status(503), times=2, where=lambda request: request.path == "/a")
    assert read(server.url + "/b")
    for _ in range(2):
        with pytest.raises(HTTPError) as caught:
            read(server.url + "/a")
        caught.value.close()
        assert caught.value.code == 503
    assert read(server.url + "/a")


def test_a_fault_may_last_until_the_server_is_healed(server: LoopbackServer) -> None:
    server.inject(Fault.reply(lambda right: Response(json=[right.value])), times=None)
    assert json.loads(read(server.url + "/a")) == [{"path": "/a"}]
    assert json.loads(read(server.url + "/a")) == [{"path": "/a"}]
    server.heal()
    assert json.loads(read(server.url + "/a")) == {"path": "/a"}


def test_a_cut_body_is_shorter_than_announced(server: LoopbackServer) -> None:
    server.inject(Fault.cut())
    with pytest.raises(IncompleteRead):
        read(server.url + "/a")


def test_a_dropped_connection_brings_nothing(server: LoopbackServer) -> None:
    server.inject(Fault.drop())
    with pytest.raises((HTTPException, ConnectionError)):
        read(server.url + "/a")


def test_a_silence_ends_when_the_server_is_told(server: LoopbackServer) -> None:
    server.inject(Fault.stall())
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(read(server.url + "/a")))
    thread.start()
    assert server.arrived.wait(10)
    assert found == []
    assert server.connections == 1
    server.go_on()
    thread.join(10)
    assert json.loads(found[0]) == {"path": "/a"}
    assert not server.timed_out


def test_what_the_answer_raises_is_kept() -> None:
    def answer(request: Any) -> Any:
        raise LookupError("wrong")

    with LoopbackServer(answer) as server:
        with pytest.raises(HTTPError) as caught:
            read(server.url)
        caught.value.close()
        assert caught.value.code == 500
        assert [str(problem) for problem in server.problems] == ["wrong"]
        server.clear()
        assert server.problems == server.requests == ()


def test_closing_twice_is_harmless() -> None:
    server = LoopbackServer(lambda request: None)
    server.close()
    server.close()


def test_zips_and_checksums_are_the_same_each_time() -> None:
    assert zip_of("a.csv", "1") == zip_of("a.csv", b"1")
    assert checksum_of("a.zip", b"").split() == [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "a.zip",
    ]


def test_a_fake_distribution_is_found(tmp_path: Path) -> None:
    fake_distribution(
        tmp_path, "dsm-fake", providers={"fake": "fake_plugin"}, modules={"fake_plugin": "x = 1"}
    )
    found = list(importlib_metadata.distributions(path=[str(tmp_path)]))
    assert [(d.name, d.version) for d in found] == [("dsm-fake", "1.0")]
    assert [(e.group, e.name, e.value) for e in found[0].entry_points] == [
        ("dsm.providers", "fake", "fake_plugin")
    ]
    assert (tmp_path / "fake_plugin.py").read_text("utf-8") == "x = 1"


@pytest.mark.parametrize(
    "target", ["/bars?s=btc-usdt", "/bars?s=BTC%2FUSDT", "/spot/BTC_USDT", "/b?all=ETH,BTCUSDT"]
)
def test_a_request_carries_a_text_however_it_is_written(target: str) -> None:
    assert Request(method="GET", path="", params={}, target=target).carries("BTC/USDT")


def test_a_request_carries_a_text_in_its_form_and_nothing_across_fields() -> None:
    made = Request(method="POST", path="/bars", params={}, form={"s": "BTC", "t": "USDT"})
    assert made.carries("btc")
    assert not made.carries("BTCUSDT")
