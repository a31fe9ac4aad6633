"""The hooks a plugin module may implement; this file is their table of contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from dsm_core.events import Event
    from dsm_core.plugins.provider import Provider
    from dsm_core.schema.chart_type import ChartSchema

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("dsm")
hookimpl = pluggy.HookimplMarker("dsm")


@hookspec
def dsm_provider() -> Provider:  # type: ignore[empty-body]
    """Describe the provider that the entry point names."""


@hookspec
def dsm_chart_types() -> list[ChartSchema]:  # type: ignore[empty-body]
    """List chart types that the plugin brings."""


@hookspec
def dsm_observe(event: Event) -> None:
    """See each event of every manager that uses the provider; from ``dsm.observers``, of every manager."""
