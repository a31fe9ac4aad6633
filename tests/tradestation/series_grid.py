"""The grid of a series, asked for in words."""

from __future__ import annotations

from collections.abc import Mapping

from dsm_core.model.grid import Grid
from dsm_core.model.interval import Interval
from dsm_tradestation.grids import grid_of
from dsm_tradestation.instruments import read_instrument

NONE: Mapping[str, str] = {}


def grid(
    market: str,
    symbol: str,
    interval: str,
    template: str = "Default",
    calendars: Mapping[str, str] = NONE,
) -> Grid | None:
    return grid_of(read_instrument(market, symbol), Interval(interval), template, calendars)
