"""Faults that a venue is told to show: what kinds there are, and whom the next one hits."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import ClassVar, Final, Generic, Self, TypeVar

__all__ = ["Fault", "FaultBox"]

_OPTIONS: Final = ("times", "after", "retry_after", "seconds")
_SHAPE: Final = "KIND[:MATCH][:times=N|all][:after=N][:retry_after=S][:seconds=S]"


@dataclass(frozen=True)
class Fault:
    """One way in which a venue goes wrong; a venue with faults of its own subclasses it.

    Parameters
    ----------
    kind
        One of `kinds`: a status; ``timeout`` (no answer), ``slow`` (the body comes in eight parts), ``drip``
        (a byte at a time), ``cut`` (the body ends half way), ``wrong-length`` (half of it is announced, all
        of it sent), ``reset``; ``malformed`` (half the body) and ``empty`` (no rows); ``html`` (a page with
        status 200), ``bad-gzip`` (what is announced as gzip is none) and ``redirect-loop``.
    match
        Part of ``METHOD path?query``, or a regular expression after ``re:``. Empty hits everything.
    times
        How many requests it hits; ``None`` is all.
    after
        How many matching requests it lets pass first.
    retry_after
        Seconds in the ``Retry-After`` header, which has whole ones; ``inf`` leaves it out, and without this
        the venue says what it says.
    seconds
        How long ``slow`` takes (2 unless given), how long ``drip`` waits before each byte (0.05 unless
        given), or after how long ``timeout`` hangs up (never unless given).

    Attributes
    ----------
    kinds
        Every kind that the venue can show.
    only
        The kinds of request that a kind of fault waits for; one that is not named here hits any.

    Raises
    ------
    ValueError
        An unknown kind, a number below what makes sense, or a bad regular expression.

    Examples
    --------
    >>> Fault.parse("503:/bars:times=2:retry_after=1")
    Fault(kind='503', match='/bars', times=2, after=0, retry_after=1.0, seconds=None)
    """

    kinds: ClassVar[tuple[str, ...]] = (
        *("400", "401", "403", "404", "429", "500", "502", "503", "504"),
        *("timeout", "slow", "drip", "cut", "wrong-length", "reset"),
        *("html", "bad-gzip", "malformed", "empty", "redirect-loop"),
    )
    only: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    kind: str
    match: str = ""
    times: int | None = 1
    after: int = 0
    retry_after: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in self.kinds:
            msg = f"unknown fault {self.kind!r}; take one of {', '.join(self.kinds)}"
            raise ValueError(msg)
        if self.times is not None and self.times < 1:
            msg = f"times={self.times} hits nothing; give 1 or more, or None (text: all) for every request"
            raise ValueError(msg)
        for name, value in (
            ("after", self.after),
            ("retry_after", self.retry_after),
            ("seconds", self.seconds),
        ):
            if value is not None and value < 0:
                msg = f"{name}={value:g} is negative; give 0 or more"
                raise ValueError(msg)
        if self.match.startswith("re:"):
            _compile(self.match)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a fault from a command line, e.g. ``429:klines:times=2:retry_after=1``.

        Raises
        ------
        ValueError
            The text is not ``KIND[:MATCH][:times=N|all][:after=N][:retry_after=S][:seconds=S]``.
        """
        kind, *parts = text.strip().split(":")
        options: dict[str, str] = {}
        while parts and parts[-1].partition("=")[0] in _OPTIONS and "=" in parts[-1]:
            name, _, value = parts.pop().partition("=")
            options[name] = value
        try:
            times = options.get("times", "1")
            return cls(
                kind,
                ":".join(parts),
                times=None if times == "all" else _whole("times", times),
                after=_whole("after", options.get("after", "0")),
                retry_after=_seconds("retry_after", options.get("retry_after")),
                seconds=_seconds("seconds", options.get("seconds")),
            )
        except ValueError as error:
            msg = f"cannot read the fault {text!r}: {error} (the form is {_SHAPE})"
            raise ValueError(msg) from error

    def hits(self, line: str, kind: str) -> bool:
        """Tell whether a request, as ``METHOD path?query``, is one that this fault can spoil."""
        if kind not in self.only.get(self.kind, (kind,)):
            return False
        if self.match.startswith("re:"):
            return _compile(self.match).search(line) is not None
        return self.match in line

    @property
    def status(self) -> int | None:
        """The HTTP status that the kind names, if it names one."""
        return int(self.kind) if self.kind.isdecimal() else None


Struck = TypeVar("Struck", bound=Fault)


class FaultBox(Generic[Struck]):
    """The faults that are still to come; the first one that fits a request hits it."""

    def __init__(self, faults: Iterable[Struck]) -> None:
        self._faults = [_Pending(fault) for fault in faults]
        self._lock = Lock()

    def add(self, fault: Struck) -> None:
        """Put a fault behind the others."""
        with self._lock:
            self._faults.append(_Pending(fault))

    def clear(self) -> None:
        """Take all faults away."""
        with self._lock:
            self._faults.clear()

    def draw(self, line: str, kind: str) -> Struck | None:
        """Give the fault that hits a request, and count it."""
        with self._lock:
            for pending in self._faults:
                if pending.fault.hits(line, kind) and pending.strikes():
                    return pending.fault
        return None


class _Pending(Generic[Struck]):
    """A fault with how often it was met."""

    def __init__(self, fault: Struck) -> None:
        self.fault, self._met = fault, 0

    def strikes(self) -> bool:
        """Count a matching request and tell whether it is hit."""
        self._met += 1
        times = self.fault.times
        return self._met > self.fault.after and (times is None or self._met <= self.fault.after + times)


def _compile(match: str) -> re.Pattern[str]:
    try:
        return re.compile(match.removeprefix("re:"))
    except re.error as error:
        msg = f"match={match!r} is no regular expression: {error}"
        raise ValueError(msg) from error


def _whole(name: str, text: str) -> int:
    if not text.isdecimal():
        msg = f"{name}={text!r} is not a whole number; write e.g. {name}=2"
        raise ValueError(msg)
    return int(text)


def _seconds(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        msg = f"{name}={text!r} is not a number of seconds; write e.g. {name}=1.5"
        raise ValueError(msg) from None
