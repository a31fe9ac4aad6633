"""How long one bar is: ``1s`` to ``1M``, and anything between."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final, Self

from dsm_core.errors import RequestError
from dsm_core.model.names import no_constant

__all__ = ["Interval"]

_TEXT = re.compile(r"(\d{1,6})(s|m|h|d|w|M|mo)\Z")
_UNIT_NAMES: Final = {"s": "SECOND", "m": "MINUTE", "h": "HOUR", "d": "DAY", "w": "WEEK", "M": "MONTH"}
_UNIT_NS: Final = {
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
}
_LONGEST_MONTH_NS: Final = 31 * _UNIT_NS["d"]
_COARSER: Final = {"s": (60, "m"), "m": (60, "h"), "h": (24, "d")}
# How other libraries and people write units; "m" for months is theirs, not ours.
_WORDS: Final = {
    "s": "s sec secs second seconds",
    "m": "m t min mins minute minutes",
    "h": "h hr hrs hour hours",
    "d": "d day days b",
    "w": "w wk week weeks",
    "M": "mo mon month months ms me",
}
_UNITS: Final = {word: unit for unit, words in _WORDS.items() for word in words.split()}
_LOOSE = re.compile(r"(\d{0,6})[\s_-]*([a-z]+)[\s_-]*(\d{0,6})\Z")


def _meant(text: str) -> str | None:
    """The interval that other ways of writing mean: ``1H``, ``5min``, ``hour_4``, ``1y``."""
    found = _LOOSE.match(text.strip().lower())
    if found is None or (found[1] and found[3]):
        return None
    count, word = int(found[1] or found[3] or 1), found[2]
    if word in ("y", "year", "years"):
        count, word = count * 12, "mo"
    return f"{count}{_UNITS[word]}" if count and word in _UNITS else None


class _IntervalMeta(type):
    """Tells of a constant that does not exist which one was meant."""

    def __getattr__(cls, attribute: str) -> Any:
        meant = _meant(attribute) if attribute.isupper() else None
        remedy = f"Write Interval({meant!r})." if meant else 'Any length is written Interval("45m").'
        no_constant(cls, attribute, remedy)


class Interval(str, metaclass=_IntervalMeta):
    """The length of a bar, as text with attributes.

    ``Interval("8h") == Interval.HOUR_8 == "8h"``. Case matters: ``1m`` is a minute, ``1M`` a
    calendar month (``1mo`` is read as ``1M``). Equal lengths are equal: ``60m`` is ``1h``,
    ``24h`` is ``1d``; but ``7d`` is not ``1w``, which opens on Mondays.

    Raises
    ------
    RequestError
        When the text is no interval; write a count and one of ``s m h d w M``.
    """

    __slots__ = ()

    SECOND_1: ClassVar[Interval]
    MINUTE_1: ClassVar[Interval]
    MINUTE_3: ClassVar[Interval]
    MINUTE_5: ClassVar[Interval]
    MINUTE_15: ClassVar[Interval]
    MINUTE_30: ClassVar[Interval]
    HOUR_1: ClassVar[Interval]
    HOUR_2: ClassVar[Interval]
    HOUR_4: ClassVar[Interval]
    HOUR_6: ClassVar[Interval]
    HOUR_8: ClassVar[Interval]
    HOUR_12: ClassVar[Interval]
    DAY_1: ClassVar[Interval]
    DAY_3: ClassVar[Interval]
    WEEK_1: ClassVar[Interval]
    MONTH_1: ClassVar[Interval]

    def __new__(cls, text: str) -> Self:
        """Read interval text."""
        found = _TEXT.match(text) if isinstance(text, str) else None
        if found is None or int(found[1]) == 0:
            meant = _meant(text) if isinstance(text, str) else None
            guess = f"Did you mean {meant!r}? " if meant else ""
            raise RequestError(
                f"{text!r} is not an interval.",
                hint=f"{guess}Write a count and a unit: 1s, 1m, 1h, 1d, 1w, or 1M for a calendar month.",
                value=str(text),
            )
        count, unit = int(found[1]), "M" if found[2] == "mo" else found[2]
        while unit in _COARSER and count % _COARSER[unit][0] == 0:
            count, unit = count // _COARSER[unit][0], _COARSER[unit][1]
        return str.__new__(cls, f"{count}{unit}")

    @property
    def number(self) -> int:
        """How many units."""
        return int(self[:-1])

    @property
    def unit(self) -> str:
        """One of ``s m h d w M``."""
        return self[-1]

    @property
    def name(self) -> str:
        """Constant name, such as ``MINUTE_1``."""
        return f"{_UNIT_NAMES[self.unit]}_{self.number}"

    @property
    def value(self) -> str:
        """The text itself."""
        return str.__str__(self)

    @property
    def nanoseconds(self) -> int | None:
        """Length in nanoseconds; None for months, which differ in length."""
        unit_ns = _UNIT_NS.get(self.unit)
        return None if unit_ns is None else unit_ns * self.number

    @property
    def longest_ns(self) -> int:
        """Length in nanoseconds; of months that of 31 days each, the longest there are."""
        return self.nanoseconds or self.number * _LONGEST_MONTH_NS

    @property
    def path_name(self) -> str:
        """The text with months as ``mo``, safe where case is not kept."""
        return f"{self.number}mo" if self.unit == "M" else self.value

    def __str__(self) -> str:
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"Interval({str.__str__(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Interval, (self.value,)


for _text in "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M".split():  # noqa: SIM905
    _interval = Interval(_text)
    setattr(Interval, _interval.name, _interval)
