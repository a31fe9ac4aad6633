"""The kinds of bars that Binance has, and the chart types that only this provider brings.

All four share one layout: REST rows and archive lines of twelve cells. They differ in the name of
the REST method, which is the archive's folder too, in who is asked for (a symbol or a pair), and in
which cells mean something. Source: the kline pages of USDS-M and COIN-M, read August 2026: in price
klines the cells of volume are placeholders, and the one of trades is the number of basic data.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

from dsm_core.schema.chart_type import KLINES, ChartSchema

__all__ = [
    "CELLS",
    "CHART_SCHEMAS",
    "INDEX_PRICE",
    "KINDS",
    "MARK_PRICE",
    "PREMIUM_INDEX",
    "TRADES",
    "KlineKind",
]

CELLS: Final = ("open_time", *KLINES.column_names, "ignore")
_TIMES: Final = frozenset({"open_time", "close_time"})
_PRICES: Final = ("open", "high", "low", "close")
_NO_VOLUME: Final = "The venue's volume columns are placeholders and left out."


def _schema(name: str, unit: str, notes: str, *, is_signed: bool = False) -> ChartSchema:
    by_name = {column.name: column for column in KLINES.columns}
    prices = tuple(evolve(by_name[price], unit=unit, not_negative=not is_signed) for price in _PRICES)
    count = evolve(by_name["count"], unit="values that the bar was made of, not trades")
    return ChartSchema(
        name=name,
        kind="bars",
        index=KLINES.index,
        columns=(*prices, by_name["close_time"], count),
        ordered=KLINES.ordered,
        notes=f"{notes} {_NO_VOLUME}",
    )


@frozen(kw_only=True)
class KlineKind:
    """One kind of bars.

    Parameters
    ----------
    method
        Name of the REST method, and of the archive's folder.
    schema
        Which of the twelve cells mean something.
    by_pair
        Asked for by pair (``BTCUSD``), not by contract (``BTCUSD_PERP``).
    is_signed
        Whether its prices may be below zero.
    """

    method: str
    schema: ChartSchema
    by_pair: bool = False
    is_signed: bool = False

    @property
    def not_negative(self) -> frozenset[str]:
        """Prices that are never below zero: the shared chart type allows it for other venues' futures."""
        return frozenset() if self.is_signed else frozenset(_PRICES)

    @property
    def chart_type(self) -> str:
        """Name of its chart type."""
        return self.schema.name

    @property
    def columns(self) -> tuple[str, ...]:
        """Cells that mean something, in the venue's order."""
        known = {self.schema.index, *self.schema.column_names}
        return tuple(cell for cell in CELLS if cell in known)

    @property
    def cells(self) -> str:
        """The columns as :meth:`Answer.from_rows` wants them; placeholders are skipped."""
        names = (f"{cell}:ms" if cell in _TIMES else cell for cell in CELLS[:-1])
        return " ".join(name if name.partition(":")[0] in self.columns else "_" for name in names)


TRADES: Final = KlineKind(method="klines", schema=KLINES)
MARK_PRICE: Final = KlineKind(
    method="markPriceKlines",
    schema=_schema(
        "mark_price_klines", "quote currency", "The price that liquidations and unrealised profit go by."
    ),
)
INDEX_PRICE: Final = KlineKind(
    method="indexPriceKlines",
    schema=_schema("index_price_klines", "quote currency", "The index of a pair's spot prices; by pair."),
    by_pair=True,
)
PREMIUM_INDEX: Final = KlineKind(
    method="premiumIndexKlines",
    schema=_schema(
        "premium_index_klines",
        "fraction of the index price; may be negative",
        "How far the contract trades above its index; 0.0001 is 1 bp.",
        is_signed=True,
    ),
    is_signed=True,
)
KINDS: Final = (TRADES, MARK_PRICE, INDEX_PRICE, PREMIUM_INDEX)
CHART_SCHEMAS: Final = tuple(kind.schema for kind in KINDS if kind is not TRADES)
