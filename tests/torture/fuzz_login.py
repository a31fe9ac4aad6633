"""TradeStation's sign-in: what its authorization server answers, and what is kept of a login."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any, Final

import httpx

from dsm_core.config import Secret
from dsm_core.plugins import ClientContext
from dsm_tradestation.auth import SIGNIN_LIMIT, TradeStationAuth
from dsm_tradestation.auth.requests import get_authorized
from dsm_tradestation.auth.token_record import DamagedRecordError, parse_record
from dsm_tradestation.config import TradeStationConfig
from dsm_tradestation.markets import LIMITS
from torture.fuzz_desk import NOW_S, Desk, response_of, within_the_tree
from torture.fuzz_files import JSON_WORDS
from torture.fuzz_target import Target, room_reader

__all__ = ["LOGIN", "SIGN_IN"]

KEY: Final = "a-key"
FIRST: Final = "first"
SERVER: Final = "https://signin.example"
FILE: Final = f"tradestation-{hashlib.sha256(b'a-key%c%b' % (10, SERVER.encode())).hexdigest()[:16]}.json"
OK: Final = b"200 OK\r\n\r\n"
GRANT: Final = OK + b'{"access_token":"good","expires_in":1200,"token_type":"Bearer","scope":"MarketData"}'
# What JSON may write and no header can carry.
TEXTS: Final = (
    *JSON_WORDS,
    b"\\ud800",
    b"\\r\\n",
    b"\\u0000",
    b"\xc3\xb6",
    b'"access_token"',
    b'"refresh_token"',
)
TOKEN_WORDS: Final = (
    *TEXTS, b'"expires_in"', b'"scope"', b'"error"', b'"error_description"', b'"invalid_grant"',
    b'"invalid_client"', b"200", b"400", b"401", b"403", b"access_token=a&", b"error=invalid_grant&",
)  # fmt: skip
LOGIN_WORDS: Final = (*TEXTS, b'"generation"', b'"expires_at"', b'"obtained_at"', b'"configured_sha256"')


class SignInDesk(Desk):
    """The desk of a login: the sign-in says what it is told to, the API has data for every token."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What the other side says to a request."""
        return response_of(self.said if request.url.host == "signin.example" else OK + b"{}")

    async def use(self, said: bytes, **section: Any) -> None:
        """Two requests with whatever token there is, how the login stands, and its end."""
        self.said = said
        config = TradeStationConfig(
            client_id=KEY,
            refresh_token=Secret(FIRST),
            endpoints={"api": ("https://api.example",), "signin": (SERVER,)},
            **section,
        )
        http = self.http()
        context = ClientContext(
            http=http.session(
                provider="tradestation", endpoints=config.endpoints, limits=[*LIMITS, SIGNIN_LIMIT]
            ),
            config=config,
            now_ns=lambda: int(NOW_S) * 10**9,
            emit=self.bus.emit,
            make_workdir=lambda: self.folder,
            workers=self.workers,
        )
        for ask in (
            lambda: get_authorized(context, "{api}/v3/data", pool=LIMITS[0].pool),
            lambda: get_authorized(context, "{api}/v3/data", pool=LIMITS[0].pool),
            lambda: TradeStationAuth().status(context),
            lambda: TradeStationAuth().logout(context, revoke=True),
        ):
            with within_the_tree():
                await ask()
        await http.close()


async def _read_answer(desk: SignInDesk, data: bytes) -> None:
    await desk.use(data, token_store="memory")


async def _read_login(desk: SignInDesk, data: bytes) -> None:
    with suppress(DamagedRecordError):
        record = parse_record(data)
        assert parse_record(record.dump()) == record, "a record is not read as it was written"
    store = desk.folder / "auth"
    store.mkdir(exist_ok=True)
    (store / FILE).write_bytes(data)
    await desk.use(GRANT, token_store="file", token_dir=store)
    left = {path.name for path in store.iterdir()} - {f"{FILE}.damaged", FILE.replace(".json", ".lock")}
    assert not left, left


def _login(**fields: Any) -> bytes:
    told = {
        "version": 1,
        "client_id": KEY,
        "signin": SERVER,
        "refresh_token": "second",
        "access_token": "held",
        "obtained_at": NOW_S - 60,
        "expires_at": NOW_S + 1140,
        "configured_sha256": hashlib.sha256(FIRST.encode()).hexdigest(),
        "generation": 3,
        "refused": False,
    }
    return json.dumps(told | fields).encode()


TOKEN_SEEDS: Final = (
    GRANT,
    OK + b'{"access_token":"a","refresh_token":"b","expires_in":1e9,"scope":["MarketData",1]}',
    OK + b'{"access_token":"\xc3\xb6","refresh_token":"\\r\\n"}',
    OK + b'{"access_token":"a","x":' + b"[" * 990 + b"]" * 990 + b"}",
    OK + b"access_token=a&expires_in=1200&token_type=Bearer",
    OK,
    b'403 No\r\n\r\n{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}',
    b'401 No\r\n\r\n{"error":"invalid_client"}',
    b'400 No\r\n\r\n{"access_token":"a","expires_in":1e999}',
    b"400 No\r\n\r\n" + b"[" * 2000,
)
LOGIN_SEEDS: Final = (
    _login(),
    _login(expires_at=NOW_S - 1),
    _login(configured_sha256=None, access_token=None, refused=True),
    _login(expires_at=NOW_S - 1, generation=10**4300 - 1),
    _login(expires_at=NOW_S - 1, refresh_token="\ud800"),
    _login(access_token="ö"),
    b"[" * 5000,
)
SIGN_IN: Final = Target(room_reader(SignInDesk, _read_answer), lambda: list(TOKEN_SEEDS), TOKEN_WORDS)
LOGIN: Final = Target(room_reader(SignInDesk, _read_login), lambda: list(LOGIN_SEEDS), LOGIN_WORDS)
