"""Chart types: the schemas every frame is brought to, and the open registry of them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from dsm_core.errors import PluginConflictError, UnsupportedChartTypeError
from dsm_core.schema.column import Column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "FUNDING_RATE",
    "KLINES",
    "CHART_TYPES",
    "ChartSchema",
    "Kind",
    "chart_schema",
    "register_chart_type",
]

Kind = Literal["bars", "events", "documents"]


@frozen
class ChartSchema:
    """Name, kind, index and columns of a chart type.

    Parameters
    ----------
    name
        Chart type name.
    kind
        ``bars`` (one row per slot of a grid), ``events`` (irregular times) or ``documents``.
    index
        Name of the time column that becomes the index.
    columns
        The other columns, in order.
    ordered
        Pairs of columns of which the first is never above the second.
    notes
        What users must know of the values.
    """

    name: str
    kind: Kind
    index: str
    columns: tuple[Column, ...]
    ordered: tuple[tuple[str, str], ...] = ()
    notes: str = ""

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, without the index."""
        return tuple(c.name for c in self.columns)

    def arrow(self) -> pa.Schema:
        """Arrow schema, index first, times as ``timestamp[ns, UTC]``."""
        import pyarrow as pa  # noqa: PLC0415 - the registry is read by commands that load no Arrow

        types = {
            "float64": pa.float64(),
            "int64": pa.int64(),
            "string": pa.string(),
            "time": pa.timestamp("ns", "UTC"),
        }
        index = pa.field(self.index, types["time"], nullable=False)
        return pa.schema([index, *(pa.field(c.name, types[c.dtype]) for c in self.columns)])


def _optional(name: str, dtype: Literal["float64", "int64"], unit: str) -> Column:
    return Column(name, dtype, unit, agg="sum", required=False, nullable=True)


KLINES: Final = ChartSchema(
    name="klines",
    kind="bars",
    index="open_time",
    columns=(
        Column("open", "float64", "quote currency", agg="first"),
        Column("high", "float64", "quote currency", agg="max"),
        Column("low", "float64", "quote currency", agg="min"),
        Column("close", "float64", "quote currency", agg="last"),
        _optional("volume", "float64", "base asset; contracts in coin-margined markets"),
        Column(
            "close_time",
            "time",
            "last instant of the bar, as the venue states it",
            whole_ms=True,
            ends_slot=True,
        ),
        _optional("quote_asset_volume", "float64", "quote asset; base asset in coin-margined markets"),
        _optional("count", "int64", "trades"),
        _optional("taker_buy_volume", "float64", "as volume"),
        _optional("taker_buy_quote_volume", "float64", "as quote_asset_volume"),
    ),
    ordered=(("low", "open"), ("low", "close"), ("open", "high"), ("close", "high")),
    notes=(
        "In coin-margined markets volume counts contracts and quote_asset_volume is base-asset volume. "
        "A bar that an outage cut short keeps its early close_time."
    ),
)

FUNDING_RATE: Final = ChartSchema(
    name="funding_rate",
    kind="events",
    index="funding_time",
    columns=(
        Column("contracts", "string", "symbol of the contract"),
        Column("funding_interval", "string", "time since the settlement before, such as 8h"),
        Column("funding_rate", "float64", "fraction paid at this settlement; 0.0001 is 1 bp"),
    ),
    notes="The venue's jitter of some milliseconds is rounded off to the minute.",
)

_registry: dict[str, ChartSchema] = {schema.name: schema for schema in (KLINES, FUNDING_RATE)}
CHART_TYPES: Final = MappingProxyType(_registry)
"""Read-only view of every registered chart type, by name."""


def register_chart_type(schema: ChartSchema) -> None:
    """Add a chart type; the same one twice is harmless.

    Raises
    ------
    PluginConflictError
        When another schema has that name already; choose another name.
    """
    known = _registry.setdefault(schema.name, schema)
    if known != schema:
        raise PluginConflictError(
            f"The chart type {schema.name!r} is already registered with other columns.",
            hint="Choose another name.",
            chart_type=schema.name,
        )


def chart_schema(name: str) -> ChartSchema:
    """Schema of a chart type.

    Raises
    ------
    UnsupportedChartTypeError
        When no installed package declares it; the message lists those that are.
    """
    try:
        return _registry[name]
    except KeyError:
        raise UnsupportedChartTypeError(
            f"No installed package declares the chart type {name!r}.",
            hint=f"Known: {', '.join(sorted(_registry))}.",
            chart_type=name,
        ) from None
