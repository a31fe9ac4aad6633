"""Which series a file holds, told by its name or by where it lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import frozen

from dsm_core.cache import unescape
from dsm_core.errors import RequestError
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType
from dsm_core.model.series import SeriesKey
from dsm_core.porting.target import Pair, venue_symbol

__all__ = ["NamedBars", "key_of_folders", "key_of_name", "named_bars"]

_NAME: Final = re.compile(r"(?P<pair>.+?)-(?P<interval>\d+(?:s|m|h|d|w|Mo|M))(?:-(?P<kind>\w+))?\Z")
_KINDS: Final = (None, "spot", "futures")
_PARTS: Final = re.compile(r"[_\-/:]")
_LEVELS: Final = 5
_REMEDY: Final = "Name the series: --series acme/spot/klines/BTCUSDT/1h."


@frozen
class NamedBars:
    """What the name of a file of bars tells: ``BTC_USDT_USDT-1h-futures`` has three ``parts``."""

    parts: tuple[str, ...]
    interval: Interval
    kind: str | None = None

    @property
    def holds_bars(self) -> bool:
        """Whether the rows are bars of trades, not of a mark price or funding."""
        return self.kind in _KINDS

    @property
    def pair(self) -> Pair | None:
        """Base, quote and what it settles in; None when the name is the venue's own."""
        return Pair(*self.parts) if len(self.parts) in (2, 3) else None

    @property
    def market(self) -> MarketType | None:
        """The market that the name implies, if it does."""
        if self.kind != "futures" and len(self.parts) != 3:
            return MarketType.SPOT if self.kind == "spot" else None
        is_inverse = len(self.parts) == 3 and self.parts[2] == self.parts[0]
        return MarketType.FUTURES_COIN if is_inverse else MarketType.FUTURES_USDT


def named_bars(path: Path) -> NamedBars:
    """What ``BTC_USDT-1h``, ``BTC_USDT_USDT-1h-futures`` or ``BTCUSDT-1h`` tells.

    Raises
    ------
    RequestError
        When the name has no such form.
    """
    found = _NAME.match(path.stem)
    if found is None:
        raise RequestError(f"{path}: its name tells neither symbol nor interval.", hint=_REMEDY, path=path)
    parts = tuple(part for part in _PARTS.split(found["pair"]) if part)
    return NamedBars(parts, Interval(found["interval"].replace("Mo", "M")), found["kind"])


def key_of_name(path: Path, provider: str, market: MarketType | None) -> SeriesKey:
    """Series of a file by its name, the pair in the venue's own words.

    Parameters
    ----------
    market
        Where the name does not imply another one.

    Raises
    ------
    RequestError, PluginError
        When symbol, interval or market cannot be told, or the market has no such symbol.
    """
    named = named_bars(path)
    if not named.holds_bars:
        raise RequestError(f"{path} holds {named.kind}, no bars of trades.", hint=_REMEDY, path=path)
    belongs = named.market or market
    if belongs is None:
        raise RequestError(
            f"{path}: its name does not tell the market.", hint="Name it: --market.", path=path
        )
    chart = ChartType.KLINES
    pair = named.pair
    if pair is None and len(named.parts) != 1:
        raise RequestError(f"{path}: its name tells no pair.", hint=_REMEDY, path=path)
    symbol = named.parts[0] if pair is None else venue_symbol(provider, belongs, chart, pair)
    return SeriesKey(provider, belongs, chart, symbol, named.interval)


def key_of_folders(path: Path) -> SeriesKey:
    """Series of a file that lies where an export puts it: ``provider/market/chart_type/symbol/interval.csv``.

    Raises
    ------
    RequestError
        When it does not lie so; name the series.
    """
    folders: Sequence[str] = path.resolve().with_suffix("").parts[-_LEVELS:]
    try:
        return SeriesKey.parse("/".join(map(unescape, folders)))
    except (RequestError, ValueError) as error:
        raise RequestError(
            f"{path}: neither symbol nor interval can be told.", hint=_REMEDY, path=path
        ) from error
