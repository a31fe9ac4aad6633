"""``GET /v3/marketdata/barcharts/{symbol}``: parameters as the vendor's document has them, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from dsm_core.emulation import Clock, Reply, json_reply, to_ms
from dsm_tradestation.emulator.bars import Bars
from dsm_tradestation.emulator.book import Book, Instrument
from dsm_tradestation.emulator.hours import MINUTE_MS, TEMPLATES
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.recorded import Row
from dsm_tradestation.emulator.replies import api_error, refused
from dsm_tradestation.emulator.series import Asked, Unit
from dsm_tradestation.emulator.wire import blanked, rows_of

__all__ = ["MOST_BARS", "Barcharts", "not_entitled"]

MOST_BARS: Final = 57_600
"""Intraday bars in one answer at most."""

_MOST_MINUTES: Final = 1_440
_UNITS: Final[dict[str, Unit]] = {
    "minute": "Minute",
    "daily": "Daily",
    "weekly": "Weekly",
    "monthly": "Monthly",
}
_TEMPLATES: Final = {name.lower(): name for name in TEMPLATES}


@dataclass(frozen=True)
class _Request:
    """What was asked for: a number of bars back from `last_ms`, or those from `first_ms` to it."""

    asked: Asked
    template: str
    barsback: int
    first_ms: int | None
    last_ms: int | None

    @property
    def tells_recorded(self) -> bool:
        """Whether recorded bars fit; they are of the regular session."""
        return self.template == "Default" or self.asked.unit != "Minute"


class Barcharts:
    """Answers requests for bars.

    Parameters
    ----------
    book
        Instruments and bars.
    clock
        The venue's time.
    manners
        Gives how it behaves now.
    """

    def __init__(self, book: Book, clock: Clock, manners: Callable[[], Manners]) -> None:
        self._book, self._clock, self._manners = book, clock, manners

    def answer(self, symbol: str, query: Mapping[str, str]) -> Reply:
        """Answer one request.

        Raises
        ------
        RefusalError
            With what the venue says instead.
        """
        manners = self._manners()
        request = _read(query, self._clock.now_ms(), manners)
        instrument = self._book.find(symbol)
        if instrument is None:
            raise refused(404)
        if instrument.listing.refused:
            return not_entitled(instrument.listing.refused)
        rows = self._rows(instrument, request, manners)
        if request.asked.unit == "Minute" and len(rows) > MOST_BARS:
            raise refused(400, f"More than {MOST_BARS} bars requested.")
        if not rows and manners.empty == "404":
            raise refused(404, "No data available.")
        if rows:
            rows[-1] = {**rows[-1], "IsEndOfHistory": True}
        return json_reply({"Bars": [blanked(row, manners) for row in rows]})

    def _rows(self, instrument: Instrument, request: _Request, manners: Manners) -> list[Row]:
        """Give the rows asked for, recorded ones in place of generated ones."""
        recorded = self._recorded(instrument, request, manners)
        bars = _within(self._bars(instrument, request, len(recorded)), request, manners)
        for first_ms, last_ms in self._spans(instrument, request):
            # Where something was recorded, the venue had that and nothing else.
            bars = bars.take((bars.end_ms < first_ms) | (bars.end_ms > last_ms))
        rows = sorted(
            [*rows_of(instrument, bars, request.asked, manners), *recorded], key=lambda row: int(row["Epoch"])
        )
        return rows if request.first_ms is not None else rows[-request.barsback :]

    def _bars(self, instrument: Instrument, request: _Request, more: int) -> Bars:
        asked, last_ms = request.asked, request.last_ms
        end_ms = asked.now_ms if last_ms is None else last_ms
        if request.first_ms is not None:
            return self._book.overlapping(instrument, request.template, asked, request.first_ms, end_ms)
        # Bars about the bound may fall away, which a few more make up for.
        count = request.barsback + more + 2
        return self._book.latest(instrument, request.template, asked, count, end_ms)

    def _spans(self, instrument: Instrument, request: _Request) -> list[tuple[int, int]]:
        if not request.tells_recorded:
            return []
        asked = request.asked
        return self._book.recordings.spans(instrument.symbol, asked.unit, asked.interval)

    def _recorded(self, instrument: Instrument, request: _Request, manners: Manners) -> list[Row]:
        if not request.tells_recorded:
            return []
        known = self._book.recordings.bars(instrument.symbol, request.asked.unit, request.asked.interval)
        at = np.array(list(known), dtype=np.int64)
        kept = _in_bounds(at, request, manners) & (at <= request.asked.now_ms)
        return [{**known[epoch], "IsEndOfHistory": False} for epoch in at[kept].tolist()]


def not_entitled(how: str) -> Reply:
    """Give the answer to an account that may not see a symbol: ``403``, or ``200`` with an error."""
    if how == "403":
        return api_error(403)
    return json_reply({"Error": "Failed", "Message": "Not entitled to data for this symbol"})


def _within(bars: Bars, request: _Request, manners: Manners) -> Bars:
    return bars.take(_in_bounds(bars.end_ms if manners.bounds == "end" else bars.start_ms, request, manners))


def _in_bounds(stamps: Any, request: _Request, manners: Manners) -> Any:
    kept = np.ones(len(stamps), dtype=np.bool_)
    if request.first_ms is not None:
        first = request.first_ms
        kept &= stamps >= first if manners.includes_first else stamps > first
    if request.last_ms is not None:
        last = request.last_ms
        kept &= stamps <= last if manners.includes_last else stamps < last
    return kept


def _read(query: Mapping[str, str], now_ms: int, manners: Manners) -> _Request:
    """Read the parameters; their names are taken in any case."""
    given = {name.lower(): value for name, value in query.items() if value}
    _check_exclusive(given)
    unit = _UNITS.get(given.get("unit", "daily").lower())
    if unit is None:
        raise refused(400, f"Invalid unit: {given['unit']}. Valid values are Minute, Daily, Weekly, Monthly.")
    interval = _number(given, "interval", _MOST_MINUTES if unit == "Minute" else 1)
    template = _TEMPLATES.get(given.get("sessiontemplate", "default").lower())
    if template is None:
        raise refused(400, f"Invalid sessiontemplate: {given['sessiontemplate']}.")
    request = _Request(
        asked=Asked(unit, interval, now_ms),
        template=template,
        barsback=_number(given, "barsback", MOST_BARS if unit == "Minute" else None),
        first_ms=_moment(given, "firstdate"),
        last_ms=_moment(given, "lastdate" if "lastdate" in given else "startdate"),
    )
    _check_span(request, manners)
    return request


def _check_exclusive(given: Mapping[str, str]) -> None:
    for one, other in (("barsback", "firstdate"), ("lastdate", "startdate")):
        if one in given and other in given:
            raise refused(400, f"{one} and {other} are mutually exclusive.")


def _check_span(request: _Request, manners: Manners) -> None:
    first_ms, last_ms = request.first_ms, request.last_ms
    if first_ms is None:
        return
    if last_ms is not None and last_ms < first_ms:
        raise refused(400, "lastdate is before firstdate.")
    span_ms = (request.asked.now_ms if last_ms is None else last_ms) - first_ms
    too_long = span_ms > MOST_BARS * request.asked.interval * MINUTE_MS
    if request.asked.unit == "Minute" and manners.span_limit == "clock" and too_long:
        raise refused(400, f"More than {MOST_BARS} bars requested.")


def _number(given: Mapping[str, str], name: str, most: int | None) -> int:
    text = given.get(name, "1")
    if not text.isascii() or not text.isdecimal() or int(text) < 1 or (most is not None and int(text) > most):
        bound = "1 or more" if most is None else f"from 1 to {most}"
        raise refused(400, f"Invalid {name}: {text}; it must be {bound}.")
    return int(text)


def _moment(given: Mapping[str, str], name: str) -> int | None:
    if name not in given:
        return None
    try:
        found = datetime.fromisoformat(given[name])
    except ValueError:
        raise refused(400, f"Invalid {name}: {given[name]}.") from None
    return to_ms(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
