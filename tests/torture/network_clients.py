"""Every client that speaks to a venue, each with a venue of its own that can be put into trouble."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from attrs import define, field, frozen

from dsm_binance import emulator as binance
from dsm_core import DataSourceManager
from dsm_core.events import Event, RequestSent
from dsm_tradestation import emulator as tradestation
from torture.scale import SCALE

__all__ = ["ASKED", "CLIENTS", "FRESH", "HELD", "NOW", "Client", "Stage", "World"]

NOW = datetime(2024, 6, 15, 12, 0, 30, tzinfo=UTC)
HELD = ("2024-02", "2024-04")
"""What is in the cache when the trouble begins: two islands, so that a hole has rows on both sides."""
ASKED = ("2024-01", "2024-05")
FRESH = ("2023-09", "2023-09")
"""What is asked besides, and of which nothing is held."""

# Downloads that may be under way when the tenth of them fails, and ranges that lack rows.
_IN_FLIGHT = 13
_RANGES = 3


@frozen
class Client:
    """One client: what it is asked for, and how its requests are told."""

    market: str
    source: str
    requests: str
    chart: str = "klines"
    symbol: str = "BTCUSDT"
    provider: str = "binance"

    @property
    def is_archive(self) -> bool:
        return self.source == "vision"

    @property
    def fault(self) -> Callable[..., Any]:
        return binance.Fault if self.provider == "binance" else tradestation.Fault

    def can_show(self, kind: str) -> bool:
        """Whether the venue can be told to show a kind of fault to this client."""
        known = binance.Fault.kinds if self.provider == "binance" else tradestation.Fault.kinds
        return kind in known and not (self.is_archive and kind in {"malformed", "empty"})


_SOME = {
    "spot klines, REST": Client("spot", "rest", "/api/v3/klines"),
    "spot klines, archive": Client("spot", "vision", ""),
    "um klines, REST": Client("um", "rest", "/fapi/v1/klines"),
    "um klines, archive": Client("um", "vision", ""),
    "cm klines, REST": Client("cm", "rest", "/dapi/v1/klines", symbol="BTCUSD_PERP"),
    "um funding, REST": Client("um", "rest", "/funding", "funding_rate"),
    "um funding, archive": Client("um", "vision", "", "funding_rate"),
    "cm funding, REST": Client("cm", "rest", "/funding", "funding_rate", "BTCUSD_PERP"),
    "um mark prices, REST": Client("um", "rest", "PriceKlines", "mark_price_klines"),
    "um mark prices, archive": Client("um", "vision", "", "mark_price_klines"),
    "cm index prices, REST": Client("cm", "rest", "PriceKlines", "index_price_klines", "BTCUSD"),
    "equities bars, REST": Client("equities", "rest", "/barcharts", "bars", "MSFT", "tradestation"),
    "crypto klines, REST": Client("crypto", "rest", "/barcharts", "klines", "BTCUSD", "tradestation"),
}
_OTHERS = {
    "cm klines, archive": Client("cm", "vision", "", symbol="BTCUSD_PERP"),
    "cm funding, archive": Client("cm", "vision", "", "funding_rate", "BTCUSD_PERP"),
    "cm mark prices, REST": Client("cm", "rest", "PriceKlines", "mark_price_klines", "BTCUSD_PERP"),
    "cm mark prices, archive": Client("cm", "vision", "", "mark_price_klines", "BTCUSD_PERP"),
    "um index prices, REST": Client("um", "rest", "PriceKlines", "index_price_klines"),
    "um index prices, archive": Client("um", "vision", "", "index_price_klines"),
    "cm index prices, archive": Client("cm", "vision", "", "index_price_klines", "BTCUSD"),
    "um premium, REST": Client("um", "rest", "premiumIndexKlines", "premium_index_klines"),
    "um premium, archive": Client("um", "vision", "", "premium_index_klines"),
    "cm premium, REST": Client("cm", "rest", "premiumIndexKlines", "premium_index_klines", "BTCUSD_PERP"),
    "cm premium, archive": Client("cm", "vision", "", "premium_index_klines", "BTCUSD_PERP"),
    "equities klines, REST": Client("equities", "rest", "/barcharts", "klines", "AAPL", "tradestation"),
    "crypto bars, REST": Client("crypto", "rest", "/barcharts", "bars", "ETHUSD", "tradestation"),
    "forex bars, REST": Client("forex", "rest", "/barcharts", "bars", "EURUSD", "tradestation"),
    "forex klines, REST": Client("forex", "rest", "/barcharts", "klines", "USDJPY", "tradestation"),
    "futures bars, REST": Client("futures", "rest", "/barcharts", "bars", "ESM24", "tradestation"),
    "futures klines, REST": Client("futures", "rest", "/barcharts", "klines", "ESM24", "tradestation"),
    "index bars, REST": Client("index", "rest", "/barcharts", "bars", "$SPX.X", "tradestation"),
    "index klines, REST": Client("index", "rest", "/barcharts", "klines", "$SPX.X", "tradestation"),
}
CLIENTS = _SOME | (_OTHERS if SCALE == "full" else {})
"""One of each class in a usual run; all whose bars can be counted under ``make torture``."""


@define
class World:
    """A client's venue, and managers that know only that."""

    client: Client
    venue: Any
    folder: Path
    limits: int = 0
    heard: list[Event] = field(factory=list)

    @property
    def section(self) -> dict[str, Any]:
        """The provider's configuration."""
        if self.client.provider == "tradestation":
            return {**self.venue.section, "token_store": "file", "token_dir": str(self.folder / "auth")}
        return {"endpoints": self.venue.endpoints}

    @contextmanager
    def manager(self, retries: int = 1, **given: Any) -> Iterator[DataSourceManager]:
        """A manager whose requests are heard."""
        http = {
            "state_dir": str(self.folder / f"limits{self.limits}"),
            "retry_count": retries,
            "connect_timeout_s": 0.3,
            "read_timeout_s": 2.0,
            **given.pop("http", {}),
        }
        config = {"http": http, "providers": {self.client.provider: self.section}, **given.pop("config", {})}
        client = self.client
        with DataSourceManager(
            client.market,
            provider=client.provider,
            chart_type=client.chart,
            config=config,
            **({"cache_dir": self.folder / "cache", "clock": self.venue.clock.now} | given),
        ) as made:
            made.subscribe(self.heard.append)
            yield made

    def query(self, manager: DataSourceManager, span: tuple[str, str], **given: Any) -> Any:
        """Rows of a span, from the one client alone."""
        asked = {"interval": "1h", "enforce_source": self.client.source, "on_gaps": "ignore"}
        return manager.query(self.client.symbol, *span, **(asked | given))

    def sent(self) -> list[str]:
        """What was asked since the last look: URLs of the client's own requests."""
        urls = [event.url for event in self.heard if isinstance(event, RequestSent)]
        self.heard.clear()
        return [url for url in urls if re.search(self.client.requests, url)]

    def budget(self, manager: DataSourceManager, span: tuple[str, str], retries: int, trouble: Any) -> int:
        """The most requests that a call may send: each of the plan as often as it may be tried, and no more.

        A page is asked for once for each range that it left open, and once more with a known row. An archive
        goes on with the days of its months, until ten of them failed.
        """
        plan = manager.explain(self.client.symbol, *span, interval="1h", enforce_source=self.client.source)
        parts = plan.requests + (2 * (10 + _IN_FLIGHT) if self.client.is_archive else 2 * _RANGES)
        # A file that is not what its checksum says is downloaded once more.
        again = 2 if self.client.is_archive else 1
        return int(parts * (retries + 1) * again * (6 if trouble.kind == "redirect-loop" else 1))

    def let_time_pass(self) -> None:
        """Go on after every ban and every wait: with a fresh count of the limits, and two hours later."""
        self.limits += 1
        self.venue.reset_limits()
        self.venue.clock.set(NOW.replace(hour=14))


