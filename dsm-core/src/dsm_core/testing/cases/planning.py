"""Cases of plans: pure, whole, without overlap, and kept to."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from dsm_core.model.time_range import NS_PER_S, RangeSet
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.task import Task
from dsm_core.testing.case import case
from dsm_core.testing.conditions import NEEDS_HTTP, NOT_PLAIN
from dsm_core.testing.recorder import Recorder, record
from dsm_core.testing.scene import Scene
from dsm_core.testing.stage import Stage

__all__ = ["PlanningCases"]


def _wide(stage: Stage) -> Scene:
    return stage.set(stage.scenery.pages() or stage.scenery.usual(rows=60))


def _pieces(scene: Scene) -> list[RangeSet]:
    """The range whole, its second half, and the same with a hole."""
    start, end = scene.start, scene.end
    third = (end - start) // 3
    cuts = [RangeSet.of(scene.span), RangeSet.from_pairs([(start + third, end)])]
    cuts.append(RangeSet.from_pairs([(start, start + third), (end - third, end)]))
    return [scene.grid.align(cut) if scene.grid else cut for cut in cuts]


def _told(tasks: tuple[Task, ...]) -> str:
    return ", ".join(str(task.span) for task in tasks[:4]) + (" ..." if len(tasks) > 4 else "")


class PlanningCases:
    """C80 to C84."""

    stage: Stage

    @case()
    def test_c80_a_plan_is_pure(self) -> None:
        """The same ranges and the same moment give the same plan, and planning sends nothing."""
        stage = self.stage
        scene = _wide(stage)

        async def plans(count: int) -> list[tuple[Task, ...]]:
            async with stage.client(scene) as client:
                return [client.plan(p, scene.now) for _ in range(count) for p in _pieces(scene)]

        first = stage.run(plans(2))
        stage.clock.skip(10 * 86_400)
        second = stage.run(plans(1))
        half = len(first) // 2
        assert first[:half] == first[half:], "planning again with the same client gives another plan"
        assert first[:half] == second, "planning with another client gives another plan"
        assert not stage.server.requests, "planning sends requests"

    @case()
    def test_c81_tasks_tile_the_range_and_never_overlap(self) -> None:
        """Tasks cover what the history and the archive can hold of the range, and no two overlap."""
        stage = self.stage
        scene = _wide(stage)

        async def check() -> None:
            async with stage.client(scene) as client:
                for ranges in _pieces(scene):
                    tasks = client.plan(ranges, scene.now)
                    due = client.within_history(ranges, scene.now) - client.unpublished(ranges, scene.now)
                    _check_tiles(tasks, due, scene)
                    _check_sizes(client, tasks)

        stage.run(check())

    @case(NEEDS_HTTP)
    def test_c82_requests_are_only_those_planned(self) -> None:
        """A task takes the requests it says and one for each cursor; a call takes those of its tasks."""
        stage = self.stage
        planned: list[int] = []

        def check(task: Task, answers: list[Answer], recorder: Recorder, sent: int) -> None:
            allowed = task.requests + len(answers) - 1
            assert sent <= allowed, f"task {task.span} says {task.requests} requests and sent {sent}"
            assert sent or not answers, f"task {task.span} answered without any request"
            planned.append(allowed)

        scene = self._each_task(check)
        stage.server.clear()
        stage.check(stage.ask(scene), scene)
        sent = len(stage.data_requests)
        assert sent <= sum(planned), (
            f"{sum(planned)} requests are planned for {scene.span}, and {sent} were sent"
        )

    @case(NEEDS_HTTP, NOT_PLAIN)
    def test_c83_the_cost_used_is_the_cost_declared(self) -> None:
        """The units that a task takes from the limits are those of its plan, from the declared pool."""
        stage = self.stage
        spec = stage.spec

        def check(task: Task, answers: list[Answer], recorder: Recorder, sent: int) -> None:
            calls = [call for call in recorder.calls if not call.path.startswith(stage.suite.auxiliary)]
            used = sum(call.cost for call in calls)
            declared = task.weight * max(1, len(answers))
            assert used == declared, f"task {task.span} declares a cost of {declared} and used {used}"
            pools = {call.pool for call in calls if call.cost and call.pool is not None}
            assert pools <= {spec.pool}, f"the pool is {spec.pool!r} and {sorted(map(str, pools))} were used"

        self._each_task(check)

    @case()
    def test_c84_a_second_call_makes_no_request(self) -> None:
        """What was fetched is not asked for again, by another manager over the same cache."""
        stage = self.stage
        scene = stage.settle(stage.scenery.usual())
        stage.check(stage.ask(scene, cache=True), scene)
        stage.server.clear()
        stage.events.clear()
        data = stage.ask(scene, cache=True)
        stage.check(data, scene)
        assert not stage.server.requests, f"{len(stage.server.requests)} requests for what is cached"
        done = [e for e in stage.events if type(e).__name__ == "SegmentDone"]
        assert not done, "the client was asked for what is cached"

    def _each_task(self, check: Callable[[Task, list[Answer], Recorder, int], Any]) -> Scene:
        stage = self.stage
        scene = _wide(stage)

        async def run() -> None:
            async with stage.client(scene) as client:
                recorder = record(client)
                for task in client.plan(RangeSet.of(scene.span), scene.now):
                    before, recorder.calls = len(stage.data_requests), []
                    answers = [answer async for answer in client.answers(task)]
                    check(task, answers, recorder, len(stage.data_requests) - before)

        stage.run(run())
        return scene


def _check_tiles(tasks: tuple[Task, ...], due: RangeSet, scene: Scene) -> None:
    spans = sorted(task.span for task in tasks)
    for one, two in pairwise(spans):
        assert one.end <= two.start, f"two tasks overlap: {one} and {two}"
    due = scene.grid.align(due) if scene.grid else due
    missing = due - RangeSet.of(*spans)
    missing = scene.grid.align(missing) if scene.grid else missing
    assert not missing, f"no task brings {missing}; there are {_told(tasks)}"
    names = [task.name for task in tasks]
    assert len(set(names)) == len(names), f"two tasks have one name: {sorted(names)}"


def _check_sizes(client: DataClientInterface, tasks: tuple[Task, ...]) -> None:
    spec = client.spec
    for task in tasks:
        if task.url is not None:
            continue
        rows = client.grid.count(task.span) if client.grid else 0
        most = spec.page_rows
        assert most is None or rows <= most, f"task {task.span} asks for {rows} rows; page_rows is {most}"
        seconds = (task.span.end - task.span.start) / NS_PER_S
        longest = client.max_span_s
        is_slot = client.grid is not None and rows <= 1
        assert longest is None or seconds <= longest or is_slot, (
            f"task {task.span} exceeds max_span_s={longest}"
        )
