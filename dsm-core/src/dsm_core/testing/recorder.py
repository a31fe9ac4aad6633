"""What a client asks of its HTTP: every call with its cost, on the way to the real session."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from attrs import evolve, frozen

from dsm_core.net import HttpSession
from dsm_core.plugins.interface import DataClientInterface

__all__ = ["Call", "Recorder", "record"]

_CALLS: Final = frozenset({"get_json", "get_text", "post_form", "download"})


@frozen
class Call:
    """One call of the session; of a path behind an endpoint key that alone."""

    method: str
    path: str
    cost: int
    pool: str | None


class Recorder:
    """Hands everything to a session and keeps the calls that cost something or send something."""

    def __init__(self, http: Any) -> None:
        self._http = http
        self.calls: list[Call] = []

    async def limit(self, cost: int, pool: str | None = None) -> None:
        """Take units, as the session does."""
        self.calls.append(Call("limit", "", cost, pool))
        await self._http.limit(cost, pool)

    def __getattr__(self, name: str) -> Any:
        found: Callable[..., Any] = getattr(self._http, name)
        if name not in _CALLS:
            return found

        @wraps(found)
        def call(*args: Any, **given: Any) -> Any:
            path = str(args[0] if args else given.get("url", "")).partition("}")[2]
            self.calls.append(Call(name, path, given.get("cost", 0), given.get("pool")))
            return found(*args, **given)

        return call


def record(client: DataClientInterface) -> Recorder:
    """Put a recorder between a client and its session."""
    recorder = Recorder(client.context.http)
    client.context = evolve(client.context, http=cast(HttpSession, recorder))
    return recorder
