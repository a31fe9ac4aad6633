"""Keeping many series: the work of ``dsm update``, ``dsm prefetch`` and ``dsm refresh``.

All of it runs in one event loop, so that Ctrl-C cancels what is on its way and nothing is left half done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar

from dsm_core.aio import AsyncDataSourceManager
from dsm_core.cli.lines import SeriesLine
from dsm_core.cli.progress import shown_progress
from dsm_core.cli.store import open_store
from dsm_core.config import Wish
from dsm_core.errors import CacheUnavailableError, DSMError, RequestError
from dsm_core.fcp.refreshed import Refreshed
from dsm_core.model.series import SeriesKey
from dsm_core.plugins.schemas import schema_of

__all__ = [
    "ManagerArguments",
    "prefetch_list",
    "prefetch_one",
    "refresh_held",
    "update_held",
    "update_list",
    "wish_call",
    "wish_label",
]

T = TypeVar("T")
# A range that costs nothing to plan: it is asked for the key of the series, not for the plan.
_SOME_DAY: Final = "2000-01-01"


class ManagerArguments(TypedDict):
    """What a manager is made with."""

    market: str | None
    provider: str | None
    chart_type: str | None
    cache_dir: Path | None
    config: Path | None


def update_held(made_with: ManagerArguments, pattern: str | None, jobs: int) -> list[SeriesLine]:
    """Extend what is held and matches."""

    async def work(manager: AsyncDataSourceManager) -> list[SeriesLine]:
        return [SeriesLine.of_updated(got) for got in await manager.update(pattern, jobs=jobs)]

    return _run(made_with, work)


def refresh_held(
    made_with: ManagerArguments, pattern: str | None, since: str | None, jobs: int
) -> tuple[Refreshed, ...]:
    """Look at the archive files behind what is held and matches."""

    async def work(manager: AsyncDataSourceManager) -> tuple[Refreshed, ...]:
        return await manager.refresh(pattern, since=since, jobs=jobs)

    return _run(made_with, work)


def update_list(made_with: ManagerArguments, wishes: Sequence[Wish], jobs: int) -> list[SeriesLine]:
    """Extend what is listed and held; fetch from its start what is listed and not held."""
    held = {str(series.key) for series in open_store(made_with["cache_dir"], made_with["config"]).ls()}

    async def work(manager: AsyncDataSourceManager) -> list[SeriesLine]:
        lines, known = _resolved(manager, wishes)
        # One that ends is not extended past its end: asking for its range again fetches what is missing.
        extend = {key for key, wish in known if key in held and wish.end is None}
        fetch = [(key, wish) for key, wish in known if key not in extend]
        if extend:
            keys = map(SeriesKey.parse, extend)
            lines += [SeriesLine.of_updated(got) for got in await manager.update(series=keys, jobs=jobs)]
        return lines + await _prefetch_all(manager, fetch, jobs)

    return _by_series(_run(made_with, work))


def prefetch_list(made_with: ManagerArguments, wishes: Sequence[Wish], jobs: int) -> list[SeriesLine]:
    """Bring the range of each wish into the cache."""

    async def work(manager: AsyncDataSourceManager) -> list[SeriesLine]:
        lines, known = _resolved(manager, wishes)
        return lines + await _prefetch_all(manager, known, jobs)

    return _by_series(_run(made_with, work))


def prefetch_one(made_with: ManagerArguments, call: dict[str, Any]) -> SeriesLine:
    """Bring one range into the cache.

    Raises
    ------
    DSMError
        As :meth:`dsm_core.DataSourceManager.prefetch`.
    """

    async def work(manager: AsyncDataSourceManager) -> SeriesLine:
        return await _prefetch(manager, manager.explain(**call).series, call)

    return _run(made_with, work)


def _run(made_with: ManagerArguments, work: Callable[[AsyncDataSourceManager], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with AsyncDataSourceManager(
            made_with["market"],
            made_with["provider"],
            made_with["chart_type"],
            cache_dir=made_with["cache_dir"],
            config=made_with["config"],
        ) as manager:
            with shown_progress(manager):
                return await work(manager)

    return asyncio.run(inside())


def _resolved(
    manager: AsyncDataSourceManager, wishes: Sequence[Wish]
) -> tuple[list[SeriesLine], list[tuple[str, Wish]]]:
    """Lines of wishes that nobody can grant, and the others with the keys of their series."""
    lines, known = [], []
    for wish in wishes:
        try:
            known.append((manager.explain(**wish_call(wish, _SOME_DAY, _SOME_DAY)).series, wish))
        except DSMError as error:
            lines.append(SeriesLine(series=wish_label(wish), error=error))
    return lines, known


async def _prefetch_all(
    manager: AsyncDataSourceManager, wishes: Sequence[tuple[str, Wish]], jobs: int
) -> list[SeriesLine]:
    lane = asyncio.Semaphore(jobs)

    async def one(series: str, wish: Wish) -> SeriesLine:
        async with lane:
            try:
                _check_start(wish, series)
                return await _prefetch(manager, series, wish_call(wish, wish.start, wish.end))
            except DSMError as error:
                return SeriesLine(series=series, error=error)

    return list(await asyncio.gather(*(one(*pair) for pair in wishes)))


async def _prefetch(manager: AsyncDataSourceManager, series: str, call: dict[str, Any]) -> SeriesLine:
    # The bound on days is against slips in a program; here the range was written out.
    got = await manager.prefetch(**call, max_days=None)
    if got.cache_problem is not None:
        raise CacheUnavailableError(got.cache_problem, hint="What was kept before stays whole.")
    return SeriesLine.of_prefetched(series, got)


def _check_start(wish: Wish, series: str) -> None:
    if wish.start is None and schema_of(SeriesKey.parse(series)).kind != "documents":
        raise RequestError(
            "It has no start.",
            hint="Give it a start in the list, or put one into the defaults.",
        )


def wish_call(wish: Wish, start: str | None, end: str | None) -> dict[str, Any]:
    """Keyword arguments of the call that grants a wish."""
    return {
        "symbol": wish.symbol,
        "start_time": start,
        "end_time": end,
        "interval": wish.interval,
        "provider": wish.provider,
        "market_type": wish.market_type,
        "chart_type": wish.chart_type,
        "options": dict(wish.options),
    }


def wish_label(wish: Wish) -> str:
    """What was asked for, as far as it was said."""
    parts = (wish.provider, wish.market_type, wish.chart_type, wish.symbol, wish.interval)
    return "/".join(part for part in parts if part)


def _by_series(lines: list[SeriesLine]) -> list[SeriesLine]:
    return sorted(lines, key=lambda line: line.series)
