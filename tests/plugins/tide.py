"""The tide venue: 720 bars of history, the open one among them, 100 a page, errors with status 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import define, field

from dsm_core import Interval
from dsm_core.model import grid_for, to_ns
from plugins.venues import Desk, Reply

NS = 10**9
CODES = {"1": "1m", "60": "1h", "1440": "1d", "10080": "1w"}
KEPT, PAGE = 720, 100


@define
class Tide:
    """Answers as the venue does at the desk's time; bars of ``holes`` (seconds) never traded."""

    desk: Desk
    holes: set[int] = field(factory=set)
    says: list[str] = field(factory=list)
    kept: int = KEPT

    def answer(self, path: str, query: Mapping[str, str]) -> Reply:
        if self.says:
            return 200, {"error": [self.says.pop(0)]}
        pair = query["pair"]
        if pair != "XBTUSD":
            return 200, {"error": ["EQuery:Unknown asset pair"]}
        rows = [self.row(t) for t in self.times(query["interval"]) if t > int(query["since"])]
        page = rows[:PAGE]
        last = page[-1][0] if page else int(query["since"])
        # The newest page says so by a time that has not come.
        return 200, {
            "error": [],
            "result": {pair: page, "last": last if len(rows) > PAGE else 2**40},
        }

    def times(self, code: str) -> list[int]:
        grid = grid_for(Interval(CODES[code]), week_anchor=0)
        now = grid.index_of(to_ns(self.desk.now))
        kept = [grid.open_of(now - i) // NS for i in reversed(range(self.kept))]
        return [t for t in kept if t not in self.holes]

    def row(self, t: int) -> list[Any]:
        price = 100 + t // 60 % 97
        return [t, f"{price}.5", f"{price + 2}.25", f"{price - 1}.0", f"{price + 1}.0", "0", "12.5", 7]
