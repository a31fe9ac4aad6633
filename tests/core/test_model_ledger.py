"""The ledger's laws: rows replace, absence never removes rows, what is confirmed stays so."""

from __future__ import annotations

import pickle
from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import DAY, HOUR, MINUTE, SECOND, at, quick
from dsm_core.model.coverage import (
    CONFIRM_AFTER_NS,
    NOT_FETCHED,
    Ledger,
    LedgerEntry,
    Origin,
    State,
    settle,
)
from dsm_core.model.grid import grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import RangeSet, TimeRange

NOON = at(2024, 1, 1, 12)
STATES: tuple[State, ...] = ("rows", "confirmed", "provisional")


def told(
    start: int, end: int, state: State = "rows", *, first: int = 0, last: int | None = None, **more: object
) -> LedgerEntry:
    reason = None if state == "rows" else "venue_has_none"
    facts = {"source": "rest", "reason": reason, **more}
    return LedgerEntry(
        start=start,
        end=end,
        state=state,
        first_fetched=first,
        last_fetched=first if last is None else last,
        **facts,  # type: ignore[arg-type]
    )


Slots = dict[int, tuple[str, str, int, int]]


def slots_of(ledger: Ledger) -> Slots:
    return {
        t: (e.state, e.source, e.first_fetched, e.last_fetched)
        for e in ledger.entries
        for t in range(e.start, e.end)
    }


def model_overlay(known: Slots, entry: LedgerEntry) -> None:
    """What one entry does to a plain dictionary of slots."""
    for t in range(entry.start, entry.end):
        old = known.get(t)
        first = entry.first_fetched
        if entry.state != "rows" and old is not None:
            if old[0] == "rows" or (old[0] == "confirmed" and entry.state == "provisional"):
                continue
            if old[0] == "provisional" and entry.state == "provisional":
                first = min(first, old[2])
        known[t] = (entry.state, entry.source, first, entry.last_fetched)


entries = st.builds(
    lambda start, length, state, source, fetched: told(
        start, start + length, state, first=fetched, source=source
    ),
    st.integers(0, 20),
    st.integers(1, 8),
    st.sampled_from(STATES),
    st.sampled_from(["vision", "rest"]),
    st.integers(0, 5),
)


@quick
@given(st.lists(st.lists(entries, max_size=5), max_size=8))
def test_any_history_of_overlays_is_what_a_dictionary_of_slots_says(history: list[list[LedgerEntry]]) -> None:
    ledger, model = Ledger(), Slots()
    for group in history:
        ledger = ledger.overlay(group)
        for entry in group:
            model_overlay(model, entry)
        assert slots_of(ledger) == model
        assert all(a.end <= b.start and not a.continues(b) for a, b in pairwise(ledger.entries))
        assert ledger.ranges() == RangeSet.from_pairs((t, t + 1) for t in model)


@quick
@given(st.lists(entries, max_size=6), st.lists(entries, max_size=6))
def test_taking_the_same_entries_in_twice_changes_nothing(
    before: list[LedgerEntry], newer: list[LedgerEntry]
) -> None:
    once = Ledger().overlay(before).overlay(newer[:1])
    assert once.overlay(newer[:1]) == once


@quick
@given(st.lists(entries, max_size=6), entries)
def test_rows_replace_what_was_told_of_their_range(before: list[LedgerEntry], newer: LedgerEntry) -> None:
    rows = evolve(newer, state="rows", reason=None)
    after = Ledger().overlay(before).overlay([rows])
    inside = after.within(TimeRange(rows.start, rows.end))
    assert {(e.state, e.source, e.first_fetched) for e in inside} == {
        ("rows", rows.source, rows.first_fetched)
    }
    assert inside.ranges() == RangeSet.from_pairs([(rows.start, rows.end)])


@quick
@given(st.lists(entries, max_size=6), entries)
def test_an_absence_never_removes_rows(before: list[LedgerEntry], newer: LedgerEntry) -> None:
    ledger = Ledger().overlay(before)
    rows = ledger.ranges(lambda e: e.state == "rows")
    for state in ("confirmed", "provisional"):
        absent = evolve(newer, state=state, reason="delisted")
        assert ledger.overlay([absent]).ranges(lambda e: e.state == "rows") == rows


