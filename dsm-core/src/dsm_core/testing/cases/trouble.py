"""Cases of a venue in trouble: limits, bans, failures, silence. All rows or an error, never a hole."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from dsm_core.errors import (
    AllSourcesFailedError,
    AuthenticationError,
    DSMError,
    RateLimitError,
    SourceError,
    TransientSourceError,
)
from dsm_core.output import MarketData
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_HTTP
from dsm_core.testing.messages import Fault
from dsm_core.testing.scene import DAY_NS, Scene
from dsm_core.testing.stage import Stage

__all__ = ["TroubleCases", "causes", "check_honest"]

_RETRY_AFTER_S: Final = 2
_CLOSE_ENOUGH_S: Final = 0.1


def causes(error: BaseException | None) -> list[BaseException]:
    """An error and those it was raised from."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__
    return found


def check_honest(stage: Stage, scene: Scene, data: MarketData | None, error: DSMError | None) -> None:
    """Check that trouble ended in all rows or in an error that names it.

    Raises
    ------
    AssertionError
        When rows are missing as if the venue had none.
    """
    if data is not None:
        missing = [gap for gap in data.gaps if gap.reason != "source_failed"]
        if missing:
            raise AssertionError(f"the failure became a hole: {missing[0]}")
        if not data.gaps:
            stage.check(data, scene)
        return
    if not isinstance(error, SourceError | AllSourcesFailedError):
        raise AssertionError(f"the failure became {error!r}")


class TroubleCases:
    """C50 to C58."""

    stage: Stage

    @case(NEEDS_HTTP)
    def test_c50_a_rate_limit_is_waited_for_or_raised(self) -> None:
        """After a 429 nothing is asked until its Retry-After is over; then rows come, or RateLimitError."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        limit = Fault.status(429, headers={"Retry-After": str(_RETRY_AFTER_S)})
        stage.server.inject(limit)
        data, error = stage.attempt(scene)
        check_honest(stage, scene, data, error)
        if error is not None:
            assert any(isinstance(e, RateLimitError) for e in causes(error)), f"came {error!r}"
        times = [request.at for request in stage.data_requests]
        if not stage.is_archive and len(times) > 1:
            waited = times[1] - times[0]
            assert waited >= _RETRY_AFTER_S - _CLOSE_ENOUGH_S, f"asked again {waited:.2f} s after a 429"

    @case(NEEDS_HTTP)
    def test_c51_a_rate_limit_without_end_is_raised(self) -> None:
        """A rate limit that does not end is RateLimitError, after a bounded number of requests."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.status(429, headers={"Retry-After": "1"}), times=None)
        data, error = stage.attempt(scene)
        assert data is None, f"{len(data)} rows and {data.gaps} instead of an error"
        assert any(isinstance(e, RateLimitError) for e in causes(error)), f"came {error!r}"
        assert len(stage.data_requests) < 40, f"{len(stage.data_requests)} requests were sent"

    @case(NEEDS_HTTP)
    def test_c52_a_ban_ends_the_requests(self) -> None:
        """After a ban (418, Retry-After of an hour) no further request is sent, and it is an error."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.status(418, headers={"Retry-After": "3600"}), times=None)
        data, error = stage.attempt(scene)
        check_honest(stage, scene, data, error)
        most = 2 if stage.is_archive else 1
        sent = len(stage.data_requests)
        assert sent <= most, f"{sent} requests were sent to a venue that had banned the client"

    @case(NEEDS_HTTP)
    def test_c53_a_refused_login_is_said_to_be_one(self) -> None:
        """A 401 is AuthenticationError; nothing is tried again with the same credentials."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.status(401), times=None)
        data, error = stage.attempt(scene)
        assert data is None, f"{len(data)} rows and {data.gaps} instead of an error"
        assert any(isinstance(e, AuthenticationError) for e in causes(error)), f"came {error!r}"

    @case(NEEDS_HTTP)
    def test_c54_a_failure_that_passes_is_retried_or_raised(self) -> None:
        """A server that fails once (503, a dropped connection) is asked again, or it is an error."""
        stage = self.stage
        for fault in (Fault.status(503), Fault.drop()):
            scene = stage.set(stage.scenery.single())
            stage.server.clear()
            stage.server.inject(fault)
            data, error = stage.attempt(scene)
            check_honest(stage, scene, data, error)

    @case(NEEDS_HTTP)
    def test_c55_a_failure_that_lasts_is_raised(self) -> None:
        """A server that goes on failing (500, 503) is an error, and never an empty answer."""
        stage = self.stage
        for status in (500, 503):
            scene = stage.set(stage.scenery.single())
            stage.server.clear()
            stage.server.inject(Fault.status(status), times=None)
            data, error = stage.attempt(scene)
            assert data is None, f"HTTP {status} became {len(data)} rows and the gaps {data.gaps}"
            check_honest(stage, scene, data, error)

    @case(NEEDS_HTTP)
    def test_c56_silence_is_a_timeout(self) -> None:
        """A server that takes the request and says nothing is an error in time, not an endless wait."""
        stage = self.stage
        scene = stage.set(stage.scenery.single())
        stage.server.inject(Fault.stall(), times=None)
        with stage.http(read_timeout_s=0.05, retry_count=1):
            data, error = stage.attempt(scene)
        assert data is None, f"silence became {len(data)} rows and the gaps {data.gaps}"
        kinds = (TransientSourceError, AllSourcesFailedError, SourceError)
        assert isinstance(error, kinds), f"came {error!r}"

    @case(NEEDS_HTTP)
    def test_c57_an_error_is_never_cached_as_a_hole(self) -> None:
        """After an error the same question brings every row, as soon as the venue answers again."""
        stage = self.stage
        limit = Fault.status(429, headers={"Retry-After": "1"})
        for turn, fault in enumerate((Fault.status(500), limit, Fault.cut())):
            # Each fault has a range of its own, which nothing is cached of.
            scene = stage.set(_later(stage.scenery.single(), turn))
            stage.server.clear()
            stage.server.inject(fault, times=None)
            stage.attempt(scene, cache=True)
            stage.server.clear()
            stage.clock.skip(3600)
            stage.check(stage.ask(scene, cache=True), scene)


def _later(scene: Scene, turns: int) -> Scene:
    """As long a range, some days or bars later."""
    if scene.grid is None:
        ahead = turns * (scene.end - scene.start + DAY_NS)
        return evolve(scene, start=scene.start + ahead, end=scene.end + ahead)
    rows = -turns * (scene.grid.count(scene.span) + 2)
    return evolve(scene, start=scene.grid.back(scene.start, rows), end=scene.grid.back(scene.end, rows))
