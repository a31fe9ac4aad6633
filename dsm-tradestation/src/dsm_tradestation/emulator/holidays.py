"""When exchanges were shut, or shut early, 2020 to 2027: their published holidays, written down by hand.

The emulator asks no calendar library, so that a client that does can be found wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Final

__all__ = ["CME", "FIRST_YEAR", "LAST_YEAR", "NYSE_CLOSED", "NYSE_HALF", "Holidays"]

FIRST_YEAR: Final = 2020
LAST_YEAR: Final = 2027
"""The years that are covered."""


def _dates(text: str) -> frozenset[date]:
    """Read lines of a year and its days, as ``2024: 01-01 01-15``."""
    found = set()
    for line in text.split("\n"):
        year, _, days = line.strip().partition(":")
        found |= {date.fromisoformat(f"{year}-{day}") for day in days.split()}
    return frozenset(found)


NYSE_CLOSED: Final = _dates(
    """2020: 01-01 01-20 02-17 04-10 05-25 07-03 09-07 11-26 12-25
    2021: 01-01 01-18 02-15 04-02 05-31 07-05 09-06 11-25 12-24
    2022: 01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26
    2023: 01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25
    2024: 01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25
    2025: 01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25
    2026: 01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25
    2027: 01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24"""
)
"""Days without a session in New York; 2025-01-09 was a day of mourning."""

NYSE_HALF: Final = _dates(
    """2020: 11-27 12-24
    2021: 11-26
    2022: 11-25
    2023: 07-03 11-24
    2024: 07-03 11-29 12-24
    2025: 07-03 11-28 12-24
    2026: 11-27 12-24
    2027: 11-26"""
)
"""Days that end at 13:00 in New York."""

_SHUT: Final = _dates(
    """2020: 01-01 04-10 12-25
    2021: 01-01 12-24
    2022: 04-15 12-26
    2023: 01-02 12-25
    2024: 01-01 03-29 12-25
    2025: 01-01 04-18 12-25
    2026: 01-01 12-25
    2027: 01-01 03-26 12-24"""
)
_NOON: Final = _dates(
    """2020: 01-20 02-17 05-25 07-03 09-07 11-26
    2021: 01-18 02-15 05-31 07-05 09-06 11-25
    2022: 01-17 02-21 05-30 06-20 07-04 09-05 11-24
    2023: 01-16 02-20 05-29 06-19 07-04 09-04 11-23
    2024: 01-15 02-19 05-27 06-19 07-04 09-02 11-28
    2025: 01-20 02-17 05-26 06-19 07-04 09-01 11-27
    2026: 01-19 02-16 05-25 06-19 07-03 09-07 11-26
    2027: 01-18 02-15 05-31 06-18 07-05 09-06 11-25"""
)
# Good Fridays on which the employment report came out: some futures traded until it was digested.
_REPORTS: Final = frozenset({date(2021, 4, 2), date(2023, 4, 7), date(2026, 4, 3)})
_MOURNING: Final = date(2025, 1, 9)
# Energy and metals trade longer on holidays since this year.
_LONGER_SINCE: Final = 2022
_JULY: Final = 7


@dataclass(frozen=True)
class Holidays:
    """Trading dates of a group of futures without a session, and with an early end, as told in Chicago."""

    closed: frozenset[date]
    early: Mapping[date, time]


def _early(noon: Mapping[date, time], eve: time, reports: time, mourning: time) -> Mapping[date, time]:
    eves = {day for day in NYSE_HALF if day.month != _JULY}
    return {**noon, **dict.fromkeys(eves, eve), **dict.fromkeys(_REPORTS, reports), _MOURNING: mourning}


CME: Final = {
    "cme": Holidays(
        _SHUT,
        {
            **dict.fromkeys(NYSE_HALF, time(12, 15)),
            **_early(dict.fromkeys(_NOON, time(12)), time(12, 15), time(8, 15), time(8, 30)),
        },
    ),
    "cme_rates": Holidays(
        _SHUT, _early(dict.fromkeys(_NOON, time(12)), time(12, 15), time(10, 15), time(12, 15))
    ),
    "cme_energy": Holidays(
        _SHUT | _REPORTS,
        _early(
            {day: time(12) if day.year < _LONGER_SINCE else time(13, 30) for day in _NOON},
            time(12, 45),
            time(16),
            time(16),
        ),
    ),
}
"""Holidays of stock-index futures, of interest rates, and of energy and metals."""
