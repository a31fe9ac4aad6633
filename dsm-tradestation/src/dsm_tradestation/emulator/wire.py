"""Bars as the venue writes them: decimal text without trailing zeros, and times in two forms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from dsm_core.emulation.noise import IntArray, bits, hashed, key_of
from dsm_tradestation.emulator.bars import Bars
from dsm_tradestation.emulator.book import Instrument
from dsm_tradestation.emulator.manners import Manners
from dsm_tradestation.emulator.recorded import Row
from dsm_tradestation.emulator.series import Asked

__all__ = ["blanked", "decimal_texts", "rows_of"]

_MINUTE_UNIT = "Minute"


def rows_of(instrument: Instrument, bars: Bars, asked: Asked, manners: Manners) -> list[Row]:
    """Give bars as the objects of an answer; which one ends the history is not marked yet."""
    tells_start = manners.stamp == "start" and asked.unit == _MINUTE_UNIT
    stamps = bars.start_ms if tells_start else bars.end_ms
    texts = np.datetime_as_string(stamps.astype("datetime64[ms]"), unit="s").tolist()
    running = (bars.end_ms > asked.now_ms).tolist()
    prices = [decimal_texts(column, instrument.listing.increment) for column in _prices(bars)]
    counts = [
        column.tolist() for column in (bars.up_ticks, bars.down_ticks, bars.up_volume, bars.down_volume)
    ]
    interest = _open_interest(instrument, bars, asked)
    rows: list[Row] = []
    for high, low, opened, close, at, text, is_open, up, down, up_volume, down_volume, held in zip(
        *prices, stamps.tolist(), texts, running, *counts, interest, strict=True
    ):
        row: dict[str, Any] = {
            "High": high,
            "Low": low,
            "Open": opened,
            "Close": close,
            "TimeStamp": f"{text}Z",
            "TotalVolume": str(up_volume + down_volume),
            "DownTicks": down,
            "DownVolume": down_volume,
            "OpenInterest": held,
            "IsRealtime": is_open,
            "IsEndOfHistory": False,
            "TotalTicks": up + down,
            "UnchangedTicks": 0,
            "UnchangedVolume": 0,
            "UpTicks": up,
            "UpVolume": up_volume,
            "Epoch": at,
            "BarStatus": "Open" if is_open else "Closed",
        }
        rows.append(row)
    return rows


def blanked(row: Row, manners: Manners) -> Row:
    """Give a row without what the venue leaves blank."""
    kept = {name: value for name, value in row.items() if manners.blanks.get(name) != "omit"}
    if not manners.bar_status:
        kept.pop("BarStatus", None)
    return {name: None if manners.blanks.get(name) == "null" else value for name, value in kept.items()}


def decimal_texts(ticks: IntArray, increment: str) -> list[str]:
    """Give whole increments as decimal text without trailing zeros."""
    step = Decimal(increment)
    decimals = max(-int(step.as_tuple().exponent), 0)
    scaled = ticks * int(step.scaleb(decimals))
    if not decimals:
        return [str(value) for value in scaled.tolist()]
    signs = np.where(scaled < 0, "-", "").tolist()
    whole, rest = (part.tolist() for part in np.divmod(np.abs(scaled), 10**decimals))
    return [
        f"{sign}{front}.{back:0{decimals}d}".rstrip("0").rstrip(".")
        for sign, front, back in zip(signs, whole, rest, strict=True)
    ]


def _prices(bars: Bars) -> tuple[IntArray, ...]:
    return bars.high, bars.low, bars.open, bars.close


def _open_interest(instrument: Instrument, bars: Bars, asked: Asked) -> list[str]:
    """Contracts held, of futures by the day or longer; ``0`` everywhere else."""
    if instrument.listing.asset != "FUTURE" or asked.unit == _MINUTE_UNIT:
        return ["0"] * len(bars)
    noise = bits(hashed(bars.end_ms // 60_000, key_of(instrument.listing.symbol)), 0, 20)
    return [str(1_500_000 + held) for held in noise.tolist()]
