"""A probe tells the status of any answer, and fails only where there is none."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from dsm_core.errors import OfflineError, SourceTimeoutError
from dsm_core.events import EventBus
from dsm_core.net import Http, HttpSession, HttpSettings


async def _answer(request: web.Request) -> web.Response:
    assert request.method == "HEAD"
    status = int(request.path.strip("/"))
    moved = {"Location": "http://elsewhere.invalid/"} if 300 <= status < 400 else {}
    return web.Response(status=status, headers=moved)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


def session(http: Http) -> HttpSession:
    return http.session(provider="test", endpoints={})


@pytest.mark.parametrize("status", [200, 204, 301, 400, 401, 403, 404, 405, 418, 429, 451, 500, 503])
async def test_any_answer_is_told_by_its_status(url: str, status: int, tmp_path: Path) -> None:
    http = Http(HttpSettings(retry_count=0, state_dir=tmp_path), EventBus())
    assert await session(http).probe(f"{url}/{status}") == status
    await http.close()


async def test_without_an_answer_there_is_an_error(tmp_path: Path) -> None:
    http = Http(HttpSettings(retry_count=0, state_dir=tmp_path), EventBus())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(SourceTimeoutError):
            await session(http).probe(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    await http.close()


async def test_offline_nothing_is_probed(url: str, tmp_path: Path) -> None:
    http = Http(HttpSettings(offline=True, state_dir=tmp_path), EventBus())
    with pytest.raises(OfflineError):
        await session(http).probe(f"{url}/200")
    await http.close()
