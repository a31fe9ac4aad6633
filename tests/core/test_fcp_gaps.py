"""Every missing bar has a reason, and the reason says whether asking again can help."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.fake_clients import archive, paged, series_of
from core.strategies import DAY, HOUR, MINUTE, at, quick, range_sets
from dsm_core.errors import ServerError
from dsm_core.fcp.gaps import find_gaps, open_gap
from dsm_core.fcp.planner import needed
from dsm_core.fcp.series import Series
from dsm_core.model.coverage import Ledger, LedgerEntry, State
from dsm_core.model.provenance import Failure, Gap
from dsm_core.model.time_range import RangeSet, TimeRange
from dsm_core.plugins import Rolling, Since

NOW = at(2024, 4, 10, 12, 34)
FIRST = at(2024, 4, 1)
NEED = RangeSet.of(TimeRange(FIRST, FIRST + 10 * HOUR))


def hours(start: int, end: int) -> dict[str, int]:
    return {"start": FIRST + start * HOUR, "end": FIRST + end * HOUR}


def told(start: int, end: int, state: State = "rows", reason: str | None = None, **more: Any) -> LedgerEntry:
    facts: dict[str, Any] = {"source": "rest", "first_fetched": NOW, "last_fetched": NOW, **more}
    return LedgerEntry(**hours(start, end), state=state, reason=reason, **facts)


def failure(start: int, end: int, why: str = "status 500") -> Failure:
    span = hours(start, end)
    return Failure(start_ns=span["start"], end_ns=span["end"], source="rest", error=ServerError(why))


def gaps_of(
    *entries: LedgerEntry, series: Series | None = None, failures: Any = (), need: RangeSet = NEED
) -> list[tuple[int, int, str, bool, int | None]]:
    found = find_gaps(series or series_of(archive(), paged()), need, Ledger.of(entries), failures, NOW)
    return [
        ((g.start_ns - FIRST) // HOUR, (g.end_ns - FIRST) // HOUR, g.reason, g.final, g.bars) for g in found
    ]


def test_rows_everywhere_leave_no_gap() -> None:
    assert gaps_of(told(0, 10)) == []
    assert gaps_of(told(-5, 6), told(6, 99, source="vision")) == []


def test_a_confirmed_hole_is_final() -> None:
    assert gaps_of(told(0, 4), told(4, 6, "confirmed", "venue_has_none"), told(6, 10)) == [
        (4, 6, "venue_has_none", True, 2)
    ]


def test_a_provisional_hole_is_not_final() -> None:
    assert gaps_of(told(0, 4), told(4, 6, "provisional", "venue_has_none"), told(6, 10)) == [
        (4, 6, "venue_has_none", False, 2)
    ]


def test_an_absence_without_a_reason_is_the_venues() -> None:
    assert gaps_of(told(0, 10, "confirmed")) == [(0, 10, "venue_has_none", True, 10)]


@pytest.mark.parametrize("reason", ["not_listed_yet", "delisted", "market_closed"])
@pytest.mark.parametrize("state", ["provisional", "confirmed"])
def test_reasons_of_the_calendar_are_final(reason: str, state: State) -> None:
    assert gaps_of(told(0, 3, state, reason), told(3, 10)) == [(0, 3, reason, True, 3)]


def test_a_failed_source_is_told_with_its_error() -> None:
    series = series_of(archive(), paged())
    (gap,) = find_gaps(series, NEED, Ledger.of([told(0, 7)]), [failure(7, 20)], NOW)
    assert (gap.reason, gap.final, gap.bars) == ("source_failed", False, 3)
    assert "status 500" in gap.detail
    assert "rest" in gap.detail


def test_the_first_failure_explains_a_range_and_what_was_answered_is_not_blamed() -> None:
    found = gaps_of(told(2, 4, "confirmed"), failures=[failure(0, 5, "one"), failure(3, 8, "two")])
    assert found == [
        (0, 2, "source_failed", False, 2),
        (2, 4, "venue_has_none", True, 2),
        (4, 5, "source_failed", False, 1),
        (5, 8, "source_failed", False, 3),
        (8, 10, "not_requested", False, 2),
    ]


def test_what_was_asked_of_the_cache_alone_is_not_requested() -> None:
    series = series_of(archive(), paged(), asks=False)
    assert gaps_of(told(0, 9), series=series) == [(9, 10, "not_requested", False, 1)]
    (gap,) = find_gaps(series, NEED, Ledger(), (), NOW)
    assert "cache" in gap.detail


def test_what_only_other_sources_could_bring_is_not_requested() -> None:
    series = series_of(archive(), paged(), enforced="vision")
    (gap,) = find_gaps(series, NEED, Ledger(), (), NOW)
    assert (gap.reason, gap.final, gap.detail) == ("not_requested", False, "only vision was asked")


def test_rows_of_another_source_do_not_count_when_one_is_enforced() -> None:
    enforced = series_of(archive(), paged(), enforced="rest")
    entries = (told(0, 5), told(5, 10, source="vision"))
    assert gaps_of(*entries, series=enforced) == [(5, 10, "not_requested", False, 5)]


def test_what_no_source_reaches_back_to_is_beyond_history() -> None:
    limited = series_of(paged(history=Rolling(rows=24 * 9)))
    first = (at(2024, 4, 1, 12) - FIRST) // HOUR
    need = RangeSet.of(TimeRange(FIRST, FIRST + DAY))
    assert gaps_of(series=limited, need=need) == [
        (0, first, "beyond_history", True, first),
        (first, 24, "not_requested", False, 24 - first),
    ]
    both = series_of(archive(history=Since(date(2024, 4, 1))), paged(history=Rolling(days=1)))
    assert [g[2] for g in gaps_of(series=both)] == ["not_requested"]


def test_what_the_archive_will_hold_later_is_not_published_yet() -> None:
    need = RangeSet.of(TimeRange(at(2024, 4, 8), at(2024, 4, 10, 9)))
    found = find_gaps(series_of(archive()), need, Ledger(), (), NOW)
    assert [(g.start_ns, g.end_ns, g.reason, g.final) for g in found] == [
        (at(2024, 4, 8), at(2024, 4, 10), "not_requested", False),
        (at(2024, 4, 10), at(2024, 4, 10, 9), "not_published_yet", False),
    ]


def test_neighbours_of_one_reason_are_one_gap() -> None:
    entries = [
        told(0, 2, "provisional", "venue_has_none", first_fetched=1),
        told(2, 4, "provisional", "venue_has_none"),
        told(4, 6, "confirmed", "venue_has_none", first_fetched=1),
        told(6, 8, "confirmed", "venue_has_none"),
        told(8, 9, "confirmed", "delisted"),
    ]
    assert gaps_of(*entries, told(9, 10)) == [
        (0, 4, "venue_has_none", False, 4),
        (4, 8, "venue_has_none", True, 4),
        (8, 9, "delisted", True, 1),
    ]


def test_gaps_that_rows_part_stay_apart() -> None:
    assert [g[:2] for g in gaps_of(told(0, 3, "confirmed"), told(3, 4), told(4, 10, "confirmed"))] == [
        (0, 3),
        (4, 10),
    ]


def test_the_unclosed_end_of_a_range_is_not_closed_yet() -> None:
    series = series_of(paged())
    (gap,) = open_gap(series, TimeRange(at(2024, 4, 10, 9), at(2024, 4, 11)), NOW)
    assert (gap.start_ns, gap.end_ns) == (at(2024, 4, 10, 12), at(2024, 4, 11))
    assert (gap.reason, gap.final, gap.bars) == ("not_closed_yet", False, 12)
    assert open_gap(series, TimeRange(FIRST, at(2024, 4, 10, 12)), NOW) == ()
    assert open_gap(series, TimeRange(FIRST, at(2024, 4, 10, 12) + 1), NOW)[0].bars == 1


def test_a_gap_tells_itself() -> None:
    gap = Gap(start_ns=FIRST, end_ns=FIRST + MINUTE, bars=1, reason="venue_has_none", final=True)
    assert str(gap) == "2024-04-01 00:00 to 2024-04-01 00:01, 1 bar: venue_has_none (final)"
    unknown = Gap(start_ns=FIRST, end_ns=FIRST + MINUTE, bars=None, reason="x", final=False, detail="why")
    assert str(unknown) == "2024-04-01 00:00 to 2024-04-01 00:01: x (not final): why"
    assert gap.end_time - gap.start_time == timedelta(minutes=1)


@quick
@given(
    range_sets(0, 40, 30 * MINUTE),
    st.lists(
        st.tuples(
            st.integers(0, 20), st.integers(1, 6), st.sampled_from(["rows", "confirmed", "provisional"])
        )
    ),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=3),
    st.sampled_from(["1h", "8h", "30m"]),
)
def test_gaps_and_rows_tile_what_was_asked(
    asked: RangeSet, known: list[tuple[int, int, Any]], failed: list[tuple[int, int]], interval: str
) -> None:
    series = series_of(archive(interval), paged(interval), interval=interval)
    assert series.grid is not None
    spans = [TimeRange(FIRST + r.start, FIRST + r.end) for r in asked]
    need = RangeSet.of(*(r for span in spans for r in needed(series, span, NOW)))
    ledger = Ledger()
    for start, length, state in known:
        entry = told(start, start + length, state)
        whole = series.align(RangeSet.of(TimeRange(entry.start, entry.end)))
        ledger = ledger.overlay(
            told((r.start - FIRST) // HOUR, (r.end - FIRST) // HOUR, state)
            for r in whole
            if interval != "30m"
        )
    gaps = find_gaps(series, need, ledger, [failure(a, a + n) for a, n in failed], NOW)
    rows = ledger.ranges(lambda e: e.state == "rows")
    found = [set(series.grid.slots(TimeRange(g.start_ns, g.end_ns)).tolist()) for g in gaps]
    expected = {t for r in need for t in series.grid.slots(r).tolist() if t not in rows}
    assert set().union(*found) == expected
    assert sum(map(len, found)) == len(expected)
    assert [g.bars for g in gaps] == [len(f) for f in found]
    assert [g.start_ns for g in gaps] == sorted(g.start_ns for g in gaps)
