"""The times of a call become one half-open range, or an error that says what to write instead."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.strategies import DAY, HOUR, MINUTE, at, instants, quick
from dsm_core.errors import InvalidRangeError, RequestError
from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.request import Span, resolve_span
from dsm_core.model.time_range import TimeRange, from_ns

NOW = at(2024, 6, 15, 12, 30, 30)
MINUTES = grid_for(Interval("1m"))
AUTO: Any = object()
NO_SPANS = [
    *("0d", "-7d", "week", "7", ""),
    *(timedelta(0), timedelta(-1), pd.NaT, np.float64(3), np.array([1, 2]), np.bool_(True)),
]


def span_of(
    start: Any = None,
    end: Any = None,
    *,
    last: Any = None,
    inclusive: str = "both",
    now: int = NOW,
    grid: Grid | None = MINUTES,
) -> Span:
    return resolve_span(start, end, last=last, inclusive=inclusive, now=now, grid=grid)


def range_of(*args: Any, **kwargs: Any) -> TimeRange:
    found = span_of(*args, **kwargs).range
    assert found is not None
    return found


@pytest.mark.parametrize(
    "start",
    [
        datetime(2024, 1, 31, 12, tzinfo=UTC),
        datetime(2024, 1, 31, 7, tzinfo=timezone(timedelta(hours=-5))),
        datetime(2024, 1, 31, 7, tzinfo=ZoneInfo("America/New_York")),
        datetime(2024, 1, 31, 21, tzinfo=ZoneInfo("Asia/Tokyo")),
        pd.Timestamp("2024-01-31T12:00:00Z"),
        pd.Timestamp("2024-01-31T07:00:00", tz="America/New_York"),
        pd.Timestamp("2024-01-31T12:00:00Z").as_unit("s"),
        "2024-01-31T12:00:00+00:00",
        "2024-01-31T12:00:00Z",
        "2024-01-31 12:00Z",
        "2024-01-31T07:00:00-05:00",
        " 2024-01-31T17:30:00+05:30 ",
    ],
)
def test_one_instant_may_be_written_in_many_ways(start: Any) -> None:
    noon = at(2024, 1, 31, 12)
    assert range_of(start, "2024-01-31") == TimeRange(noon, at(2024, 2, 1))
    assert range_of("2024-01-31", start) == TimeRange(at(2024, 1, 31), noon + 1)


def test_nanoseconds_of_a_timestamp_count() -> None:
    start = pd.Timestamp(at(2024, 1, 1) + 7, tz="UTC")
    assert range_of(start, "2024-01-01").start == at(2024, 1, 1) + 7
    assert range_of("2024-01-01", start, inclusive="left").end == at(2024, 1, 1) + 7


def test_nanoseconds_of_iso_text_count() -> None:
    text = "2024-01-01T00:00:00.000000007+00:00"
    assert range_of(text, "2024-01-01").start == at(2024, 1, 1) + 7
    assert (
        range_of("2024-01-01", "2024-01-01T23:59:59.999999999Z", inclusive="left").end == at(2024, 1, 2) - 1
    )


@pytest.mark.parametrize(
    ("label", "first", "after"),
    [
        ("2024", at(2024, 1, 1), at(2025, 1, 1)),
        ("2024-02", at(2024, 2, 1), at(2024, 3, 1)),
        ("2023-02", at(2023, 2, 1), at(2023, 3, 1)),
        ("2023-12", at(2023, 12, 1), at(2024, 1, 1)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
        (" 2023-12-31 ", at(2023, 12, 31), at(2024, 1, 1)),
        (date(2024, 2, 28), at(2024, 2, 28), at(2024, 2, 29)),
        (date(1969, 12, 31), at(1969, 12, 31), at(1970, 1, 1)),
    ],
)
def test_a_label_means_its_whole_period_at_both_ends(label: Any, first: int, after: int) -> None:
    assert range_of(label, label) == TimeRange(first, after)
    assert span_of(label, label, inclusive="neither").range is None


def test_a_label_may_end_a_range_that_begins_inside_it() -> None:
    assert range_of("2024-01-15", "2024-01") == TimeRange(at(2024, 1, 15), at(2024, 2, 1))
    assert range_of("2024-01-31T12:00Z", date(2024, 1, 31)) == TimeRange(at(2024, 1, 31, 12), at(2024, 2, 1))
    assert span_of("2024-01-15", "2024-01", inclusive="left").range is None


@pytest.mark.parametrize(
    ("inclusive", "start", "end"),
    [("both", 0, 1), ("left", 0, 0), ("right", 1, 1), ("neither", 1, 0)],
)
def test_each_end_of_instants_is_inside_or_not(inclusive: str, start: int, end: int) -> None:
    a, b = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
    assert range_of(a, b, inclusive=inclusive) == TimeRange(at(2024, 1, 1) + start, at(2024, 1, 2) + end)


@pytest.mark.parametrize(
    ("inclusive", "start", "end"),
    [("both", 1, 4), ("left", 1, 3), ("right", 2, 4), ("neither", 2, 3)],
)
def test_a_label_belongs_whole_or_not_at_all(inclusive: str, start: int, end: int) -> None:
    expected = TimeRange(at(2024, 1, start), at(2024, 1, end))
    assert range_of("2024-01-01", "2024-01-03", inclusive=inclusive) == expected


def test_an_instant_alone_is_in_the_range_only_when_both_ends_are() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    assert range_of(moment, moment) == TimeRange(at(2024, 1, 1), at(2024, 1, 1) + 1)
    for inclusive in ("left", "right", "neither"):
        assert span_of(moment, moment, inclusive=inclusive).range is None


def test_without_an_end_the_range_ends_now() -> None:
    found = span_of("2024-06-15")
    assert found == Span(TimeRange(at(2024, 6, 15), NOW), to_now=True)
    assert not span_of("2024-06-15", "2024-06-15").to_now


def test_last_as_a_span_is_counted_back_from_the_end() -> None:
    assert range_of(last="7d") == TimeRange(NOW - 7 * DAY, NOW)
    assert span_of(last="90m").to_now
    end = datetime(2024, 1, 8, tzinfo=UTC)
    assert range_of(None, end, last="7d", inclusive="left") == TimeRange(at(2024, 1, 1), at(2024, 1, 8))
    assert range_of(None, "2024-01", last="1d") == TimeRange(at(2024, 1, 31), at(2024, 2, 1))
    assert range_of(None, "2024-01", last="1d", inclusive="left") == TimeRange(
        at(2023, 12, 31), at(2024, 1, 1)
    )


@pytest.mark.parametrize("last", ["7d", "1w", "1M", "12M", "24h"])
def test_last_as_a_span_gives_as_many_days_whichever_end_belongs(last: str) -> None:
    days = grid_for(Interval("1d"))
    end = datetime(2024, 2, 1, tzinfo=UTC)
    for inclusive, shift in (("both", 1), ("right", 1), ("left", 0), ("neither", 0)):
        found = range_of(None, end, last=last, inclusive=inclusive)
        assert found.end == at(2024, 2, 1) + shift
        length = days.count(found)
        assert length == days.count(range_of(None, end, last=last, inclusive="left"))


@pytest.mark.parametrize("last", [timedelta(days=7), pd.Timedelta(days=7), timedelta(hours=168)])
def test_last_may_be_a_timedelta(last: Any) -> None:
    assert range_of(last=last) == range_of(last="7d")
    assert range_of(last=last, grid=None) == range_of(last="7d")


def test_nanoseconds_of_a_timedelta_count() -> None:
    assert range_of(last=pd.Timedelta(1007, "ns")) == TimeRange(NOW - 1007, NOW)


@pytest.mark.parametrize("last", [np.int64(10), np.uint8(10), np.array(10)])
def test_last_in_bars_may_be_a_number_of_numpy(last: Any) -> None:
    assert range_of(last=last) == range_of(last=10)


def test_last_in_months_keeps_the_day_where_the_month_has_it() -> None:
    def back(last: str, *end: int) -> datetime:
        return from_ns(range_of(None, from_ns(at(*end)), last=last, inclusive="left").start)

    assert back("1M", 2024, 3, 31, 5) == datetime(2024, 2, 29, 5, tzinfo=UTC)
    assert back("1M", 2023, 3, 31) == datetime(2023, 2, 28, tzinfo=UTC)
    assert back("1M", 2024, 1, 15) == datetime(2023, 12, 15, tzinfo=UTC)
    assert back("12M", 2024, 2, 29) == datetime(2023, 2, 28, tzinfo=UTC)
    assert back("3mo", 2024, 2, 1) == datetime(2023, 11, 1, tzinfo=UTC)
    assert back("25M", 2024, 2, 1) == datetime(2022, 1, 1, tzinfo=UTC)


def test_last_in_bars_counts_closed_bars_when_the_end_is_now() -> None:
    assert range_of(last=10) == TimeRange(NOW // MINUTE * MINUTE - 10 * MINUTE, NOW // MINUTE * MINUTE)


@pytest.mark.parametrize("inclusive", ["both", "left", "right", "neither"])
@pytest.mark.parametrize("name", ["1m", "8h", "1w", "1M"])
def test_last_in_bars_gives_that_many_slots(name: str, inclusive: str) -> None:
    grid = grid_for(Interval(name))
    for end in (None, "2024-05", from_ns(at(2024, 5, 1)), from_ns(at(2024, 5, 1, 0, 0, 30))):
        assert grid.count(range_of(None, end, last=7, inclusive=inclusive, grid=grid)) == 7


def test_the_bar_that_opens_at_the_end_is_the_last_one_when_the_end_belongs() -> None:
    end = datetime(2024, 5, 1, tzinfo=UTC)
    assert range_of(None, end, last=2).end == at(2024, 5, 1) + MINUTE
    assert range_of(None, end, last=2, inclusive="left").end == at(2024, 5, 1)


@pytest.mark.parametrize("value", [datetime(2024, 1, 1), pd.Timestamp("2024-01-01"), "2024-01-01T00:00:00"])
def test_a_time_without_zone_is_refused_and_shown_aware(value: Any) -> None:
    for call in (lambda: span_of(value, "2024-02"), lambda: span_of("2023", value)):
        with pytest.raises(InvalidRangeError, match="has no time zone") as caught:
            call()
        assert "datetime.fromisoformat('2024-01-01T00:00:00+00:00')" in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        "2024-13",
        "2024-00",
        "2023-02-29",
        "2024-01-32",
        "2024-01-00",
        "0000",
        "2024-1-1",
        "24-01",
        "yesterday",
        "",
        " ",
        "NaT",
        "2024-01-31T25:00Z",
        "31.01.2024",
        "2024-W53-8",
        "2024-01-01/2024-02-01",
        "٢٠٢٤-١٣",
    ],
)
def test_text_that_is_no_time_is_refused_by_name(bad: str) -> None:
    with pytest.raises(InvalidRangeError, match="start_time") as caught:
        span_of(bad, "2024")
    assert repr(bad) in str(caught.value)
    with pytest.raises(InvalidRangeError, match="end_time"):
        span_of("2023", bad)


@pytest.mark.parametrize("bad", [1_704_067_200, 1.5, True, b"2024", [2024], timedelta(days=1), object()])
def test_a_value_of_another_type_is_no_time(bad: Any) -> None:
    with pytest.raises(InvalidRangeError, match=r"start_time=.* is not a time"):
        span_of(bad, "2024")


def test_nat_is_refused() -> None:
    with pytest.raises(InvalidRangeError, match="start_time is NaT"):
        span_of(pd.NaT, "2024")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2024-02", "2024-01"),
        ("2024", "2023-12-31"),
        (datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-02-01T00:00Z", "2024-01"),
    ],
)
def test_a_start_after_the_end_is_refused(start: Any, end: Any) -> None:
    for inclusive in ("both", "neither"):
        with pytest.raises(InvalidRangeError, match="is after end_time"):
            span_of(start, end, inclusive=inclusive)


@pytest.mark.parametrize("start", ["2024-06-16", "2025", datetime(2024, 6, 15, 12, 31, tzinfo=UTC)])
def test_a_start_in_the_future_needs_an_end(start: Any) -> None:
    with pytest.raises(InvalidRangeError, match="in the future"):
        span_of(start)
    assert span_of(start, "2026").range is not None


def test_a_range_needs_a_start() -> None:
    for end in (None, "2024"):
        with pytest.raises(InvalidRangeError, match="No start_time"):
            span_of(None, end)


@pytest.mark.parametrize("last", [0, -1, True, False, 1.5, [1], object(), *NO_SPANS])
def test_a_last_that_means_nothing_is_refused(last: Any) -> None:
    with pytest.raises(RequestError):
        span_of(last=last)


def test_last_and_start_exclude_each_other() -> None:
    with pytest.raises(RequestError, match="Both start_time and last"):
        span_of("2024", last="7d")


def test_last_in_bars_needs_a_grid() -> None:
    with pytest.raises(RequestError, match="no grid"):
        span_of(last=10, grid=None)
    assert range_of(last="1d", grid=None) == TimeRange(NOW - DAY, NOW)


@pytest.mark.parametrize("last", ["999999d", "999999w", "999999M", "5000M", "400000d", 10**9, 10**30])
def test_a_last_that_reaches_before_all_times_is_refused(last: Any) -> None:
    for name in ("1m", "1w", "1M"):
        if last == 10**9 and name == "1m":
            continue
        with pytest.raises(RequestError, match="last="):
            span_of(last=last, grid=grid_for(Interval(name)))


@pytest.mark.parametrize("inclusive", ["", "BOTH", "open", None, True])
def test_an_unknown_inclusive_is_refused(inclusive: Any) -> None:
    with pytest.raises(RequestError, match="inclusive="):
        span_of("2024", inclusive=inclusive)


@pytest.mark.parametrize(
    "value",
    [
        "0001",
        "1500",
        "1699-12-31",
        "2251",
        "9999",
        "9999-12",
        "9999-12-31",
        date.min,
        date.max,
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=12))),
    ],
)
def test_years_that_no_table_can_hold_are_refused(value: Any) -> None:
    with pytest.raises(InvalidRangeError, match=r"start_time.*1700 and 2250"):
        span_of(value, "2024")
    with pytest.raises(InvalidRangeError, match="end_time"):
        span_of("2024", value)


@quick
@given(instants(), instants(), st.sampled_from(["both", "left", "right", "neither"]))
def test_any_two_instants_make_a_range_of_what_lies_between_them(a: int, b: int, inclusive: str) -> None:
    first, last = sorted((a // 1000 * 1000, b // 1000 * 1000))
    found = span_of(from_ns(first), from_ns(last), inclusive=inclusive).range
    members = {first, first + 1, last - 1, last, (first + last) // 2}
    for t in members:
        inside = first < t < last
        inside |= t == first and inclusive in ("both", "left") and (t < last or inclusive == "both")
        inside |= t == last and inclusive in ("both", "right") and (t > first or inclusive == "both")
        assert (found is not None and t in found) == inside


@quick
@given(
    st.one_of(st.text(max_size=12), st.from_regex(r"\d{4}(-\d{2}){0,2}([T ]\d{2}:\d{2}Z?)?", fullmatch=True))
)
def test_any_text_is_a_range_or_an_invalid_range_error(text: str) -> None:
    try:
        found = span_of(text, "2250", now=at(2240, 1, 1)).range
    except InvalidRangeError:
        return
    assert found is None or at(1700, 1, 1) <= found.start < found.end <= at(2251, 1, 1) + HOUR