def test_what_is_confirmed_stays_confirmed_when_the_absence_is_told_again() -> None:
    ledger = Ledger.of([told(0, 10, "confirmed", first=1)])
    assert ledger.overlay([told(0, 20, "provisional", first=5)]).entries == (
        told(0, 10, "confirmed", first=1),
        told(10, 20, "provisional", first=5),
    )


def test_a_provisional_absence_keeps_when_it_was_first_told() -> None:
    ledger = Ledger().overlay([told(5, 10, "provisional", first=1)])
    ledger = ledger.overlay([told(0, 15, "provisional", first=7)])
    assert [(e.start, e.end, e.first_fetched, e.last_fetched) for e in ledger] == [
        (0, 5, 7, 7),
        (5, 10, 1, 7),
        (10, 15, 7, 7),
    ]


def test_neighbours_that_tell_the_same_are_joined() -> None:
    origin = Origin(url="https://a/b.zip", sha256="00")
    parts = [told(0, 5, origin=origin), told(5, 9, origin=origin), told(9, 12)]
    assert Ledger.of(reversed(parts)).entries == (told(0, 9, origin=origin), told(9, 12))


@pytest.mark.parametrize(
    "other",
    [
        told(5, 9, source="vision"),
        told(5, 9, first=1),
        told(5, 9, last=1),
        told(5, 9, origin=Origin(etag="x")),
        told(5, 9, "confirmed"),
        told(6, 9),
    ],
)
def test_neighbours_that_differ_in_any_fact_stay_apart(other: LedgerEntry) -> None:
    assert Ledger.of([told(0, 5), other]).entries == (told(0, 5), other)


def test_cutting_keeps_the_facts_and_the_bounds_inside() -> None:
    entry = told(10, 20, first=3, last=4)
    assert entry.cut(0, 99) is entry
    assert entry.cut(12, 15) == evolve(entry, start=12, end=15)
    assert entry.cut(0, 11) == evolve(entry, end=11)


@quick
@given(st.lists(entries, max_size=6), st.integers(-2, 30), st.integers(1, 10))
def test_within_cuts_to_the_span(told_entries: list[LedgerEntry], start: int, length: int) -> None:
    ledger = Ledger().overlay(told_entries)
    span = TimeRange(start, start + length)
    assert slots_of(ledger.within(span)) == {t: f for t, f in slots_of(ledger).items() if t in span}


def test_ranges_takes_only_the_entries_asked_for() -> None:
    ledger = Ledger.of([told(0, 5), told(5, 9, "provisional"), told(20, 22)])
    assert ledger.ranges() == RangeSet.from_pairs([(0, 9), (20, 22)])
    assert ledger.ranges(lambda e: e.state == "provisional") == RangeSet.from_pairs([(5, 9)])


def test_a_ledger_survives_pickling() -> None:
    ledger = Ledger.of([told(0, 5, origin=Origin(url="u")), told(5, 9, "confirmed")])
    assert pickle.loads(pickle.dumps(ledger)) == ledger


@pytest.mark.parametrize(("wait", "due"), [(0, False), (299, False), (300, True), (301, True), (-1, True)])
def test_an_absence_told_once_is_due_after_five_minutes(wait: int, due: bool) -> None:
    assert told(0, 1, "provisional", first=NOON).is_due(NOON + wait * SECOND) == due


@pytest.mark.parametrize(("wait", "due"), [(0, False), (3599, False), (3600, True), (-1, True)])
def test_an_absence_told_twice_is_due_after_an_hour(wait: int, due: bool) -> None:
    entry = told(0, 1, "provisional", first=NOON - 1, last=NOON)
    assert entry.is_due(NOON + wait * SECOND) == due


@pytest.mark.parametrize("state", ["rows", "confirmed"])
def test_rows_and_confirmed_absences_are_never_due(state: State) -> None:
    assert not told(0, 1, state, first=NOON).is_due(NOON + 400 * DAY)


def settled(entry: LedgerEntry, *, before: bool = True, after: bool = True, **more: object) -> list[tuple]:  # type: ignore[type-arg]
    parts = settle(entry, rows_before=lambda _: before, rows_after=lambda _: after, **more)  # type: ignore[arg-type]
    return [(p.start - NOON, p.end - NOON, p.state) for p in parts]


