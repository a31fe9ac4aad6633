"""Taking many entries in at once gives what taking them in one by one gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.cache_series import entry
from dsm_core.model.coverage import Ledger, LedgerEntry
from dsm_core.model.time_range import TimeRange

ENTRIES = st.builds(
    lambda start, length, state, source, fetched: entry(
        start, start + length, state, source=source, fetched=fetched
    ),
    st.integers(0, 30),
    st.integers(1, 8),
    st.sampled_from(["rows", "confirmed", "provisional"]),
    st.sampled_from(["vision", "rest"]),
    st.integers(0, 2),
)


@given(st.lists(ENTRIES, max_size=14), st.booleans())
def test_a_bulk_overlay_equals_one_by_one(entries: list[LedgerEntry], in_order: bool) -> None:
    if in_order:
        entries.sort(key=lambda e: e.start)
    one_by_one = Ledger()
    for e in entries:
        one_by_one = one_by_one.overlay([e])
    assert Ledger().overlay(entries) == one_by_one


@given(st.lists(ENTRIES, max_size=14), st.integers(0, 20), st.integers(1, 20))
def test_within_holds_what_overlaps_and_nothing_else(
    entries: list[LedgerEntry], start: int, length: int
) -> None:
    ledger = Ledger().overlay(entries)
    told = {t: e.state for e in ledger for t in range(e.start, e.end) if start <= t < start + length}
    cut = ledger.within(TimeRange(start, start + length))
    assert {t: e.state for e in cut for t in range(e.start, e.end)} == told
