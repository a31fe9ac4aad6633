"""Cases of what a range holds: its ends, its edges, the listing and the history."""

from __future__ import annotations

from attrs import evolve

from dsm_core.model.time_range import iso
from dsm_core.testing.case import case
from dsm_core.testing.compare import check_equal
from dsm_core.testing.conditions import NEEDS_GRID, NEEDS_HISTORY, NEEDS_RANGE
from dsm_core.testing.scene import Scene
from dsm_core.testing.stage import Stage

__all__ = ["RangeCases"]

_NOT_HELD = frozenset(
    {"not_listed_yet", "venue_has_none", "not_requested", "not_published_yet", "beyond_history"}
)


def _edge(stage: Stage, scene: Scene, *, first: bool) -> None:
    data = stage.ask(scene)
    assert stage.scene is not None
    found, due = data.to_arrow(), stage.due(stage.scene)
    want = due.column(0).cast("int64").to_pylist()[0 if first else -1]
    have = found.column(0).cast("int64").to_pylist()
    if not stage.suite.loads and not stage.server.requests:
        raise AssertionError(
            "no request reached the kit's server: the client must take its addresses from `endpoints` of the "
            "provider's configuration, as in '{api}/v1/bars'"
        )
    if want not in have:
        shown = ", ".join(map(iso, have[:2] + have[-2:])) or "no row"
        raise AssertionError(
            f"of {scene.span} the {'first' if first else 'last'} row is that of {iso(want)}; came {shown}"
            f"{'; ' + str(data.gaps[0]) if data.gaps else ''}"
        )


class RangeCases:
    """C01 to C09."""

    stage: Stage

    @case(NEEDS_RANGE)
    def test_c01_the_first_row_of_the_range_is_there(self) -> None:
        """The first row of the range is there."""
        _edge(self.stage, self.stage.scenery.usual(), first=True)

    @case(NEEDS_RANGE)
    def test_c02_the_last_row_of_the_range_is_there(self) -> None:
        """The last row of the range is there, although its end is exclusive."""
        _edge(self.stage, self.stage.scenery.usual(), first=False)

    @case(NEEDS_RANGE)
    def test_c03_no_row_lies_outside_the_range(self) -> None:
        """No row lies outside the range that was asked for."""
        scene = self.stage.scenery.usual()
        data = self.stage.ask(scene)
        have = data.to_arrow().column(0).cast("int64").to_pylist()
        outside = [t for t in have if not scene.start <= t < scene.end]
        assert not outside, f"asked for {scene.span}, came {iso(outside[0])}"

    @case(NEEDS_GRID)
    def test_c04_one_bar_alone_can_be_had(self) -> None:
        """One bar alone can be had."""
        scene = self.stage.scenery.usual(rows=1)
        data = self.stage.ask(scene)
        assert self.stage.scene is not None
        self.stage.check(data, self.stage.scene)

    @case(NEEDS_GRID)
    def test_c05_a_range_without_an_open_is_empty(self) -> None:
        """A range in which no bar opens has no rows, and asks for none."""
        scene = self.stage.settle(self.stage.scenery.usual(rows=2))
        data = self.stage.ask(evolve(scene, start=scene.start + 1_000_000, end=scene.start + 2_000_000))
        assert len(data) == 0, f"{len(data)} rows came of a range in which no bar opens"
        assert not self.stage.data_requests, "a request was sent for a range in which no bar opens"

    @case(NEEDS_RANGE)
    def test_c06_before_the_listing_there_are_no_rows(self) -> None:
        """Before the listing there are no rows, and that is no error."""
        scene = self.stage.settle(self.stage.scenery.usual())
        data = self.stage.ask(evolve(scene, listed_at=scene.end))
        assert len(data) == 0, f"{len(data)} rows came from before the listing"
        assert {gap.reason for gap in data.gaps} <= _NOT_HELD, f"gaps: {data.gaps}"

    @case(NEEDS_RANGE)
    def test_c07_a_range_across_the_listing_begins_with_it(self) -> None:
        """A range across the listing has every row since, the first one included."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        listed = scene.grid.back(scene.end, 5) if scene.grid else (scene.start + scene.end) // 2
        scene = evolve(scene, listed_at=listed)
        stage.check(stage.ask(scene), scene)

    @case(NEEDS_RANGE, NEEDS_HISTORY)
    def test_c08_the_oldest_row_of_the_history_is_there(self) -> None:
        """The oldest rows of the declared history are there, two bars at a moving edge left out."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual(rows=3))
        first = stage.history_start(scene)
        assert first is not None, "a history is declared, and within_history() reaches back for ever"
        if scene.grid is not None:
            start = scene.grid.back(scene.grid.ceil(first), -2)
            scene = evolve(scene, start=start, end=scene.grid.back(start, -3), listed_at=0)
        else:
            scene = evolve(scene, start=first, end=first + (scene.end - scene.start), listed_at=0)
        stage.check(stage.ask(scene), scene)

    @case(NEEDS_RANGE, NEEDS_HISTORY)
    def test_c09_beyond_the_history_nothing_is_asked_and_nothing_confirmed(self) -> None:
        """Beyond the history there are no rows, no requests, and no hole that would outlive the day."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual(rows=3))
        first = stage.history_start(scene)
        assert first is not None, "a history is declared, and within_history() reaches back for ever"
        end = scene.grid.floor(first) if scene.grid else first
        start = scene.grid.back(end, 5) if scene.grid else end - (scene.end - scene.start)
        before = evolve(scene, start=start, end=end, listed_at=0)
        data = stage.ask(before, cache=True)
        assert len(data) == 0, f"{len(data)} rows came from beyond the declared history"
        assert {gap.reason for gap in data.gaps} <= {"beyond_history"}, f"gaps: {data.gaps}"
        assert not stage.data_requests, "a request was sent for a range beyond the declared history"
        check_equal(stage.ask(scene, cache=True).to_arrow(), stage.due(scene))