def hole(asked_after: int, first_before: int = 0) -> LedgerEntry:
    """An hour without bars, asked ``asked_after`` its end, and ``first_before`` that for the first time."""
    asked = NOON + HOUR + asked_after
    return told(NOON, NOON + HOUR, "provisional", first=asked - first_before, last=asked)


def test_a_hole_between_rows_is_confirmed_a_day_after_it() -> None:
    assert settled(hole(DAY)) == [(0, HOUR, "confirmed")]
    assert settled(hole(30 * DAY)) == [(0, HOUR, "confirmed")]


@pytest.mark.parametrize(("before", "after"), [(False, True), (True, False), (False, False)])
def test_a_hole_at_an_edge_needs_two_answers_an_hour_apart(before: bool, after: bool) -> None:
    assert settled(hole(2 * DAY), before=before, after=after) == [(0, HOUR, "provisional")]
    near = hole(2 * DAY, first_before=HOUR - 1)
    assert settled(near, before=before, after=after) == [(0, HOUR, "provisional")]
    apart = hole(2 * DAY, first_before=HOUR)
    assert settled(apart, before=before, after=after) == [(0, HOUR, "confirmed")]


def test_a_hole_less_than_a_day_old_stays_provisional() -> None:
    assert settled(hole(DAY - HOUR, first_before=3 * HOUR)) == [(0, HOUR, "provisional")]


def test_only_the_part_that_is_a_day_old_is_confirmed() -> None:
    assert settled(hole(DAY - 20 * MINUTE)) == [
        (0, 40 * MINUTE, "confirmed"),
        (40 * MINUTE, HOUR, "provisional"),
    ]


def test_a_slot_is_confirmed_whole_or_not_at_all() -> None:
    quarters = grid_for(Interval("15m"))
    assert settled(hole(DAY - 20 * MINUTE), floor=quarters.floor) == [
        (0, 30 * MINUTE, "confirmed"),
        (30 * MINUTE, HOUR, "provisional"),
    ]
    assert settled(hole(DAY - 1), floor=grid_for(Interval("1h")).floor) == [(0, HOUR, "provisional")]
    assert settled(hole(DAY), floor=grid_for(Interval("1h")).floor) == [(0, HOUR, "confirmed")]


@pytest.mark.parametrize("state", ["rows", "confirmed"])
def test_settling_leaves_rows_and_confirmed_absences_as_they_are(state: State) -> None:
    entry = evolve(hole(DAY), state=state)
    assert settle(entry, rows_before=lambda _: True, rows_after=lambda _: True) == [entry]


def test_settling_asks_for_rows_on_the_two_sides_of_the_hole() -> None:
    asked = []

    def rows(side: str, t: int) -> bool:
        asked.append((side, t - NOON))
        return True

    settle(hole(DAY), rows_before=lambda t: rows("before", t), rows_after=lambda t: rows("after", t))
    assert asked == [("before", 0), ("after", HOUR)]


@quick
@given(st.integers(0, 3 * DAY), st.integers(0, 2 * HOUR), st.booleans(), st.booleans())
def test_settling_never_loses_or_adds_an_instant(
    asked_after: int, first_before: int, before: bool, after: bool
) -> None:
    entry = hole(asked_after - HOUR, first_before)
    parts = settle(entry, rows_before=lambda _: before, rows_after=lambda _: after)
    assert (parts[0].start, parts[-1].end) == (entry.start, entry.end)
    assert all(a.end == b.start for a, b in pairwise(parts))
    for part in parts:
        if part.state == "confirmed":
            assert part.end + CONFIRM_AFTER_NS <= entry.last_fetched


def test_what_was_only_wanted_is_due_at_once_and_never_confirmed() -> None:
    wanted = evolve(told(0, 2 * DAY, "provisional", first=NOON), reason=NOT_FETCHED)
    assert wanted.is_due(NOON)
    assert settle(wanted, rows_before=lambda t: True, rows_after=lambda t: True) == [wanted]
    # An answer over it is a first answer: two must agree before a hole is confirmed.
    answered = told(0, 2 * DAY, "provisional", first=NOON + 3 * 3600 * SECOND)
    assert Ledger.of([wanted]).overlay([answered]) == Ledger.of([answered])
