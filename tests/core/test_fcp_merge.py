"""Many answers make one table: newest rows win, in any order of arrival."""

from __future__ import annotations

from itertools import pairwise, permutations

import pyarrow as pa
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import quick, range_sets
from dsm_core.fcp.merge import Batch, merge
from dsm_core.model.coverage import LedgerEntry, Origin
from dsm_core.model.time_range import RangeSet
from dsm_core.schema.chart_type import ChartSchema
from dsm_core.schema.column import Column
from dsm_core.schema.conform import empty_table, times_of

SCHEMA = ChartSchema(
    name="numbers", kind="bars", index="time", columns=(Column("value", "float64", "a number"),)
)
WHOLE = RangeSet.from_pairs([(-100, 100)])


def table_of(rows: dict[int, float]) -> pa.Table:
    times = sorted(rows)
    arrays = [pa.array(times, pa.int64()).cast(pa.timestamp("ns", "UTC")), pa.array([rows[t] for t in times])]
    arrays[1] = arrays[1].cast(pa.float64())
    return pa.Table.from_arrays(arrays, schema=SCHEMA.arrow())


def batch(vouched: RangeSet, rows: dict[int, float], age: int, *, url: str = "u") -> Batch:
    """Rows of one answer; it may have rows that it does not vouch for, as an open bar is."""
    entries = tuple(
        LedgerEntry(
            start=r.start,
            end=r.end,
            state="rows",
            source="rest",
            first_fetched=age,
            last_fetched=age,
            origin=Origin(url=url),
        )
        for r in vouched
    )
    return Batch(table=table_of(rows), entries=entries)


def rows_of(table: pa.Table) -> dict[int, float]:
    return dict(zip(times_of(table, SCHEMA).tolist(), table["value"].to_pylist(), strict=True))


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[RangeSet, dict[int, float]]]:
    made = []
    for _ in range(draw(st.integers(0, 5))):
        times = draw(st.sets(st.integers(-8, 23), max_size=20))
        made.append((draw(range_sets()), {t: draw(st.floats(0, 9)) for t in times}))
    return made


@quick
@given(batches(), range_sets(), st.randoms(use_true_random=False))
def test_the_newest_answer_that_vouches_for_a_slot_decides_it(
    answers: list[tuple[RangeSet, dict[int, float]]], within: RangeSet, random: object
) -> None:
    made = [batch(vouched, rows, age) for age, (vouched, rows) in enumerate(answers)]
    expected: dict[int, float] = {}
    for vouched, rows in answers:
        expected = {t: v for t, v in expected.items() if t not in vouched}
        expected |= {t: v for t, v in rows.items() if t in vouched}
    random.shuffle(made)  # type: ignore[attr-defined]
    found = merge(made, SCHEMA, within)
    assert rows_of(found) == {t: v for t, v in expected.items() if t in within}
    times = times_of(found, SCHEMA).tolist()
    assert all(a < b for a, b in pairwise(times))
    assert found.schema.equals(SCHEMA.arrow())


@quick
@given(batches())
def test_the_order_of_arrival_does_not_matter(answers: list[tuple[RangeSet, dict[int, float]]]) -> None:
    made = [batch(vouched, rows, age) for age, (vouched, rows) in enumerate(answers[:4])]
    results = [merge(order, SCHEMA, WHOLE) for order in permutations(made)]
    assert all(found.equals(results[0]) for found in results)


@quick
@given(batches())
def test_answers_of_one_moment_are_told_apart_by_their_origin(
    answers: list[tuple[RangeSet, dict[int, float]]],
) -> None:
    made = [batch(vouched, rows, 7, url=str(n)) for n, (vouched, rows) in enumerate(answers[:4])]
    results = [merge(order, SCHEMA, WHOLE) for order in permutations(made)]
    assert all(found.equals(results[0]) for found in results)


@quick
@given(batches(), range_sets())
def test_merging_again_changes_nothing(
    answers: list[tuple[RangeSet, dict[int, float]]], within: RangeSet
) -> None:
    made = [batch(vouched, rows, age) for age, (vouched, rows) in enumerate(answers)]
    once = merge(made, SCHEMA, within)
    again = Batch(table=once, entries=batch(within, {}, 99).entries)
    assert merge([again], SCHEMA, within).equals(once)
    assert merge([*made, *made], SCHEMA, within).equals(once)
    assert merge([*made, again], SCHEMA, within).equals(once)


def test_an_answer_without_rows_takes_none_away() -> None:
    slot = RangeSet.from_pairs([(0, 5)])
    (entry,) = batch(slot, {}, 9).entries
    absent = Batch(
        table=empty_table(SCHEMA), entries=(LedgerEntry(**{**_facts(entry), "state": "confirmed"}),)
    )
    assert rows_of(merge([batch(slot, {1: 1.0}, 0), absent], SCHEMA, WHOLE)) == {1: 1.0}


def _facts(entry: LedgerEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in LedgerEntry.__slots__ if not name.startswith("__")}


def test_nothing_merges_to_the_empty_table() -> None:
    assert merge([], SCHEMA, WHOLE).equals(empty_table(SCHEMA))
    assert merge([batch(WHOLE, {1: 1.0}, 0)], SCHEMA, RangeSet()).equals(empty_table(SCHEMA))


def test_a_batch_tells_what_it_vouches_for_and_how_old_it_is() -> None:
    vouched = RangeSet.from_pairs([(0, 5), (9, 11)])
    made = batch(vouched, {}, 4, url="https://a")
    assert made.vouched == vouched
    assert made.age == (0, 4, "rest", "https://a", "")
    assert Batch(table=empty_table(SCHEMA), entries=()).age < made.age
    # What came later is newer, whatever its clock said.
    assert made.age < evolve(batch(vouched, {}, 3), rank=1).age
