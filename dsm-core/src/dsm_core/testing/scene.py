"""What a case asks of a client: a symbol, an interval, a range, and the state of the venue."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import log
from typing import Final

from attrs import evolve, field, frozen

from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import NS_PER_S, RangeSet, TimeRange, to_ns
from dsm_core.plugins.archive import ArchiveClient
from dsm_core.plugins.interface import DataClientInterface
from dsm_core.plugins.spec import ClientSpec, Rolling, Since
from dsm_core.testing.bars import Order

__all__ = ["DAY_NS", "Scene", "Scenery", "during"]

DAY_NS: Final = 86_400 * NS_PER_S
_USUAL_ROWS: Final = 12
_MOST_ROWS: Final = 4000
_LONG_ROWS: Final = 1500
_LONGEST_NS: Final = 50 * 366 * DAY_NS
_HOUR_S: Final = 3600.0
_BASE: Final = datetime(2024, 3, 13, 5, tzinfo=UTC)
_EVENTS_A_DAY: Final = 6
_MOST_INTERVALS: Final = 40
_SOME_INTERVALS: Final = 8


@frozen(kw_only=True)
class Scene:
    """A range asked of one series, and the venue as it is then.

    Parameters
    ----------
    symbol, interval, grid, code
        The series; ``code`` is what the client calls the interval.
    start, end
        ``[start, end)`` in UTC nanoseconds.
    now
        The venue's time; 0 until it is settled.
    listed_at
        The series' first instant.
    holes
        Where the venue has no rows.
    order, cuts
        How it sends rows, and whether it cuts pages short.
    """

    symbol: str
    interval: Interval | None
    grid: Grid | None
    code: str
    start: int
    end: int
    listed_at: int
    now: int = 0
    holes: RangeSet = field(factory=RangeSet)
    order: Order = "sorted"
    cuts: bool = False

    @property
    def span(self) -> TimeRange:
        """The range asked for."""
        return TimeRange(self.start, self.end)


def _length_ns(interval: Interval) -> int:
    return interval.nanoseconds or 31 * DAY_NS * interval.number


def during(grid: Grid, opened: int) -> int:
    """A moment while the bar that opens at ``opened`` has not closed."""
    return opened + (grid.end_of(grid.index_of(opened)) - opened) // 3


@frozen
class Scenery:
    """Makes scenes that a client's own declarations allow.

    Parameters
    ----------
    client
        Its class.
    symbol
        Of the series.
    made
        Gives a client of an interval: its grid and its longest request may depend on more than the class.
    """

    client: type[DataClientInterface]
    symbol: str
    made: Callable[[Interval | None], DataClientInterface]

    @property
    def spec(self) -> ClientSpec:
        """The client's declarations."""
        return self.client.spec

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """Declared intervals, short ones first; of very many the usual ones and some between."""
        found = sorted(self.spec.intervals, key=_length_ns)
        if len(found) > _MOST_INTERVALS:
            some = {*found[:: len(found) // _SOME_INTERVALS], found[-1]}
            found = [i for i in found if i in some or hasattr(Interval, i.name)]
        return tuple(found)

    def grid_of(self, interval: Interval | None) -> Grid | None:
        """Where the client's bars of an interval open; None where it does not say."""
        return self.made(interval).grid

    def longest_ns(self, interval: Interval | None) -> int | None:
        """Longest span of one request; None where there is no bound."""
        seconds = self.made(interval).max_span_s
        return None if seconds is None else int(seconds * NS_PER_S)

    @property
    def main(self) -> Interval | None:
        """The declared interval that is nearest to an hour."""
        return min(
            self.spec.intervals, key=lambda i: abs(log(_length_ns(i) / NS_PER_S / _HOUR_S)), default=None
        )

    def usual(self, interval: Interval | None = None, rows: int = _USUAL_ROWS) -> Scene:
        """Some rows on ordinary days."""
        return self.around(_BASE, interval=interval, before=0, after=rows)

    def long(self) -> Scene:
        """More rows than most venues send at once, as far as the history reaches."""
        interval = self.main
        assert interval is not None
        most = min(_LONG_ROWS, _LONGEST_NS // _length_ns(interval), self.most_rows(interval))
        return self.usual(rows=max(1, most))

    def single(self) -> Scene:
        """Some rows on ordinary days that one request can bring."""
        scene = self.usual()
        if scene.grid is not None:
            return self.usual(rows=min(_USUAL_ROWS, self.page_rows(scene)))
        longest = self.longest_ns(None)
        return scene if longest is None else evolve(scene, end=min(scene.end, scene.start + longest))

    def around(
        self,
        moment: datetime,
        *,
        interval: Interval | None = None,
        before: int = 3,
        after: int = 3,
    ) -> Scene:
        """Rows before and after a moment, which moves to later years where the history begins later."""
        interval = interval or self.main
        at = to_ns(self._reachable(moment))
        if interval is None:
            return self._scene(None, None, at - before * DAY_NS, at + max(1, after // 3) * DAY_NS)
        grid = self.grid_of(interval) or grid_for(interval)
        most = self.most_rows(interval)
        before = min(before, most // 2)
        after = min(after, most - before)
        at = grid.floor(at)
        return self._scene(interval, grid, grid.back(at, before), grid.back(at, -max(after, 1)))

    def pages(self) -> Scene | None:
        """A range that takes more than two requests; None where one request brings any range."""
        spec, interval = self.spec, self.main
        if interval is None:
            return self._event_pages()
        scene = self.usual(interval)
        assert scene.grid is not None
        rows = [] if spec.page_rows is None else [spec.page_rows]
        longest = self.longest_ns(interval)
        if longest is not None:
            rows.append(scene.grid.count(TimeRange(scene.start, scene.start + longest)))
        if not rows or issubclass(self.client, ArchiveClient):
            return None
        page = max(1, min(rows))
        wanted = 2 * page + page // 2 if page <= _MOST_ROWS else page + 10
        if self.most_rows(interval) < page + 2:
            return None
        wanted = max(page + 1, min(wanted, self.most_rows(interval)))
        return evolve(scene, end=scene.grid.back(scene.start, -wanted))

    def page_rows(self, scene: Scene) -> int:
        """How many rows one request of a paged scene may ask for."""
        tasks = []
        if self.spec.page_rows is not None:
            tasks.append(self.spec.page_rows)
        longest = self.longest_ns(scene.interval)
        if longest is not None and scene.interval is not None:
            tasks.append(longest // _length_ns(scene.interval))
        return max(1, min(tasks, default=_USUAL_ROWS))

    def most_rows(self, interval: Interval) -> int:
        """How many closed rows the declared history can hold, with some room."""
        history = self.spec.history
        if not isinstance(history, Rolling):
            return 10**9
        most = [] if history.rows is None else [history.rows]
        if history.days is not None:
            most.append(int(history.days * DAY_NS) // _length_ns(interval))
        return max(1, min(most, default=10**9) - 3)

    def history_start(self, client: DataClientInterface, now: int) -> int | None:
        """First instant that the declared history reaches at ``now``; None where it has no bound."""
        reached = client.within_history(RangeSet.from_pairs([(0, now)]), now).span
        return None if reached is None or reached.start <= 0 else reached.start

    def _event_pages(self) -> Scene | None:
        longest = self.longest_ns(None)
        if self.spec.page_rows is None and longest is None:
            return None
        days = []
        if self.spec.page_rows is not None:
            days.append(2.5 * self.spec.page_rows / _EVENTS_A_DAY)
        if longest is not None:
            days.append(2.5 * longest / DAY_NS)
        scene = self.usual()
        return evolve(scene, end=scene.start + int(min(*days, 1000) * DAY_NS))

    def _scene(self, interval: Interval | None, grid: Grid | None, start: int, end: int) -> Scene:
        reach = 60 * DAY_NS if interval is None else 200 * _length_ns(interval)
        if issubclass(self.client, ArchiveClient):
            # The object that holds the first bar begins long before it.
            reach = max(reach, 400 * DAY_NS)
        return Scene(
            symbol=self.symbol,
            interval=interval,
            grid=grid,
            code="" if interval is None else self.spec.intervals[interval],
            start=start,
            end=end,
            listed_at=start - reach,
        )

    def _reachable(self, moment: datetime) -> datetime:
        history = self.spec.history
        if not isinstance(history, Since):
            return moment
        year = moment.year
        while to_ns(_in_year(moment, year)) < history.first_ns + 400 * DAY_NS:
            year += 4
        return _in_year(moment, year)


def _in_year(moment: datetime, year: int) -> datetime:
    return moment.replace(year=year)
