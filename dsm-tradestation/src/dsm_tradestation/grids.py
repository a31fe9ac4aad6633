"""Which bars a series has: the grid of an instrument, an interval and a session template.

Intraday bars count from the open of each session, and again after a break, as TradeStation's sessions do;
the session's last bar may be shorter. Longer bars are labelled by their trading date, week or month.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from dsm_core.model.grid import Grid, grid_for
from dsm_core.model.interval import Interval
from dsm_core.model.names import MarketType
from dsm_core.model.session_grid import SessionGrid
from dsm_core.model.time_range import NS_PER_S
from dsm_tradestation.calendars import CALENDAR_OF, NO_CALENDAR, ROUND_THE_CLOCK, schedule_of
from dsm_tradestation.instruments import Instrument
from dsm_tradestation.schedule import Schedule, Times

__all__ = ["calendar_of", "grid_of", "label_opens"]

# Indices that are computed while the stock exchanges trade; others, as $VIX.X, have hours of their own.
_STOCK_INDICES: Final = frozenset(("SPX", "INX", "OEX", "MID", "DJI", "INDU", "NDX", "COMPX", "RUT", "RUI"))
# What TradeStation's templates add to the regular session. All of it is one session, anchored at its start.
_TEMPLATES: Final[Mapping[str, tuple[bool, bool]]] = {
    "Default": (False, False),
    "USEQPre": (True, False),
    "USEQPost": (False, True),
    "USEQPreAndPost": (True, True),
}
_LONGER: Final = ("1w", "1M")
_LABELLED: Final = ("1d", *_LONGER)
# When trading for the next date begins: the exchange's zone, and how many hours before its midnight.
_DATES: Final[Mapping[MarketType, tuple[str, int]]] = {
    MarketType.CRYPTO: ("UTC", 0),
    MarketType.FUTURES: ("America/Chicago", 7),
    MarketType.FOREX: ("America/New_York", 7),
}
_STOCK_DATES: Final = ("America/New_York", 4)
# 1970-01-01 was a Thursday, three days after a Monday.
_WEEK_OFFSET: Final = 3
_DAY_NS: Final = 86_400 * NS_PER_S
_GRIDS_KEPT: Final = 64


def calendar_of(instrument: Instrument, calendars: Mapping[str, str]) -> str:
    """Name of an instrument's calendar; ``none`` where none is known to fit.

    Options have none: most of their minutes, and many of their days, are without a trade. Nor have roots
    that are not known, aliases as ``@ES.D``, crypto and soft futures, and indices with hours of their own.

    Parameters
    ----------
    instrument
        From :func:`~dsm_tradestation.instruments.read_instrument`.
    calendars
        The user's own: calendar by symbol, or by futures root; the symbol goes first.
    """
    chosen = {key.upper(): name for key, name in calendars.items()}
    for key in (instrument.symbol, instrument.root):
        if key in chosen:
            return chosen[key]
    if instrument.market_type == MarketType.INDEX:
        return CALENDAR_OF["equities"] if instrument.root in _STOCK_INDICES else NO_CALENDAR
    return CALENDAR_OF.get(instrument.asset_class, NO_CALENDAR)


def grid_of(
    instrument: Instrument, interval: Interval, session_template: str, calendars: Mapping[str, str]
) -> Grid | None:
    """Slots of a series; None when its expected bars are unknown.

    Days and intraday bars are unknown without a calendar, intraday bars also in ``USEQ24Hour``, whose hours
    nobody publishes. Weeks from Monday and months from the first are known even so, of any market but
    options; with a calendar, each ends with its last session, and one without a session does not exist.

    Parameters
    ----------
    instrument
        From :func:`~dsm_tradestation.instruments.read_instrument`.
    interval
        Whole minutes below a day, ``1d``, ``1w`` or ``1M``; None for any other.
    session_template
        One of TradeStation's; only intraday bars of equities have other hours by it.
    calendars
        The configured calendars, see :func:`calendar_of`.

    Raises
    ------
    ConfigError
        When a configured calendar does not exist.
    """
    template = session_template if instrument.market_type == MarketType.EQUITIES else "Default"
    grid = _grid(calendar_of(instrument, calendars), interval, template)
    if grid is None and interval in _LONGER and instrument.market_type != MarketType.OPTIONS:
        return grid_for(interval)
    return grid


def label_opens(ends: Times, interval: Interval, instrument: Instrument) -> Times:
    """Labels of daily, weekly and monthly bars that end at ``ends``, int64 UTC nanoseconds.

    The trading date is the day in exchange time on which the bar's last session closes; the label is that
    date, its week's Monday or its month's first, at 00:00 UTC. Needs no calendar. A bar still open that is
    stamped in the evening, as on a Sunday, belongs to the next date.
    """
    zone, evening_hours = _DATES.get(instrument.market_type, _STOCK_DATES)
    # The last instant inside the bar: a round-the-clock day ends at the next midnight.
    last = pd.DatetimeIndex((ends - 1).astype("datetime64[ns]")).tz_localize("UTC").tz_convert(zone)
    wall = np.asarray(last.tz_localize(None).as_unit("ns").asi8) + evening_hours * 3600 * NS_PER_S
    days = wall // _DAY_NS * _DAY_NS
    return _labels(days, interval)


@lru_cache(maxsize=_GRIDS_KEPT)
def _grid(calendar: str, interval: Interval, template: str) -> Grid | None:
    schedule, step = schedule_of(calendar), interval.nanoseconds
    if schedule is None or not _is_offered(interval):
        return None
    if calendar == ROUND_THE_CLOCK and (step is None or _DAY_NS % step == 0 or interval == "1w"):
        return grid_for(interval)
    if interval in _LABELLED:
        return _labelled(schedule, interval)
    if template not in _TEMPLATES:
        return None
    early, late = _TEMPLATES[template]
    return SessionGrid(*schedule.sessions(early=early, late=late), step)


def _is_offered(interval: Interval) -> bool:
    step = interval.nanoseconds
    return interval in _LABELLED or (interval.unit in ("m", "h") and step is not None and step < _DAY_NS)


def _labelled(schedule: Schedule, interval: Interval) -> Grid:
    labels = _labels(schedule.days, interval)
    last = np.append(np.diff(labels) != 0, True)
    return SessionGrid(labels[last], schedule.closes[last])


def _labels(days: Times, interval: Interval) -> Times:
    if interval == "1d":
        return days
    if interval == "1w":
        numbers = days // _DAY_NS
        return (numbers - (numbers + _WEEK_OFFSET) % 7) * _DAY_NS
    months = days.astype("datetime64[ns]").astype("datetime64[M]")
    return months.astype("datetime64[ns]").astype(np.int64)
