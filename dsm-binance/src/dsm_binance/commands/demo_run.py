"""The demonstration: a cold call and a warm one against a local venue, and what came of them."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from attrs import frozen

from dsm_binance.commands.drawing import Style, can_draw, price_chart, timeline
from dsm_binance.emulator import RECORDED, Emulator, Listing, Outage
from dsm_core import DataSourceManager, MarketData
from dsm_core.config import load_config
from dsm_core.errors import ConfigError

__all__ = ["run_demo"]

_NOW: Final = datetime(2025, 2, 4, 10, 17, 30, tzinfo=UTC)
_START: Final = datetime(2025, 1, 1, tzinfo=UTC)
_OUTAGE: Final = Outage(datetime(2025, 2, 1, 2, tzinfo=UTC), datetime(2025, 2, 1, 14, tzinfo=UTC))
_SYMBOL: Final = "BTCUSDT"
# What invented prices hover about; so the invented days go on near where the recorded January ends.
_PRICE: Final = 116_300.0
_WIDTH: Final = 74
_SHOWN: Final = ["open", "high", "low", "close", "volume"]
_STYLES: Final = {
    "vision": Style("█", "v", "blue"),
    "rest": Style("▓", "r", "green"),
    "confirmed hole": Style("░", "x", "red"),
}
_OTHER: Final = Style("·", ".", "yellow")


@frozen
class _Answer:
    """What one call gave, how long it took, and what the venue was asked for it."""

    data: MarketData
    seconds: float
    asked: Counter[str]


def run_demo() -> bool:
    """Run it and print its story; tell whether the cache kept its promise.

    Raises
    ------
    ConfigError
        When ``DSM_OFFLINE`` forbids even the venue on this machine.
    """
    _check_online()
    with _venue() as venue, _manager(venue) as manager:
        _say(f"A Binance on this machine; there it is {_NOW:%Y-%m-%d %H:%M:%S} UTC.")
        _say("January 2025 is recorded, what follows is invented. Nothing was traded on 1 February")
        _say("from 02:00 to 14:00, and the archive ends yesterday.")
        cold = _ask(manager, venue)
        _title("First call, nothing cached")
        _tell(cold)
        warm = _ask(manager, venue)
        _title("The same call again")
        _tell(warm)
    _title("Rows, first and last")
    _show_rows(cold.data)
    _title("Where they came from")
    _show_sources(cold.data)
    return _verdict(cold, warm)


def _check_online() -> None:
    if load_config({}).offline:
        raise ConfigError(
            "DSM_OFFLINE forbids every request, those to the demo's venue on this machine too.",
            hint="Unset DSM_OFFLINE.",
        )


def _venue() -> Emulator:
    return Emulator(data=[RECORDED], listings=[Listing(_SYMBOL, price=_PRICE)], outages=[_OUTAGE], now=_NOW)


@contextmanager
def _manager(venue: Emulator) -> Iterator[DataSourceManager]:
    # On Windows a file may still be open when its folder goes.
    with tempfile.TemporaryDirectory(prefix="dsm-demo-", ignore_cleanup_errors=True) as scratch:
        config: dict[str, Any] = {
            "http": {"state_dir": str(Path(scratch, "state"))},
            "providers": {"binance": {"endpoints": venue.endpoints}},
        }
        with DataSourceManager(
            "spot", "binance", cache_dir=Path(scratch, "cache"), config=config, clock=venue.clock.now
        ) as manager:
            yield manager


def _ask(manager: DataSourceManager, venue: Emulator) -> _Answer:
    venue.clear_requests()
    began = time.perf_counter()
    data = manager.query(_SYMBOL, _START, None, "1h", on_gaps="ignore")
    seconds = time.perf_counter() - began
    return _Answer(data, seconds, Counter(record.kind for record in venue.requests))


def _tell(answer: _Answer) -> None:
    asked = ", ".join(f"{kind} {count}" for kind, count in sorted(answer.asked.items()))
    _say(f"{len(answer.data)} rows in {answer.seconds:.3f} s")
    _say(f"requests that the venue counted: {answer.asked.total()}{f' ({asked})' if asked else ''}")


def _show_rows(data: MarketData) -> None:
    for line in data.to_pandas()[_SHOWN].to_string(max_rows=6).splitlines():
        _say(line)
    blocks = can_draw(sys.stdout.encoding)
    _say("")
    for line in price_chart(_prices(data), blocks=blocks):
        _say(line)
    for line in timeline(_kinds(data), _STYLES, _OTHER, blocks=blocks):
        _say(line)


def _show_sources(data: MarketData) -> None:
    for source in dict.fromkeys(segment.source for segment in data.provenance):
        parts = [segment for segment in data.provenance if segment.source == source]
        rows = sum(segment.rows for segment in parts)
        names = dict.fromkeys((part.origin or "").partition("?")[0].rpartition("/")[2] for part in parts)
        shown = [*names][:1] + ["..."] * (len(names) > 2) + [*names][1:][-1:]
        _say(f"{source:<7}{rows:>4} rows in {len(parts)} part{'s' * (len(parts) != 1)}: {' '.join(shown)}")
    for gap in data.gaps:
        _say(f"gap    {gap}")


def _verdict(cold: _Answer, warm: _Answer) -> bool:
    same = cold.data.to_arrow().equals(warm.data.to_arrow()) and len(cold.data) > 0
    kept = same and not warm.asked
    _title("Verdict")
    _say(f"requests of the second call: {warm.asked.total()}")
    _say(f"rows of both calls are {'the same' if same else 'NOT the same'}")
    return kept


def _prices(data: MarketData) -> list[float | None]:
    """Last close of each column of the chart."""
    closes: list[float | None] = [None] * _WIDTH
    table = data.to_arrow()
    times = table.column("open_time").cast("int64").to_pylist()
    for time_ns, close in zip(times, table.column("close").to_pylist(), strict=True):
        closes[_column(time_ns)] = close
    return closes


def _kinds(data: MarketData) -> list[str]:
    """Of which kind each column of the timeline is; a hole wins, for it would be missed otherwise."""
    kinds = ["none"] * _WIDTH
    for segment in data.provenance:
        _paint(kinds, segment.start_ns, segment.end_ns, segment.source)
    for gap in data.gaps:
        confirmed = gap.final and gap.reason == "venue_has_none"
        _paint(kinds, gap.start_ns, gap.end_ns, "confirmed hole" if confirmed else gap.reason)
    return kinds


def _paint(kinds: list[str], start_ns: int, end_ns: int, kind: str) -> None:
    for column in range(_column(start_ns), _column(end_ns - 1) + 1):
        kinds[column] = kind


def _column(time_ns: int) -> int:
    start, end = (int(moment.timestamp()) * 10**9 for moment in (_START, _NOW))
    return min(max((time_ns - start) * _WIDTH // (end - start), 0), _WIDTH - 1)


def _title(text: str) -> None:
    click.echo(f"\n{click.style(text, bold=True)}")


def _say(text: str) -> None:
    click.echo(f"  {text}" if text else "")
