"""Which coarser bars a series can be joined to, where they open, and which of them a bar belongs to."""

from __future__ import annotations

from typing import Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from dsm_core.errors import DSMError, RequestError
from dsm_core.fcp.series import Series
from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval
from dsm_core.model.time_range import iso
from dsm_core.plugins.guard import guarding

__all__ = ["Joint", "coarser_grid"]

_DAY_NS: Final = 86_400 * 10**9
# Longer bars would reach beyond the times that DSM knows.
_LONGEST_NS: Final = 366 * 100 * _DAY_NS
_LONGEST_MONTHS: Final = 1200
Times = NDArray[np.int64]


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
    is_multiple = _is_multiple(interval, own)
    found = _grid_of(series, interval) if is_multiple else None
    if is_multiple and found is None:
        raise RequestError(
            f"Where bars of {interval!s} open is not known of {series.key}.",
            hint=f"Fetch {interval!s} itself.",
            interval=str(interval),
        )
    # A week of seven days has the length of seven, but opens on Mondays only.
    if found is None or not Joint(grid, found).is_whole(np.zeros(1, dtype=np.int64)):
        raise RequestError(
            f"Bars of {interval!s} are not made of whole bars of {own!s}.",
            hint=f"Choose a longer one, up to a century, of which {own!s} is a whole part.",
            interval=str(interval),
            own_interval=str(own),
        )
    return found


def _grid_of(series: Series, interval: Interval) -> Grid | None:
    """The grid that the series' client would have at another interval; it may never have served it."""
    client = next(iter(series.clients.values()))
    try:
        with guarding(type(client), client.provider):
            return type(client)(client.symbol, interval, client.context, **client.options).grid
    except DSMError:
        return None


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


@frozen
class Joint:
    """A fine grid and the coarser one whose bars are made of its bars, both by number.

    A bar belongs to the coarser one in which it ends: one that is labelled by its trading date may
    begin on the evening before.
    """

    fine: Grid
    coarse: Grid

    def coarse_of(self, fine: Times) -> Times:
        """The coarser bar of each fine one."""
        ends = self.fine.ends(fine)
        found = self.coarse.indices(ends - 1)
        belongs: Times = found + (self.coarse.ends(found) < ends)
        return belongs

    def firsts(self, coarse: Times) -> Times:
        """First fine bar of each coarser one."""
        ends = self.coarse.ends(coarse - 1)
        last = self.fine.indices(ends - 1)
        after: Times = last + (self.fine.ends(last) <= ends)
        return after

    def is_whole(self, coarse: Times) -> bool:
        """Whether each coarser bar begins with a fine one, and none is cut out of a longer session."""
        ends = self.coarse.ends(coarse - 1)
        firsts = self.firsts(coarse)
        opens = self.fine.opens(firsts)
        cut = opens < ends
        # Where trading goes on at its end, the next coarser bar opens then, or a session ended.
        goes_on = (opens == ends) & (self.coarse.opens(coarse) != ends) & ~self.fine.ends_session(ends)
        return not (cut | goes_on).any()

    def check(self, coarse: Times) -> None:
        """Refuse coarser bars that are not made of whole fine ones, as where their hours differ.

        Raises
        ------
        RequestError
            Naming the first such one.
        """
        for bar in coarse if not self.is_whole(coarse) else ():
            one = np.array([bar], dtype=np.int64)
            if not self.is_whole(one):
                raise RequestError(
                    "These bars do not make up longer ones: "
                    f"that of {iso(int(self.coarse.opens(one)[0]))} begins inside a session of theirs.",
                    hint="Their hours differ. Fetch the longer interval itself.",
                )
