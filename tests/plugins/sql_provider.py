"""Level one: a plain fetch over a local SQL table; no HTTP, no paging, a table in any form."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any

from attrs import frozen

from dsm_core.plugins import Answer, ClientSpec, DataClientInterface, Provider, hookimpl


@frozen(kw_only=True)
class VaultConfig:
    """Where the table is."""

    database: str


class VaultKlines(DataClientInterface):
    """Bars of a table with one row for each variant."""

    spec = ClientSpec(
        market_type="equities",
        chart_type="klines",
        source="sql",
        intervals=["1h", "1d"],
        columns="open high low close volume",
        authoritative=True,
        options={"adjusted": bool, "session": ("regular", "extended"), "feed": str},
    )

    def fetch(self, start_time: datetime, end_time: datetime, **kwargs: Any) -> Answer:
        """Rows of the range, oldest first."""
        asked = (
            self.symbol,
            self.code,
            int(start_time.timestamp()),
            int(end_time.timestamp()),
            int(self.options.get("adjusted", False)),
            self.options.get("session", "regular"),
            self.options.get("feed", "sip"),
        )
        with closing(sqlite3.connect(self.context.config.database)) as db:
            rows = db.execute(
                "SELECT open_time, open, high, low, close, volume FROM bars WHERE symbol = ? AND code = ?"
                " AND open_time >= ? AND open_time < ? AND adjusted = ? AND session = ? AND feed = ?",
                asked,
            )
            return Answer.from_rows(rows.fetchall(), "open_time:s open high low close volume")


@hookimpl
def dsm_provider() -> Provider:
    """The vault."""
    return Provider(name="vault", clients=[VaultKlines], config=VaultConfig)
