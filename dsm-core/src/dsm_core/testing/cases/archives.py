"""Cases of archives: objects that are absent, late, or not what their checksum says."""

from __future__ import annotations

from attrs import evolve

from dsm_core.model.time_range import RangeSet
from dsm_core.testing.case import case
from dsm_core.testing.conditions import HAS_CHECKSUMS, NEEDS_ARCHIVE
from dsm_core.testing.messages import Fault, Request, Response
from dsm_core.testing.scene import Scene
from dsm_core.testing.stage import Stage

__all__ = ["ArchiveCases"]


class ArchiveCases:
    """C70 to C74."""

    stage: Stage

    @case(NEEDS_ARCHIVE)
    def test_c70_a_range_of_several_objects_is_complete(self) -> None:
        """A range of several objects is complete, each row once."""
        scene = self.stage.settle(self._several())
        self.stage.check(self.stage.ask(scene), scene)

    @case(NEEDS_ARCHIVE)
    def test_c71_an_absent_object_is_a_gap_and_no_error(self) -> None:
        """Where one object is absent (404) the rows of the others come, and no gap is final."""
        stage = self.stage
        scene = stage.settle(self._several())
        name = self._names(scene)[1]
        stage.set(scene)
        stage.server.inject(Fault.status(404), times=None, where=lambda r: name in r.target)
        data = stage.ask(scene)
        assert len(data), "with one object absent no row came"
        stage.check_part(data, scene)
        if not data.gaps:
            # Another object held the same rows.
            stage.check(data, scene)
        final = [gap for gap in data.gaps if gap.final]
        assert not final, f"an archive does not vouch for an absence: {final[0]}"

    @case(NEEDS_ARCHIVE)
    def test_c72_what_is_not_published_yet_is_not_asked_for(self) -> None:
        """An object that cannot be there yet is not asked for."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        now = scene.grid.ceil(scene.end) if scene.grid else scene.end
        early = evolve(scene, now=now + 1)
        client = stage.client_for(scene)
        if client.unpublished(RangeSet.of(scene.span), early.now):
            data = stage.ask(early)
            assert not stage.data_requests, "an object that cannot be there yet was asked for"
            assert {gap.reason for gap in data.gaps} <= {"not_published_yet"}, f"gaps: {data.gaps}"

    @case(NEEDS_ARCHIVE, HAS_CHECKSUMS)
    def test_c73_an_object_against_its_checksum_is_not_used(self) -> None:
        """An object that does not match its checksum gives no row, even when it can be read."""
        stage = self.stage
        scene = stage.set(stage.scenery.usual())
        names = tuple(self._names(scene))
        right = stage.answered

        def answer(request: Request) -> Response:
            # An object of another series can be read, and only its checksum tells.
            is_object = request.path.endswith(names)
            return right(request, scene.symbol + "X") if is_object else right(request)

        stage.replace = answer
        data, _ = stage.attempt(scene)
        if data is not None:
            stage.check_part(data, scene)

    def _several(self) -> Scene:
        stage = self.stage
        scene = stage.scenery.usual()
        finest = stage.client_for(scene).granularities()[-1].grid  # type: ignore[attr-defined]
        start = finest.floor(scene.start)
        end = finest.back(start, -3)
        if scene.grid is not None:
            start, end = scene.grid.ceil(start), scene.grid.ceil(end)
        return evolve(scene, start=start, end=end)

    def _names(self, scene: Scene) -> list[str]:
        tasks = self.stage.client_for(scene).plan(RangeSet.of(scene.span), scene.now)
        return [task.name for task in tasks]
