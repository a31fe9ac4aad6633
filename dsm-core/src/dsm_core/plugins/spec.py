"""What a client declares about itself, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

import attrs
from attrs import field, frozen

from dsm_core.errors import RequestError
from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType
from dsm_core.model.time_range import to_ns
from dsm_core.plugins.options import OptionKind
from dsm_core.schema.placement import Strays

__all__ = ["ClientSpec", "History", "Rolling", "Since", "Unlimited"]


@frozen
class Unlimited:
    """The source holds all that the venue ever had."""


@frozen
class Since:
    """The source holds nothing that opened before ``day`` (UTC, where it names no zone)."""

    day: date | datetime

    @property
    def first_ns(self) -> int:
        """Start of the history in UTC nanoseconds."""
        day = self.day
        if not isinstance(day, datetime):
            day = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return to_ns(day if day.tzinfo else day.replace(tzinfo=UTC))


@frozen(kw_only=True)
class Rolling:
    """The source holds only the newest ``rows`` closed bars, or the last ``days`` days.

    What is older is ``beyond_history``: never asked for and never confirmed as a hole. A bar at the
    edge may be gone before the request arrives, so its absence is not believed either.
    """

    rows: int | None = None
    days: float | None = None


History = Unlimited | Since | Rolling


def _as_intervals(value: Any) -> Any:
    """Intervals with codes as text; what cannot be read stays, for the check of the class to name."""
    if isinstance(value, Mapping):
        return {_as_interval(k): str(v) if _is_code(v) else v for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return {_as_interval(k): str(k) for k in value}
    return value


def _is_code(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _as_interval(value: Any) -> Any:
    try:
        return Interval(value)
    except RequestError:
        return value


def _as_names(value: Any) -> Any:
    """Names as a set; one text holds them with spaces between."""
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(value) if isinstance(value, Iterable) else value


def _as_options(value: Any) -> Any:
    names = value if isinstance(value, Mapping) else _as_names(value)
    return dict.fromkeys(names, str) if isinstance(names, frozenset) else names


def _one(rows: int) -> int:
    return 1


def _as_cost(value: Any) -> Any:
    """A fixed cost is one for any number of rows."""
    return (lambda rows: value) if isinstance(value, int) and not isinstance(value, bool) else value


@frozen(kw_only=True)
class ClientSpec:
    """One chart type of one market from one source.

    Parameters
    ----------
    market_type, chart_type, source
        What the client serves, and from where.
    intervals
        Each served interval with the vendor's code for it (text or a number), or a list where the
        vendor's codes are DSM's own; empty for events and documents.
    columns
        Schema columns that the source delivers, as names or one text (``"open high low close"``);
        None for all. The others become null.
    not_negative
        Columns that are never below zero here though the chart type allows it, such as the prices of
        what cannot cost less than nothing; an answer in which one is, is refused.
    page_rows
        Most slots that one request may ask for; None for no limit.
    max_span_s
        Longest span of one request in seconds; None for no limit.
    history
        How far back the source reaches.
    authoritative
        Whether an absence in its answers is the venue's word. True for a venue's REST.
    grid
        The grid of an interval; returns None where expected bars are unknown. Not asked without
        an interval.
    snap
        Move a bar that is stamped off the grid to the slot that holds it.
    keeps_off_grid
        Leave such a bar where it stands, and count it: for grids that a calendar tells, which may be
        wrong where the venue is right.
    stamp
        What the index that a client hands over tells of a bar: its ``"start"`` or its ``"end"``. Of an
        end core makes the open: of the slot that ends there, else of the bar before, at most one
        interval ago.
    overlap
        Bars asked for beyond each end of a page and dropped again, where the venue does not say whether
        its bounds belong; the plan tells it.
    options
        The options that the client reads, each with what it takes: ``bool``, ``int``, ``float``,
        ``str`` or a tuple of allowed texts. Names alone take any text. They become part of the series
        key, so that variants never mix; a source that lacks an option is not asked when it is given.
    cost
        Weight of a request for so many rows, or of any request.
    pool
        Which rate limit its requests count against.
    """

    market_type: MarketType = field(converter=MarketType)
    chart_type: ChartType = field(converter=ChartType)
    source: DataSource = field(converter=DataSource)
    intervals: Mapping[Interval, str] = field(factory=dict, converter=_as_intervals)
    columns: frozenset[str] | None = field(default=None, converter=attrs.converters.optional(_as_names))
    not_negative: frozenset[str] = field(factory=frozenset, converter=_as_names)
    page_rows: int | None = None
    max_span_s: float | None = None
    history: History = Unlimited()
    authoritative: bool = False
    grid: Callable[[Interval], Grid | None] = grid_for
    snap: bool = False
    keeps_off_grid: bool = False
    stamp: Literal["start", "end"] = "start"
    overlap: int = 0
    options: Mapping[str, OptionKind] = field(factory=dict, converter=_as_options)
    cost: Callable[[int], int] = field(default=_one, converter=_as_cost)
    pool: str | None = None

    @property
    def strays(self) -> Strays:
        """What becomes of bars off the grid."""
        return "kept" if self.keeps_off_grid else "moved" if self.snap else "refused"
