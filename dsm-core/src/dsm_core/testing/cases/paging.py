"""Cases of ranges that take several requests, and of pages that are not as neat as documented."""

from __future__ import annotations

from attrs import evolve

from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_BARS, NEEDS_PAGE_ORDER, NEEDS_PAGES, NEEDS_RANGE
from dsm_core.testing.scene import DAY_NS, Scene
from dsm_core.testing.stage import Stage

__all__ = ["PagingCases"]


def _holed(scene: Scene, start: int, end: int) -> Scene:
    return evolve(scene, holes=RangeSet.of(TimeRange(start, end)))


def _complete(stage: Stage, scene: Scene) -> None:
    scene = stage.settle(scene) if not scene.now else scene
    stage.check(stage.ask(scene), scene)


class PagingCases:
    """C10 to C17."""

    stage: Stage

    @case(NEEDS_RANGE, NEEDS_PAGES)
    def test_c10_a_range_of_several_pages_is_complete(self) -> None:
        """A range of several pages is complete, each row once."""
        scene = self.stage.scenery.pages()
        assert scene is not None
        _complete(self.stage, scene)

    @case(NEEDS_RANGE, NEEDS_PAGE_ORDER)
    def test_c11_rows_that_come_twice_are_taken_once(self) -> None:
        """Rows that the venue sends twice are taken once."""
        _complete(self.stage, evolve(self.stage.scenery.usual(), order="repeated"))

    @case(NEEDS_RANGE, NEEDS_PAGE_ORDER)
    def test_c12_rows_out_of_order_are_all_taken(self) -> None:
        """Rows that the venue sends in no order are all taken."""
        _complete(self.stage, evolve(self.stage.scenery.usual(), order="shuffled"))

    @case(NEEDS_PAGE_ORDER, NEEDS_BARS)
    def test_c13_a_page_that_is_cut_short_is_not_the_end(self) -> None:
        """Where the venue sends fewer rows than it has, the others are asked for."""
        scene = self.stage.scenery.pages() or self.stage.scenery.usual()
        _complete(self.stage, evolve(scene, cuts=True))

    @case(NEEDS_RANGE, NEEDS_PAGES)
    def test_c14_an_empty_page_in_the_middle_is_not_the_end(self) -> None:
        """An outage as long as a page leaves the rows on both sides of it."""
        stage = self.stage
        scene = stage.scenery.pages()
        assert scene is not None
        if scene.grid is None:
            third = (scene.end - scene.start) // 3
            _complete(stage, _holed(scene, scene.start + third, scene.end - third))
            return
        page = stage.scenery.page_rows(scene)
        rows = scene.grid.count(scene.span)
        # With three pages the middle one is empty; a shorter range loses what is inside its ends.
        first = min(page, max(2, (rows - page) // 2))
        start = scene.grid.back(scene.start, -first)
        end = min(scene.grid.back(start, -page), scene.grid.back(scene.end, 2))
        _complete(stage, _holed(scene, start, max(end, start + 1)))

    @case(NEEDS_RANGE)
    def test_c15_an_outage_leaves_its_neighbours_in_their_places(self) -> None:
        """Rows that the venue does not have are missing, and the others keep their times and values."""
        stage = self.stage
        scene = stage.scenery.usual()
        if scene.grid is None:
            start = scene.start + (scene.end - scene.start) // 3
            _complete(stage, _holed(scene, start, start + DAY_NS // 2))
            return
        start = scene.grid.back(scene.start, -4)
        scene = stage.settle(_holed(scene, start, scene.grid.back(start, -3)))
        data = stage.ask(scene)
        stage.check(data, scene)
        if scene.interval is None or stage.scenery.grid_of(scene.interval) is None:
            return
        told = [g for g in data.gaps if g.start_ns <= start < g.end_ns]
        assert told, "the missing bars are no gap"
        assert told[0].reason in ("venue_has_none", "not_requested"), f"the outage is told as {told[0]}"

    @case(NEEDS_BARS)
    def test_c16_an_empty_venue_is_an_empty_answer(self) -> None:
        """A range in which the venue has no row at all is empty, and that is no error."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        data = stage.ask(_holed(scene, scene.listed_at, scene.now + 400 * DAY_NS))
        assert len(data) == 0, f"{len(data)} rows came from a venue that has none"
        assert not data.failures, f"an empty answer is taken for a failure: {data.failures[0]}"

    @case(NEEDS_BARS, NEEDS_PAGE_ORDER)
    def test_c17_a_long_range_is_complete(self) -> None:
        """A range of 1500 bars is complete, or of as many as the declared history holds."""
        _complete(self.stage, self.stage.scenery.long())
