"""Which of the held series a verb means: update, refresh."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from dsm_core.errors import RequestError
from dsm_core.model.arguments import positive, several, text_or_none
from dsm_core.model.series import SeriesKey, matches

__all__ = ["Selection"]


@frozen(kw_only=True)
class Selection:
    """What a caller told of the series that he means, checked.

    Parameters
    ----------
    pattern
        Glob over symbols or series keys; None means all.
    keys
        The series that were named; None means all.
    jobs
        Series in flight.
    """

    pattern: str | None
    keys: frozenset[SeriesKey] | None
    jobs: int

    @classmethod
    def of(cls, pattern: object, series: object, jobs: object) -> Selection:
        """The same, of arguments as they were given.

        Raises
        ------
        RequestError
            Naming the argument that is none.
        """
        named = None if series is None else several("series", series, '"acme/spot/klines/BTCUSDT/1h"')
        return cls(
            pattern=text_or_none(
                "pattern", pattern, 'Give a glob such as "BTC*"; keys go into series=[...].'
            ),
            keys=None if named is None else frozenset(map(_key, named)),
            jobs=positive("jobs", jobs),
        )

    def means(self, key: SeriesKey) -> bool:
        """Whether a series is meant."""
        return (self.keys is None or key in self.keys) and matches(key, self.pattern)

    def lacking(self, held: Iterable[SeriesKey]) -> frozenset[SeriesKey]:
        """Those that were named and are not held."""
        return (self.keys or frozenset()) - frozenset(held)


def _key(told: object) -> SeriesKey:
    if isinstance(told, SeriesKey):
        return told
    if not isinstance(told, str):
        raise RequestError(f"{told!r} is no series key.", hint="Give text or a SeriesKey.")
    return SeriesKey.parse(told)
