"""Somebody's words are shown without credentials, and ordinary words stay."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from dsm_core import DataSourceManager
from dsm_core.cli.failure import report
from dsm_core.config import Secret
from dsm_core.errors import DSMError, SourceError
from dsm_core.events import Event
from dsm_core.masking import mask_text, masked_traceback
from dsm_core.plugins import ClientSpec, DataClientInterface, Provider, Registry

S = "hunter2SECRET"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {S}",
        f"Basic {S}",
        f'{{"client_secret": "{S}"}}',
        f"{{'token': '{S}'}}",
        f'{{\\"accessToken\\": \\"{S}\\"}}',
        f"X-API-KEY: {S}",
        f"password: {S}",
        f"password='{S}'",
        f"key = {S}",
        f"https://h/?sig={S}",
        f"pwd={S}",
        f"jwt={S}",
        f"?API%5FKEY={S}",
        f"session={S}",
        f"?session_id={S}",
        f"https://u:x@{S}@h/",
    ],
)
def test_a_credential_is_hidden_in_any_usual_writing(text: str) -> None:
    masked = mask_text(text)
    assert S not in masked
    assert "***" in masked
    assert mask_text(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication required",
        "key: Expression",
        "KeyError: 'token'",
        "InvalidToken: Signature mismatch",
        "unexpected token at 5",
        "https://h/?q=a@b.c",
        # Of an exchange, not of a login.
        "acme/equities/bars/ABC/1h;session_template=Default",
        "https://h/?sessiontemplate=USEQPre",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert mask_text(text) == text


def test_a_secret_is_hidden_while_it_lives_and_short_ones_are_words() -> None:
    secret, word = Secret("p/w d-4711"), Secret("spot1")
    assert mask_text("p/w d-4711 p%2Fw%20d-4711 p%2Fw+d-4711 spot1") == "*** *** *** spot1"
    error = SourceError("with p/w d-4711", hint="p/w d-4711", url=["p/w d-4711"])
    assert "4711" not in f"{error!r} {error} {error.details}"
    assert "4711" not in str(Event(series="p/w d-4711"))
    del secret
    gc.collect()
    assert mask_text("p/w d-4711") == "p/w d-4711"
    assert word


@frozen
class Keys:
    api_key: Secret


@pytest.mark.parametrize("kind", [ValueError, SourceError])
def test_a_configured_secret_is_in_no_error_event_or_traceback(tmp_path: Path, kind: type[Exception]) -> None:
    class Client(DataClientInterface):
        spec = ClientSpec(market_type="spot", chart_type="klines", source="rest", intervals=["1h"])

        def fetch(self, start_time: Any, end_time: Any, **kwargs: Any) -> Any:
            raise kind(f"refused for {self.context.config.api_key.reveal()}")

    with DataSourceManager(
        "spot",
        registry=Registry.of(Provider(name="desk", clients=[Client], config=Keys)),
        config={"providers": {"desk": {"api_key": S}}},
        cache_dir=tmp_path,
        clock=lambda: datetime(2024, 6, 15, tzinfo=UTC),
    ) as manager:
        events: list[Event] = []
        manager.subscribe(events.append)
        with pytest.raises(DSMError) as caught:
            manager.query("A", "2024-01-01", "2024-01-01", "1h")
        told = [str(caught.value), str(caught.value.details), *(str(e.as_dict()) for e in events)]
        told.append(masked_traceback(caught.value))
    assert any("refused for ***" in text for text in told)
    assert not [text for text in told if S in text]


def test_the_traceback_of_debug_tells_no_credential(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        try:
            raise ValueError(f'https://u:{S}@h/?apikey={S} {{"client_secret": "{S}"}}')
        except ValueError as error:
            raise SourceError("It failed.") from error
    except SourceError as error:
        report(error, debug=True)
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "ValueError: https://***@h/?apikey=***" in told
    assert S not in told
