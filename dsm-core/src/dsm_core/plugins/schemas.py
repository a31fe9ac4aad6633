"""The schema of a series that is held: its provider is loaded where core does not know the chart type."""

from __future__ import annotations

from dsm_core.errors import PluginError, UnsupportedChartTypeError
from dsm_core.model.series import SeriesKey
from dsm_core.plugins.registry import default_registry
from dsm_core.schema.chart_type import ChartSchema, chart_schema

__all__ = ["schema_of"]


def schema_of(key: SeriesKey) -> ChartSchema:
    """Schema of a series; its provider is asked where the chart type is not one of core's.

    Raises
    ------
    UnsupportedChartTypeError
        When no installed package declares it, and no program registered it in this process.
    """
    try:
        return chart_schema(key.chart_type)
    except UnsupportedChartTypeError as error:
        try:
            default_registry.provider(key.provider)
        except PluginError:
            raise error from None
        return chart_schema(key.chart_type)
