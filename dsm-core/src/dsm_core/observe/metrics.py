"""Counters and latencies of a process's calls, as an observer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field

from dsm_core.errors import RequestError
from dsm_core.events import (
    CacheHit,
    CacheWritten,
    Event,
    GapFound,
    Planned,
    RateLimitWait,
    RequestFinished,
    Retry,
    SegmentDone,
    SourceSkipped,
)
from dsm_core.observe.families import FAMILIES, LATENCY_BUCKETS_S

__all__ = ["Histogram", "Metrics"]

_OTHER: Final = "other"


@define
class Histogram:
    """Values by bucket; ``counts`` has one more place, for what is above every bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    sum: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value in the first bucket whose bound it does not exceed."""
        place = next((i for i, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        self.counts[place] += 1
        self.sum += value

    def facts(self) -> dict[str, Any]:
        """Number, sum and buckets as plain values."""
        return {"count": sum(self.counts), "sum": self.sum, "buckets": dict(self.cumulative())}

    def cumulative(self) -> list[tuple[str, int]]:
        """How many values were at most each bound; the last bound is ``+Inf``."""
        names = [*map(str, self.bounds), "+Inf"]
        return [(name, sum(self.counts[: i + 1])) for i, name in enumerate(names)]


class Metrics:
    """Counts what managers do: ``manager.subscribe(metrics)``, as many managers as there are.

    Safe to share between threads. Labels are provider, host, source, pool, status class, error class
    and gap reason, never a symbol or a path, so their number stays small; it is bounded all the same.

    Parameters
    ----------
    buckets_s
        Upper bounds of the latency histogram, seconds, ascending.
    most_labels
        Combinations of labels that each metric tells apart; further ones are counted under ``other``.

    Raises
    ------
    RequestError
        When the bounds do not ascend.

    Examples
    --------
    >>> from dsm_core.events import CacheHit
    >>> metrics = Metrics()
    >>> metrics(CacheHit(series="binance/spot/klines/BTCUSDT/1m", rows=1440))
    >>> metrics.value("cache_hit_rows", provider="binance")
    1440
    """

    def __init__(self, *, buckets_s: Sequence[float] = LATENCY_BUCKETS_S, most_labels: int = 500) -> None:
        self._bounds = tuple(map(float, buckets_s))
        if not self._bounds or sorted(set(self._bounds)) != list(self._bounds):
            raise RequestError(
                f"buckets_s={buckets_s!r}.", hint="Give ascending seconds, such as (0.1, 1, 10)."
            )
        self._most = most_labels
        self._lock = threading.Lock()
        # Numbers, or histograms where the family is one.
        self._values: dict[str, dict[tuple[str, ...], Any]] = {name: {} for name in FAMILIES}

    def __call__(self, event: Event) -> None:
        """Take an event in; kinds that are not counted, a plugin's own among them, pass."""
        counts = _COUNTS.get(type(event))
        if counts is not None:
            with self._lock:
                for name, labels, value in counts(event):
                    self._add(name, labels, value)

    def value(self, name: str, **labels: str) -> float:
        """Sum of a metric over everything that has these labels; of a histogram the number of values.

        Raises
        ------
        RequestError
            When there is no such metric or label.
        """
        family = FAMILIES.get(name)
        if family is None:
            raise RequestError(f"There is no metric {name!r}.", hint=f"There are: {', '.join(FAMILIES)}.")
        wrong = next((label for label in labels if label not in family.labels), None)
        if wrong is not None:
            raise RequestError(f"{name} has no label {wrong!r}.", hint=f"It has: {', '.join(family.labels)}.")
        wanted = [(family.labels.index(label), text) for label, text in labels.items()]
        with self._lock:
            found = {
                key: sum(v.counts) if family.is_histogram else v for key, v in self._values[name].items()
            }
        total: float = sum(n for key, n in found.items() if all(key[i] == text for i, text in wanted))
        return total

    def snapshot(self) -> dict[str, list[dict[str, Any]]]:
        """Everything counted so far, as plain values that JSON can hold.

        Returns
        -------
        dict
            By metric a list of ``{"labels": {...}, "value": n}``; a histogram has, in place of
            ``value``, ``count``, ``sum`` and ``buckets``: how many values were at most each bound.
        """
        with self._lock:
            return {name: self._told(name) for name in FAMILIES}

    def _told(self, name: str) -> list[dict[str, Any]]:
        family, values = FAMILIES[name], sorted(self._values[name].items(), key=itemgetter(0))
        return [
            {
                "labels": dict(zip(family.labels, key, strict=True)),
                **(value.facts() if family.is_histogram else {"value": value}),
            }
            for key, value in values
        ]

    def _add(self, name: str, labels: tuple[str, ...], value: float) -> None:
        is_histogram = FAMILIES[name].is_histogram
        known: dict[tuple[str, ...], Any] = self._values[name]
        if labels not in known and len(known) >= self._most:
            labels = (_OTHER,) * len(labels)
        if is_histogram:
            known.setdefault(labels, Histogram(self._bounds)).add(value)
        else:
            known[labels] = known.get(labels, 0) + value


_Count = tuple[str, tuple[str, ...], float]


def _of_request(event: RequestFinished) -> Iterator[_Count]:
    place = _place(event)
    yield "requests", (*place, f"{event.status // 100}xx" if event.status else "none"), 1
    if event.error:
        yield "request_errors", (*place, event.error), 1
    yield "received_bytes", place, event.bytes_received
    yield "request_seconds", place, event.duration_s


def _of_retry(event: Retry) -> Iterator[_Count]:
    yield "retries", _place(event), 1


def _of_wait(event: RateLimitWait) -> Iterator[_Count]:
    pool = event.provider, event.pool
    yield "rate_limit_waits", pool, 1
    yield "rate_limit_wait_seconds", pool, event.wait_s


def _of_plan(event: Planned) -> Iterator[_Count]:
    yield "plans", _provider(event), 1


def _of_hit(event: CacheHit) -> Iterator[_Count]:
    yield "cache_hits", _provider(event), 1
    yield "cache_hit_rows", _provider(event), event.rows


def _of_write(event: CacheWritten) -> Iterator[_Count]:
    yield "cache_writes", _provider(event), 1
    yield "cache_written_bytes", _provider(event), event.bytes_written


def _of_segment(event: SegmentDone) -> Iterator[_Count]:
    source = (*_provider(event), event.source)
    yield "segments", source, 1
    yield "segment_rows", source, event.rows


def _of_skip(event: SourceSkipped) -> Iterator[_Count]:
    yield "sources_skipped", (*_provider(event), event.source), 1


def _of_gap(event: GapFound) -> Iterator[_Count]:
    yield "gaps", (*_provider(event), event.reason, str(event.final).lower()), 1


_COUNTS: Final[dict[type[Event], Callable[[Any], Iterator[_Count]]]] = {
    RequestFinished: _of_request,
    Retry: _of_retry,
    RateLimitWait: _of_wait,
    Planned: _of_plan,
    CacheHit: _of_hit,
    CacheWritten: _of_write,
    SegmentDone: _of_segment,
    SourceSkipped: _of_skip,
    GapFound: _of_gap,
}


def _place(event: RequestFinished | Retry) -> tuple[str, str, str]:
    return event.provider, urlsplit(event.url).netloc.rpartition("@")[2], event.source


def _provider(event: Event) -> tuple[str]:
    return (event.series.partition("/")[0],)
