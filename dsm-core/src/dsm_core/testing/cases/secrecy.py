"""The case of credentials: they reach the venue and nobody else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from dsm_core.errors import DSMError
from dsm_core.testing.case import case
from dsm_core.testing.cases.trouble import causes
from dsm_core.testing.conditions import NEEDS_HTTP, NEEDS_SECRET
from dsm_core.testing.messages import Fault, Request, Response
from dsm_core.testing.stage import Stage

__all__ = ["SecrecyCases"]

_FAULTS: Final = (
    Fault.status(401),
    Fault.status(500),
    Fault.status(400),
    Fault.drop(),
    Fault.reply(lambda _: Response(body="{")),
)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if record.exc_info and record.exc_info[1] is not None:
            self.lines.append(repr(record.exc_info[1]))


@contextmanager
def _logged() -> Iterator[list[str]]:
    handler, root = _Kept(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _refused(answer: Callable[[Request], object], request: Request) -> Response:
    return Response.of(answer(request))


def _texts(error: DSMError | None) -> Iterator[tuple[str, str]]:
    for one in causes(error):
        yield "an error", str(one)
        yield "the repr of an error", repr(one)
        yield "the details of an error", repr(getattr(one, "details", ""))


class SecrecyCases:
    """C96."""

    stage: Stage

    @case(NEEDS_HTTP, NEEDS_SECRET)
    def test_c96_credentials_show_nowhere(self) -> None:
        """Credentials stand in no log, error, event or repr, whether the venue answers or fails."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        told: list[tuple[str, str]] = []
        with _logged() as lines:
            for fault in (None, *_FAULTS):
                stage.server.clear()
                stage.clock.skip(3600)
                if fault is not None:
                    stage.server.inject(fault, times=None)
                told += _texts(stage.attempt(scene)[1])
            stage.server.clear()
            for refusal in self._refusals():
                stage.clock.skip(3600)
                stage.replace, stage.replaces_auxiliary = refusal, True
                told += _texts(stage.attempt(scene)[1])
            stage.replace, stage.replaces_auxiliary = None, False
            told += stage.run(self._reprs())
        told += [("a log", line) for line in lines]
        told += [("an event", repr(event)) for event in stage.events]
        for place, text in told:
            for secret in stage.secrets:
                assert secret not in text, f"{place} shows a credential: {text.replace(secret, '***')[:200]}"

    def _refusals(self) -> Iterator[Callable[[Request], Response]]:
        """The refusals that the suite knows: of them a client makes errors in its own words."""
        for name in ("error_inside_200", "unknown_symbol"):
            if self.stage.suite.overrides(name):
                yield partial(_refused, getattr(self.stage.suite, name))

    async def _reprs(self) -> list[tuple[str, str]]:
        assert self.stage.scene is not None
        async with self.stage.client(self.stage.scene) as client:
            shown = (client, client.context, client.context.config, client.context.http)
            return [(f"the repr of {type(value).__name__}", repr(value)) for value in shown]
