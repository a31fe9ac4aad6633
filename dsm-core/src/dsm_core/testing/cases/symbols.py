"""Cases of symbols: hostile ones, unknown ones, and two at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import evolve

from dsm_core.errors import RequestError, SymbolNotFoundError
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_HTTP, NEEDS_OTHER_SYMBOL, NEEDS_UNKNOWN_SYMBOL
from dsm_core.testing.messages import Request, Response
from dsm_core.testing.scene import DAY_NS, Scene
from dsm_core.testing.stage import Stage

__all__ = ["HOSTILE_ENDINGS", "SymbolCases"]

HOSTILE_ENDINGS: Final = (
    "&limit=1",
    "?a=b",
    "#part",
    "%2e%2e%2f",
    "+1",
    " 1",
    ";--",
    "'1",
    "..",
    "=",
    "{api}",
    "\u00e9\u6f22",
    "/../x",
    "\\x",
    "\r\nX-Kit: 1",
)
"""What is put behind a good symbol to see whether it reaches the venue as it is."""

Place = tuple[str, str]


def _places(request: Request) -> list[Place]:
    """Where a request could carry the symbol: each segment of its path, each parameter, each field."""
    parts = urlsplit(request.target)
    segments = [(f"segment {i}", unquote(s)) for i, s in enumerate(parts.path.split("/"))]
    return [*segments, *parse_qsl(parts.query, keep_blank_values=True), *sorted(request.form.items())]


def _check_carried(plain: Sequence[Place], hostile: Sequence[Place], ending: str) -> None:
    names = [name for name, _ in plain], [name for name, _ in hostile]
    if names[0] != names[1]:
        raise AssertionError(f"a symbol with {ending!r} changed the request from {names[0]} to {names[1]}")
    carriers = [i for i, (a, b) in enumerate(zip(plain, hostile, strict=True)) if a != b]
    for i in carriers:
        name, value = hostile[i]
        if ending.lower() not in value.lower():
            raise AssertionError(f"a symbol with {ending!r} arrived as {name}={value!r}")
    if not carriers:
        raise AssertionError(f"a symbol with {ending!r} did not arrive at all")


def _check_told_apart(first: Sequence[Request], other: Sequence[Request], *symbols: str) -> None:
    """Check that the requests of two symbols each carry their own."""
    for symbol, requests in zip(symbols, (first, other), strict=True):
        if not requests:
            raise AssertionError(f"for {symbol!r} no request was sent")
        if not any(request.carries(symbol) for request in requests):
            sent = ", ".join(f"{r.method} {unquote(r.target)}" for r in requests[:2])
            raise AssertionError(
                f"no request for {symbol!r} carries it ({sent}); a client whose requests name the series "
                "otherwise has no `other_symbol`"
            )
    if [_told(r) for r in first] == [_told(r) for r in other]:
        raise AssertionError(f"the requests for {symbols[0]!r} and {symbols[1]!r} are the same")


def _told(request: Request) -> tuple[object, ...]:
    return request.method, request.endpoint, request.target, dict(request.form)


def _answered(stage: Stage, request: Request) -> Response:
    try:
        return stage.answered(request)
    except Exception:
        return Response.of(None)


class SymbolCases:
    """C40 to C43."""

    stage: Stage

    @case(NEEDS_HTTP)
    def test_c40_a_hostile_symbol_arrives_unchanged_or_is_refused(self) -> None:
        """A symbol hostile to paths and URLs is refused, or reaches the venue exactly as it is."""
        stage = self.stage
        scene = stage.settle(stage.scenery.single())
        stage.ask(scene)
        plain = _places(stage.data_requests[0])
        # The author's answer may stumble over what a venue would refuse.
        stage.replace = partial(_answered, stage)
        for ending in HOSTILE_ENDINGS:
            stage.server.clear()
            hostile = evolve(scene, symbol=scene.symbol + ending)
            _, error = stage.attempt(hostile)
            if isinstance(error, RequestError) and not stage.data_requests:
                continue
            if not stage.data_requests:
                raise AssertionError(f"a symbol with {ending!r} was neither refused nor asked for: {error!r}")
            _check_carried(plain, _places(stage.data_requests[0]), ending)

    @case()
    def test_c41_a_hostile_symbol_harms_nothing(self) -> None:
        """Hostile symbols leave the good one all its rows, and no file outside the cache's folder."""
        stage = self.stage
        scene = stage.settle(stage.scenery.single())
        before = set(stage.folder.parent.iterdir())
        for ending in ("'; DROP TABLE bars; --", "/../../../x", "\\..\\x", "%2e%2e%2f", "*"):
            stage.attempt(evolve(scene, symbol=scene.symbol + ending), cache=True)
        assert set(stage.folder.parent.iterdir()) == before, "a file was written outside the folder"
        stage.check(stage.ask(scene, cache=True), scene)

    @case(NEEDS_UNKNOWN_SYMBOL)
    def test_c42_an_unknown_symbol_is_said_to_be_unknown(self) -> None:
        """What the venue says of a symbol that it does not know becomes SymbolNotFoundError."""
        stage = self.stage
        stage.replace = lambda request: Response.of(stage.suite.unknown_symbol(request))
        _, error = stage.attempt(stage.scenery.single())
        assert isinstance(error, SymbolNotFoundError), f"came {error!r}"

    @case(NEEDS_OTHER_SYMBOL)
    def test_c43_two_series_share_nothing(self) -> None:
        """Two symbols asked in turn, and at other ranges, each have their own rows."""
        stage = self.stage
        first = stage.settle(stage.scenery.single())
        other = evolve(first, symbol=str(stage.suite.other_symbol))
        back = first.grid.back(first.start, 20) if first.grid else first.start - 20 * DAY_NS
        earlier = evolve(first, start=back, end=back + (first.end - first.start))
        if not stage.suite.loads:
            _check_told_apart(self._sent(first), self._sent(other), first.symbol, other.symbol)
        for scene in (first, other, earlier, evolve(earlier, symbol=other.symbol), first, other):
            stage.check(stage.ask(scene), scene)

    def _sent(self, scene: Scene) -> list[Request]:
        """The requests that one question takes."""
        self.stage.server.clear()
        self.stage.ask(scene)
        return self.stage.data_requests
