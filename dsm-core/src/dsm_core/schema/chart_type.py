"""Chart types: the schemas every frame is brought to, and the open registry of them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from attrs import field, frozen

from dsm_core.errors import (
    PluginConflictError,
    PluginContractError,
    RequestError,
    UnsupportedChartTypeError,
)
from dsm_core.schema.column import Column
from dsm_core.schema.contract import (
    check_chart_type,
    check_key,
    check_names,
    check_ordered,
    check_ttl,
    pairs_of,
    tuple_of,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "FUNDING_RATE",
    "KLINES",
    "CHART_TYPES",
    "ChartSchema",
    "Kind",
    "chart_schema",
    "declared_by",
    "register_chart_type",
    "unregister_chart_type",
]

Kind = Literal["bars", "events", "documents"]


def _columns(value: Iterable[Column]) -> tuple[Column, ...]:
    columns: tuple[Column, ...] = tuple_of(value)
    return columns


def _pairs(value: Iterable[Iterable[str]]) -> tuple[tuple[str, str], ...]:
    pairs: tuple[tuple[str, str], ...] = pairs_of(value)
    return pairs


def _names(value: Iterable[str]) -> tuple[str, ...]:
    names: tuple[str, ...] = tuple_of(value)
    return names


@frozen
class ChartSchema:
    """Name, kind, index and columns of a chart type.

    Parameters
    ----------
    name
        Chart type name: lower-case letters, digits and underscores.
    kind
        ``bars`` (one row per slot of a grid), ``events`` (irregular times) or ``documents`` (one
        record of a symbol, which grows old).
    index
        Name of the time column that becomes the index. Of a document: when the venue gave it.
    columns
        The other columns, in order.
    ordered
        Pairs of columns of which the first is never above the second.
    notes
        What users must know of the values.
    key
        Of events: columns that tell rows of one instant apart, such as a trade's number. Without
        one an instant has one row.
    ttl_s
        Of documents, required there: for how many seconds after it was fetched a record answers; a
        year's at most.

    Raises
    ------
    PluginContractError
        When the schema contradicts itself; the message names the value.
    """

    name: str
    kind: Kind
    index: str
    columns: tuple[Column, ...] = field(converter=_columns)
    ordered: tuple[tuple[str, str], ...] = field(default=(), converter=_pairs)
    notes: str = ""
    key: tuple[str, ...] = field(default=(), converter=_names)
    ttl_s: float | None = None

    def __attrs_post_init__(self) -> None:
        check_chart_type(self.name, self.kind)
        for column in self.columns if isinstance(self.columns, tuple) else (self.columns,):
            if not isinstance(column, Column):
                raise PluginContractError(
                    f"The chart type {self.name!r} has {column!r} among its columns.",
                    hint='Write Column("price", "float64", "quote currency").',
                    chart_type=self.name,
                )
        check_names(self.name, self.index, self.column_names)
        check_ttl(self.name, self.kind, self.ttl_s)
        dtypes = {c.name: c.dtype for c in self.columns}
        check_ordered(self.name, self.ordered, {self.index: "time", **dtypes})
        optional = [c.name for c in self.columns if c.nullable or not c.required]
        check_key(self.name, self.kind, self.key, dtypes, optional)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, without the index."""
        return tuple(c.name for c in self.columns)

    @property
    def ttl_ns(self) -> int:
        """Time-to-live in nanoseconds; 0 for what does not grow old."""
        return round((self.ttl_s or 0) * 10**9)

    def arrow(self) -> pa.Schema:
        """Arrow schema, index first, times as ``timestamp[ns, UTC]``."""
        import pyarrow as pa  # noqa: PLC0415 - the registry is read by commands that load no Arrow

        types = {
            "float64": pa.float64(),
            "int64": pa.int64(),
            "bool": pa.bool_(),
            "string": pa.string(),
            "time": pa.timestamp("ns", "UTC"),
        }
        index = pa.field(self.index, types["time"], nullable=False)
        return pa.schema([index, *(pa.field(c.name, types[c.dtype]) for c in self.columns)])


def _optional(name: str, dtype: Literal["float64", "int64"], unit: str) -> Column:
    return Column(name, dtype, unit, agg="sum", required=False, nullable=True, not_negative=True)


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

_OWN: Final = (KLINES, FUNDING_RATE)
_CORE: Final = "dsm-core"
_registry: dict[str, ChartSchema] = {schema.name: schema for schema in _OWN}
_declared_by: dict[str, str | None] = dict.fromkeys(_registry, _CORE)
CHART_TYPES: Final = MappingProxyType(_registry)
"""Read-only view of every registered chart type, by name."""


def register_chart_type(schema: ChartSchema, *, by: str | None = None) -> None:
    """Add a chart type to this process; the same one twice is harmless.

    Parameters
    ----------
    schema
        Clients name it as their ``chart_type``.
    by
        Who declares it; told by ``dsm chart-types``. None for a program of your own.

    Raises
    ------
    PluginContractError
        When it is no schema.
    PluginConflictError
        When another schema has that name already; choose another name, or in a notebook call
        :func:`unregister_chart_type` first.
    """
    if not isinstance(schema, ChartSchema):
        raise PluginContractError(f"{schema!r} is no ChartSchema.", hint="Pass ChartSchema(name=...).")
    known = _registry.setdefault(schema.name, schema)
    if known != schema:
        raise PluginConflictError(
            f"The chart type {schema.name!r} is already registered with other columns.",
            hint="Choose another name, or unregister_chart_type() it first where it is your own.",
            chart_type=schema.name,
        )
    _declared_by[schema.name] = _declared_by.get(schema.name) or by


def unregister_chart_type(name: str) -> None:
    """Forget a chart type in this process; what is cached of it stays.

    Raises
    ------
    RequestError
        For one of core's own.
    """
    if name in {schema.name for schema in _OWN}:
        raise RequestError(f"{name!r} is a chart type of dsm-core.", hint="Only others can be unregistered.")
    _registry.pop(name, None)
    _declared_by.pop(name, None)


def declared_by(name: str) -> str | None:
    """Who declares a registered chart type: ``dsm-core``, a provider, or None for a program of its own."""
    return _declared_by.get(name)


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
        close = get_close_matches(name, _registry, n=1)
        guess = f"Did you mean {close[0]!r}? " if close else ""
        raise UnsupportedChartTypeError(
            f"No installed package declares the chart type {str(name)!r}.",
            hint=f"{guess}Known: {', '.join(sorted(_registry))}.",
            chart_type=name,
        ) from None
