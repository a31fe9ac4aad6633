"""The entry point: what dsm-tradestation brings to DSM."""

from __future__ import annotations

from dsm_core.plugins import Provider, hookimpl
from dsm_core.schema.chart_type import ChartSchema
from dsm_tradestation.auth import SIGNIN_LIMIT, TradeStationAuth
from dsm_tradestation.clients import BARS_REST
from dsm_tradestation.config import TradeStationConfig
from dsm_tradestation.lookup import check_credentials, fetch_symbols
from dsm_tradestation.markets import LIMITS
from dsm_tradestation.schemas import CHART_SCHEMAS

__all__ = ["dsm_chart_types", "dsm_provider"]


@hookimpl
def dsm_chart_types() -> list[ChartSchema]:
    """Bars with everything that TradeStation tells of them."""
    return list(CHART_SCHEMAS)


@hookimpl
def dsm_provider() -> Provider:
    """TradeStation's equities, futures, currencies, crypto pairs, indices and options."""
    return Provider(
        name="tradestation",
        clients=BARS_REST,
        config=TradeStationConfig,
        sources=("rest",),
        limits=(*LIMITS, SIGNIN_LIMIT),
        symbols=fetch_symbols,
        check=check_credentials,
        auth=TradeStationAuth(),
    )
