"""What venue emulators share: quotas that refill, faults a venue adds to, the journal, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from aiohttp import web
from ruamel.yaml import YAML

from dsm_core import emulation
from dsm_core.config import load_config
from dsm_core.emulation import (
    HOST,
    Fault,
    FaultBox,
    Journal,
    Loopback,
    RefillPool,
    Reply,
    RequestRecord,
    WeightPool,
    configuration_text,
    json_reply,
    spoil,
)


@dataclass(frozen=True)
class TeaFault(Fault):
    kinds: ClassVar[tuple[str, ...]] = (*Fault.kinds, "418", "spilt")
    only: ClassVar[dict[str, tuple[str, ...]]] = {"spilt": ("cup",)}


def test_a_refilled_pool_lets_in_what_has_dripped_back() -> None:
    at = 0.0
    pool = RefillPool(10, 60.0, monotonic=lambda: at)
    assert [pool.charge(5).status for _ in range(3)] == [200, 200, 429]
    assert (pool.charge(5).retry_after_s, pool.charge(5).used) == (30, 10)
    at = 12.0
    assert (pool.charge(3).status, pool.charge(2).status) == (429, 200)
    at = 10_000.0
    assert pool.charge(10).status == 200
    pool.reset()
    assert pool.charge(10).status == 200


def test_a_pool_without_bans_goes_on_refusing() -> None:
    pool = WeightPool(1, 60.0, ban_after=float("inf"), monotonic=lambda: 5.0)
    assert [pool.charge(1).status for _ in range(50)] == [200] + [429] * 49


def test_a_venue_adds_faults_of_its_own() -> None:
    assert TeaFault.parse("spilt:/tea:times=all") == TeaFault("spilt", "/tea", times=None)
    assert TeaFault("418").status == 418
    with pytest.raises(ValueError, match="unknown fault 'spilt'"):
        Fault("spilt")
    with pytest.raises(ValueError, match=r"cannot read the fault 'spilt::times=0'.*the form is KIND"):
        TeaFault.parse("spilt::times=0")


def test_a_fault_waits_for_its_kind_of_request() -> None:
    box = FaultBox([TeaFault("spilt"), TeaFault("503", "re:^GET /pot$", after=1)])
    assert box.draw("GET /pot", "pot") is None
    assert box.draw("GET /cup", "cup") == TeaFault("spilt")
    found = box.draw("GET /pot", "pot")
    assert found is not None
    assert found.status == 503
    assert box.draw("GET /pot", "pot") is None


def test_a_fault_spoils_an_answer_in_the_venues_words() -> None:
    reply = json_reply({"cups": [1, 2]})

    def spoilt(kind: str, source: Reply = reply) -> Reply:
        bodies = {"spilt": lambda body: body[:1], "empty": lambda _: b"{}"}
        return spoil(source, TeaFault(kind), "/x?y=1", lambda code: json_reply({"no": code}, code), bodies)

    assert (spoilt("418").status, json.loads(spoilt("418").body)) == (418, {"no": 418})
    assert spoilt("spilt").body == b"{"
    assert reply.body.startswith(spoilt("malformed").body)
    assert spoilt("html").content_type == "text/html"
    assert spoilt("redirect-loop").headers["Location"] == "/x?y=1"
    assert spoilt("slow") == reply
    refused = json_reply({}, 404)
    assert spoilt("malformed", refused) == refused
    assert spoilt("empty", refused).status == 200


def test_a_handler_is_served_and_its_requests_are_kept() -> None:
    journal: Journal[RequestRecord] = Journal()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        journal.add(RequestRecord("GET", request.path, {}, 200, 0.0, "cup", 0))
        return web.json_response({"path": request.path})

    server = Loopback(handle, [0], lambda: None)
    try:
        with urllib.request.urlopen(f"http://{HOST}:{server.ports[0]}/tea") as answer:
            assert json.load(answer) == {"path": "/tea"}
    finally:
        server.stop()
    assert [record.path for record in journal.all()] == ["/tea"]
    journal.clear()
    assert journal.all() == []


def test_the_configuration_of_a_venue_is_yaml_that_loads(tmp_path: Path) -> None:
    text = configuration_text(
        tmp_path,
        "tearoom",
        "cups",
        {"endpoints": {"api": "http://127.0.0.1:1", "more": ["a", "b"]}, "key": "k: #"},
    )
    (tmp_path / "dsm.yaml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "dsm.yaml", env={})
    assert config.cache.dir == tmp_path / "cache"
    assert config.defaults.provider == "tearoom"
    assert YAML(typ="safe").load(text)["providers"]["tearoom"] == {
        "endpoints": {"api": "http://127.0.0.1:1", "more": ["a", "b"]},
        "key": "k: #",
    }


def test_the_room_is_light_until_its_server_is_needed() -> None:
    code = (
        "import sys; from dsm_core.emulation.command import serve; from dsm_core.emulation import Clock; "
        "assert 'aiohttp' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert set(dir(emulation)) == set(emulation.__all__)
    assert all(getattr(emulation, name) is not None for name in emulation.__all__)
    with pytest.raises(AttributeError, match="Nope"):
        _ = emulation.Nope
