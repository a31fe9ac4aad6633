"""The plugin of the new chart types, installed, with its venue and managers for the tests."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.chart_types_venue import AcmeVenue
from core.fake_dists import write_dist
from dsm_core import DataSourceManager
from dsm_core.plugins.registry import default_registry
from dsm_core.schema import unregister_chart_type

__all__ = ["NOW", "PLUGIN", "AcmeDesk", "acme_desk", "ms"]

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
PLUGIN = Path(__file__).with_name("chart_types_plugin.py")


def ms(moment: datetime) -> int:
    """UTC milliseconds."""
    return int(moment.timestamp() * 1000)


class AcmeDesk:
    """A venue, a cache folder, a clock that stands still until it is moved, and managers."""

    def __init__(self, venue: AcmeVenue, folder: Path, packages: Path, stack: ExitStack) -> None:
        self.venue, self.folder, self.packages = venue, folder, packages
        self.cache = folder / "cache"
        self.now = NOW
        self._stack = stack

    @property
    def config(self) -> dict[str, Any]:
        return {
            "http": {"retry_count": 0, "state_dir": str(self.folder / "state")},
            "cache": {"dir": str(self.cache)},
            "providers": {
                "acme": {"endpoints": {"api": self.venue.url}, "database": str(self.folder / "house.db")}
            },
        }

    def write_config(self) -> Path:
        """`dsm.yaml` for a process of its own; JSON is YAML."""
        path = self.folder / "dsm.yaml"
        path.write_text(json.dumps(self.config), encoding="utf-8")
        return path

    def manager(self, market: str = "swap", *, offline: bool = False, **more: Any) -> DataSourceManager:
        made = DataSourceManager(
            market,
            provider="acme",
            config=self.config | ({"offline": True} if offline else {}),
            clock=lambda: self.now,
            **more,
        )
        return self._stack.enter_context(made)

    def pass_time(self, **span: float) -> None:
        self.now += timedelta(**span)

    def put_events(self, rows: list[tuple[int, str, datetime, str, float, float]]) -> None:
        """Rows of the local table: id, symbol, time, side, price, quantity."""
        with sqlite3.connect(self.folder / "house.db") as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS liquidations "
                "(id INTEGER, symbol TEXT, time INTEGER, side TEXT, price REAL, quantity REAL)"
            )
            cells = [(i, s, ms(t) * 10**6, side, price, size) for i, s, t, side, price, size in rows]
            database.executemany("INSERT INTO liquidations VALUES (?, ?, ?, ?, ?, ?)", cells)


@pytest.fixture
def acme_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AcmeDesk]:
    """The plugin installed in a folder on the path; forgotten with the test."""
    packages = tmp_path / "packages"
    packages.mkdir()
    code = PLUGIN.read_text(encoding="utf-8")
    write_dist(packages, "dsm-acme", providers={"acme": "acme_mod"}, modules={"acme_mod": code})
    monkeypatch.syspath_prepend(str(packages))
    with ExitStack() as stack:
        yield AcmeDesk(stack.enter_context(AcmeVenue()), tmp_path, packages, stack)
    sys.modules.pop("acme_mod", None)
    default_registry._loaded.pop("acme", None)
    for name in ("open_interest", "liquidations", "instrument_info"):
        unregister_chart_type(name)
