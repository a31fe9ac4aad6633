"""A small authorization server with an API behind it, and contexts that use them."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from attrs import define, field

from dsm_core.config import Secret
from dsm_core.events import Event, EventBus
from dsm_core.net import Http, HttpSettings
from dsm_core.plugins import ClientContext
from dsm_core.testing import LoopbackServer, Request, Response
from dsm_tradestation.auth import SIGNIN_LIMIT
from dsm_tradestation.auth.credentials import credentials_of
from dsm_tradestation.auth.token_record import TokenRecord
from dsm_tradestation.auth.token_store import TokenStore, make_store
from dsm_tradestation.config import TradeStationConfig

CLIENT = "client-of-the-tests"
SECRET = "secret-of-the-tests"


@define
class Signin:
    """The vendor: what it takes, what it has given, and how it misbehaves."""

    secret: str | None = SECRET
    rotates: bool = False
    life: Any = 1200
    scope: str = "openid offline_access MarketData"
    denies: str | None = None
    token_reply: Response | None = None
    refusal_status: int = 403
    gives_refresh: bool = True
    codes: dict[str, dict[str, str]] = field(factory=dict)
    refresh: set[str] = field(factory=lambda: {"refresh-0-of-the-tests"})
    access: set[str] = field(factory=set)
    given: int = 0
    revocations: list[str] = field(factory=list)
    on_data: Callable[[], object] = lambda: None

    def answer(self, request: Request) -> Any:
        return {
            "/authorize": self._authorize,
            "/oauth/token": self._token,
            "/oauth/revoke": self._revoke,
            "/v3/data": self._data,
        }.get(request.path, lambda _: None)(request)

    def _authorize(self, request: Request) -> Response:
        asked = request.params
        assert asked["response_type"] == "code"
        assert asked["audience"] == "https://api.tradestation.com"
        back = {"state": asked["state"]}
        if self.denies:
            back |= {"error": self.denies, "error_description": "The user said no"}
        elif self.secret is None and "code_challenge" not in asked:
            back |= {"error": "invalid_request", "error_description": "code_challenge is missing"}
        else:
            self.given += 1
            code = f"code-{self.given}-of-the-tests"
            self.codes[code] = dict(asked)
            back |= {"code": code}
        return Response(302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    def _token(self, request: Request) -> Any:
        form = request.form
        if self.token_reply is not None:
            return self.token_reply
        if form.get("client_id") != CLIENT or form.get("client_secret") != self.secret:
            return Response(401, json={"error": "invalid_client", "error_description": "Unknown client"})
        if form["grant_type"] == "authorization_code":
            return self._exchange(form)
        token = form["refresh_token"]
        if token not in self.refresh:
            text = {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}
            return Response(self.refusal_status, json=text)
        if self.rotates:
            self.refresh.discard(token)
        return self._grant(with_refresh=self.rotates)

    def _exchange(self, form: Any) -> Any:
        asked = self.codes.pop(form["code"], None)
        if asked is None or asked["redirect_uri"] != form["redirect_uri"]:
            return Response(403, json={"error": "invalid_grant", "error_description": "Invalid code"})
        if self.secret is None:
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert asked["code_challenge_method"] == "S256"
            assert base64.urlsafe_b64encode(digest).decode().rstrip("=") == asked["code_challenge"]
        return self._grant(with_refresh=self.gives_refresh)

    def _grant(self, *, with_refresh: bool) -> dict[str, Any]:
        self.given += 1
        access, refresh = f"access-{self.given}-of-the-tests", f"refresh-{self.given}-of-the-tests"
        self.access.add(access)
        told = {"access_token": access, "token_type": "Bearer", "scope": self.scope, "id_token": "x.y.z"}
        if self.life is not None:
            told["expires_in"] = self.life
        if with_refresh:
            self.refresh.add(refresh)
            told["refresh_token"] = refresh
        return told

    def _revoke(self, request: Request) -> Response:
        self.revocations.append(request.form["token"])
        self.refresh.clear()
        return Response(200)

    def _data(self, request: Request) -> Any:
        self.on_data()
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.access:
            return Response(401, json={"Error": "Unauthorized", "Message": "Unauthorized"})
        return {"token": token}


def refreshes(server: LoopbackServer) -> list[str]:
    """Refresh tokens that were sent, in order."""
    forms = [request.form for request in server.requests if request.path == "/oauth/token"]
    return [form["refresh_token"] for form in forms if form.get("grant_type") == "refresh_token"]


def settings(url: str, folder: Path, **more: Any) -> TradeStationConfig:
    """The section of a configuration that speaks with a server of the tests."""
    given = {
        "client_id": CLIENT,
        "client_secret": Secret(SECRET),
        "endpoints": {"api": url, "signin": url},
        "token_store": "file",
        "token_dir": folder / "auth",
    }
    return TradeStationConfig(**(given | more))


@asynccontextmanager
async def context_of(
    config: TradeStationConfig,
    folder: Path,
    *,
    now_s: Callable[[], float] = time.time,
    events: list[Event] | None = None,
    retry_count: int = 0,
) -> AsyncIterator[ClientContext]:
    """What the clients of one manager are given."""
    bus = EventBus()
    if events is not None:
        bus.subscribe(events.append)
    http = Http(HttpSettings(state_dir=folder / "state", retry_count=retry_count), bus)
    session = http.session(
        provider="tradestation", endpoints=config.endpoints, limits=[SIGNIN_LIMIT], scope="tests"
    )
    with ThreadPoolExecutor(2) as workers:
        try:
            yield ClientContext(
                http=session,
                config=config,
                now_ns=lambda: int(now_s() * 1e9),
                emit=bus.emit,
                make_workdir=lambda: folder,
                workers=workers,
            )
        finally:
            await http.close()


def store_of(config: TradeStationConfig) -> TokenStore:
    """The store that a configuration means, opened anew."""
    return make_store(credentials_of(config), config)


def record(config: TradeStationConfig, *, ends_in_s: float = -1.0, **more: Any) -> TokenRecord:
    """A record whose access token ends then."""
    credentials = credentials_of(config)
    end = time.time() + ends_in_s
    given = {
        "client_id": credentials.client_id,
        "signin": credentials.signin,
        "refresh": Secret("refresh-0-of-the-tests"),
        "access": Secret("access-0-of-the-tests"),
        "obtained_at": end - 1200,
        "expires_at": end,
        "configured": credentials.configured,
    }
    return TokenRecord(**(given | more))


def keep(config: TradeStationConfig, kept: TokenRecord) -> None:
    """Store a record."""
    store = store_of(config)
    (config.token_dir or Path()).mkdir(parents=True, exist_ok=True, mode=0o700)
    store.write(kept)
