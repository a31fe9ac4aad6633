"""A process that hammers a venue: run as ``python -m torture.weight_child SETTINGS``, told to go by a line.

It asks for pages of bars until the limit would make it wait longer than it may, or its turns are over, and
tells what became of that.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from dsm_core import DataSourceManager
from dsm_core.errors import AllSourcesFailedError, RateLimitError

NOW = datetime(2024, 6, 15, 12, 0, 30, tzinfo=UTC)


def hammer(manager: DataSourceManager, settings: dict[str, Any]) -> dict[str, Any]:
    """Ask for ranges that nobody holds, one after another."""
    first = NOW - timedelta(days=30 + settings["number"])
    hours = settings["hours"]
    told: dict[str, Any] = {"turns": 0, "ended": "done", "wait_s": 0.0}
    for turn in range(settings["turns"]):
        start = first - timedelta(hours=hours * (turn + 1))
        end = start + timedelta(hours=hours)
        asked = {"enforce_source": "rest", "use_cache": False, "on_gaps": "ignore"}
        try:
            data = manager.query("BTCUSDT", start, end, "1m", inclusive="left", **asked)
        except (RateLimitError, AllSourcesFailedError) as error:
            cause = error if isinstance(error, RateLimitError) else error.__cause__
            return told | {"ended": type(cause).__name__, "wait_s": cause.details.get("retry_after_s") or 0.0}
        if data.failures:
            return told | {"ended": type(data.failures[0].error).__name__}
        told["turns"] += 1
    return told


def main(settings: dict[str, Any]) -> None:
    """Get ready, wait for the word, hammer, tell."""
    with DataSourceManager(
        settings["market"], provider="binance", config=settings["config"], clock=lambda: NOW
    ) as manager:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        sys.stdout.write(json.dumps(hammer(manager, settings)) + "\n")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
