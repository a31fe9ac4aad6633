"""A process that brings a long range into its cache and tells how much memory that took at most."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from dsm_core import DataSourceManager

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)


def peak_bytes() -> int:
    """Most resident memory that this process ever had; ``getrusage`` counts that of its parent's fork too."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def main(verb: str, cache: str, config: str, start: str, end: str) -> None:
    given = {"config": json.loads(config), "clock": lambda: NOW, "cache_dir": cache, "provider": "binance"}
    with DataSourceManager("spot", **given) as manager:
        # What a process needs anyway: libraries, a connection, one day's work.
        manager.prefetch("BTCUSDT", "2023-12-31", "2023-12-31", "1s")
        before, rows = peak_bytes(), 0
        if verb == "prefetch":
            rows = manager.prefetch("BTCUSDT", start, end, "1s").rows
        else:
            for piece in manager.iter_data("BTCUSDT", start, end, "1s", chunk="1d"):
                rows += len(piece)
    sys.stdout.write(json.dumps({"rows": rows, "before": before, "peak": peak_bytes()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
