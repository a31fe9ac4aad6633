"""The public archive: folders of zips with published checksums, monthly and daily.

What the zips hold is the business of the clients built on it.
"""

from __future__ import annotations

import calendar
import re
from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import ClassVar, Final
from urllib.parse import quote, unquote

from attrs import evolve

from dsm_binance.listing import list_keys
from dsm_binance.markets import Market
from dsm_binance.symbols import check_pair, check_symbol
from dsm_core.errors import ChecksumMismatchError
from dsm_core.model import EpochGrid, MonthGrid, TimeRange, from_ns, to_ns
from dsm_core.plugins import ArchiveClient, Granularity

__all__ = ["DAILY", "MONTHLY", "VisionClient", "alias", "frequency", "named_after"]

_DAY_NS: Final = 86_400 * 10**9
_HOUR_NS: Final = 3600 * 10**9
# Files appear next day about 08:40 UTC; asking from 8 h on costs at most one early 404.
_PUBLISHED_AFTER_NS: Final = 8 * _HOUR_NS
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def _first_monday(month_end: int) -> int:
    """Monthly files appear on the first Monday after the month."""
    day = from_ns(month_end)
    return to_ns(day + timedelta(days=(calendar.MONDAY - day.weekday()) % 7)) + _PUBLISHED_AFTER_NS


# A plan of a year names hundreds of files, for each symbol those of the same days.
_quoted = lru_cache(maxsize=1024)(quote)


@lru_cache(maxsize=8192)
def _date(form: str, start: int) -> str:
    return from_ns(start).strftime(form)


MONTHLY: Final = Granularity(name="monthly", grid=MonthGrid(), published_at=_first_monday)
DAILY: Final = Granularity(
    name="daily", grid=EpochGrid(_DAY_NS), published_at=lambda end: end + _PUBLISHED_AFTER_NS
)


def alias(size: Granularity, symbol: str) -> Granularity:
    """The same zips under another symbol's name."""
    return evolve(size, name=f"{size.name} {symbol}")


def frequency(size: Granularity) -> str:
    """``monthly`` or ``daily``: the archive's folder."""
    return size.name.partition(" ")[0]


def named_after(size: Granularity, symbol: str) -> str:
    """Whose name the zips bear: ``symbol``, unless they lie under an alias."""
    return size.name.partition(" ")[2] or symbol


def _date_form(size: Granularity) -> str:
    return "%Y-%m" if frequency(size) == "monthly" else "%Y-%m-%d"


class VisionClient(ArchiveClient):
    """A client of one market's archive folder."""

    market: ClassVar[Market]
    by_pair: ClassVar[bool] = False

    @classmethod
    def check_symbol(cls, symbol: str) -> None:
        """Refuse a symbol, or a pair, that does not have the market's form."""
        if isinstance(symbol, str):
            (check_pair if cls.by_pair else check_symbol)(symbol, cls.market)
        super().check_symbol(symbol)

    @abstractmethod
    def stem(self, size: Granularity) -> str:
        """File name before the date."""

    @abstractmethod
    def folder(self, size: Granularity) -> str:
        """Folder of the zips of one granularity, with a slash at its end."""

    def object_url(self, granularity: Granularity, period: TimeRange) -> str:
        """Address of a zip, the symbol percent-encoded."""
        folder, stem = _quoted(self.folder(granularity)), _quoted(self.stem(granularity))
        return f"{{vision}}/{folder}{stem}-{_date(_date_form(granularity), period.start)}.zip"

    async def expected_sha256(self, url: str) -> str | None:
        """First word of the CHECKSUM file beside the zip."""
        reply = await self.context.http.get_text(url + ".CHECKSUM")
        words = reply.text.split()
        digest = words[0].lower() if words else ""
        if not _SHA256.match(digest):
            raise ChecksumMismatchError(
                f"{reply.url} holds no SHA-256: {reply.text[:80]!r}.",
                hint="The file is not used.",
                url=reply.url,
            )
        return digest

    async def published(self, span: TimeRange) -> frozenset[str] | None:
        """Names of the zips inside ``span``, from the bucket's listing."""
        names: set[str] = set()
        for size in self.granularities():
            prefix, stem, form = self.folder(size), self.stem(size), _date_form(size)
            first = from_ns(size.grid.floor(max(span.start, 0))).strftime(form)
            last = from_ns(min(span.end - 1, to_ns(datetime(2200, 1, 1, tzinfo=UTC)))).strftime(form)
            keys = await list_keys(
                self.context,
                prefix,
                after=f"{prefix}{stem}-{first}",
                until=f"{prefix}{stem}-{last}.zip",
            )
            names.update(quote(unquote(key).rpartition("/")[2]) for key in keys if key.endswith(".zip"))
        return frozenset(names)
