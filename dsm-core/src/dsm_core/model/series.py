"""The key of one series: what a cache folder holds and a client serves."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import unquote

from attrs import field, frozen

from dsm_core.errors import RequestError
from dsm_core.model.interval import Interval
from dsm_core.model.names import ChartType, MarketType

__all__ = ["SeriesKey", "matches", "option_pairs"]

_PARTS: Final = 5


def option_pairs(options: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    """Options as sorted pairs of text, so that equal options make equal keys."""
    pairs = []
    for name, value in sorted((options or {}).items()):
        if not isinstance(value, str | int | float | bool):
            raise RequestError(
                f"Option {name!r} has the value {value!r}.", hint="Pass text, a number or a bool."
            )
        pairs.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return tuple(pairs)


def _quoted(text: str) -> str:
    """Text that cannot be taken for the marks between a key's parts."""
    return text.replace("%", "%25").replace("/", "%2F").replace(";", "%3B")


@frozen
class SeriesKey:
    """One chart type of one symbol at one interval, with the options that change its rows.

    As text, ``/``, ``;`` and ``%`` inside a symbol or an option are written as percent codes.
    """

    provider: str
    market_type: MarketType
    chart_type: ChartType
    symbol: str
    interval: Interval | None = None
    options: tuple[tuple[str, str], ...] = field(default=())

    @classmethod
    def parse(cls, text: str) -> SeriesKey:
        """Key of its text: ``provider/market/chart_type/symbol/interval`` and options.

        A series without interval has none in its key: ``binance/um/funding_rate/BTCUSDT``.

        Raises
        ------
        RequestError
            When the text has not that form.
        """
        head, *options = text.split(";")
        parts = head.split("/")
        if len(parts) == _PARTS - 1:
            parts.append("")
        if len(parts) != _PARTS or not all(parts[:4]) or not all("=" in pair for pair in options):
            raise RequestError(
                f"{text!r} is no series key.",
                hint="Write provider/market/chart_type/symbol/interval, as in acme/spot/klines/BTCUSDT/1h.",
            )
        provider, market, chart, symbol, interval = parts
        return cls(
            provider=provider,
            market_type=MarketType(market),
            chart_type=ChartType(chart),
            symbol=unquote(symbol),
            interval=Interval(interval) if interval else None,
            options=option_pairs({k: unquote(v) for k, v in (pair.split("=", 1) for pair in options)}),
        )

    def __str__(self) -> str:
        parts = [self.provider, self.market_type, self.chart_type, _quoted(self.symbol)]
        parts += [] if self.interval is None else [self.interval]
        options = "".join(f";{k}={_quoted(v)}" for k, v in self.options)
        return "/".join(map(str, parts)) + options


def matches(key: SeriesKey, pattern: str | None) -> bool:
    """Whether a shell-like pattern (``*``, ``?``, ``[abc]``) means a series; letter case counts.

    It is compared with the symbol, and with the whole of
    ``provider/market_type/chart_type/symbol/interval[;option=value]``, where ``*`` also matches ``/``.
    None means every series.
    """
    return pattern is None or fnmatchcase(key.symbol, pattern) or fnmatchcase(str(key), pattern)
