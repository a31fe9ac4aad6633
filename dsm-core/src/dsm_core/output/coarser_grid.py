"""Which coarser bars a series can be joined to, and where they open."""

from __future__ import annotations

from typing import Final

from dsm_core.errors import RequestError
from dsm_core.fcp.series import Series
from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval

__all__ = ["coarser_grid"]

_DAY_NS: Final = 86_400 * 10**9
# Longer bars would reach beyond the times that DSM knows.
_LONGEST_NS: Final = 366 * 100 * _DAY_NS
_LONGEST_MONTHS: Final = 1200


def coarser_grid(series: Series, interval: Interval) -> Grid:
    """The venue's grid of ``interval``, when its bars are whole numbers of the series' own.

    Raises
    ------
    RequestError
        When the series is not one of bars on a known grid, or the bars do not fit.
    """
    own, grid = series.key.interval, series.grid
    if series.schema.kind != "bars" or own is None or grid is None:
        raise RequestError(
            f"{series.key} cannot be resampled.", hint="Only bars whose grid is known can be joined."
        )
    client = next(iter(series.clients.values()))
    found = client.spec.grid(interval) if _is_multiple(interval, own) else None
    # A week of seven days has the length of seven, but opens on Mondays only.
    if found is None or grid.floor(found.open_of(0)) != found.open_of(0):
        raise RequestError(
            f"Bars of {interval!s} are not made of whole bars of {own!s}.",
            hint=f"Choose a longer one, up to a century, of which {own!s} is a whole part.",
            interval=str(interval),
            own_interval=str(own),
        )
    return found


def _is_multiple(interval: Interval, own: Interval) -> bool:
    coarse, fine = interval.nanoseconds, own.nanoseconds
    if fine is None:
        return coarse is None and _fits(interval.number, own.number, _LONGEST_MONTHS)
    if coarse is None:
        # A month is a whole number of days, and of nothing longer.
        return _DAY_NS % fine == 0 and interval.number <= _LONGEST_MONTHS
    return _fits(coarse, fine, _LONGEST_NS)


def _fits(coarse: int, fine: int, longest: int) -> bool:
    return fine < coarse <= longest and coarse % fine == 0
