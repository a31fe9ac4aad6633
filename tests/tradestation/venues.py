"""Managers over the emulator, as a user configures them."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import define, field

from dsm_core import DataSourceManager
from dsm_tradestation.emulator import RequestRecord, TradeStationEmulator

__all__ = ["Floor", "charts"]


@define
class Floor:
    """Starts emulators and makes managers of one test, and closes them."""

    folder: Path
    stack: ExitStack = field(factory=ExitStack)

    def venue(self, now: datetime, **given: Any) -> TradeStationEmulator:
        return self.stack.enter_context(TradeStationEmulator(now=now, **given))

    def manager(
        self, venue: TradeStationEmulator, market: str, chart: str = "bars", **section: Any
    ) -> DataSourceManager:
        config = {
            "http": {"state_dir": str(self.folder / "limits"), "retry_count": 2},
            "providers": {"tradestation": {**venue.section, **section}},
        }
        made = DataSourceManager(
            market,
            provider="tradestation",
            chart_type=chart,
            cache_dir=self.folder / "cache",
            config=config,
            clock=venue.clock.now,
        )
        return self.stack.enter_context(made)


def charts(venue: TradeStationEmulator) -> list[RequestRecord]:
    """Requests for bars so far."""
    return [r for r in venue.requests if r.kind == "barcharts"]
