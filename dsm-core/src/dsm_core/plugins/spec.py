"""What a client declares about itself, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from attrs import field, frozen

from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType
from dsm_core.model.time_range import to_ns

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
    """The source holds only the newest ``rows`` bars, or the last ``days`` days."""

    rows: int | None = None
    days: float | None = None


History = Unlimited | Since | Rolling


@frozen(kw_only=True)
class ClientSpec:
    """One chart type of one market from one source.

    Parameters
    ----------
    market_type, chart_type, source
        What the client serves, and from where.
    intervals
        Each served interval with the vendor's code for it; empty for events and documents.
    columns
        Schema columns that the source delivers; None for all. The others become null.
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
    options
        Names of the options that the client reads; they become part of the series key.
    cost
        Weight of a request for so many rows.
    pool
        Which rate limit its requests count against.
    """

    market_type: MarketType = field(converter=MarketType)
    chart_type: ChartType = field(converter=ChartType)
    source: DataSource = field(converter=DataSource)
    intervals: Mapping[Interval, str] = field(factory=dict)
    columns: frozenset[str] | None = None
    page_rows: int | None = None
    max_span_s: float | None = None
    history: History = Unlimited()
    authoritative: bool = False
    grid: Callable[[Interval], Grid | None] = grid_for
    snap: bool = False
    options: frozenset[str] = frozenset()
    cost: Callable[[int], int] = lambda rows: 1
    pool: str | None = None
