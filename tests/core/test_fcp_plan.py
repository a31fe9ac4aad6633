"""A plan prints as a table with a line per row, a total, and what happens when a task brings less."""

from __future__ import annotations

from core.fake_clients import DAILY, archive, paged, series_of
from core.strategies import DAY, at
from dsm_core.fcp.plan import Plan, Step
from dsm_core.fcp.planner import make_plan
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins import Rolling, Task

NOW = at(2024, 4, 10, 12, 34)
SPAN = TimeRange(at(2024, 4, 1), NOW)
HELD = RangeSet.from_pairs([(at(2024, 4, 2), at(2024, 4, 3)), (at(2024, 4, 6), at(2024, 4, 7))])


def a_plan(*, sizes: tuple = (DAILY,)) -> Plan:  # type: ignore[type-arg]
    series = series_of(archive(sizes=sizes), paged(page_rows=5, history=Rolling(days=3), cost=lambda rows: 2))
    return make_plan(series, SPAN, HELD, NOW, asks_clock=True)


def test_a_plan_prints_a_line_for_each_row_and_a_total() -> None:
    plan = a_plan()
    lines = str(plan).splitlines()
    assert lines[0] == "house/spot/klines/BTCUSDT/1h [2024-04-01 00:00, 2024-04-10 12:34)"
    assert lines[1].split() == ["range", "(UTC)", "source", "bars", "requests", "weight", "why"]
    rows = plan.rows()
    table = lines[2 : 2 + len(rows)]
    for line, row in zip(table, rows, strict=True):
        assert [cell for cell in row if cell and cell not in line] == []
        assert line == line.rstrip()
    total = lines[2 + len(rows)]
    assert total == f"{plan.requests} requests, weight {plan.weight}"
    assert [line.split(":")[0] for line in lines[3 + len(rows) :]] == [
        "if vision brings less",
        "if rest brings less",
    ]


def test_rows_tell_cache_clock_sources_and_what_nobody_has() -> None:
    series = series_of(paged(history=Rolling(days=3)))
    plan = make_plan(series, SPAN, HELD, NOW, asks_clock=True)
    assert [row[1] for row in plan.rows()] == ["cache", "cache", "clock", "rest", "-", "-", "-"]
    assert all(len(row) == 6 for row in plan.rows())


def test_the_rows_add_up_to_the_total() -> None:
    plan = a_plan()
    assert sum(int(row[3]) for row in plan.rows()) == plan.requests
    assert sum(int(row[4]) for row in plan.rows()) in (plan.weight, plan.weight + plan.clock_requests)
    bars = sum(int(row[2]) for row in plan.rows() if row[2])
    assert bars == sum(step.bars or 0 for step in plan.steps)


def test_one_request_is_told_in_the_singular_and_an_empty_plan_too() -> None:
    series = series_of(paged())
    one = make_plan(series, TimeRange(at(2024, 1, 1), at(2024, 1, 2)), RangeSet(), NOW)
    assert "\n1 request, weight 1" in str(one)
    none = make_plan(series, None, RangeSet(), NOW)
    assert str(none).splitlines()[0].endswith("(empty range)")
    assert "0 requests, weight 0" in str(none)


def test_size_is_known_only_when_every_step_knows_its_own() -> None:
    days = make_plan(
        series_of(archive(sizes=(DAILY,))), TimeRange(SPAN.start, SPAN.start + 3 * DAY), RangeSet(), NOW
    )
    assert days.size_bytes == 3 * 1000
    assert "about 3.0 kB" in str(days)
    assert a_plan().size_bytes is None


def test_html_escapes_whatever_a_provider_wrote() -> None:
    task = Task(name="<i>x</i>", source="<b>rest</b>", span=SPAN, why="a < b & c", url="u")
    plan = Plan(series="<script>", span=SPAN, steps=(Step(task=task, fills=RangeSet.of(SPAN), bars=1),))
    html = plan._repr_html_()
    for raw in ("<script>", "<i>", "<b>rest", "a < b"):
        assert raw not in html
    assert "&lt;script&gt;" in html
    assert "a &lt; b &amp; c: &lt;i&gt;x" in html
    assert html.count("<tr>") == 1 + len(plan.rows())
