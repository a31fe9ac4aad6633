"""What the venue's documents leave open, as switches, so that a client can be tried with each answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Manners"]


@dataclass(frozen=True)
class Manners:
    """How the venue behaves where nobody knows, or where it was seen to differ.

    Parameters
    ----------
    bounds
        Which end of a bar `firstdate` and `lastdate` are compared with.
    inclusive
        Which of the two bounds belong to the answer.
    stamp
        Which end of an intraday bar its `TimeStamp` tells; longer bars tell their session's close always.
    bar_status
        Whether bars have a `BarStatus`.
    blanks
        Fields that are blank, by name, and whether they are ``null`` or missing then.
    empty
        What a range without a bar gives: an empty list, or HTTP 404.
    span_limit
        Whether a range of intraday bars is measured by the clock (as if trading never stopped) or by the
        bars in it, before it is held against 57,600. More bars than that are refused either way.
    quota_headers
        What a 429 says about when to come back.
    rate_reset
        Whether `X-RateLimit-Reset` counts seconds from now, or is an instant of the venue's clock.
    grant_status
        The HTTP status of ``invalid_grant``; 400 by the standard, 403 at some authorization servers.
    """

    bounds: Literal["end", "start"] = "end"
    inclusive: Literal["both", "left", "right", "neither"] = "both"
    stamp: Literal["end", "start"] = "end"
    bar_status: bool = True
    blanks: Mapping[str, Literal["null", "omit"]] = field(default_factory=dict)
    empty: Literal["bars", "404"] = "bars"
    span_limit: Literal["clock", "bars"] = "clock"
    quota_headers: Literal["none", "retry-after", "x-ratelimit", "both"] = "both"
    rate_reset: Literal["seconds", "epoch"] = "seconds"
    grant_status: int = 400

    @property
    def includes_first(self) -> bool:
        """Whether a bar exactly at `firstdate` is in the answer."""
        return self.inclusive in {"both", "left"}

    @property
    def includes_last(self) -> bool:
        """Whether a bar exactly at `lastdate` is in the answer."""
        return self.inclusive in {"both", "right"}
