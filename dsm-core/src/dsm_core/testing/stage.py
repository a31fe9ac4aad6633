"""One case: the venue as it is in a scene, the question, and the rows that are due."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
from attrs import evolve

from dsm_core.errors import DSMError
from dsm_core.model.time_range import NS_PER_S, RangeSet, from_ns
from dsm_core.output import MarketData
from dsm_core.testing.bars import Bars, Moment
from dsm_core.testing.book import Book
from dsm_core.testing.compare import check_equal, check_subset
from dsm_core.testing.isolation import IsolatedManager
from dsm_core.testing.messages import Request, Response
from dsm_core.testing.scene import DAY_NS, Scene, during
from dsm_core.testing.surroundings import Surroundings

__all__ = ["Stage"]

# Archives publish hours to months after a period; the first of these that is late enough is taken.
_DELAYS_DAYS: Final = (0, 1, 2, 4, 8, 16, 40, 70, 130, 400)
_FRESH_NS: Final = 10 * NS_PER_S
_CUT_PAGES: Final = 2
_HOUR_NS: Final = 3600 * NS_PER_S


class Stage(Surroundings):
    """The venue and the questions of one case."""

    def book(self, scene: Scene, symbol: str | None = None) -> Book:
        """All rows that a series ever had."""
        return Book(
            schema=self.schema,
            symbol=symbol or scene.symbol,
            interval=scene.interval,
            grid=scene.grid,
            listed_at=scene.listed_at,
            holes=scene.holes,
            values=self.suite.values,
        )

    def due(self, scene: Scene, *, symbol: str | None = None) -> pa.Table:
        """The rows that a call for the scene's range must give: closed, listed, inside the history."""
        span, now = RangeSet.of(scene.span), scene.now
        if scene.grid is not None:
            span = scene.grid.align(span & RangeSet.from_pairs([(scene.start, scene.grid.closed_until(now))]))
        reached = self.client_for(scene).within_history(span, now).span
        book = self.book(scene, symbol)
        bars = Bars(book=book, now=Moment(now))
        bars = bars.between(reached.start, reached.end) if reached else bars.between(0, 0)
        if self.is_document:
            bars = self.view(scene, symbol)
        return bars.closed.invented().table(self.present)

    @property
    def present(self) -> frozenset[str]:
        """Columns that the client declares, and those that the grid can tell."""
        names = frozenset(self.schema.column_names)
        told = frozenset(c.name for c in self.schema.columns if c.ends_slot)
        return names if self.spec.columns is None else (self.spec.columns & names) | told

    def view(self, scene: Scene, symbol: str | None = None) -> Bars:
        """What the source has at the scene's moment, the unfinished bar included."""
        first = self.history_start(scene)
        bars = Bars(
            book=self.book(scene, symbol),
            now=Moment(scene.now),
            code=scene.code,
            order=scene.order,
            # A venue that cut every page short would never be done with.
            cuts=scene.cuts and len(self.data_requests) <= _CUT_PAGES,
        )
        if self.is_document:
            # A venue tells the present only.
            return bars.between(scene.now // _HOUR_NS * _HOUR_NS)
        return bars if first is None else bars.between(first)

    def history_start(self, scene: Scene) -> int | None:
        """First instant that the declared history reaches in a scene; None where it has no bound."""
        return self.scenery.history_start(self.client_for(scene), scene.now)

    def settle(self, scene: Scene) -> Scene:
        """The scene at the first moment at which its whole range can be had."""
        client = self.client_for(scene)
        for days in _DELAYS_DAYS:
            now = self._after(scene, scene.end + _FRESH_NS + days * DAY_NS)
            span = RangeSet.of(scene.span)
            if not client.unpublished(span, now) and not client.unsettled(span, now):
                return evolve(scene, now=now)
        raise AssertionError(f"{self.client_class.__name__} publishes {scene.span} after more than a year")

    def set(self, scene: Scene, **changes: Any) -> Scene:
        """Make a scene the present one; settled first, then with ``changes``."""
        scene = evolve(scene if scene.now else self.settle(scene), **changes)
        self.scene = scene
        if self.suite.loads:
            grid = scene.grid
            first = scene.start - 60 * DAY_NS if grid is None else grid.back(scene.start, 200)
            for symbol in filter(None, (scene.symbol, self.suite.other_symbol)):
                self.suite.load(self.view(scene, symbol).between(first))
        return scene

    def ask(self, scene: Scene, **given: Any) -> MarketData:
        """Rows of the scene's range, from a manager of its own.

        Parameters
        ----------
        scene
            Becomes the present one.
        **given
            ``cache=True`` to read and write the cache of the case; the rest goes to ``query``.
        """
        cache = given.pop("cache", False)

        async def call() -> MarketData:
            async with self.manager(use_cache=cache) as manager:
                return await self.query(manager, scene, **given)

        self.set(scene)
        return self.run(call())

    def attempt(self, scene: Scene, **given: Any) -> tuple[MarketData | None, DSMError | None]:
        """What :meth:`ask` gives, or the error it ends with; an error that DSM does not know goes through."""
        try:
            return self.ask(scene, **given), None
        except DSMError as error:
            return None, error

    async def query(self, manager: IsolatedManager, scene: Scene, **given: Any) -> MarketData:
        """Ask a manager for the scene's range."""
        return await manager.query(
            given.pop("symbol", scene.symbol),
            None if self.is_document else from_ns(scene.start),
            None if self.is_document else from_ns(scene.end),
            scene.interval,
            **{"inclusive": "left", "on_gaps": "ignore", "options": self.suite.options, **given},
        )

    def check(self, data: MarketData, scene: Scene) -> None:
        """Check that exactly the rows that are due came."""
        try:
            due = self.due(scene)
            check_equal(self._stamped(data.to_arrow(), due, scene), due)
        except AssertionError as error:
            told = f"{error} (asked: {scene.span} of {scene.symbol} {scene.interval or ''}"
            gaps = "; ".join(map(str, data.gaps[:3]))
            raise AssertionError(f"{told}; gaps: {gaps or 'none'})") from None

    def check_part(self, data: MarketData, scene: Scene) -> None:
        """Check that every row that came is one of those that are due; values may be null."""
        due = self.due(scene)
        check_subset(self._stamped(data.to_arrow(), due, scene), due)

    def _stamped(self, found: pa.Table, due: pa.Table, scene: Scene) -> pa.Table:
        """A record as of its hour: the venue may stamp it later, and without a stamp it is of now."""
        if not self.is_document or len(found) != 1 or len(due) != 1:
            return found
        times = (t.column(0).cast(pa.int64())[0].as_py() for t in (due, found))
        stamped = next(times) <= next(times) <= scene.now
        return found.set_column(0, due.schema.field(0), due.column(0)) if stamped else found

    def _after(self, scene: Scene, moment: int) -> int:
        if scene.grid is None:
            return moment + DAY_NS
        return during(scene.grid, scene.grid.ceil(moment))

    def answered(self, request: Request, symbol: str | None = None) -> Response:
        """What the suite answers, about the series that the request names or another one."""
        assert self.scene is not None
        other = self.suite.other_symbol
        if symbol is None and other is not None and request.carries(other):
            symbol = other
        self.last = Response.of(self.suite.answer(request, self.view(self.scene, symbol)))
        return self.last

    def answer(self, request: Request) -> Response:
        """See :class:`Surroundings`."""
        is_spared = self.is_auxiliary(request) and not self.replaces_auxiliary
        return self.answered(request) if self.replace is None or is_spared else self.replace(request)
