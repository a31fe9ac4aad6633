"""The chart type that only this provider brings: everything TradeStation tells of a bar."""

from __future__ import annotations

from typing import Final

from dsm_core.schema.chart_type import KLINES, ChartSchema
from dsm_core.schema.column import Aggregation, Column, ColumnType

__all__ = ["BARS", "CHART_SCHEMAS", "KLINES_COLUMNS"]

_PRICES: Final = ("open", "high", "low", "close")
_TOLD: Final = ("volume", "close_time", "count")
_BY_NAME: Final = {column.name: column for column in KLINES.columns}


def _optional(name: str, dtype: ColumnType, unit: str, agg: Aggregation = "sum") -> Column:
    return Column(name, dtype, unit, agg=agg, required=False, nullable=True, not_negative=True)


BARS: Final = ChartSchema(
    name="bars",
    kind="bars",
    index=KLINES.index,
    columns=(
        *(_BY_NAME[price] for price in _PRICES),
        _optional("volume", "float64", "shares or contracts, those of up and of down ticks"),
        _BY_NAME["close_time"],
        _optional("open_interest", "float64", "contracts; of futures and options", agg="last"),
        _optional("up_volume", "int64", "as volume, traded on up ticks"),
        _optional("down_volume", "int64", "as volume, traded on down ticks"),
        _optional("up_ticks", "int64", "trades at a higher price, or at the same after an up tick"),
        _optional("down_ticks", "int64", "trades at a lower price, or at the same after a down tick"),
        _optional("total_ticks", "int64", "trades"),
    ),
    ordered=KLINES.ordered,
    notes=(
        "open_time is when the slot opens that ends at the venue's stamp; of days and longer the trading "
        "date, its Monday or its first, at 00:00 UTC. close_time is the end less a millisecond."
    ),
)
CHART_SCHEMAS: Final = (BARS,)
KLINES_COLUMNS: Final = frozenset((*_PRICES, *_TOLD))
"""What TradeStation has of the shared chart type ``klines``; the others are null."""
