"""Tokens that several processes share, some of which are killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dsm_core.testing import Fault, LoopbackServer, Request
from tradestation.file_keyring import PLACE
from tradestation.processes import child, output_of
from tradestation.signin import Signin, keep, record, refreshes, settings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills and forks")


@pytest.fixture
def vendor() -> Signin:
    return Signin(rotates=True)


@pytest.fixture
def server(vendor: Signin) -> Iterator[LoopbackServer]:
    def answer(request: Request) -> Any:
        if request.path == "/takes":
            return request.params["refresh_token"] in vendor.refresh
        if request.path != "/reset":
            return vendor.answer(request)
        vendor.given += 1
        vendor.refresh = {f"refresh-{vendor.given}-of-the-tests"}
        return {"refresh_token": f"refresh-{vendor.given}-of-the-tests"}

    with LoopbackServer(answer) as running:
        yield running


def test_fifty_requests_of_three_processes_with_an_expired_token_make_one_refresh(
    server: LoopbackServer, tmp_path: Path
) -> None:
    config = settings(server.url, tmp_path)
    keep(config, record(config))
    server.inject(Fault.stall(), where=lambda request: request.path == "/oauth/token")
    with ExitStack() as stack:
        children = [stack.enter_context(child("ask", server.url, tmp_path, n)) for n in (17, 17, 16)]
        for process in children:
            assert process.stdout is not None
            assert process.stdin is not None
            assert process.stdout.readline() == "ready\n"
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in children:
            assert process.stdout is not None
            assert process.stdout.readline() == "asked\n"
        server.go_on()
        found = [output_of(process) for process in children]
    assert [len(tokens) for tokens in found] == [17, 17, 16]
    assert {token for tokens in found for token in tokens} == {"access-1-of-the-tests"}
    assert refreshes(server) == ["refresh-0-of-the-tests"]


@pytest.mark.parametrize("kind", ["file", "keyring"])
def test_a_process_killed_at_any_line_of_storing_leaves_the_old_login_or_the_new_one(
    tmp_path: Path, kind: str
) -> None:
    env = {"PYTHON_KEYRING_BACKEND": "tradestation.file_keyring.FileKeyring", PLACE: str(tmp_path / "ring")}
    with child("writes", tmp_path, kind, **env) as process:
        told = output_of(process)
    found = told["found"]
    assert len(found) > 20
    assert {one["token"] for one in found} == {"refresh-old", "refresh-new"}
    assert {one["damaged"] for one in found} == {None}
    # Once success was reported, or later lines were reached, it is the new one.
    tokens = [one["token"] for one in found]
    assert tokens == sorted(tokens, reverse=True)
    assert found[-1] == {"token": "refresh-new", "reported": True, "damaged": None}
    assert all(not name.endswith(".tmp") for name in told["files"])


def test_a_process_killed_after_a_replacement_leaves_a_login_once_it_had_the_token(
    server: LoopbackServer, tmp_path: Path
) -> None:
    with child("renewals", server.url, tmp_path) as process:
        found = output_of(process)
    assert len(found) > 10
    is_good = [one["is_good"] for one in found]
    # Lost is what was never stored; from the moment it is, every later death is harmless.
    first = is_good.index(True)
    assert all(is_good[first:])
    assert all(one["is_good"] for one in found if one["reported"])
    assert found[-1]["reported"]
