"""A plan tiles what is missing: nothing twice, nothing in excess, nothing outside history."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fake_clients import DAILY, MONTHLY, archive, paged, plain, series_of
from core.strategies import DAY, HOUR, MINUTE, at, quick
from dsm_core.fcp.plan import Plan
from dsm_core.fcp.planner import covered, make_plan, needed, plan_source, reaches_present
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger, LedgerEntry, Origin, State
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange, from_ns
from dsm_core.plugins import ArchiveClient, DataClientInterface, PagedClient, Rolling, Since, Task, Unlimited

NOW = at(2024, 4, 10, 12, 34, 56)
FIRST = at(2023, 12, 20)
INTERVALS = ("15m", "1h", "8h", "1d", "3d", "1w", "1M")

histories = st.sampled_from(
    [
        Unlimited(),
        Since(date(2024, 1, 15)),
        Since(date(2024, 2, 1)),
        Since(datetime(2024, 1, 20, 5, 7, tzinfo=UTC)),
        Since(datetime(2024, 1, 20, 5, 7)),
        Rolling(days=30),
        Rolling(days=1.3),
        Rolling(rows=100),
        Rolling(rows=500, days=20),
    ]
)


@st.composite
def clients_of(draw: st.DrawFn, interval: str, *, is_archive: bool) -> DataClientInterface:
    history = draw(histories)
    if is_archive:
        sizes = (
            (MONTHLY,)
            if interval in ("3d", "1w", "1M")
            else draw(st.sampled_from([(MONTHLY, DAILY), (DAILY,), (MONTHLY,)]))
        )
        return archive(interval, sizes=sizes, history=history)
    return paged(
        interval,
        history=history,
        page_rows=draw(st.sampled_from([None, 1, 7, 500])),
        max_span_s=draw(st.sampled_from([None, 3600, 5 * 86_400, 1_000_003])),
        authoritative=True,
    )


@st.composite
def requests(draw: st.DrawFn) -> tuple[Series, TimeRange, RangeSet]:
    """A series with one or two sources, the range asked for, and what is held of it."""
    interval = draw(st.sampled_from(INTERVALS))
    kinds = draw(st.sampled_from([(True, False), (True,), (False,)]))
    series = series_of(*[draw(clients_of(interval, is_archive=k)) for k in kinds], interval=interval)
    hours = st.integers(FIRST // HOUR, NOW // HOUR + 48)
    start = draw(hours) * HOUR + draw(st.sampled_from([0, 1, 7 * MINUTE]))
    span = TimeRange(start, start + draw(st.integers(1, 120 * 24)) * HOUR + draw(st.sampled_from([0, 1])))
    pairs = draw(st.lists(st.tuples(hours, st.integers(1, 600)), max_size=5))
    held = series.align(RangeSet.from_pairs((h * HOUR, (h + n) * HOUR) for h, n in pairs))
    return series, span, held


def slots(series: Series, ranges: RangeSet) -> set[int]:
    assert series.grid is not None
    return {t for r in ranges for t in series.grid.slots(r).tolist()}


@quick
@given(requests())
def test_the_steps_tile_what_is_missing(request: tuple[Series, TimeRange, RangeSet]) -> None:
    series, span, held = request
    plan = make_plan(series, span, held, NOW)
    missing = slots(series, needed(series, span, NOW)) - slots(series, held)
    filled = [slots(series, step.fills) for step in plan.steps]
    assert all(filled), "a step that brings nothing is an excess request"
    assert sum(map(len, filled)) == len(set().union(*filled)), "no bar is asked of two steps"
    assert set().union(*filled) | slots(series, plan.unplanned) == missing
    assert not set().union(*filled) & slots(series, plan.unplanned)
    assert slots(series, plan.cached) == slots(series, needed(series, span, NOW) & held)
    assert [step.bars for step in plan.steps] == [len(f) for f in filled]
    assert all(not (a.fills & b.fills) for a, b in pairwise(plan.steps))


@quick
@given(requests())
def test_tasks_lie_in_the_history_of_their_source(request: tuple[Series, TimeRange, RangeSet]) -> None:
    series, span, held = request
    plan = make_plan(series, span, held, NOW)
    for step in plan.steps:
        client = series.clients[step.task.source]
        fills = slots(series, step.fills)
        assert fills == slots(series, client.within_history(step.fills, NOW))
    last = series.sources[-1]
    servable = slots(series, last.within_history(plan.unplanned, NOW))
    if isinstance(last, PagedClient):
        assert not servable
    else:
        assert servable == slots(
            series, last.unpublished(plan.unplanned, NOW) & last.within_history(plan.unplanned, NOW)
        )


@quick
@given(requests())
def test_history_holds_whole_slots_only(request: tuple[Series, TimeRange, RangeSet]) -> None:
    series, span, _ = request
    need = needed(series, span, NOW)
    for client in series.sources:
        inside = client.within_history(need, NOW)
        assert series.align(inside) == inside
        assert not inside - need


@quick
@given(requests())
def test_pages_keep_to_the_limits_of_their_source(request: tuple[Series, TimeRange, RangeSet]) -> None:
    series, span, held = request
    assert series.grid is not None
    for step in make_plan(series, span, held, NOW).steps:
        client = series.clients[step.task.source]
        if not isinstance(client, PagedClient):
            continue
        rows, seconds = client.spec.page_rows, client.spec.max_span_s
        count = series.grid.count(step.task.span)
        assert rows is None or count <= rows
        assert (
            seconds is None or step.task.span.end - step.task.span.start <= seconds * NS_PER_S or count == 1
        )


@quick
@given(requests())
def test_months_as_good_as_whole_come_monthly_and_the_rest_daily(
    request: tuple[Series, TimeRange, RangeSet],
) -> None:
    series, span, held = request
    client = series.sources[0]
    if not isinstance(client, ArchiveClient) or client.granularities() != (MONTHLY, DAILY):
        return
    remaining = needed(series, span, NOW) - held
    wanted = slots(series, client.within_history(remaining, NOW))
    tasks = plan_source(series, client, remaining, needed(series, span, NOW), NOW)
    waste = {t.name for t in client.plan(remaining, NOW)} - {t.name for t in tasks}
    for task in tasks:
        days = {t // DAY for t in wanted if t in MONTHLY_OF(task)}
        month = MONTHLY_OF(task)
        # Of a month as good as whole, two or three days may be held already.
        is_whole = len(days) >= 0.9 * ((month.end - month.start) // DAY)
        if task.granularity == "monthly":
            assert is_whole
        else:
            assert not is_whole or MONTHLY.published_at(month.end) > NOW or waste
        assert (MONTHLY if task.granularity == "monthly" else DAILY).published_at(task.span.end) <= NOW


def MONTHLY_OF(task: Task) -> TimeRange:  # noqa: N802
    start = MONTHLY.grid.floor(task.span.start)
    return TimeRange(start, MONTHLY.grid.next(start))


@quick
@given(requests(), st.data())
def test_skipped_tasks_are_not_planned_again(
    request: tuple[Series, TimeRange, RangeSet], data: st.DataObject
) -> None:
    series, span, held = request
    need = needed(series, span, NOW)
    remaining = series.align(need - held)
    for client in series.sources:
        names = [t.name for t in plan_source(series, client, remaining, need, NOW)]
        assert len(set(names)) == len(names)
        skip = frozenset(data.draw(st.lists(st.sampled_from(names), max_size=5)) if names else ())
        again = plan_source(series, client, remaining, need, NOW, skip)
        assert not skip & {t.name for t in again}
        starts = [t.span.start for t in again]
        assert starts == sorted(starts)
        assert all(a.span.end <= b.span.start for a, b in pairwise(again))


@quick
@given(requests())
def test_an_object_that_is_mostly_held_is_left_to_the_later_source(
    request: tuple[Series, TimeRange, RangeSet],
) -> None:
    series, span, held = request
    need = needed(series, span, NOW)
    wanted, missing = slots(series, need), slots(series, need - held)
    for step in make_plan(series, span, held, NOW).steps:
        if step.task.source == series.sources[-1].source:
            continue
        lacks = RangeSet.from_pairs([(step.task.span.start, step.task.span.end)]) & (need - held)
        if lacks - series.sources[-1].within_history(lacks, NOW):
            # Where nobody else reaches the rest, the object is taken.
            continue
        inside = {t for t in wanted if t in step.task.span}
        assert len(inside & missing) > len(inside - missing) or not inside - missing


def plan_of(series: Series, start: int, end: int, held: RangeSet | None = None, now: int = NOW) -> Plan:
    return make_plan(series, TimeRange(start, end), held or RangeSet(), now)


def names(plan: Plan) -> list[str]:
    return [
        f"{s.task.source} {s.task.granularity or 'page'} {from_ns(s.task.span.start):%m-%d}"
        for s in plan.steps
    ]


def test_a_quarter_comes_in_months_then_days_then_pages() -> None:
    series = series_of(archive(), paged(page_rows=1000))
    plan = plan_of(series, at(2024, 1, 30), NOW)
    assert names(plan) == [
        "vision daily 01-30",
        "vision daily 01-31",
        "vision monthly 02-01",
        "vision monthly 03-01",
        *[f"vision daily 04-{day:02}" for day in range(1, 10)],
        "rest page 04-10",
    ]
    assert not plan.unplanned


def test_nobody_downloads_a_month_for_one_bar() -> None:
    series = series_of(archive(), paged(page_rows=1000))
    whole = RangeSet.from_pairs([(at(2024, 1, 1), at(2024, 2, 1))])
    hole = RangeSet.from_pairs([(at(2024, 1, 9, 3), at(2024, 1, 9, 4))])
    assert names(plan_of(series, at(2024, 1, 1), at(2024, 2, 1), whole - hole)) == ["rest page 01-09"]
    alone = series_of(archive())
    assert names(plan_of(alone, at(2024, 1, 1), at(2024, 2, 1), whole - hole)) == ["vision daily 01-09"]


def test_a_day_held_in_part_is_left_to_a_source_that_asks_no_more_often() -> None:
    day = TimeRange(at(2024, 4, 5), at(2024, 4, 6))
    held = RangeSet.from_pairs([(day.start, day.start + 3 * HOUR)])
    cheap = series_of(archive(), paged(page_rows=1000))
    assert names(plan_of(cheap, day.start, day.end, held)) == ["rest page 04-05"]
    costly = series_of(archive(), paged(page_rows=5))
    assert names(plan_of(costly, day.start, day.end, held)) == ["vision daily 04-05"]
    short = series_of(archive(), paged(page_rows=1000, history=Rolling(rows=24)))
    assert names(plan_of(short, day.start, day.end, held)) == ["vision daily 04-05"]
    assert names(plan_of(cheap, day.start, day.end)) == ["vision daily 04-05"]


@pytest.mark.parametrize(
    ("source", "url", "read"),
    [
        ("vision", "https://archive/daily/2024-04-05", True),
        ("vision", "https://archive/monthly/2024-04", True),
        ("rest", None, False),
    ],
)
def test_an_object_that_was_read_is_not_read_again(source: str, url: str | None, read: bool) -> None:
    series = series_of(archive(), paged(page_rows=5))
    client = series.sources[0]
    need = RangeSet.from_pairs([(at(2024, 4, 5), at(2024, 4, 6))])
    [task] = client.plan(need, NOW)
    rows = LedgerEntry(
        start=at(2024, 4, 5),
        end=at(2024, 4, 5, 3),
        state="rows",
        source=source,
        first_fetched=1,
        last_fetched=1,
        origin=Origin(url=url and url.replace("2024-04-05", task.name)),
    )
    missing = need - RangeSet.from_pairs([(rows.start, rows.end)])
    ledger = Ledger.of([rows])
    assert plan_source(series, client, missing, need, NOW, ledger=ledger) == (() if read else (task,))
    again = plan_source(series, client, missing, need, NOW, ledger=ledger, is_sparing=False)
    assert again == (() if url is not None and "daily" in url else (task,))
    alone = series_of(archive())
    assert plan_source(alone, alone.sources[0], missing, need, NOW, ledger=ledger) == (task,)


def test_a_bar_is_asked_of_the_object_in_which_it_opens() -> None:
    weekly = series_of(archive("1w", sizes=(MONTHLY,)), interval="1w")
    # The week of 29 January ends in February, but stands in January's file.
    plan = plan_of(weekly, at(2024, 1, 29), at(2024, 2, 5))
    assert names(plan) == ["vision monthly 01-01"]
    assert [s.bars for s in plan.steps] == [1]
    assert not plan.unplanned


def test_small_ranges_near_each_other_share_a_page() -> None:
    series = series_of(paged(page_rows=24))
    need = RangeSet.from_pairs(
        [(at(2024, 1, 1, 5), at(2024, 1, 1, 6)), (at(2024, 1, 1, 20), at(2024, 1, 1, 22))]
    )
    held = RangeSet.from_pairs([(at(2024, 1, 1), at(2024, 1, 2))]) - need
    plan = plan_of(series, at(2024, 1, 1), at(2024, 1, 2), held)
    assert [s.task.span for s in plan.steps] == [TimeRange(at(2024, 1, 1, 5), at(2024, 1, 1, 22))]
    assert plan.steps[0].fills == need
    far = RangeSet.from_pairs([(at(2024, 1, 1), at(2024, 1, 1, 1)), (at(2024, 1, 2), at(2024, 1, 2, 1))])
    assert len(series.sources[0].plan(far, NOW)) == 2


def test_a_plain_client_is_asked_for_each_range_at_once() -> None:
    series = series_of(plain(history=Rolling(days=10)))
    plan = plan_of(series, at(2024, 1, 1), at(2024, 4, 5))
    assert [(s.task.span.end, s.task.weight, s.task.requests) for s in plan.steps] == [(at(2024, 4, 5), 1, 1)]
    assert plan.steps[0].task.span.start == at(2024, 3, 31, 13)


def test_objects_before_1970_are_named_once() -> None:
    objects = archive(sizes=(DAILY,))
    ranges = RangeSet.from_pairs([(-20 * HOUR, -18 * HOUR), (-3 * HOUR, -2 * HOUR), (0, HOUR)])
    assert [t.span.start for t in objects.plan(ranges, NOW)] == [-DAY, 0]


def test_a_page_of_many_months_may_end_after_the_year_9999() -> None:
    pages = paged("12M", page_rows=57_600)
    span = RangeSet.from_pairs([(at(1990, 1, 1), at(2024, 1, 1))])
    assert [t.span for t in pages.plan(span, NOW)] == list(span)


def test_an_empty_range_plans_nothing() -> None:
    series = series_of(archive(), paged())
    for span in (None, TimeRange(NOW - 5, NOW - 4), TimeRange(NOW, NOW + DAY)):
        plan = make_plan(series, span, RangeSet(), NOW, asks_clock=True)
        assert (plan.steps, plan.requests, plan.size_bytes) == ((), 0, 0)


def test_the_clock_is_asked_only_when_something_else_is() -> None:
    series = series_of(paged())
    span = TimeRange(at(2024, 4, 10), NOW)
    assert make_plan(series, span, RangeSet(), NOW, asks_clock=True).clock_requests == 1
    held = RangeSet.of(TimeRange(at(2024, 4, 10), at(2024, 4, 10, 12)))
    assert make_plan(series, span, held, NOW, asks_clock=True).clock_requests == 0


def test_sources_that_may_not_be_asked_are_not_planned() -> None:
    span = (at(2024, 1, 1), at(2024, 2, 1))
    offline = series_of(archive(), paged(), asks=False)
    assert names(plan_of(offline, *span)) == []
    assert plan_of(offline, *span).unplanned == RangeSet.from_pairs([span])
    enforced = series_of(archive(), paged(), enforced="rest")
    assert {n.split()[0] for n in names(plan_of(enforced, *span))} == {"rest"}


def test_only_closed_bars_are_needed() -> None:
    series = series_of(paged())
    assert needed(series, TimeRange(NOW - 2 * HOUR, NOW), NOW) == RangeSet.from_pairs(
        [(at(2024, 4, 10, 11), at(2024, 4, 10, 12))]
    )
    assert not needed(series, TimeRange(at(2024, 4, 10, 12), NOW + DAY), NOW)


@pytest.mark.parametrize(("ago", "near"), [(0, True), (167, True), (168, False), (169, False), (-5, True)])
def test_a_range_that_ends_within_a_week_of_now_reaches_the_present(ago: int, near: bool) -> None:
    assert reaches_present(TimeRange(NOW - 100 * DAY, NOW - ago * HOUR), NOW) == near


def told(hour: int, state: State, source: str = "rest", *, ago: timedelta = timedelta()) -> LedgerEntry:
    when = NOW - int(ago.total_seconds()) * NS_PER_S
    start = FIRST + hour * HOUR
    facts: dict[str, Any] = {"first_fetched": when, "last_fetched": when}
    return LedgerEntry(start=start, end=start + HOUR, state=state, source=source, **facts)


def test_what_is_covered_need_not_be_asked() -> None:
    ledger = Ledger.of(
        [
            told(0, "rows"),
            told(2, "confirmed", ago=timedelta(days=9)),
            told(4, "provisional", ago=timedelta(minutes=4)),
            told(6, "provisional", ago=timedelta(minutes=6)),
            told(8, "rows", "vision"),
        ]
    )

    def hours(series: Series) -> list[int]:
        return [(r.start - FIRST) // HOUR for r in covered(ledger, series, NOW)]

    assert hours(series_of(archive(), paged())) == [0, 2, 4, 8]
    assert hours(series_of(archive(), paged(), enforced="rest")) == [0, 2, 4]
    assert hours(series_of(archive(), paged(), enforced="vision")) == [8]
