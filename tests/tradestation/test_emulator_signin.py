"""The emulator's sign-in: codes, secrets and PKCE, refresh, rotation, revocation."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from dsm_tradestation.emulator import CLIENT_ID, Fault, Manners, TradeStationEmulator
from tradestation.emulated import Answer, location, send

NOW = datetime(2024, 6, 14, 15, 30, tzinfo=UTC)
KEY, SECRET, BACK = "key-one", "secret-one", "http://localhost:31022/"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ASKED = {
    "response_type": "code",
    "audience": "https://api.tradestation.com",
    "redirect_uri": BACK,
    "scope": "openid offline_access MarketData",
    "state": "s-1",
}
PKCE = {"client_id": CLIENT_ID, "code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@pytest.fixture
def venue() -> Iterator[TradeStationEmulator]:
    with TradeStationEmulator(now=NOW) as running:
        running.sign_in.add_client(KEY, SECRET, (BACK,))
        yield running


def authorize(venue: TradeStationEmulator, **params: str) -> Answer:
    query = {name: value for name, value in (ASKED | {"client_id": KEY} | params).items() if value}
    return send(f"{venue.endpoints['signin']}/authorize?{urlencode(query)}")


def post(venue: TradeStationEmulator, path: str, **form: str) -> Answer:
    return send(f"{venue.endpoints['signin']}{path}", "POST", form)


def exchange(venue: TradeStationEmulator, given: str, /, **form: str) -> Answer:
    fields = {"grant_type": "authorization_code", "client_id": KEY, "redirect_uri": BACK, "code": given}
    return post(venue, "/oauth/token", **(fields | form))


def refresh(venue: TradeStationEmulator, token: str, **form: str) -> Answer:
    fields = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": token}
    return post(venue, "/oauth/token", **(fields | form))


def works(venue: TradeStationEmulator, token: str) -> bool:
    answer = send(f"{venue.url}/v3/marketdata/symbols/MSFT", token=token)
    assert answer.status in {200, 401}
    return answer.status == 200


def test_a_login_with_a_secret_gives_tokens_that_work(venue: TradeStationEmulator) -> None:
    back = location(authorize(venue))
    assert back.pop("state") == "s-1"
    answer = exchange(venue, back["code"], client_secret=SECRET)
    body = answer.json
    assert (answer.status, sorted(body)) == (
        200,
        ["access_token", "expires_in", "id_token", "refresh_token", "scope", "token_type"],
    )
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 1200, ASKED["scope"])
    assert works(venue, body["access_token"])
    assert venue.sign_in.refresh_tokens(KEY) == (body["refresh_token"],)
    assert (venue.sign_in.exchanges, venue.sign_in.refreshes) == (1, 0)


def test_a_login_with_pkce_needs_its_verifier_and_no_secret(venue: TradeStationEmulator) -> None:
    wrong = exchange(
        venue, location(authorize(venue, **PKCE))["code"], client_id=CLIENT_ID, code_verifier="w" * 64
    )
    assert (wrong.status, wrong.json["error"]) == (400, "invalid_grant")
    code = location(authorize(venue, **PKCE))["code"]
    answer = exchange(venue, code, client_id=CLIENT_ID, code_verifier=VERIFIER)
    assert answer.status == 200
    assert works(venue, answer.json["access_token"])


def test_a_code_serves_once(venue: TradeStationEmulator) -> None:
    code = location(authorize(venue))["code"]
    answers = [exchange(venue, code, client_secret=SECRET) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 400]
    assert answers[1].json["error"] == "invalid_grant"


def test_a_code_is_too_old_after_ten_minutes(venue: TradeStationEmulator) -> None:
    code = location(authorize(venue))["code"]
    venue.clock.advance(timedelta(minutes=10))
    assert exchange(venue, code, client_secret=SECRET).status == 400


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "other"}, 401, "invalid_client"),
        ({}, 401, "invalid_client"),
        ({"client_id": "nobody", "client_secret": SECRET}, 401, "invalid_client"),
        ({"client_secret": SECRET, "redirect_uri": "http://localhost:1/"}, 400, "invalid_grant"),
        ({"client_secret": SECRET, "code": "code-made-up"}, 400, "invalid_grant"),
        ({"client_secret": SECRET, "code_verifier": VERIFIER}, 400, "invalid_grant"),
        ({"client_secret": SECRET, "grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_exchange_is_an_oauth_error(
    venue: TradeStationEmulator, form: Mapping[str, str], status: int, error: str
) -> None:
    answer = exchange(venue, location(authorize(venue))["code"], **form)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert sorted(answer.json) == ["error", "error_description"]
    assert venue.sign_in.exchanges == 0


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"audience": ""}, "access_denied"),
        ({"scope": "offline_access MarketData"}, "invalid_scope"),
        ({"scope": "openid marketdata"}, "invalid_scope"),
        ({"client_id": CLIENT_ID}, "invalid_request"),
        ({**PKCE, "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_wrong_authorization_is_sent_back_with_its_error(
    venue: TradeStationEmulator, params: Mapping[str, str], error: str
) -> None:
    answer = authorize(venue, **params)
    back = location(answer)
    assert answer.status == 302
    assert answer.headers["location"].startswith(BACK)
    assert (back["error"], back["state"]) == (error, "s-1")
    assert "code" not in back


@pytest.mark.parametrize(
    "params",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "http://localhost:31023/"},
        {**PKCE, "redirect_uri": "https://example.org/"},
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_registered(
    venue: TradeStationEmulator, params: Mapping[str, str]
) -> None:
    answer = authorize(venue, **params)
    assert (answer.status, "location" in answer.headers) == (400, False)


def test_a_user_can_deny(venue: TradeStationEmulator) -> None:
    venue.sign_in.denies = True
    back = location(authorize(venue))
    assert (back["error"], back["state"]) == ("access_denied", "s-1")


def test_without_offline_access_there_is_no_refresh_token(venue: TradeStationEmulator) -> None:
    code = location(authorize(venue, scope="openid MarketData"))["code"]
    assert "refresh_token" not in exchange(venue, code, client_secret=SECRET).json


def test_without_rotation_a_refresh_token_stays(venue: TradeStationEmulator) -> None:
    answers = [refresh(venue, venue.refresh_token) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert all("refresh_token" not in answer.json for answer in answers)
    assert all(works(venue, answer.json["access_token"]) for answer in answers)
    assert venue.sign_in.refreshes == 2


def test_with_rotation_the_old_refresh_token_is_dead_at_once(venue: TradeStationEmulator) -> None:
    venue.sign_in.rotation = True
    new = refresh(venue, venue.refresh_token).json["refresh_token"]
    assert venue.sign_in.refresh_tokens(CLIENT_ID) == (new,)
    old = refresh(venue, venue.refresh_token)
    assert (old.status, old.json["error"]) == (400, "invalid_grant")
    assert refresh(venue, new).status == 200
    assert venue.sign_in.refreshes == 2


def test_of_many_who_rotate_one_token_only_one_gets_the_next(venue: TradeStationEmulator) -> None:
    venue.sign_in.rotation = True
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: refresh(venue, venue.refresh_token).status, range(16)))
    assert sorted(answers) == [200] + [400] * 15
    assert venue.sign_in.refreshes == 1


def test_a_rotated_token_is_lost_with_its_answer(venue: TradeStationEmulator) -> None:
    venue.sign_in.rotation = True
    venue.add_fault(Fault("malformed", "/oauth/token"))
    assert refresh(venue, venue.refresh_token).status == 200
    assert refresh(venue, venue.refresh_token).status == 400


def test_a_refusal_rotates_nothing(venue: TradeStationEmulator) -> None:
    venue.sign_in.rotation = True
    venue.add_fault(Fault("503", "/oauth/token"))
    busy = refresh(venue, venue.refresh_token)
    assert (busy.status, busy.json["error"]) == (503, "serviceunavailable")
    assert refresh(venue, venue.refresh_token).status == 200


def test_a_refresh_token_serves_its_own_key_alone(venue: TradeStationEmulator) -> None:
    stolen = refresh(venue, venue.refresh_token, client_id=KEY, client_secret=SECRET)
    assert (stolen.status, stolen.json["error"]) == (400, "invalid_grant")


def test_revoking_one_refresh_token_ends_all_of_the_key(venue: TradeStationEmulator) -> None:
    other = venue.sign_in.seed_refresh_token(CLIENT_ID)
    access = refresh(venue, other).json["access_token"]
    kept = venue.sign_in.seed_refresh_token(KEY)
    assert post(venue, "/oauth/revoke", client_id=CLIENT_ID, token=other).status == 200
    assert [refresh(venue, token).status for token in (other, venue.refresh_token)] == [400, 400]
    assert refresh(venue, kept, client_id=KEY, client_secret=SECRET).status == 200
    assert works(venue, access)


def test_a_stranger_revokes_nothing(venue: TradeStationEmulator) -> None:
    token = venue.sign_in.seed_refresh_token(KEY)
    assert post(venue, "/oauth/revoke", client_id=KEY, token=token).status == 401
    assert post(venue, "/oauth/revoke", client_id=CLIENT_ID, token=token).status == 200
    assert venue.sign_in.refresh_tokens(KEY) == (token,)


def test_an_access_token_ends_with_its_time(venue: TradeStationEmulator) -> None:
    venue.sign_in.expires_in = 60
    answer = refresh(venue, venue.refresh_token).json
    assert answer["expires_in"] == 60
    venue.clock.advance(timedelta(seconds=59))
    assert works(venue, answer["access_token"])
    venue.clock.advance(timedelta(seconds=1))
    assert not works(venue, answer["access_token"])


def test_all_access_tokens_can_be_ended_at_once(venue: TradeStationEmulator) -> None:
    tokens = [venue.sign_in.seed_access_token(name) for name in (KEY, CLIENT_ID)]
    venue.sign_in.expire_access_tokens(after=timedelta(seconds=30))
    assert [works(venue, token) for token in tokens] == [True, True]
    venue.sign_in.expire_access_tokens()
    assert [works(venue, token) for token in tokens] == [False, False]


def test_no_data_without_a_token(venue: TradeStationEmulator) -> None:
    for path in ("/v3/marketdata/barcharts/MSFT", "/v3/marketdata/symbols/MSFT"):
        for token in ("", "made-up"):
            answer = send(f"{venue.url}{path}", token=token)
            assert (answer.status, answer.json["Error"]) == (401, "Unauthorized")
    assert send(f"{venue.url}/v2/data/symbols/suggest/MS").json["StatusCode"] == 401


def test_a_dead_grant_may_be_told_with_another_status(venue: TradeStationEmulator) -> None:
    venue.manners = Manners(grant_status=403)
    assert (refresh(venue, "made-up").status, refresh(venue, "made-up").json["error"]) == (
        403,
        "invalid_grant",
    )


def test_the_journal_tells_who_signed_in_where(venue: TradeStationEmulator) -> None:
    refresh(venue, venue.refresh_token)
    [record] = venue.requests
    assert (record.kind, record.method, record.status, record.client_id) == ("token", "POST", 200, CLIENT_ID)
    assert record.form["grant_type"] == "refresh_token"
    assert venue.endpoints["signin"].endswith(f":{record.port}")


def test_a_token_is_asked_for_with_post_alone(venue: TradeStationEmulator) -> None:
    assert send(f"{venue.url}/oauth/token").status == 405
    assert send(f"{venue.url}/authorize", "POST", {}).status == 405
    assert send(f"{venue.url}/v3/brokerage/accounts").status == 404
