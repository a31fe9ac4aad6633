"""A client of the emulator without DSM: what a browser or curl would send."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from dsm_tradestation.emulator import CLIENT_ID, TradeStationEmulator

Row = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(
    url: str,
    method: str = "GET",
    form: Mapping[str, str] | None = None,
    token: str = "",
    timeout: float = 20.0,
) -> Answer:
    """One request on a connection of its own; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = None
    if form is not None:
        body, headers["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
    try:
        connection.request(
            method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers
        )
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


class Caller:
    """Someone with an access token who asks an emulator for data."""

    def __init__(self, venue: TradeStationEmulator, client_id: str = CLIENT_ID) -> None:
        self.venue, self.token = venue, venue.sign_in.seed_access_token(client_id)

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Answer:
        text = urlencode({name: str(value) for name, value in (query or {}).items()})
        return send(f"{self.venue.url}{path}{'?' + text if text else ''}", token=self.token)

    def ask(self, symbol: str, **query: object) -> Answer:
        return self.get(f"/v3/marketdata/barcharts/{quote(symbol, safe='')}", query)

    def bars(self, symbol: str, **query: object) -> list[Row]:
        answer = self.ask(symbol, **query)
        assert answer.status == 200, answer.body
        rows: list[Row] = answer.json["Bars"]
        return rows

    def minutes(self, symbol: str, interval: int, first: str, last: str, **query: object) -> list[Row]:
        return self.bars(symbol, unit="Minute", interval=interval, firstdate=first, lastdate=last, **query)

    def stamps(self, symbol: str, **query: object) -> list[str]:
        return [row["TimeStamp"] for row in self.bars(symbol, **query)]


def location(answer: Answer) -> dict[str, str]:
    """The parameters of a redirection."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))
