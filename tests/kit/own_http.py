"""A correct client that speaks HTTP itself, in a plain function, as one over a vendor's SDK would."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

from dsm_core.errors import (
    AuthenticationError,
    RateLimitError,
    ServerError,
    SourceTimeoutError,
    SymbolNotFoundError,
)
from dsm_core.plugins import Answer, ClientSpec, DataClientInterface
from dsm_core.testing import Bars, Request
from kit.house import COLUMNS, INTERVALS, HouseSuite

# A loaded machine is silent for a while; each case of silence lasts as long.
_SILENCE_S: Final = 1.5


class OwnHttpKlines(DataClientInterface):
    """The house's bars through the standard library, one request for any range."""

    spec = ClientSpec(
        market_type="spot",
        chart_type="klines",
        source="sdk",
        intervals=INTERVALS,
        columns="open high low close volume close_time",
        authoritative=True,
    )

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        asked = {
            "symbol": self.symbol,
            "bar": self.code,
            "from": round(start_time.timestamp() * 1000),
            "to": round(end_time.timestamp() * 1000) - 1,
        }
        return self.answer_of(
            self.read(f"{self.context.config.endpoints['api'][0]}/v1/bars?{urlencode(asked)}")
        )

    def answer_of(self, body: bytes) -> Any:
        try:
            parsed = json.loads(body)
            if parsed.get("error") == "unknown symbol":
                raise SymbolNotFoundError(f"The house has no symbol {self.symbol!r}.")
            return Answer.from_rows(parsed["rows"], COLUMNS)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ServerError(f"The answer cannot be read: {error!r}.") from error

    def read(self, url: str) -> bytes:
        try:
            with urlopen(url, timeout=_SILENCE_S) as reply:
                body: bytes = reply.read()
                if len(body) < int(reply.headers["content-length"]):
                    raise ServerError("The body is cut.")
                return body
        except HTTPError as error:
            with error:
                raise self.refused(error) from error
        except OSError as error:
            raise SourceTimeoutError(f"No answer: {error}.") from error

    def refused(self, error: HTTPError) -> Exception:
        if error.code in (418, 429):
            return RateLimitError(f"HTTP {error.code}", retry_after_s=float(error.headers["retry-after"]))
        return AuthenticationError("HTTP 401") if error.code == 401 else ServerError(f"HTTP {error.code}")


class OwnHttpSuite(HouseSuite):
    """A venue that sends any range at once."""

    client = OwnHttpKlines

    def answer(self, request: Request, bars: Bars) -> Any:
        asked = request.params
        return {"rows": bars.between(asked["from"], int(asked["to"]) + 1, unit="ms").cells(COLUMNS + " _")}