@define
class Stage:
    """The venues of all clients, each started once, with what is held of them and what they truly have."""

    folder: Path
    stack: ExitStack = field(factory=ExitStack)
    _venues: dict[str, Any] = field(factory=dict)
    _truth: dict[tuple[str, tuple[str, str]], pd.DataFrame] = field(factory=dict)

    def open(self, name: str, folder: Path) -> World:
        """A client before a healthy venue, with a cache in which the islands are held."""
        client = CLIENTS[name]
        if name not in self._venues:
            kind = binance.Emulator if client.provider == "binance" else tradestation.TradeStationEmulator
            self._venues[name] = self.stack.enter_context(kind(now=NOW))
            self._prepare(World(client, self._venues[name], self.folder / name))
        venue = self._venues[name]
        venue.clear_faults()
        venue.reset_limits()
        venue.clear_requests()
        venue.clock.set(NOW)
        shutil.copytree(self.folder / name / "cache", folder / "cache")
        return World(client, venue, folder)

    def truth(self, name: str, span: tuple[str, str]) -> pd.DataFrame:
        """What the healthy venue gives of a span."""
        return self._truth[name, span]

    def _prepare(self, world: World) -> None:
        name = world.folder.name
        with world.manager() as manager:
            for month in HELD:
                world.query(manager, (month, month), on_gaps="raise_any")
        with world.manager(cache_dir=world.folder / "all") as manager:
            for span in (ASKED, FRESH):
                found = world.query(manager, span, on_gaps="raise_any")
                self._truth[name, span] = found.to_pandas()
