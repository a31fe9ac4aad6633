"""Times as text that loses nothing: ISO with offset, and as many digits as a nanosecond needs."""

from __future__ import annotations

from dsm_core.model.time_range import NS_PER_S, from_ns

__all__ = ["exact_iso"]


def exact_iso(t: int) -> str:
    """UTC nanoseconds as ISO text with offset, which a call takes back to the same nanosecond.

    >>> exact_iso(1_704_067_200_000_000_001)
    '2024-01-01T00:00:00.000000001+00:00'
    """
    rest = t % NS_PER_S
    whole = from_ns(t - rest).strftime("%Y-%m-%dT%H:%M:%S")
    if not rest:
        return f"{whole}+00:00"
    digits = f"{rest:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f"{whole}.{digits}+00:00"
