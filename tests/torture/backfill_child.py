"""A process that brings a long range into its cache and says a byte at each event, until it is killed."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

from dsm_core import DataSourceManager

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)


def main(cache: str, config: str, start: str, end: str) -> None:
    given = {"config": json.loads(config), "clock": lambda: NOW, "cache_dir": cache, "provider": "binance"}
    with DataSourceManager("spot", **given) as manager:
        manager.subscribe(lambda event: os.write(1, b".") and None)
        manager.prefetch("BTCUSDT", start, end, "1h", max_days=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
