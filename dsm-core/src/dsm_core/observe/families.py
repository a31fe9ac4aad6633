"""What is measured: each metric's name, meaning, labels and kind."""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["FAMILIES", "LATENCY_BUCKETS_S", "Family"]

LATENCY_BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_PLACE: Final = ("provider", "host", "source")
_SOURCE: Final = ("provider", "source")


@frozen
class Family:
    """One metric; a label never holds a symbol or an address with its path.

    Parameters
    ----------
    meaning
        One line, with the unit.
    labels
        Names of its labels.
    is_histogram
        Whether values are spread over buckets; else they are added up.
    """

    meaning: str
    labels: tuple[str, ...]
    is_histogram: bool = False


FAMILIES: Final = {
    "requests": Family("HTTP requests that ended; status is 2xx to 5xx, or none.", (*_PLACE, "status")),
    "request_errors": Family("HTTP requests whose answer was not taken, by error class.", (*_PLACE, "error")),
    "request_seconds": Family("Seconds from sending until the body was read.", _PLACE, is_histogram=True),
    "received_bytes": Family("Bytes of bodies as sent, before decompression.", _PLACE),
    "retries": Family("Requests that were sent again.", _PLACE),
    "rate_limit_waits": Family("Waits for a pool of units.", ("provider", "pool")),
    "rate_limit_wait_seconds": Family("Seconds of those waits.", ("provider", "pool")),
    "plans": Family("Series for which something had to be fetched.", ("provider",)),
    "cache_hits": Family("Series of which the cache knew something.", ("provider",)),
    "cache_hit_rows": Family("Rows that came from the cache.", ("provider",)),
    "cache_writes": Family("Cache files replaced.", ("provider",)),
    "cache_written_bytes": Family("Bytes of those files.", ("provider",)),
    "segments": Family("Tasks of plans that were answered.", _SOURCE),
    "segment_rows": Family("Rows that came with them.", _SOURCE),
    "sources_skipped": Family("Ranges that a source failed to deliver.", _SOURCE),
    "gaps": Family("Gaps handed out, one each time.", ("provider", "reason", "final")),
}
