"""The unit of a plan: one page, one object or one plain fetch."""

from __future__ import annotations

from attrs import frozen

from dsm_core.model.time_range import TimeRange

__all__ = ["Task"]


@frozen(kw_only=True)
class Task:
    """Work for one source.

    Parameters
    ----------
    name
        Unique within the series and source: a file name, or the bounds of a page.
    source
        Who does it.
    span
        All that the task can bring: a page's bounds, or the whole period of an object.
    requests
        How many HTTP requests it takes when all goes well.
    weight
        Units of the rate limit.
    size_bytes
        Expected download; None when unknown.
    why
        Why this source and this form, in a few words.
    fallback
        What is tried when it brings less than ``span``.
    url
        Of an object, with its endpoint key in braces.
    granularity
        Of an object: which kind of period it holds.
    """

    name: str
    source: str
    span: TimeRange
    requests: int = 1
    weight: int = 0
    size_bytes: int | None = None
    why: str = ""
    fallback: str = ""
    url: str | None = None
    granularity: str | None = None
