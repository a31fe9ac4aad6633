"""What crosses the wire between a client under test and the kit's server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

from attrs import field, frozen

__all__ = ["Fault", "Request", "Response"]

_NOTHING: Final = object()


@frozen(kw_only=True)
class Request:
    """One request that reached the server.

    Parameters
    ----------
    method, path
        ``GET``, and the percent-decoded path behind the endpoint's address.
    params
        Query parameters, decoded; of several of one name the last.
    form
        Fields of a posted form.
    headers
        Names in lower case.
    endpoint
        Key under which the configuration names the address; empty when the server is used alone.
    target
        Path and query as they were sent.
    at
        When it came, in seconds of the server's clock.
    number
        1 for the first request, then 2...
    """

    method: str
    path: str
    params: Mapping[str, str]
    form: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    endpoint: str = ""
    target: str = ""
    at: float = 0.0
    number: int = 0

    def carries(self, text: str) -> bool:
        """Whether path, parameters or form hold a text; signs, percent-encoding and case do not matter."""
        told = [unquote_plus(self.target or self.path), *self.form, *self.form.values()]
        return any(_plain(text) in _plain(part) for part in told)


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


class Response:
    """What the server sends.

    Parameters
    ----------
    status
        HTTP status.
    json
        A value to send as JSON.
    body
        Bytes or text to send as they are.
    headers
        More headers.
    """

    def __init__(
        self,
        status: int = 200,
        *,
        json: Any = _NOTHING,
        body: bytes | str = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self._json = json
        self._body = body.encode() if isinstance(body, str) else body

    @classmethod
    def of(cls, value: Any) -> Response:
        """A response of what an answer may be: a response, bytes, text, a JSON value; None is a 404."""
        if isinstance(value, Response):
            return value
        if value is None:
            return cls(404, json={"error": "not found"})
        return cls(body=value) if isinstance(value, bytes | str) else cls(json=value)

    @property
    def is_json(self) -> bool:
        """Whether it was given as a JSON value."""
        return self._json is not _NOTHING

    @property
    def value(self) -> Any:
        """The JSON value."""
        return self._json

    @property
    def body(self) -> bytes:
        """The bytes to send."""
        return json.dumps(self._json).encode() if self.is_json else self._body

    @property
    def content_type(self) -> str:
        """Of the body, where ``headers`` do not say it."""
        return "application/json" if self.is_json else "application/octet-stream"

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


@frozen
class Fault:
    """A way in which a server fails; make one by the class methods.

    Parameters
    ----------
    kind
        ``change``, ``stall``, ``cut`` or ``drop``.
    change
        Makes another response of the right one.
    """

    kind: str
    change: Callable[[Response], Response] = field(default=lambda response: response, repr=False)

    @classmethod
    def status(cls, status: int, *, json: Any = None, headers: Mapping[str, str] | None = None) -> Fault:
        """Answer with an error status, and nothing of the data."""
        body = {"error": f"HTTP {status}"} if json is None else json
        return cls("change", lambda _: Response(status, json=body, headers=headers))

    @classmethod
    def reply(cls, change: Callable[[Response], Response]) -> Fault:
        """Answer with what ``change`` makes of the right response."""
        return cls("change", change)

    @classmethod
    def stall(cls) -> Fault:
        """Take the request and say nothing until the server is told to go on, or the client leaves."""
        return cls("stall")

    @classmethod
    def cut(cls) -> Fault:
        """Announce the whole body, send half of it and close."""
        return cls("cut")

    @classmethod
    def drop(cls) -> Fault:
        """Close the connection without a word."""
        return cls("drop")
