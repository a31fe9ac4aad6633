"""What a cache file says of itself: one JSON document in the footer of the Arrow file."""

from __future__ import annotations

import json
from typing import Any, Final

from attrs import asdict, field, frozen

from dsm_core.model.coverage import Ledger, LedgerEntry, Origin
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey

__all__ = ["CHECKSUM_MARK", "CHECKSUM_PLACEHOLDER", "FORMAT", "Header", "parse_header"]

FORMAT: Final = 1
CHECKSUM_MARK: Final = b'{"xxh3_128":"'
"""Begins the document. A quote inside JSON text is escaped, so nothing in it can look like this."""
CHECKSUM_PLACEHOLDER: Final = b"0" * 32


@frozen(kw_only=True)
class Header:
    """Facts of one file, beside its rows.

    ``first`` and ``last`` are the index of the first and last row, UTC nanoseconds; both are None
    in a file that holds only absences.
    """

    key: SeriesKey
    period: str
    generation: int
    rows: int
    first: int | None
    last: int | None
    ledger: Ledger
    format: int = field(default=FORMAT)

    def to_json(self) -> bytes:
        """The document, its checksum still a placeholder of the same length."""
        origins: dict[tuple[str, Origin], int] = {}
        entries = [_entry_row(e, origins) for e in self.ledger]
        document = {
            "xxh3_128": CHECKSUM_PLACEHOLDER.decode(),
            "format": self.format,
            "series": _series_facts(self.key),
            "period": self.period,
            "generation": self.generation,
            "rows": self.rows,
            "first": self.first,
            "last": self.last,
            "origins": [_origin_facts(source, origin) for source, origin in origins],
            "ledger": entries,
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=True).encode()


def parse_header(document: dict[str, Any]) -> Header:
    """Header of a document of the known format.

    Raises
    ------
    KeyError, TypeError, ValueError, IndexError
        When the document does not have the form that the format describes.
    """
    origins = [_origin_of(facts) for facts in document["origins"]]
    return Header(
        key=_series_of(document["series"]),
        period=document["period"],
        generation=int(document["generation"]),
        rows=int(document["rows"]),
        first=document["first"],
        last=document["last"],
        ledger=Ledger(tuple(_entry_of(row, origins) for row in document["ledger"])),
        format=document["format"],
    )


def _series_facts(key: SeriesKey) -> dict[str, Any]:
    return {
        "provider": key.provider,
        "market_type": key.market_type,
        "chart_type": key.chart_type,
        "symbol": key.symbol,
        "interval": key.interval,
        "options": dict(key.options),
    }


def _series_of(facts: dict[str, Any]) -> SeriesKey:
    interval = facts["interval"]
    return SeriesKey(
        facts["provider"],
        MarketType(facts["market_type"]),
        ChartType(facts["chart_type"]),
        facts["symbol"],
        None if interval is None else Interval(interval),
        tuple(sorted(facts["options"].items())),
    )


def _origin_facts(source: str, origin: Origin) -> dict[str, Any]:
    return {"source": source} | asdict(origin, filter=lambda _, value: value is not None)


def _origin_of(facts: dict[str, Any]) -> tuple[str, Origin]:
    known = {k: facts[k] for k in ("url", "sha256", "etag", "last_modified", "size") if k in facts}
    return facts["source"], Origin(**known)


def _entry_row(entry: LedgerEntry, origins: dict[tuple[str, Origin], int]) -> list[Any]:
    place = origins.setdefault((entry.source, entry.origin), len(origins))
    times = [entry.start, entry.end, entry.state, place, entry.first_fetched, entry.last_fetched]
    if entry.reason is None and not entry.off_grid:
        return times
    return [*times, entry.reason, entry.off_grid]


def _entry_of(row: list[Any], origins: list[tuple[str, Origin]]) -> LedgerEntry:
    start, end, state, place, first, last, *rest = row
    reason, off_grid = rest or (None, 0)
    source, origin = origins[place]
    return LedgerEntry(
        start=start,
        end=end,
        state=state,
        source=source,
        first_fetched=first,
        last_fetched=last,
        origin=origin,
        reason=reason,
        off_grid=off_grid,
    )
