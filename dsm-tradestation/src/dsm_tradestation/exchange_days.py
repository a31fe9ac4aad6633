"""Dates on which exchanges kept other hours than pandas_market_calendars (5.5.0) tells.

Each rule names what it rests on. A date without a source here keeps the library's hours: a bar that stands
outside them is kept all the same, and a bar missing inside them is asked of the venue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, time, timedelta
from typing import Final

import pandas as pd
from pandas.tseries.offsets import Easter

from dsm_tradestation.schedule import LAST_YEAR, Change

__all__ = ["CHANGES"]

_NOON: Final = time(12)
_MORNING: Final = time(8, 30)
_THURSDAY: Final = 3
# Since these years the rules below are known to hold.
_LONG_GRAIN_NIGHTS: Final = 2012
_JUNETEENTH: Final = 2022
_GOOD_FRIDAY: Final = 2023


def _equity_index() -> Iterator[Change]:
    # CME press releases: 2018-12-02 (Bush), 2024-12-30 (Carter): overnight trading until 08:30.
    yield Change(date(2007, 1, 2), is_shut=True)
    yield Change(date(2018, 12, 5), closes=_MORNING)
    yield Change(date(2025, 1, 9), closes=_MORNING)
    yield from _good_fridays()


def _rates() -> Iterator[Change]:
    # The same press releases: rates were shut in 2018 and closed at 12:15 in 2025.
    yield Change(date(2018, 12, 5), is_shut=True)
    yield Change(date(2025, 1, 9), closes=time(12, 15))
    yield from _good_fridays()


def _energy_and_metals() -> Iterator[Change]:
    # Christmas Eve ends with the floor's old holiday hours, 13:45 New York; the library has it for 2026.
    for year in range(_LONG_GRAIN_NIGHTS, LAST_YEAR + 1):
        yield Change(date(year, 12, 24), closes=time(12, 45))


def _grains() -> Iterator[Change]:
    yield from _farm_days()
    for year in range(_LONG_GRAIN_NIGHTS, LAST_YEAR + 1):
        thanksgiving = _thanksgiving(year)
        late = time(12, 5)
        # No evening session on these four holidays: trading is back at 08:30 of the day after.
        yield Change(thanksgiving + timedelta(1), opens=_MORNING, closes=late)
        yield Change(date(year, 12, 24), closes=late)
        for holiday in (date(year, 1, 1), date(year, 7, 4), date(year, 12, 25)):
            yield Change(_observed(holiday) + timedelta(1), opens=_MORNING)


def _farm_days() -> Iterator[Change]:
    # Grain and livestock markets are shut on Juneteenth since it is a holiday; CME closed them early in 2025.
    for year in range(_JUNETEENTH, LAST_YEAR + 1):
        yield Change(_observed(date(year, 6, 19)), is_shut=True)
    yield Change(date(2025, 1, 9), closes=time(12, 15))


def _good_fridays() -> Iterator[Change]:
    # Globex opens on Good Friday only when the employment report comes out on it: the month's first Friday.
    # The library's own bond calendar lists these days so; its Globex calendars open on each of them.
    for year in range(_GOOD_FRIDAY, LAST_YEAR + 1):
        friday = (pd.Timestamp(year, 1, 1) + Easter()).date() - timedelta(2)
        if not (friday.month == 4 and friday.day <= 7):
            yield Change(friday, is_shut=True)


CHANGES: Final[Mapping[str, Callable[[], Iterator[Change]]]] = {
    "CME_Equity": _equity_index,
    "CME Globex Fixed Income": _rates,
    "CMEGlobex_FX": _good_fridays,
    "CMEGlobex_EnergyAndMetals": _energy_and_metals,
    "CMEGlobex_GrainsAndOilseeds": _grains,
    "CMEGlobex_Livestock": _farm_days,
}
"""What to put right in a calendar, by the name that the library's calendar gives itself."""


def _observed(holiday: date) -> date:
    """The weekday on which a holiday is kept: Friday for a Saturday, Monday for a Sunday."""
    return holiday + timedelta({5: -1, 6: 1}.get(holiday.weekday(), 0))


def _thanksgiving(year: int) -> date:
    first = date(year, 11, 1)
    return first + timedelta((_THURSDAY - first.weekday()) % 7 + 21)
