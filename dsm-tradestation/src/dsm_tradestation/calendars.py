"""Exchange calendars by name, from pandas_market_calendars (extra ``calendars``) and put right where it errs.

Without the library, or with one that cannot be used, a calendar is None: then expected bars are unknown,
and what the venue answers is trusted. The forex week and the round-the-clock market need no library.
A calendar that the configuration names is checked there, and needs the library.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
from typing import Any, Final

import numpy as np

from dsm_core.errors import ConfigError
from dsm_core.model.time_range import NS_PER_S
from dsm_tradestation.exchange_days import CHANGES
from dsm_tradestation.schedule import (
    FIRST_YEAR,
    LAST_YEAR,
    Schedule,
    Times,
    forex_week,
    round_the_clock,
)

__all__ = [
    "CALENDAR_OF",
    "NO_CALENDAR",
    "NO_LIBRARY",
    "ROUND_THE_CLOCK",
    "fault_of",
    "is_library_installed",
    "schedule_of",
]

NO_CALENDAR: Final = "none"
"""What a configuration names where expected bars are to be unknown."""
ROUND_THE_CLOCK: Final = "24/7"
"""The calendar that leaves no time out."""
CALENDAR_OF: Final[Mapping[str, str]] = {
    "equities": "NYSE",
    "forex": "FOREX",
    "crypto": ROUND_THE_CLOCK,
    "equity_index_future": "CME_Equity",
    "rate_future": "CME Globex Fixed Income",
    "fx_future": "CMEGlobex_FX",
    "energy_future": "CMEGlobex_EnergyAndMetals",
    "metal_future": "CMEGlobex_EnergyAndMetals",
    "grain_future": "CMEGlobex_Grains",
    "livestock_future": "CMEGlobex_Livestock",
}
"""The usual calendar of an asset class; a class without one has hours that no calendar here tells."""

_LIBRARY: Final = "pandas_market_calendars"
NO_LIBRARY: Final = (
    'exchange calendars are not installed, pip install "dsm-tradestation[calendars]" brings them'
)
"""What to tell where the library is missing."""

_log = logging.getLogger(__name__)
_OWN: Final[Mapping[str, Callable[[], Schedule]]] = {"FOREX": forex_week, ROUND_THE_CLOCK: round_the_clock}
# CME_Equity knows the pauses and old hours, this one the minute of each early close.
_EQUITY: Final = "CME_Equity"
_EQUITY_CLOSES: Final = "CME Globex Equity"
_FULL_SESSION_NS: Final = 23 * 3600 * NS_PER_S
_made: dict[str, Schedule | None] = {}
_lock = Lock()


def schedule_of(name: str) -> Schedule | None:
    """Schedule of a calendar, made once a process; safe to call from any thread.

    Parameters
    ----------
    name
        ``FOREX``, ``24/7``, ``none``, or any name of pandas_market_calendars.

    Returns
    -------
    Schedule or None
        None for ``none``, where the library is not installed, and where it fails; that is logged once.

    Raises
    ------
    ConfigError
        When the installed library has no calendar of that name; the message names the nearest ones.
    """
    if name == NO_CALENDAR:
        return None
    with _lock:
        if name not in _made:
            _made[name] = _OWN[name]() if name in _OWN else _from_library(name)
        return _made[name]


def is_library_installed() -> bool:
    """Whether exchange calendars can be had; imports nothing."""
    try:
        return find_spec(_LIBRARY) is not None
    except (ImportError, ValueError):
        # Blocked in this process.
        return False


def fault_of(name: str) -> str | None:
    """What is wrong with a calendar that a configuration names, and the remedy; None where it is fine."""
    if name == NO_CALENDAR or name in _OWN:
        return None
    try:
        names = list(import_module(_LIBRARY).get_calendar_names())
    except ImportError:
        return f"calendar {name!r} cannot be had: {NO_LIBRARY}; or write {NO_CALENDAR!r}"
    # A broken one is logged where it is used.
    except Exception:
        return None
    if name in names or name in CALENDAR_OF.values():
        return None
    return (
        f"{_LIBRARY} has no calendar {name!r}; name one that it has{_near(name, names)}, or {NO_CALENDAR!r}"
    )


def _near(name: str, names: Iterable[str]) -> str:
    close = ", ".join(get_close_matches(name, list(names), n=3, cutoff=0.5))
    return f" ({close})" if close else ""


def _from_library(name: str) -> Schedule | None:
    try:
        library = import_module(_LIBRARY)
        names = list(library.get_calendar_names())
        # That a usual one is missing is the library's fault, not the user's.
        if name in names or name in CALENDAR_OF.values():
            return _read(library, name)
    except ImportError:
        return None
    # A library of another version may raise anything; no calendar is better than no bars.
    except Exception as error:
        _log.warning("calendar_failed calendar=%s error=%r", name, error)
        return None
    raise ConfigError(
        f"{_LIBRARY} has no calendar {name!r}.",
        hint=f"Name one that it has{_near(name, names)}, or {NO_CALENDAR!r}.",
        value=name,
    )


def _read(library: Any, name: str) -> Schedule:
    # Its deprecations are its authors' to mend, also where warnings are errors. Not catch_warnings, which
    # undoes what other threads do to the filters meanwhile.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="pandas_market_calendars")
    calendar = library.get_calendar(name)
    schedule = _schedule(calendar)
    if calendar.name == _EQUITY:
        schedule = _with_closes(schedule, _schedule(library.get_calendar(_EQUITY_CLOSES)))
    changes = CHANGES.get(calendar.name)
    return schedule if changes is None else schedule.changed(changes(), str(calendar.tz))


def _schedule(calendar: Any) -> Schedule:
    frame = calendar.schedule(
        f"{FIRST_YEAR}-01-01", f"{LAST_YEAR}-12-31", tz="UTC", market_times="all", interruptions=False
    )
    days = frame.index.to_numpy(dtype="datetime64[ns]").astype(np.int64)
    opens, closes = _column(frame, "market_open"), _column(frame, "market_close")
    rest = {"halts": "break_start", "resumes": "break_end", "early": "pre", "late": "post"}
    given = {ours: _column(frame, theirs) for ours, theirs in rest.items() if theirs in frame}
    return Schedule.of(days, opens, closes, **given)


def _column(frame: Any, name: str) -> Times:
    times = frame[name].to_numpy(dtype="datetime64[ns]")
    # A date without a break has none to tell: one that begins and ends with the session is none.
    closes = frame["market_close"].to_numpy(dtype="datetime64[ns]")
    told: Times = np.where(np.isnat(times), closes, times).astype(np.int64)
    return told


def _with_closes(hours: Schedule, closes: Schedule) -> Schedule:
    """All dates and early closes of ``closes``; other times as in ``hours`` where that has the date."""
    place = np.minimum(np.searchsorted(hours.days, closes.days), len(hours.days) - 1)
    common = hours.days[place] == closes.days

    def of(column: Times, other: Times) -> Times:
        return np.where(common, column[place], other)

    is_early = closes.closes - closes.opens < _FULL_SESSION_NS
    return Schedule.of(
        closes.days,
        of(hours.opens, closes.opens),
        np.where(is_early, closes.closes, of(hours.closes, closes.closes)),
        halts=of(hours.halts, closes.closes),
        resumes=of(hours.resumes, closes.closes),
    )
