"""The contract every client keeps."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, ClassVar, Final, Literal

from dsm_core.errors import RequestError
from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, DataSource, MarketType
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange, from_ns
from dsm_core.plugins.answer import Answer
from dsm_core.plugins.calling import each_answer
from dsm_core.plugins.context import ClientContext
from dsm_core.plugins.spec import ClientSpec, Rolling, Since
from dsm_core.plugins.task import Task
from dsm_core.plugins.threads import in_thread

__all__ = ["DataClientInterface"]

# What a machine's clock may be off where the venue cannot be asked for its time.
_EDGE_NS: Final = 600 * NS_PER_S
_EDGE_SLOTS: Final = 2


class DataClientInterface(ABC):
    """One chart type of one market from one source.

    One light instance serves one series; resources belong to the context.

    Parameters
    ----------
    symbol
        The provider's own name of the instrument, already checked.
    interval
        One of ``spec.intervals``; None for chart types without one.
    context
        HTTP, configuration, clock.
    **options
        Those of ``spec.options`` that were given, in the types it names.
    """

    spec: ClassVar[ClientSpec]
    provider: str = ""

    def __init__(
        self, symbol: str, interval: Interval | None, context: ClientContext, **options: Any
    ) -> None:
        self.symbol = symbol
        self.interval = interval
        self.context = context
        self.options = options
        self.grid: Grid | None = self.make_grid()

    def make_grid(self) -> Grid | None:
        """Where the bars of this series open; override where that depends on more than the interval.

        Returns
        -------
        Grid or None
            That of the spec; None for chart types without interval, and where expected bars are unknown.
        """
        return None if self.interval is None else self.spec.grid(self.interval)

    @property
    def stamp(self) -> Literal["start", "end"]:
        """What the index of the rows handed over tells; override where options decide it."""
        return self.spec.stamp

    @property
    def max_span_s(self) -> float | None:
        """Longest span of one request in seconds; override where it depends on the interval."""
        return self.spec.max_span_s

    @property
    def restated(self) -> tuple[str, ...]:
        """Columns that the venue changes over all history at once, such as back-adjusted prices.

        Before new rows join rows that are kept, core asks for one of those again; where these columns
        differ, what was kept of the series is dropped and asked for anew.
        """
        return ()

    @classmethod
    def option_defaults(cls, config: Any) -> Mapping[str, Any]:
        """Values of options that a request leaves out; they become part of the series key.

        Parameters
        ----------
        config
            The provider's section of the configuration, as its own class.
        """
        return {}

    @property
    def market_type(self) -> MarketType:
        """Which market."""
        return self.spec.market_type

    @property
    def chart_type(self) -> ChartType:
        """Which schema."""
        return self.spec.chart_type

    @property
    def source(self) -> DataSource:
        """Which source."""
        return self.spec.source

    @property
    def code(self) -> str:
        """The vendor's code of the interval; empty without one."""
        return "" if self.interval is None else self.spec.intervals[self.interval]

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol that cannot exist in this market; override to add the market's form.

        Raises
        ------
        RequestError
            Naming the symbol and, where it can be guessed, the right one.
        """
        if (
            not isinstance(symbol, str)
            or not symbol.strip()
            or any(ord(c) < 32 or c in "/\\" for c in symbol)
        ):
            raise RequestError(
                f"{symbol!r} is not a symbol.",
                hint="Use the venue's own name, such as 'BTCUSDT'.",
                symbol=repr(symbol),
            )

    def plan(self, ranges: RangeSet, now: int, skip: frozenset[str] = frozenset()) -> tuple[Task, ...]:
        """Tasks that bring ``ranges``; pure.

        Parameters
        ----------
        ranges
            What is missing, as whole slots.
        now
            The venue's time, UTC nanoseconds.
        skip
            Names of tasks that were done already or are known to be in vain.
        """
        tasks = (
            Task(
                name=f"{r.start}-{r.end}",
                source=self.source,
                span=r,
                weight=self.spec.cost(self.grid.count(r) if self.grid else 1),
                why="asked of the source",
            )
            for r in self.within_history(ranges, now)
        )
        return tuple(t for t in tasks if t.name not in skip)

    def within_history(self, ranges: RangeSet, now: int) -> RangeSet:
        """The part of ``ranges`` that the source's declared history can hold, as whole slots."""
        history = self.spec.history
        if isinstance(history, Since):
            first = history.first_ns
        elif isinstance(history, Rolling):
            first = self._rolling_start(history, now)
        else:
            return ranges
        if self.grid is not None:
            # Half a slot can neither be asked for nor vouched for.
            first = self.grid.ceil(first)
        return RangeSet.from_pairs((max(r.start, first), r.end) for r in ranges)

    def surely_held(self, ranges: RangeSet, now: int) -> RangeSet:
        """The part of ``ranges`` that the source still held when it answered; core asks this.

        A rolling history moves on between the plan and the answer, and venues count its first bar
        differently: two bars or ten minutes at its edge are not sure, nor what passed out of it since.
        """
        if not isinstance(self.spec.history, Rolling):
            return ranges
        answered = max(now, self.context.now_ns())
        slots = 0 if self.grid is None else self.grid.back(self.grid.closed_until(answered), -_EDGE_SLOTS)
        return self.within_history(ranges, max(answered + _EDGE_NS, slots))

    def _rolling_start(self, history: Rolling, now: int) -> int:
        starts = []
        if history.days is not None:
            starts.append(now - int(history.days * 86_400 * NS_PER_S))
        if history.rows is not None and self.grid is not None:
            starts.append(self.grid.back(self.grid.closed_until(now), history.rows))
        return max(starts, default=0)

    @abstractmethod
    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Any:
        """Rows with ``start_time <= index < end_time``.

        Plain (run in a worker thread), a coroutine, a generator or an async generator; of a table, a
        frame, a mapping of columns or an :class:`Answer`.
        """

    async def answers(self, task: Task) -> AsyncIterator[Answer]:
        """Do one task; core calls this, authors write :meth:`fetch`."""
        start, end = from_ns(task.span.start), from_ns(task.span.end)
        if inspect.isasyncgenfunction(self.fetch) or inspect.iscoroutinefunction(self.fetch):
            result = self.fetch(start, end)
        else:
            result = await in_thread(self.fetch, start, end)
        async with aclosing(each_answer(result)) as answers:
            async for answer in answers:
                yield answer

    async def published(self, span: TimeRange) -> frozenset[str] | None:
        """Names of the tasks that exist inside ``span``; None when the source has no listing."""
        return None

    def unpublished(self, ranges: RangeSet, now: int) -> RangeSet:
        """The part of ``ranges`` that the source will hold but does not yet."""
        return RangeSet()

    def unsettled(self, ranges: RangeSet, now: int) -> RangeSet:
        """The part of ``ranges`` so fresh that the source does not vouch for it yet; for events."""
        return RangeSet()

    async def lifetime(self) -> TimeRange | None:
        """From the symbol's first bar to the end of its last one; None when unknown."""
        return None
