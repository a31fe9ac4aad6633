"""What a provider's login may tell, and what a provider may declare."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from dsm_core.errors import PluginContractError, SourceTimeoutError
from dsm_core.net import Deadline, current_deadline, deadline_scope
from dsm_core.plugins import (
    Authenticator,
    AuthStatus,
    ClientContext,
    ClientSpec,
    DataClientInterface,
    LoginRequest,
    Provider,
)


class Desk(DataClientInterface):
    spec = ClientSpec(market_type="spot", chart_type="klines", source="rest", intervals={"1m": "1"})

    def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


class Doorman(Authenticator):
    async def login(self, context: ClientContext, request: LoginRequest) -> AuthStatus:
        return AuthStatus(state="logged_in")

    async def status(self, context: ClientContext) -> AuthStatus:
        return AuthStatus(state="logged_out")

    async def logout(self, context: ClientContext, *, revoke: bool = False) -> AuthStatus:
        return AuthStatus(state="logged_out")


def test_a_provider_declares_its_login() -> None:
    doorman = Doorman()
    assert Provider(name="desk", clients=[Desk], auth=doorman).auth is doorman
    assert Provider(name="desk", clients=[Desk]).auth is None


@pytest.mark.parametrize("auth", [Doorman, "yes", object()])
def test_what_is_no_authenticator_is_refused_with_a_remedy(auth: Any) -> None:
    with pytest.raises(PluginContractError, match=r"'desk' has auth=.*instance of a subclass"):
        Provider(name="desk", clients=[Desk], auth=auth)


def test_only_who_is_logged_in_can_make_requests() -> None:
    states: Any = ("logged_in", "untried", "refused", "logged_out", "not_configured")
    assert [AuthStatus(state=state).is_ready for state in states] == [True, False, False, False, False]


@pytest.mark.parametrize(
    "facts",
    [
        {"state": "perhaps"},
        {"state": "logged_in", "valid_until": datetime(2026, 1, 1)},
        {"state": "logged_in", "valid_until": 5},
        {"state": "logged_in", "account": 5},
        {"state": "logged_in", "kept_in": b"file"},
        {"state": "logged_in", "notes": [5]},
        {"state": "logged_in", "remedy": 5},
    ],
    ids=str,
)
def test_a_status_that_cannot_be_shown_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        AuthStatus(**facts)


def test_one_note_is_one_line() -> None:
    assert AuthStatus(state="logged_in", notes="a note").notes == ("a note",)
    until = datetime(2026, 1, 1, tzinfo=UTC)
    assert AuthStatus(state="logged_in", notes=["a", "b"], valid_until=until).notes == ("a", "b")


@pytest.mark.parametrize("port", [0, 65536])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(ValueError, match="port"):
        LoginRequest(tell=print, show_url=print, port=port)


def test_work_that_others_wait_for_too_can_have_a_deadline_of_its_own() -> None:
    with deadline_scope(Deadline.after(0)):
        with pytest.raises(SourceTimeoutError):
            current_deadline().check()
        with deadline_scope(Deadline.after(60), replaces=True):
            current_deadline().check()
            with deadline_scope(Deadline.after(120)):
                assert current_deadline().remaining_s() <= 60
        with deadline_scope(Deadline.after(60)):
            assert current_deadline().remaining_s() == 0


def test_a_login_is_made_of_coroutines() -> None:
    status = asyncio.run(Doorman().status(None))  # type: ignore[arg-type]
    assert status.state == "logged_out"
