"""From the venue's JSON to columns: exact numbers and times.

A field may be null or left out; only the prices and the time must be there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dsm_core.model import NS_PER_MS, to_ns
from dsm_core.model.time_range import EARLIEST_NS, LATEST_NS
from dsm_tradestation.errors import changed

__all__ = ["Times", "bar_table", "bars_of", "end_times", "has_closed", "with_close_times"]

_PRICES: Final = {"open": "Open", "high": "High", "low": "Low", "close": "Close"}
_TEXTS: Final = {"volume": "TotalVolume", "open_interest": "OpenInterest"}
_COUNTS: Final = {
    "up_volume": "UpVolume",
    "down_volume": "DownVolume",
    "up_ticks": "UpTicks",
    "down_ticks": "DownTicks",
    "total_ticks": "TotalTicks",
    "count": "TotalTicks",
}
_TIME: Final = pa.timestamp("ns", "UTC")
_MOST: Final = 2**63 - 1
Times = NDArray[np.int64]


def bars_of(body: Any) -> list[Mapping[str, Any]]:
    """The bars of an answer.

    Raises
    ------
    ProtocolChangedError
        When there is no list of them.
    """
    bars = body.get("Bars") if isinstance(body, Mapping) else None
    if not isinstance(bars, list) or not all(isinstance(bar, Mapping) for bar in bars):
        raise changed("The answer has no list of Bars.")
    return bars


def has_closed(bar: Mapping[str, Any], *, by_time: bool) -> bool:
    """Whether a bar has closed; where the venue does not say so in a known word, as its time tells."""
    status = str(bar.get("BarStatus") or "").strip().lower()
    return status == "closed" if status in ("open", "closed") else by_time


def end_times(bars: Sequence[Mapping[str, Any]]) -> Times:
    """The venue's stamps, UTC nanoseconds.

    Raises
    ------
    ProtocolChangedError
        When a bar has none, or none that a table can hold; or the two fields of the first or the last one
        tell different times.
    """
    for bar in (*bars[:1], *bars[-1:]):
        _check_stamps(bar)
    return np.array([_stamp(bar) for bar in bars], dtype=np.int64) * NS_PER_MS


def _check_stamps(bar: Mapping[str, Any]) -> None:
    text, epoch = bar.get("TimeStamp"), bar.get("Epoch")
    if isinstance(text, str) and type(epoch) is int and _stamp({"TimeStamp": text}) != epoch:
        raise changed(f"A bar has two times: TimeStamp={text!r:.50}, Epoch={epoch}.")


def _stamp(bar: Mapping[str, Any]) -> int:
    """A bar's time in milliseconds; both fields tell the same."""
    epoch, text = bar.get("Epoch"), str(bar.get("TimeStamp"))
    try:
        found = epoch if type(epoch) is int else to_ns(datetime.fromisoformat(text)) // NS_PER_MS
    except (TypeError, ValueError) as error:
        raise changed(f"A bar has no time: TimeStamp={text!r:.50}, Epoch={epoch!r:.50}.") from error
    if not EARLIEST_NS <= found * NS_PER_MS < LATEST_NS:
        raise changed(f"A bar has a time beyond all: TimeStamp={text!r:.50}, Epoch={epoch!r:.50}.")
    return found


def bar_table(
    bars: Sequence[Mapping[str, Any]], index: str, times: Times, columns: frozenset[str]
) -> pa.Table:
    """Columns of the bars, and their times as ``index``.

    Parameters
    ----------
    bars
        As they came.
    index
        Name of the column of times.
    times
        One for each bar, UTC nanoseconds.
    columns
        Names of those that are wanted.
    """
    made = {index: pa.array(times).cast(_TIME)}
    for name, field in _PRICES.items():
        made[name] = pa.array([_number(bar, field, is_required=True) for bar in bars], pa.string())
    for name, field in _TEXTS.items():
        if name in columns:
            made[name] = pa.array([_number(bar, field) for bar in bars], pa.string())
    for name, field in _COUNTS.items():
        if name in columns:
            made[name] = pa.array([_count(bar, field) for bar in bars], pa.int64())
    return pa.table(made)


def with_close_times(table: pa.Table, ends: Times) -> pa.Table:
    """The table with the last millisecond of each bar."""
    return table.append_column("close_time", pa.array(ends - NS_PER_MS).cast(_TIME))


def _number(bar: Mapping[str, Any], field: str, *, is_required: bool = False) -> str | None:
    """A number as the text that it came as."""
    value = bar.get(field)
    if isinstance(value, str) and value.isascii() and value.strip():
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return repr(value)
    if is_required or value not in (None, ""):
        raise changed(f"A bar has {field}={value!r:.50}.")
    return None


def _count(bar: Mapping[str, Any], field: str) -> int | None:
    value = bar.get(field)
    if value is None:
        return None
    is_whole = type(value) is int or (isinstance(value, float) and value.is_integer())
    if is_whole or (isinstance(value, str) and value.isascii() and value.isdigit()):
        with suppress(ValueError):  # more digits than Python reads
            found = int(value)
            if abs(found) <= _MOST:
                return found
    raise changed(f"A bar has {field}={value!r:.50}.")
