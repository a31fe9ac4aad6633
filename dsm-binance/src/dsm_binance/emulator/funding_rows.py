"""Rows of funding: invented from hashes, read from recorded files, written as the archive writes them."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from dsm_binance.emulator.instruments import Listing
from dsm_binance.emulator.intervals import MINUTE_MS
from dsm_core.emulation import to_ms

__all__ = [
    "FUNDING_HEADER",
    "MOST_JITTER_MS",
    "Settlement",
    "draw_settlements",
    "funding_csv",
    "read_funding",
]

FUNDING_HEADER: Final = "calc_time,funding_interval_hours,last_funding_rate"
"""The first line of every funding file."""

MOST_JITTER_MS: Final = 47
"""How long after the hour a settlement is stamped at most, as seen in archive files."""

# Rates are whole hundred-millionths, eight decimals in text.
_UNIT: Final = 100_000_000
# The interest rate of eight hours, to which calm markets are clamped.
_CALM: Final = 10_000
# An extra rate is a share's dividend, so much larger than an hour's funding.
_DIVIDEND: Final = -250_000


class Settlement(NamedTuple):
    """One funding rate: when it was settled, for how many hours, and whether it is an extra one."""

    time_ms: int
    hours: int
    rate: str
    special: bool = False


def draw_settlements(seed: int, listing: Listing, start_ms: int, end_ms: int) -> list[Settlement]:
    """Give the invented settlements of ``[start_ms, end_ms)``, ascending, extra ones behind regular ones."""
    name = f"{seed}|{listing.market}|{listing.symbol}|funding"
    schedule = listing.funding_schedule
    due = [(at_ms, hours, False) for at_ms, hours in schedule.settlements(start_ms, end_ms)]
    for moment in listing.special_funding:
        at_ms = to_ms(moment) // MINUTE_MS * MINUTE_MS
        if start_ms <= at_ms < end_ms:
            due.append((at_ms, schedule.hours_at(at_ms), True))
    drawn = (_draw(name, at_ms, hours, special) for at_ms, hours, special in due)
    return sorted(drawn, key=lambda row: (row.time_ms, row.special))


def read_funding(body: bytes) -> list[Settlement]:
    """Give the settlements of a zipped funding CSV, ascending, rates as written."""
    rows = (Settlement(int(time_ms), int(hours), rate) for time_ms, hours, rate in _cells(body))
    return sorted(rows, key=lambda row: row.time_ms)


def funding_csv(rows: Sequence[Settlement]) -> bytes:
    """Give settlements as CSV rows, without the header."""
    return "".join(f"{row.time_ms},{row.hours},{row.rate}\n" for row in rows).encode()


def _draw(name: str, at_ms: int, hours: int, special: bool) -> Settlement:
    # The jitter belongs to the instant, so that an extra rate can share its time with a regular one.
    jitter = _noise(f"{name}|{at_ms}|jitter") % 64
    noise = _noise(f"{name}|{at_ms}|{special}")
    if special:
        units = _DIVIDEND - (noise & 0xFFFF)
    elif noise & 3 == 0:
        units = _CALM * hours // 8
    else:
        units = (noise >> 8 & 0xFFFF) - 24_576
    return Settlement(at_ms + (jitter if jitter <= MOST_JITTER_MS else 0), hours, _text(units), special)


def _noise(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def _text(units: int) -> str:
    whole, rest = divmod(abs(units), _UNIT)
    return f"{'-' if units < 0 else ''}{whole}.{rest:08d}"


def _cells(body: bytes) -> Iterator[Iterable[str]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return (row for row in csv.reader(io.StringIO(text)) if row and row[0].isdigit())
