"""Chart-type schemas, the registry of them, and the one function that brings rows to them."""

from dsm_core.schema.chart_type import (
    CHART_TYPES,
    ChartSchema,
    chart_schema,
    register_chart_type,
    unregister_chart_type,
)
from dsm_core.schema.column import Column

__all__ = [
    "CHART_TYPES",
    "ChartSchema",
    "Column",
    "chart_schema",
    "register_chart_type",
    "unregister_chart_type",
]
