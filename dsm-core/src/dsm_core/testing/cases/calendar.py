"""Cases of the calendar: grids, leap days, midnights, and the bar that has not closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from attrs import evolve

from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import TimeRange, to_ns
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_BARS, NOT_ARCHIVE
from dsm_core.testing.scene import during
from dsm_core.testing.stage import Stage

__all__ = ["CalendarCases"]


_YEARS: Final = TimeRange(to_ns(datetime(2001, 1, 1, tzinfo=UTC)), to_ns(datetime(2021, 1, 1, tzinfo=UTC)))


def _check_months(grid: Grid | None, interval: Interval) -> None:
    if grid is None or interval.unit != "M":
        return
    opens = grid.count(_YEARS)
    due = 20 * 12 // interval.number
    assert abs(opens - due) <= 1, (
        f"{interval} opens {opens} times in twenty years; calendar months do {due} times"
    )


class CalendarCases:
    """C30 to C35."""

    stage: Stage

    @case(NEEDS_BARS)
    def test_c30_every_declared_interval_opens_on_its_grid(self) -> None:
        """Bars of every declared interval can be had, calendar ones included, each on its grid."""
        stage = self.stage
        for interval in stage.scenery.intervals:
            _check_months(stage.scenery.grid_of(interval), interval)
            scene = stage.settle(stage.scenery.usual(interval, rows=5))
            data = stage.ask(scene)
            try:
                stage.check(data, scene)
            except AssertionError as error:
                raise AssertionError(f"interval {interval}: {error}") from None

    @case()
    def test_c31_the_leap_day_is_there(self) -> None:
        """29 February is there, from its first bar to its last."""
        for day in (datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)):
            scene = self.stage.settle(self.stage.scenery.around(day))
            self.stage.check(self.stage.ask(scene), scene)

    @case()
    def test_c32_midnight_belongs_to_the_day_that_begins(self) -> None:
        """The bar of midnight belongs to the day, month and year that begin with it."""
        for day in (datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 5, 1, tzinfo=UTC)):
            scene = self.stage.settle(self.stage.scenery.around(day))
            self.stage.check(self.stage.ask(scene), scene)
            after = self.stage.settle(self.stage.scenery.around(day, before=0))
            self.stage.check(self.stage.ask(after), after)

    @case(NEEDS_BARS, NOT_ARCHIVE)
    def test_c33_a_bar_that_has_not_closed_is_not_handed_out(self) -> None:
        """A bar that has not closed is not handed out."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        assert scene.grid is not None
        scene = evolve(scene, end=scene.grid.next(scene.now))
        data = stage.ask(scene)
        assert scene.grid is not None
        opened = scene.grid.floor(scene.now)
        have = data.to_arrow().column(0).cast("int64").to_pylist()
        assert opened not in have, "the bar that is still open is among the rows"
        stage.check(data, scene)

    @case(NEEDS_BARS, NOT_ARCHIVE)
    def test_c34_the_open_bar_of_before_is_final_afterwards(self) -> None:
        """A bar that was open at one call has its final values at the next one after it closed."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        assert scene.grid is not None
        scene = evolve(scene, end=scene.grid.next(scene.now))
        stage.ask(scene, cache=True)
        assert scene.grid is not None
        scene = evolve(scene, now=during(scene.grid, scene.grid.back(scene.end, -2)))
        stage.check(stage.ask(scene, cache=True), scene)
