"""Binance's answers, as the kit's suites give them: the inverse of dsm-binance's clients."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from dsm_binance import plugin
from dsm_binance.archive import DAILY, MONTHLY
from dsm_binance.kinds import CELLS
from dsm_binance.markets import COIN_M, SPOT
from dsm_core.model import to_ns
from dsm_core.testing import Bars, ClientSuite, Request, Response, checksum_of, zip_of

LISTING = '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{}</ListBucketResult>'
SYMBOLS = {"spot": ("BTCUSDT", "ETHUSDT"), "um": ("BTCUSDT", "ETHUSDT"), "cm": ("BTCUSD_PERP", "ETHUSD_PERP")}
PAIRS = {"um": ("BTCUSDT", "ETHUSDT"), "cm": ("BTCUSD", "ETHUSD")}
MICROSECONDS_FROM = datetime(2025, 1, 1, tzinfo=UTC)


class _BinanceSuite(ClientSuite):
    """What all of dsm-binance's clients share."""

    provider = plugin

    def __init_subclass__(cls, **given: Any) -> None:
        if hasattr(cls, "client"):
            kind = getattr(cls.client, "kind", None)
            names = PAIRS if kind is not None and kind.by_pair else SYMBOLS
            cls.symbol, cls.other_symbol = names[cls.client.market.endpoint]
        super().__init_subclass__(**given)


class KlinesRestSuite(_BinanceSuite):
    """Pages of bars: inclusive milliseconds, text, the unfinished bar last."""

    def answer(self, request: Request, bars: Bars) -> Any:
        client, asked = self.client, request.params
        if request.path != client.market.url(client.kind.method).partition("}")[2]:
            return None
        if asked["interval"] != bars.code:
            return Response(400, json={"code": -1120, "msg": "Invalid interval."})
        end = None if "endTime" not in asked else int(asked["endTime"]) + 1
        rows = bars.between(asked.get("startTime"), end, unit="ms")
        # COIN-M counts back from the end of the range.
        page = rows.last if client.market is COIN_M else rows.first
        return page(asked["limit"]).cells(cells_of(client, "ms"))

    def unknown_symbol(self, request: Request) -> Any:
        return Response(400, json={"code": -1121, "msg": "Invalid symbol."})


class FundingRestSuite(_BinanceSuite):
    """Settlements with the venue's jitter of some milliseconds."""

    def answer(self, request: Request, bars: Bars) -> Any:
        if not request.path.endswith("/v1/fundingRate"):
            return [] if request.path.endswith("/v1/fundingInfo") else None
        asked = request.params
        rows = bars.between(
            asked["startTime"], int(asked["endTime"]) + 1 - 3, unit="ms", limit=asked["limit"]
        )
        return [
            {
                "symbol": bars.symbol,
                "fundingTime": row.funding_time.ms + 3,
                "fundingRate": row.funding_rate,
                "markPrice": "",
            }
            for row in rows
        ]

    def unknown_symbol(self, request: Request) -> Any:
        return Response(400, json={"code": -1121, "msg": "Invalid symbol."})


class VisionSuite(_BinanceSuite):
    """The archive: zips by month and by day, a checksum beside each, and the bucket's listing."""

    made: Mapping[Any, bytes | None] = {}

    def answer(self, request: Request, bars: Bars) -> Any:
        if request.endpoint == "listing":
            return self.listing(request.params["prefix"], bars)
        folder, _, name = request.path.removesuffix(".CHECKSUM").rpartition("/")
        # A checksum comes with its file: the kit's slowest answer need not be made twice.
        key = (folder, name, bars.symbol, bars.now, bars.book.listed_at, str(bars.book.holes))
        if key not in self.made:
            self.made = {key: self.object(folder, name, bars)}
        data = self.made[key]
        if data is None or not request.path.endswith(".CHECKSUM"):
            return data
        return checksum_of(name, data)

    def listing(self, prefix: str, bars: Bars) -> str:
        """Keys of all that was ever published, whatever is asked."""
        form = "%Y-%m" if "/monthly/" in prefix else "%Y-%m-%d"
        first, last = bars[0].time.datetime, bars.now.datetime
        days = sorted({(first + timedelta(days=i)).strftime(form) for i in range((last - first).days)})
        keys = (f"{prefix}{self.stem(prefix, bars)}-{day}.zip" for day in days)
        body = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
        return LISTING.format(f"<IsTruncated>false</IsTruncated>{body}")

    def stem(self, folder: str, bars: Bars) -> str:
        symbol = folder.rstrip("/").rpartition("/fundingRate/")[2] or bars.symbol
        return (
            f"{symbol}-fundingRate"
            if "/fundingRate/" in folder
            else f"{folder.rstrip('/').split('/')[-2]}-{bars.code}"
        )

    def object(self, folder: str, name: str, bars: Bars) -> bytes | None:
        """One zip; None before it is published, and for names that the archive does not have."""
        stem, size = self.stem(folder, bars), next(s for s in self.sizes if f"/{s.name}/" in folder)
        day = name.removesuffix(".zip").removeprefix(f"{stem}-")
        try:
            start = to_ns(
                datetime.fromisoformat(f"{day}{'-01' if day.count('-') == 1 else ''}T00:00:00+00:00")
            )
        except ValueError:
            return None
        end = size.grid.next(start)
        if size.published_at(end) > bars.now:
            return None
        return zip_of(f"{stem}-{day}.csv", self.text(bars.between(start, end), start))

    @property
    def sizes(self) -> Any:
        """Sizes of objects, whatever the interval."""
        return (MONTHLY, DAILY)

    def text(self, bars: Bars, start: int) -> str:
        """Lines of a file: a header on futures, microseconds on spot since 2025."""
        is_spot = self.client.market is SPOT
        unit = "us" if is_spot and start >= to_ns(MICROSECONDS_FROM) else "ms"
        return bars.csv(cells_of(self.client, unit), header=not is_spot)


class FundingVisionSuite(VisionSuite):
    """Monthly files of settlements, with their intervals."""

    def text(self, bars: Bars, start: int) -> str:
        lines = [
            f"{row.funding_time.ms + 2},{row.funding_interval.removesuffix('h')},{row.funding_rate}\n"
            for row in bars
        ]
        return "calc_time,funding_interval_hours,last_funding_rate\n" + "".join(lines)


def cells_of(client: Any, unit: str) -> str:
    """The twelve cells of a bar; those that mean nothing for its kind are 0."""
    times = {"open_time", "close_time"}
    known = [cell if cell in client.kind.columns else "_" for cell in CELLS]
    return " ".join(f"{cell}:{unit}" if cell in times else cell for cell in known)
